"""`/metrics`, `/livez`, `/readyz` and `/gate/STAGE` of a worker, on its own event loop.

So an answer from `/livez` says that the loop turns. Loopback by default.
"""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from figwatch.streams.gates import Gates
from figwatch.validators.errors import FigwatchError


class Endpoint:
    """Serves until stopped. `ready` says whether partitions are assigned and state is restored."""

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        ready: Callable[[], bool],
        gates: Gates,
    ) -> None:
        self._host, self.port = host, port
        self._registry, self._ready, self._gates = registry, ready, gates
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. With port 0 a free one is taken, and `port` says which.

        Raises:
            FigwatchError: the port is taken.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        self._gates.add_to(app)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        try:
            await site.start()
        except OSError as error:
            raise FigwatchError(
                "worker.port-taken",
                f"cannot listen on {self._host}:{self.port}: {error.strerror}",
                "worker.http_port",
                "choose another port for each worker on a machine, or 0 for a free one",
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        self._gates.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        """The format that the scraper asks for: exemplars are in OpenMetrics only."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._ready():
            return web.Response(text="ready\n")
        return web.Response(text="restoring state, or waiting for partitions\n", status=503)
