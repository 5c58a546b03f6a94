"""Programs of a folder whose keeper was killed. On Linux the kernel has ended them by then, or is
about to; elsewhere they live on and must be cleared away before the next start.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import psutil

from figwatch.demo.sandbox.java import MARKER

END_SECONDS = 10.0
POLL_SECONDS = 0.1


def end_orphans(root: Path) -> None:
    """Kill every program that names the folder as its own, and wait until it is gone."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        # Looked for anew each time: a zombie that nobody reaps has no arguments any more.
        found = [process for process in psutil.process_iter() if belongs(process, root)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            return
        time.sleep(POLL_SECONDS)


def belongs(process: psutil.Process, root: Path) -> bool:
    """By its arguments: Java's marker, or PostgreSQL's data directory."""
    try:
        arguments = process.cmdline()
    except psutil.Error:
        return False
    if f"{MARKER}{root}" in arguments:
        return True
    after = arguments.index("-D") + 1 if "-D" in arguments[:-1] else 0
    return after > 0 and Path(arguments[after]).parent == root / "postgres"
