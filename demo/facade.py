"""The strangler façade: one address for clients, two systems behind it. Next: `load`.

    GET /routing          {"reads": "monolith", "writes": "monolith"}
    PUT /routing          either or both of: monolith | service | split:PERCENT
    GET /metrics          Prometheus, with the histogram `http_server_request_duration_seconds`

`split:10` sends ten percent of the items, always the same ones, to the service. Orders stay with
the monolith: only the inventory is on the move.
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import httpx
import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from figwatch.demo.api import answer, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
    """The routing as it stands, the client and the metrics."""

    urls: dict[Upstream, str]
    routing: Routing
    client: httpx.AsyncClient
    registry: CollectorRegistry
    durations: Histogram

    async def forward(self, request: Request, upstream: Upstream, route: str) -> Response:
        started = time.perf_counter()
        try:
            reply = await self.client.request(
                request.method,
                self.urls[upstream] + request.url.path,
                content=await request.body(),
                headers={"content-type": "application/json"},
            )
            response = Response(reply.content, reply.status_code, media_type="application/json")
        except httpx.TransportError as error:
            text = f"{upstream} did not answer: {type(error).__name__}"
            response = JSONResponse({"error": text}, 502)
        self.durations.labels(request.method, route, str(response.status_code), upstream).observe(
            time.perf_counter() - started
        )
        return response

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


def create_app(
    monolith_url: str,
    service_url: str,
    routing: Routing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The façade as an ASGI application in front of two base URLs."""
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
    facade = Facade(urls, routing or Routing(), client, registry, durations)

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

    return Starlette(
        routes=[
            Route("/api/inventory/{item_id:int}", facade.read),
            Route("/api/inventory/{action:str}", facade.write, methods=["POST"]),
            Route("/api/orders", facade.orders, methods=["POST"]),
            Route("/api/orders/{order_id:int}/{action:str}", facade.orders, methods=["POST"]),
            Route("/routing", show_routing),
            Route("/routing", facade.change_routing, methods=["PUT"]),
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
