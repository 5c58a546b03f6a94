"""Keeps one sweeping process in the fleet: in the worker that holds internal partition 0.

The process is `figwatch.connectors.sweep.background`; it lives as long as the pipe to it. It is
told which keys changed, a sample of them, so that it looks at those ranges first.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import logging
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Collection

from figwatch.connectors.config.root import Config

LOOK_SECONDS = 1.0
TELL_SECONDS = 5.0
"""Time between two samples of changed keys."""
AGAIN_SECONDS = 30.0
"""Pause after a process that ended by itself."""
STOP_SECONDS = 10.0
SAMPLE_EACH = 8
"""Keys that are taken of each batch of changes."""
SAMPLE_MAX = 1_000
"""Keys that wait to be told; further ones are not."""

log = logging.getLogger("figwatch")


class Sweeper:
    """`wanted` says whether this worker is the one that sweeps."""

    def __init__(self, config: Config, wanted: Callable[[], bool]) -> None:
        self._config, self._wanted = config, wanted
        self._process: Process | None = None
        self._changed: dict[bytes, None] = {}

    @property
    def enabled(self) -> bool:
        """Whether the configuration wants sweeps, and says where the databases are."""
        sides = self._config.sides.values()
        return self._config.sweep.every_minutes is not None and all(s.database for s in sides)

    def touched(self, keys: Collection[bytes]) -> None:
        """Take a sample of keys of the join table that changed."""
        if self._process is not None and len(self._changed) < SAMPLE_MAX:
            self._changed.update(dict.fromkeys(itertools.islice(keys, SAMPLE_EACH)))

    async def run(self) -> None:
        """Start it where it is wanted and stop it where it is not; never returns."""
        if not self.enabled:
            return
        told_at = again_at = 0.0
        clock = asyncio.get_running_loop().time
        try:
            while True:
                process = self._process
                if process is not None and process.returncode is not None:
                    log.warning("the sweeping process ended with %s", process.returncode)
                    self._process, again_at = None, clock() + AGAIN_SECONDS
                elif self._wanted() and process is None and clock() >= again_at:
                    await self._start()
                elif not self._wanted() and process is not None:
                    await self._stop()
                elif process is not None and clock() >= told_at:
                    told_at = clock() + TELL_SECONDS
                    await self._tell(process)
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._stop()

    async def _start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "figwatch.connectors.sweep.background", stdin=PIPE
        )
        self._process = process
        await self._write(process, pickle.dumps(self._config))

    async def _tell(self, process: Process) -> None:
        keys: dict[str, list[str]] = {}
        for key in self._changed:
            pair, _, rest = key.partition(b"\0")
            keys.setdefault(pair.decode(errors="replace"), []).append(
                base64.b64encode(rest).decode()
            )
        self._changed.clear()
        names = {pair.name for pair in self._config.pairs}
        told = {pair: rest for pair, rest in keys.items() if pair in names}
        if told:
            await self._write(process, json.dumps(told).encode() + b"\n")

    async def _write(self, process: Process, data: bytes) -> None:
        assert process.stdin is not None  # started with a pipe
        with contextlib.suppress(OSError):  # it has ended: seen at the next look
            process.stdin.write(data)
            await process.stdin.drain()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
