"""The monolith: inventory and orders on one PostgreSQL. Next: `service`, which takes over half.

Besides the inventory API (see `api`):

    POST /api/orders               {customer, lines: [{itemId, quantity}]}   201 order, 404, 409
    POST /api/orders/{id}/ship     takes the reserved stock away             200, 404, 409
    POST /api/orders/{id}/cancel   gives the reserved stock back             200, 404, 409

An order locks its items in the order of their keys, so that two orders never deadlock.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from starlette.routing import Route

from figwatch.demo.api import (
    Adjust,
    ConflictError,
    Count,
    Hold,
    ItemId,
    ItemView,
    Label,
    NotFoundError,
    answer,
    application,
    inventory_routes,
    read_body,
)
from figwatch.demo.serving import Program, serve_main

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

POOL_CONNECTIONS_MAX = 6
LINES_MAX = 50
COLUMNS = "item_id, name, quantity, reserved, unit_price, category, status, notes, updated_at"


class Line(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    item_id: ItemId
    quantity: Count


class PlaceOrder(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    customer: Label
    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=LINES_MAX)]


class OrderView(msgspec.Struct, frozen=True, rename="camel"):
    order_id: int
    status: str


@dataclass(frozen=True, slots=True)
class _Row:
    item_id: int
    name: str
    quantity: int
    reserved: int
    unit_price: Decimal
    category: int
    status: str
    notes: str | None
    updated_at: datetime

    def view(self) -> ItemView:
        return ItemView(
            self.item_id,
            self.name,
            self.quantity,
            self.reserved,
            f"{self.unit_price:.2f}",
            self.category,
            self.status,
            self.notes or None,
            self.updated_at.isoformat(),
        )


@dataclass(frozen=True, slots=True)
class MonolithInventory:
    """The inventory module as the monolith has it: row at a time, in its own transaction."""

    pool: AsyncConnectionPool[AsyncConnection[TupleRow]]

    async def get(self, item_id: int) -> ItemView:
        async with self.pool.connection() as connection:
            return (await _item(connection, item_id)).view()

    async def adjust(self, request: Adjust) -> ItemView:
        async with self.pool.connection() as connection:
            item = await _item(connection, request.item_id, lock=True)
            if not item.reserved <= item.quantity + request.delta < 2**31:
                raise ConflictError(f"item {item.item_id} has {item.quantity - item.reserved} free")
            await connection.execute(
                "INSERT INTO public.adjustments (item_id, delta, reason) VALUES (%s, %s, %s)",
                (request.item_id, request.delta, request.reason),
            )
            return await _add(connection, request.item_id, quantity=request.delta)

    async def reserve(self, request: Hold) -> ItemView:
        async with self.pool.connection() as connection:
            return await _reserve(connection, request.item_id, request.quantity)

    async def release(self, request: Hold) -> ItemView:
        async with self.pool.connection() as connection:
            item = await _item(connection, request.item_id, lock=True)
            if item.reserved < request.quantity:
                raise ConflictError(f"item {item.item_id} has only {item.reserved} reserved")
            return await _add(connection, request.item_id, reserved=-request.quantity)


async def _item(connection: AsyncConnection[TupleRow], item_id: int, *, lock: bool = False) -> _Row:
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        query = f"SELECT {COLUMNS} FROM public.inventory WHERE item_id = %s"  # noqa: S608 - constant
        await cursor.execute(query + " FOR UPDATE" if lock else query, (item_id,))
        row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(f"item {item_id}")
    return row


async def _add(
    connection: AsyncConnection[TupleRow], item_id: int, *, quantity: int = 0, reserved: int = 0
) -> ItemView:
    await connection.execute(
        "UPDATE public.inventory SET quantity = quantity + %s, reserved = reserved + %s,"
        " updated_at = now() WHERE item_id = %s",
        (quantity, reserved, item_id),
    )
    return (await _item(connection, item_id)).view()


async def _reserve(connection: AsyncConnection[TupleRow], item_id: int, quantity: int) -> ItemView:
    item = await _item(connection, item_id, lock=True)
    if item.status != "A" or item.quantity - item.reserved < quantity:
        raise ConflictError(f"item {item_id} cannot give {quantity}")
    return await _add(connection, item_id, reserved=quantity)


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders reserve stock when placed; all lines or none."""

    pool: AsyncConnectionPool[AsyncConnection[TupleRow]]

    async def place(self, request: PlaceOrder) -> OrderView:
        wanted: Counter[int] = Counter()
        for line in request.lines:
            wanted[line.item_id] += line.quantity
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "INSERT INTO public.orders (customer) VALUES (%s) RETURNING order_id",
                (request.customer,),
            )
            row = await cursor.fetchone()
            assert row is not None
            for number, (item_id, quantity) in enumerate(sorted(wanted.items()), start=1):
                await _reserve(connection, item_id, quantity)
                await connection.execute(
                    "INSERT INTO public.order_lines VALUES (%s, %s, %s, %s)",
                    (row[0], number, item_id, quantity),
                )
        return OrderView(row[0], "open")

    async def close(self, order_id: int, *, shipped: bool) -> OrderView:
        status = "shipped" if shipped else "cancelled"
        async with self.pool.connection() as connection:
            cursor = await connection.execute(
                "UPDATE public.orders SET status = %s WHERE order_id = %s AND status = 'open'",
                (status, order_id),
            )
            if cursor.rowcount == 0:
                raise ConflictError(f"there is no open order {order_id}")
            cursor = await connection.execute(
                "SELECT item_id, quantity FROM public.order_lines"
                " WHERE order_id = %s AND item_id IS NOT NULL ORDER BY item_id",
                (order_id,),
            )
            for item_id, quantity in await cursor.fetchall():
                taken = -quantity if shipped else 0
                await _add(connection, item_id, quantity=taken, reserved=-quantity)
        return OrderView(order_id, status)


def create_app(dsn: str) -> Starlette:
    """The monolith as an ASGI application; its tables (`monolith.sql`) must exist."""
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=POOL_CONNECTIONS_MAX, open=False)
    orders = Orders(pool)

    async def place(request: Request) -> Response:
        return answer(await orders.place(await read_body(request, PlaceOrder)), 201)

    async def ship(request: Request) -> Response:
        return answer(await orders.close(int(request.path_params["order_id"]), shipped=True))

    async def cancel(request: Request) -> Response:
        return answer(await orders.close(int(request.path_params["order_id"]), shipped=False))

    routes = [
        *inventory_routes(MonolithInventory(pool)),
        Route("/api/orders", place, methods=["POST"]),
        Route("/api/orders/{order_id:int}/ship", ship, methods=["POST"]),
        Route("/api/orders/{order_id:int}/cancel", cancel, methods=["POST"]),
    ]
    return application(routes, pool)


if __name__ == "__main__":
    serve_main(Program("monolith", "MONOLITH_DSN", 8101), create_app)
