"""The façade's access logs, one file a system, written as NGINX writes JSON. Used by `facade`.

As `log_format json escape=json '{"msec":"$msec", ...}'` would: every value is text.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class AccessLogs:
    """Files that grow until `close`; a system without a path has no log."""

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._stack = ExitStack()
        self._files = {
            name: self._stack.enter_context(path.open("ab", buffering=0))
            for name, path in paths.items()
        }

    def add(self, upstream: str, method: str, path: str, status: int, seconds: float) -> None:
        """One answered request; times as NGINX has them, in seconds with milliseconds."""
        file = self._files.get(upstream)
        if file is None:
            return
        line = {
            "msec": f"{time.time():.3f}",
            "request_method": method,
            "request_uri": path,
            "status": str(status),
            "request_time": f"{seconds:.3f}",
        }
        file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        self._stack.close()
