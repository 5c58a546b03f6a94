"""The InventoryService: the same API on its own PostgreSQL, events through an outbox.

A command locks the stock level, asks the aggregate (`domain`), and writes the new state and its
event in one transaction; Debezium's EventRouter turns outbox rows into `outbox.event.StockLevel`,
with the request's trace, the time it came and the transaction as headers.
Until writes are routed here, `replicator` is the only one that fills these tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from figwatch.demo.api import (
    Adjust,
    ConflictError,
    Hold,
    ItemView,
    NotFoundError,
    application,
    inventory_routes,
)
from figwatch.demo.domain import Event, InventoryItem, StockLevel
from figwatch.demo.projection import sku_of
from figwatch.demo.serving import Program, serve_main
from figwatch.demo.tracing import ASKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow
    from starlette.applications import Starlette

POOL_CONNECTIONS_MAX = 6
SELECT_STOCK = "SELECT sku, on_hand, held, price FROM public.stock_levels WHERE sku = %s"
SAVE_STOCK = "UPDATE public.stock_levels SET on_hand = %s, held = %s WHERE sku = %s"
TOUCH_ITEM = """
UPDATE public.inventory_items SET changed_at = date_trunc('milliseconds', now()) WHERE sku = %s
"""
PUBLISH = """
INSERT INTO public.outbox
    (id, aggregatetype, aggregateid, type, payload, traceparent, requested_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class ServiceInventory:
    """The inventory API over the two aggregates."""

    pool: AsyncConnectionPool[AsyncConnection[TupleRow]]

    async def get(self, item_id: int) -> ItemView:
        async with self.pool.connection() as connection:
            item = await _inventory_item(connection, sku_of(item_id))
            return _view(item, await _stock_level(connection, item.sku))

    async def adjust(self, request: Adjust) -> ItemView:
        return await self._command(
            request.item_id, lambda _, stock: stock.adjust(request.delta, request.reason)
        )

    async def reserve(self, request: Hold) -> ItemView:
        def command(item: InventoryItem, stock: StockLevel) -> tuple[StockLevel, Event]:
            if item.state != "A":
                raise ConflictError(f"item {item.sku} is discontinued")
            return stock.reserve(request.quantity, request.reference)

        return await self._command(request.item_id, command)

    async def release(self, request: Hold) -> ItemView:
        return await self._command(
            request.item_id, lambda _, stock: stock.release(request.quantity, request.reference)
        )

    async def _command(
        self,
        item_id: int,
        command: Callable[[InventoryItem, StockLevel], tuple[StockLevel, Event]],
    ) -> ItemView:
        async with self.pool.connection() as connection:
            sku = sku_of(item_id)
            stock = await _stock_level(connection, sku, lock=True)
            stock, event = command(await _inventory_item(connection, sku), stock)
            await connection.execute(SAVE_STOCK, (stock.on_hand, stock.held, sku))
            await connection.execute(TOUCH_ITEM, (sku,))
            payload = msgspec.json.encode(event).decode()
            told = (uuid4(), "StockLevel", sku, type(event).__name__, payload)
            asked = ASKED.get()
            await connection.execute(PUBLISH, (*told, asked.traceparent, asked.at))
            return _view(await _inventory_item(connection, sku), stock)


async def _inventory_item(connection: AsyncConnection[TupleRow], sku: str) -> InventoryItem:
    async with connection.cursor(row_factory=class_row(InventoryItem)) as cursor:
        await cursor.execute(
            "SELECT sku, title, category, trim(state) AS state, remarks, changed_at"
            " FROM public.inventory_items WHERE sku = %s",
            (sku,),
        )
        item = await cursor.fetchone()
    if item is None:
        raise NotFoundError(f"item {sku}")
    return item


async def _stock_level(
    connection: AsyncConnection[TupleRow], sku: str, *, lock: bool = False
) -> StockLevel:
    async with connection.cursor(row_factory=class_row(StockLevel)) as cursor:
        await cursor.execute(SELECT_STOCK + " FOR UPDATE" if lock else SELECT_STOCK, (sku,))
        stock = await cursor.fetchone()
    if stock is None:
        raise NotFoundError(f"item {sku}")
    return stock


def _view(item: InventoryItem, stock: StockLevel) -> ItemView:
    return ItemView(
        int(item.sku),
        item.title,
        stock.on_hand,
        stock.held,
        f"{stock.price:.2f}",
        int(item.category),
        item.state,
        item.remarks or None,
        item.changed_at.isoformat(),
    )


def create_app(dsn: str) -> Starlette:
    """The service as an ASGI application; its tables (`service.sql`) must exist."""
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=POOL_CONNECTIONS_MAX, open=False)
    return application(inventory_routes(ServiceInventory(pool)), pool)


if __name__ == "__main__":
    serve_main(Program("service", "SERVICE_DSN", 8102), create_app)
