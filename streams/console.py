"""The live console: one read-only page, served by a worker, about all workers.

`console_state` builds what it shows, `console_guard` decides who may see it, `console_page/` is the
page itself. Everything goes to browsers by server-sent events, once a second, encoded once.
"""

import asyncio
import contextlib
import logging
import time
from importlib.resources import files
from typing import Any

import msgspec
from aiohttp import web

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.streams.console_guard import guard, refused
from figwatch.streams.console_history import POINT_SECONDS, History
from figwatch.streams.console_keys import KeyExplorer
from figwatch.streams.console_reports import find_report
from figwatch.streams.console_state import document
from figwatch.streams.fleet import Fleet
from figwatch.streams.gate_watch import GateWatch
from figwatch.validators.errors import FigwatchError

VISITORS_MAX = 32
"""Browsers that are served at once; further ones are asked to come back."""
LOOK_SECONDS = 1.0
SHARE_MAX = 0.05
"""Share of the worker's time that building the document may take."""
PAGE = {
    "/": ("console.html", "text/html"),
    "/console.css": ("console.css", "text/css"),
    "/console.js": ("console.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/keys.js": ("keys.js", "text/javascript"),
}
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"

log = logging.getLogger("figwatch")


class Console:
    """Serves until stopped. `explain` is the command that explains a key: program and options."""

    def __init__(
        self, config: Config, fleet: Fleet, gates: GateWatch, explain: tuple[str, ...]
    ) -> None:
        settings = config.console
        self._config, self._fleet, self._gates = config, fleet, gates
        self._decoder = Decoder(config)
        self._history = History(settings.history_minutes)
        self._keys = KeyExplorer(config, explain)
        self._newest = b""
        self._changed = asyncio.Condition()
        self._visitors = 0
        self._runner: web.AppRunner | None = None
        self.host, self.port = settings.host, settings.port

    async def start(self) -> None:
        """Listen.

        Raises:
            FigwatchError: the port is taken, or the token cannot be read.
        """
        settings = self._config.console
        token = settings.token.reveal() if settings.token is not None else None
        app = web.Application(middlewares=[guard(token, settings.host, settings.hosts)])
        for path in PAGE:
            app.router.add_get(path, self._page)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/history", self._past)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/key", self._key)
        app.router.add_get("/report/{name}", self._report)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as error:
            raise FigwatchError(
                "console.port-taken",
                f"cannot listen on {self.host}:{self.port}: {error.strerror}",
                "console.port",
                "let one worker serve the console, or choose another port",
            ) from error
        self.port = self._runner.addresses[0][1]
        log.info("console at http://%s:%d/", self.host, self.port)

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def run(self) -> None:
        """Look for ever, at most once a second."""
        point_at = 0.0
        while True:
            began = time.monotonic()
            view = self._fleet.view(time.time_ns() // 1000)
            if began >= point_at:
                self._history.add(view)
                point_at = began + POINT_SECONDS - 0.1
            made = document(
                self._config, self._fleet, self._gates, self._history, view,
                self._decoder.decode_key,
            )  # fmt: skip
            made["point"] = self._history.points[-1] if self._history.points else None
            async with self._changed:
                self._newest = msgspec.json.encode(made, enc_hook=str)
                self._changed.notify_all()
            took = time.monotonic() - began
            await asyncio.sleep(max(LOOK_SECONDS, took / SHARE_MAX))

    async def _page(self, request: web.Request) -> web.Response:
        name, kind = PAGE[request.path]
        text = files("figwatch.streams").joinpath("console_page", name).read_text("utf-8")
        return web.Response(text=text, content_type=kind)

    async def _state(self, _: web.Request) -> web.Response:
        return web.Response(body=self._newest or b"{}", content_type="application/json")

    async def _past(self, _: web.Request) -> web.Response:
        body = msgspec.json.encode(list(self._history.points))
        return web.Response(body=body, content_type="application/json")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self._visitors >= VISITORS_MAX:
            return refused(503, "too many consoles are open")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        self._visitors += 1
        try:
            while True:
                if self._newest:
                    await response.write(b"data: " + self._newest + b"\n\n")
                async with self._changed:
                    await self._changed.wait()
        except ConnectionError:
            return response
        finally:
            self._visitors -= 1

    async def _key(self, request: web.Request) -> web.Response:
        status, body = await self._keys.explain(
            request.query.get("pair", ""), request.query.get("key", "")
        )
        return web.Response(status=status, body=body, content_type="application/json")

    async def _report(self, request: web.Request) -> web.Response:
        found: Any = None
        with contextlib.suppress(OSError):
            found = find_report(self._config, request.match_info["name"])
        if found is None:
            return refused(404, "there is no such report")
        policy = {"Content-Security-Policy": REPORT_POLICY}
        return web.Response(body=found, content_type="text/html", charset="utf-8", headers=policy)
