"""What the participants of an order do, each in a transaction of its caller, with its event in the
outbox. Next: `choreography` and `orchestrator`, which call them.

Whatever is asked for twice is done once: each keeps a row by the order's reference. (They share a
database here; none reads what another keeps.)
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias
from uuid import uuid4

import msgspec
from psycopg.rows import class_row

from figwatch.demo.api import ConflictError
from figwatch.demo.domain import ItemReserved, StockLevel
from figwatch.demo.service import PUBLISH, SAVE_STOCK, SELECT_STOCK, TOUCH_ITEM

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = psycopg.Connection[Any]

CREDIT = Decimal(1000)
"""A payment beyond it is refused."""


class OrderFault(StrEnum):
    """What can be planted for one order, in `order_faults`; asking uses it up."""

    LOST_EVENT = "lost_event"
    """The money is taken, and nobody is told."""
    KEPT_RESERVATION = "kept_reservation"
    """The order is cancelled, and the compensation does not run."""
    CRASH = "crash"
    """The orchestrator ends between a step and the note of it."""


class _ByReference(msgspec.Struct, frozen=True, rename="camel"):
    reference: str


class OrderPlaced(_ByReference, frozen=True):
    sku: str
    quantity: int


class StockRefused(_ByReference, frozen=True):
    reason: str


class PaymentRequested(_ByReference, frozen=True):
    amount: str


class PaymentTaken(_ByReference, frozen=True):
    amount: str


class PaymentRefused(_ByReference, frozen=True):
    amount: str


class OrderConfirmed(_ByReference, frozen=True):
    pass


class OrderCancelled(_ByReference, frozen=True):
    pass


@dataclass(frozen=True, slots=True)
class Order:
    """`reference` begins with the way it goes: `order-` choreographed, `saga-` orchestrated."""

    reference: str
    sku: str
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Deed:
    """Statements about the rows that a participant keeps, one for each reference."""

    note: LiteralString
    state: LiteralString
    refuse: LiteralString


RESERVATION = Deed(
    "INSERT INTO public.reservations (reference, sku, quantity, state)"
    " VALUES (%s, %s, %s, 'done') ON CONFLICT (reference) DO NOTHING",
    "SELECT state FROM public.reservations WHERE reference = %s",
    "UPDATE public.reservations SET state = 'refused' WHERE reference = %s",
)
PAYMENT = Deed(
    "INSERT INTO public.payments (reference, amount, state)"
    " VALUES (%s, %s, 'done') ON CONFLICT (reference) DO NOTHING",
    "SELECT state FROM public.payments WHERE reference = %s",
    "UPDATE public.payments SET state = 'refused' WHERE reference = %s",
)


def publish(connection: Connection, kind: str, key: str, event: msgspec.Struct) -> None:
    """An event of an aggregate into the outbox."""
    payload = msgspec.json.encode(event).decode()
    told = (uuid4(), kind, key, type(event).__name__, payload)
    connection.execute(PUBLISH, (*told, None, None))  # no request: a message set it going


def planted(connection: Connection, reference: str, fault: OrderFault) -> bool:
    """Whether this fault was planted for the order."""
    gone = connection.execute(
        "DELETE FROM public.order_faults WHERE reference = %s AND fault = %s", (reference, fault)
    )
    return gone.rowcount > 0


def order_of(connection: Connection, reference: str) -> Order:
    """The order as the shop keeps it."""
    query = "SELECT reference, sku, quantity, amount FROM public.placed_orders WHERE reference = %s"
    with connection.cursor(row_factory=class_row(Order)) as cursor:
        order = cursor.execute(query, (reference,)).fetchone()
    assert order is not None, "only placed orders have events"
    return order


# -- inventory


def reserve(connection: Connection, reference: str, sku: str, quantity: int) -> bool:
    """Hold the stock; whether it is held now."""
    state = _once(connection, RESERVATION, (reference, sku, quantity))
    if state is not None:
        return state == "done"
    with connection.cursor(row_factory=class_row(StockLevel)) as cursor:
        stock = cursor.execute(SELECT_STOCK + " FOR UPDATE", (sku,)).fetchone()
    reserved = _reserved(stock, quantity, reference)
    if isinstance(reserved, StockRefused):
        connection.execute(RESERVATION.refuse, (reference,))
        publish(connection, "StockLevel", sku, reserved)
        return False
    after, event = reserved
    _save(connection, after)
    publish(connection, "StockLevel", sku, event)
    return True


def _reserved(
    stock: StockLevel | None, quantity: int, reference: str
) -> tuple[StockLevel, ItemReserved] | StockRefused:
    if stock is None:
        return StockRefused(reference, "there is no such item")
    try:
        return stock.reserve(quantity, reference)
    except ConflictError as error:
        return StockRefused(reference, str(error))


def release(connection: Connection, reference: str) -> None:
    """Give back what is held for the order; nothing where nothing is."""
    held = connection.execute(
        "UPDATE public.reservations SET state = 'released'"
        " WHERE reference = %s AND state = 'done' RETURNING sku, quantity",
        (reference,),
    ).fetchone()
    if held is None:
        return
    sku, quantity = held
    with connection.cursor(row_factory=class_row(StockLevel)) as cursor:
        stock = cursor.execute(SELECT_STOCK + " FOR UPDATE", (sku,)).fetchone()
    assert stock is not None, "an item with reservations is not deleted"
    after, event = stock.release(quantity, reference)
    _save(connection, after)
    publish(connection, "StockLevel", sku, event)


def _save(connection: Connection, stock: StockLevel) -> None:
    connection.execute(SAVE_STOCK, (stock.on_hand, stock.held, stock.sku))
    connection.execute(TOUCH_ITEM, (stock.sku,))


# -- payment


def take_payment(connection: Connection, reference: str, amount: Decimal) -> bool:
    """Take the money; whether it is taken now."""
    state = _once(connection, PAYMENT, (reference, amount))
    if state is not None:
        return state == "done"
    if amount > CREDIT:
        connection.execute(PAYMENT.refuse, (reference,))
        publish(connection, "Payment", reference, PaymentRefused(reference, str(amount)))
        return False
    if not planted(connection, reference, OrderFault.LOST_EVENT):
        publish(connection, "Payment", reference, PaymentTaken(reference, str(amount)))
    return True


# -- the shop


def close(connection: Connection, reference: str, *, confirmed: bool) -> None:
    """Confirm or cancel the order."""
    state = "confirmed" if confirmed else "cancelled"
    done = connection.execute(
        "UPDATE public.placed_orders SET state = %s WHERE reference = %s AND state = 'placed'",
        (state, reference),
    )
    if done.rowcount:
        event = OrderConfirmed(reference) if confirmed else OrderCancelled(reference)
        publish(connection, "Order", reference, event)


def _once(connection: Connection, deed: Deed, values: tuple[Any, ...]) -> str | None:
    """Note a deed by its reference, as done; None the first time, afterwards what became of it."""
    if connection.execute(deed.note, values).rowcount:
        return None
    row = connection.execute(deed.state, values[:1]).fetchone()
    assert row is not None
    return str(row[0])
