"""The inventory API, which the monolith and the service both speak. Next: `monolith`, `service`.

    GET  /api/inventory/{itemId}     200 item, 404
    POST /api/inventory/adjust       {itemId, delta, reason}             200 item, 404, 409
    POST /api/inventory/reserve      {itemId, quantity, reference}       200 item, 404, 409
    POST /api/inventory/release      {itemId, quantity, reference}       200 item, 404, 409

Errors are `{"error": "..."}`. Money travels as text with two decimals, times as ISO 8601.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Protocol, TypeVar

import msgspec
import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from figwatch.demo.tracing import AsksFor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request
    from starlette.routing import BaseRoute

BODY_BYTES_MAX = 64 * 1024
INT32_MAX = 2**31 - 1

ItemId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=1, le=INT32_MAX)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Adjust(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Add `delta` (may be negative) to what is in stock."""

    item_id: ItemId
    delta: Annotated[int, msgspec.Meta(ge=-INT32_MAX, le=INT32_MAX)]
    reason: Label


class Hold(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Reserve stock for `reference`, or release it."""

    item_id: ItemId
    quantity: Count
    reference: Label


class ItemView(msgspec.Struct, frozen=True, rename="camel"):
    """An item as clients see it, whichever system answers."""

    item_id: int
    name: str
    quantity: int
    reserved: int
    unit_price: str
    category: int
    status: str
    notes: str | None
    updated_at: str


class NotFoundError(Exception):
    """There is no such thing: 404. The message names it."""


class ConflictError(Exception):
    """The request is understood but the stock does not allow it: 409. The message says why."""


class Inventory(Protocol):
    """What stands behind the routes; raises `NotFoundError` and `ConflictError`."""

    async def get(self, item_id: int) -> ItemView: ...
    async def adjust(self, request: Adjust) -> ItemView: ...
    async def reserve(self, request: Hold) -> ItemView: ...
    async def release(self, request: Hold) -> ItemView: ...


Body = TypeVar("Body")


async def read_body(request: Request, shape: type[Body]) -> Body:
    """The JSON body as `shape`; raises msgspec.ValidationError or DecodeError, answered by 400."""
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        raise msgspec.ValidationError(f"the body is larger than {BODY_BYTES_MAX} bytes")
    return msgspec.json.decode(body, type=shape)


def answer(view: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(view), status, media_type="application/json")


def inventory_routes(inventory: Inventory) -> list[BaseRoute]:
    async def get(request: Request) -> Response:
        return answer(await inventory.get(int(request.path_params["item_id"])))

    async def adjust(request: Request) -> Response:
        return answer(await inventory.adjust(await read_body(request, Adjust)))

    async def reserve(request: Request) -> Response:
        return answer(await inventory.reserve(await read_body(request, Hold)))

    async def release(request: Request) -> Response:
        return answer(await inventory.release(await read_body(request, Hold)))

    return [
        Route("/api/inventory/{item_id:int}", get),
        Route("/api/inventory/adjust", adjust, methods=["POST"]),
        Route("/api/inventory/reserve", reserve, methods=["POST"]),
        Route("/api/inventory/release", release, methods=["POST"]),
    ]


def _error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


async def _bad_request(_: Request, error: Exception) -> Response:
    return _error(400, str(error))


async def _not_found(_: Request, error: Exception) -> Response:
    return _error(404, f"there is no {error}")


async def _conflict(_: Request, error: Exception) -> Response:
    return _error(409, str(error))


async def _try_again(_: Request, error: Exception) -> Response:
    return _error(503, f"the database asks to try again: {type(error).__name__}")


def application(routes: list[BaseRoute], opened: AbstractAsyncContextManager[object]) -> Starlette:
    """An ASGI application whose connection pool `opened` lives as long as it does."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"ok": True})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with opened:
            yield

    return Starlette(
        routes=[*routes, Route("/healthz", healthz)],
        lifespan=lifespan,
        middleware=[Middleware(AsksFor)],
        exception_handlers={
            msgspec.DecodeError: _bad_request,  # ValidationError is one
            NotFoundError: _not_found,
            ConflictError: _conflict,
            psycopg.errors.DeadlockDetected: _try_again,
            psycopg.errors.SerializationFailure: _try_again,
        },
    )
