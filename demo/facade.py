"""The strangler façade: one address for clients, two systems behind it. Next: `load`.

    GET /routing          {"reads": "monolith", "writes": "monolith"}
    PUT /routing          either or both of: monolith | service | split:PERCENT
    PUT /faults           for one system: {"upstream", "delaySeconds", "abortShare"} (answers 503)
    GET /metrics          Prometheus, with the histogram `http_server_request_duration_seconds`

It writes an access log a system where it is told to (`access_log`), and sends each request on with
its trace and the time at which it came (`tracing`).
`split:10` sends ten percent of the items, always the same ones, to the service. Orders stay with
the monolith: only the inventory is on the move.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
import zlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import httpx
import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from figwatch.demo.access_log import AccessLogs
from figwatch.demo.api import answer, read_body
from figwatch.demo.tracing import onward

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from starlette.requests import Request

Upstream: TypeAlias = Literal["monolith", "service"]

TIMEOUT_SECONDS = 5.0
CONNECTIONS_MAX = 32
# OpenTelemetry's advice for http.server.request.duration; the gates ask for 0.05 by name.
BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PERCENT_MAX = 100


class Routing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where reads and writes go; raises ValueError for a target that does not exist."""

    reads: str = "monolith"
    writes: str = "monolith"

    def __post_init__(self) -> None:
        service_percent(self.reads)
        service_percent(self.writes)


class RoutingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reads: str | None = None
    writes: str | None = None


class Faults(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What the façade does to the requests of one system, as proxies' fault filters do."""

    upstream: Upstream
    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.0
    abort_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


def service_percent(target: str) -> int:
    """How much of the traffic the service gets, in percent; raises ValueError."""
    if target == "monolith":
        return 0
    if target == "service":
        return PERCENT_MAX
    kind, _, percent = target.partition(":")
    if kind == "split" and percent.isdecimal() and int(percent) <= PERCENT_MAX:
        return int(percent)
    raise ValueError(f"{target!r}: use monolith, service or split:PERCENT (0 to 100)")


def upstream_of(target: str, item: bytes) -> Upstream:
    """The system that answers for `item` (its id in decimal), the same at every call."""
    return "service" if zlib.crc32(item) % PERCENT_MAX < service_percent(target) else "monolith"


class _AnyItem(msgspec.Struct, rename="camel"):
    item_id: int = 0


@dataclass(slots=True)
class Facade:
    """The routing and the faults as they stand, the client, the metrics and the logs."""

    urls: dict[Upstream, str]
    routing: Routing
    client: httpx.AsyncClient
    registry: CollectorRegistry
    durations: Histogram
    logs: AccessLogs
    faults: dict[Upstream, Faults] = field(default_factory=dict)
    dice: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secret

    async def forward(self, request: Request, upstream: Upstream, route: str) -> Response:
        started = time.perf_counter()
        response = await self._spoilt(upstream) or await self._asked(request, upstream)
        seconds = time.perf_counter() - started
        status = response.status_code
        self.durations.labels(request.method, route, str(status), upstream).observe(seconds)
        self.logs.add(upstream, request.method, request.url.path, status, seconds)
        return response

    async def _spoilt(self, upstream: Upstream) -> Response | None:
        """The planted fault's answer, where there is one for this request."""
        planted = self.faults.get(upstream)
        if planted is None:
            return None
        await asyncio.sleep(planted.delay_seconds)
        if self.dice.random() < planted.abort_share:
            return JSONResponse({"error": "a planted fault"}, 503)
        return None

    async def _asked(self, request: Request, upstream: Upstream) -> Response:
        try:
            reply = await self.client.request(
                request.method,
                self.urls[upstream] + request.url.path,
                content=await request.body(),
                headers={"content-type": "application/json"} | onward(request.headers),
            )
        except httpx.TransportError as error:
            return JSONResponse({"error": f"{upstream}: {type(error).__name__}"}, 502)
        return Response(reply.content, reply.status_code, media_type="application/json")

    async def read(self, request: Request) -> Response:
        item = str(request.path_params["item_id"]).encode()
        upstream = upstream_of(self.routing.reads, item)
        return await self.forward(request, upstream, "/api/inventory/{itemId}")

    async def write(self, request: Request) -> Response:
        try:
            item = msgspec.json.decode(await request.body(), type=_AnyItem).item_id
        except msgspec.DecodeError:
            item = 0  # the upstream answers 400 in its own words
        upstream = upstream_of(self.routing.writes, str(item).encode())
        return await self.forward(request, upstream, request.url.path)

    async def orders(self, request: Request) -> Response:
        action = request.path_params.get("action")
        route = f"/api/orders/{{orderId}}/{action}" if action else "/api/orders"
        return await self.forward(request, "monolith", route)

    async def change_routing(self, request: Request) -> Response:
        try:
            change = await read_body(request, RoutingChange)
            self.routing = Routing(
                change.reads if change.reads is not None else self.routing.reads,
                change.writes if change.writes is not None else self.routing.writes,
            )
        except (msgspec.DecodeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return answer(self.routing)

    async def plant(self, request: Request) -> Response:
        try:
            planted = await read_body(request, Faults)
        except msgspec.DecodeError as error:
            return JSONResponse({"error": str(error)}, 400)
        self.faults[planted.upstream] = planted
        return answer(planted)


def create_app(
    monolith_url: str,
    service_url: str,
    routing: Routing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    access_logs: Mapping[str, Path] | None = None,
) -> Starlette:
    """The façade as an ASGI application in front of two base URLs; `access_logs` by system."""
    registry = CollectorRegistry()
    durations = Histogram(
        "http_server_request_duration_seconds",
        "Duration of HTTP server requests.",
        ("http_request_method", "http_route", "http_response_status_code", "upstream"),
        buckets=BUCKETS_SECONDS,
        registry=registry,
    )
    client = httpx.AsyncClient(
        timeout=TIMEOUT_SECONDS,
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
        transport=transport,
    )
    urls: dict[Upstream, str] = {"monolith": monolith_url, "service": service_url}
    logs = AccessLogs(access_logs or {})
    facade = Facade(urls, routing or Routing(), client, registry, durations, logs)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def show_routing(_: Request) -> Response:
        return answer(facade.routing)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"ok": True})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with client:
            yield
        logs.close()

    return Starlette(
        routes=[
            Route("/api/inventory/{item_id:int}", facade.read),
            Route("/api/inventory/{action:str}", facade.write, methods=["POST"]),
            Route("/api/orders", facade.orders, methods=["POST"]),
            Route("/api/orders/{order_id:int}/{action:str}", facade.orders, methods=["POST"]),
            Route("/routing", show_routing),
            Route("/routing", facade.change_routing, methods=["PUT"]),
            Route("/faults", facade.plant, methods=["PUT"]),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
        ],
        lifespan=lifespan,
    )


def main() -> None:
    """`python -m figwatch.demo.facade`: the two upstreams come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m figwatch.demo.facade")
    parser.add_argument("--port", type=int, default=8100)
    arguments = parser.parse_args()
    app = create_app(
        os.environ.get("MONOLITH_URL", "http://127.0.0.1:8101"),
        os.environ.get("SERVICE_URL", "http://127.0.0.1:8102"),
        Routing(os.environ.get("READS", "monolith"), os.environ.get("WRITES", "monolith")),
    )
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
