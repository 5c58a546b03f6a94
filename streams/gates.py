"""`/gate/STAGE` of a worker: the gates over HTTP, for Argo Rollouts and Flagger.

What is answered is `figwatch.validators.stages.http`; each look runs in a process of its own
(`figwatch.connectors.stage_evidence.apart`), so that the worker's loop goes on turning.
"""

import asyncio
import time

from aiohttp import web

from figwatch.connectors.config.root import Config
from figwatch.connectors.stage_evidence.apart import Looks
from figwatch.connectors.stage_evidence.gate import STAGES
from figwatch.validators.stages.http import PREFIX, GateHandler

WAITING_MAX = 16
"""Requests that wait for a look; controllers ask once a minute, and more than these are refused."""


class Gates:
    """The gates of one configuration. One look at a time: others wait, and are given its answer
    where they asked for the same stage.
    """

    def __init__(self, config: Config) -> None:
        self._looks = Looks(config)
        self._handler = GateHandler(self._looks.look, STAGES)
        self._turn = asyncio.Lock()
        self._waiting = 0

    def add_to(self, app: web.Application) -> None:
        """Serve below `/gate/`; the methods that are allowed are the handler's to know."""
        app.router.add_route("*", PREFIX + "{stage}", self._answer)

    def close(self) -> None:
        """End the look under way."""
        self._looks.close()

    async def _answer(self, request: web.Request) -> web.Response:
        if self._waiting >= WAITING_MAX:
            return web.Response(text="too many requests wait for a gate\n", status=503)
        self._waiting += 1
        try:
            async with self._turn:
                found = await asyncio.to_thread(
                    self._handler.handle, request.method, request.path, time.time_ns() // 1000
                )
        finally:
            self._waiting -= 1
        return web.Response(body=found.body, status=found.status, content_type=found.content_type)
