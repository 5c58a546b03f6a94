"""What the stack's programs use, for Prometheus: CPU time and memory of each, children included.

The monolith's database server stands for the monolith: it is a program of its own, and what the
inventory costs is done there. Used by `backstage`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request


class Used:
    """CPU of processes that ended is remembered: the counter must not fall."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[int, float], float] = {}

    def read(self, pid: int) -> tuple[float, int]:
        """CPU seconds so far, resident bytes now."""
        resident_bytes = 0
        try:
            parent = psutil.Process(pid)
            family = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        for process in family:
            try:
                times = process.cpu_times()
                identity = (process.pid, process.create_time())
                self._seconds[identity] = times.user + times.system
                resident_bytes += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return sum(self._seconds.values()), resident_bytes


def create_app(pids: Callable[[], Mapping[str, int]]) -> Starlette:
    """`/metrics` with `program_cpu_seconds_total` and `program_resident_bytes`, by program."""
    used: dict[str, Used] = {}

    def metrics(_: Request) -> Response:  # not async: starlette runs it in a thread
        lines = ["# TYPE program_cpu_seconds_total counter", "# TYPE program_resident_bytes gauge"]
        for name, pid in pids().items():
            seconds, resident_bytes = used.setdefault(name, Used()).read(pid)
            lines.append(f'program_cpu_seconds_total{{program="{name}"}} {seconds}')
            lines.append(f'program_resident_bytes{{program="{name}"}} {resident_bytes}')
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/metrics", metrics)])
