"""File locks between processes: the kernel frees them when their holder dies, even by SIGKILL."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from figwatch.demo.sandbox.model import ErrorCode, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL_SECONDS = 0.1


@contextmanager
def exclusive(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold the lock file `path` alone.

    Raises:
        SandboxError: FOLDER_BUSY when another process still holds it after the timeout.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise SandboxError(
                        ErrorCode.FOLDER_BUSY,
                        f"Another process has held {path} for {timeout_seconds:.0f} s.",
                        "Wait for it to finish, or end it, and try again.",
                    ) from None
                time.sleep(POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)
