"""Runs the demo's programs inside this process: servers and load on an event loop in one thread,
the replicator in another. Used by `migration`.

One process, not six: on two cores the programs must leave room for what is being shown. They
still talk over HTTP and SQL only.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, wait
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import uvloop

from figwatch.demo import facade, monolith, service
from figwatch.demo.load import Load, LoadCounts
from figwatch.demo.replicator import Replicator
from figwatch.demo.serving import serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from figwatch.demo.load import LoadSettings
    from figwatch.demo.replicator import ReplicatorSettings

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0


class Servers:
    """Monolith, service and façade, and any load, until the block ends."""

    def __init__(
        self,
        monolith_dsn: str,
        service_dsn: str,
        facade_address: tuple[str, int],
        access_logs: Mapping[str, Path] | None = None,
    ) -> None:
        self.facade_url = ""
        self.urls: Mapping[str, str] = {}
        self._facade_address = facade_address
        self._dsns = (monolith_dsn, service_dsn)
        self._access_logs = access_logs
        self._loop = uvloop.new_event_loop()
        self._stop = asyncio.Event()
        self._ready: Future[str] = Future()
        self._loads: list[RunningLoad] = []
        self._thread = threading.Thread(target=self._run, name="demo-servers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.facade_url = self._ready.result(START_SECONDS_MAX)
        return self

    def __exit__(self, *_: object) -> None:
        for load in self._loads:
            load.end()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_SECONDS_MAX)

    def start_load(self, settings: LoadSettings) -> RunningLoad:
        self._loads.append(RunningLoad(self._loop, Load(settings)))
        return self._loads[-1]

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the start
            if not self._ready.done():
                self._ready.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            old = await stack.enter_async_context(serving(monolith.create_app(self._dsns[0])))
            new = await stack.enter_async_context(serving(service.create_app(self._dsns[1])))
            app = facade.create_app(old, new, access_logs=self._access_logs)
            front = await stack.enter_async_context(serving(app, self._facade_address))
            self.urls = {"monolith": old, "service": new}
            self._ready.set_result(front)
            await self._stop.wait()


class RunningLoad:
    """A load on the servers' event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, load: Load) -> None:
        self._loop = loop
        self._load = load
        self._stop = asyncio.Event()
        self._done = asyncio.run_coroutine_threadsafe(load.run(self._stop), loop)

    @property
    def counts(self) -> LoadCounts:
        return self._load.counts

    def stop(self) -> LoadCounts:
        """Let the operations under way finish; raises what the load raised."""
        self.end()
        return self._done.result()

    def end(self) -> None:
        """Likewise, whatever became of it."""
        if not self._done.done():
            self._loop.call_soon_threadsafe(self._stop.set)
            wait([self._done], STOP_SECONDS_MAX)


class RunningReplicator:
    """The replicator in a thread; `failure` is what ended it, None while it lives."""

    def __init__(self, settings: ReplicatorSettings) -> None:
        self.settings = settings
        self.failure: Exception | None = None
        self.replicator = Replicator(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-replicator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        try:
            self.replicator.run(self._stop)
        except Exception as error:  # noqa: BLE001 - whoever watches over the demo looks here
            self.failure = error
