"""Where orders are placed.

    POST /api/orders    {itemId, quantity, amount, orchestrated, fault}    202 {reference}

The order, and what sets it going, are one transaction: `OrderPlaced` in the outbox for the
choreography, a row of `sagastate` for the orchestrator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import msgspec
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.routing import Route

from figwatch.demo.api import Count, ItemId, answer, application, read_body
from figwatch.demo.orders.participants import OrderFault, OrderPlaced
from figwatch.demo.projection import sku_of
from figwatch.demo.service import PUBLISH
from figwatch.demo.tracing import ASKED

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

POOL_CONNECTIONS_MAX = 2
Amount = Annotated[str, msgspec.Meta(pattern=r"^\d{1,6}\.\d\d$")]
PLACE = """
WITH next AS (SELECT nextval('public.placed_orders_number_seq') AS number)
INSERT INTO public.placed_orders (number, reference, sku, quantity, amount)
SELECT number, %s || number, %s, %s, %s FROM next RETURNING reference
"""
FAULT = "INSERT INTO public.order_faults (reference, fault) VALUES (%s, %s)"
BEGIN = """
INSERT INTO public.sagastate (id, type, payload, sagastatus) VALUES (%s, 'order', %s, 'STARTED')
"""


class PlaceOrder(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """`amount` with two decimals; `fault`: what is to go wrong with it (a demo's shop)."""

    item_id: ItemId
    quantity: Count
    amount: Amount
    orchestrated: bool = False
    fault: OrderFault | None = None


class Placed(msgspec.Struct, frozen=True):
    reference: str


def create_app(dsn: str) -> Starlette:
    """The shop as an ASGI application; its tables (`service.sql`) must exist."""
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
        dsn, min_size=1, max_size=POOL_CONNECTIONS_MAX, open=False
    )

    async def place(request: Request) -> Response:
        order = await read_body(request, PlaceOrder)
        async with pool.connection() as connection:
            return answer(Placed(await _place(connection, order)), 202)

    return application([Route("/api/orders", place, methods=["POST"])], pool)


async def _place(connection: AsyncConnection[TupleRow], order: PlaceOrder) -> str:
    way, sku = ("saga-" if order.orchestrated else "order-"), sku_of(order.item_id)
    cursor = await connection.execute(PLACE, (way, sku, order.quantity, order.amount))
    row = await cursor.fetchone()
    assert row is not None
    reference = str(row[0])
    if order.fault is not None:
        await connection.execute(FAULT, (reference, order.fault))
    if order.orchestrated:
        await connection.execute(BEGIN, (reference, Jsonb({"amount": order.amount})))
    else:
        event = OrderPlaced(reference, sku, order.quantity)
        payload = msgspec.json.encode(event).decode()
        told, asked = (uuid4(), "Order", reference, "OrderPlaced", payload), ASKED.get()
        await connection.execute(PUBLISH, (*told, asked.traceparent, asked.at))
    return reference
