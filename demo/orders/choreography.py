"""The choreographed order: three programs that react to events of each other, and nobody who knows
the whole. Next: `participants`, which do the work.

Each reads in its own group and commits its offsets after its transaction: what is delivered twice
is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import psycopg
from confluent_kafka import Consumer

from figwatch.demo.orders import participants
from figwatch.demo.orders.participants import (
    OrderFault,
    PaymentRequested,
    order_of,
    planted,
    publish,
)

if TYPE_CHECKING:
    import threading

    from confluent_kafka import Message

Connection: TypeAlias = psycopg.Connection[Any]
Payload: TypeAlias = Mapping[str, Any]
Reaction: TypeAlias = Callable[[Connection, str, Payload], None]
OWN = "order-"
"""References of orders that go this way."""
TOPICS = ("outbox.event.Order", "outbox.event.StockLevel", "outbox.event.Payment")
ORDER, STOCK, PAYMENT = TOPICS
POLL_SECONDS = 0.1
BATCH_RECORDS_MAX = 100


@dataclass(frozen=True, slots=True)
class Program:
    """A participant: its consumer group, what it reads, and what it does at which event."""

    group: str
    topics: tuple[str, ...]
    reactions: Mapping[str, Reaction]


def _reserve(connection: Connection, reference: str, placed: Payload) -> None:
    participants.reserve(connection, reference, placed["sku"], placed["quantity"])


def _release(connection: Connection, reference: str, _: Payload) -> None:
    if not planted(connection, reference, OrderFault.KEPT_RESERVATION):
        participants.release(connection, reference)


def _take(connection: Connection, reference: str, asked: Payload) -> None:
    participants.take_payment(connection, reference, Decimal(asked["amount"]))


def _ask_for_payment(connection: Connection, reference: str, _: Payload) -> None:
    asked = PaymentRequested(reference, str(order_of(connection, reference).amount))
    publish(connection, "Order", reference, asked)


def _confirm(connection: Connection, reference: str, _: Payload) -> None:
    participants.close(connection, reference, confirmed=True)


def _cancel(connection: Connection, reference: str, _: Payload) -> None:
    participants.close(connection, reference, confirmed=False)


PROGRAMS = (
    Program("orders-inventory", (ORDER,), {"OrderPlaced": _reserve, "OrderCancelled": _release}),
    Program("orders-payment", (ORDER,), {"PaymentRequested": _take}),
    Program(
        "orders-shop",
        (STOCK, PAYMENT),
        {
            "ItemReserved": _ask_for_payment,
            "StockRefused": _cancel,
            "PaymentTaken": _confirm,
            "PaymentRefused": _cancel,
        },
    ),
)


def react(program: Program, bootstrap_servers: str, dsn: str, stop: threading.Event) -> None:
    """Run one program until `stop` is set.

    Raises:
        psycopg.Error: the database refuses.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": program.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
        }
    )
    consumer.subscribe(list(program.topics))
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.is_set():
                messages = consumer.consume(BATCH_RECORDS_MAX, POLL_SECONDS)
                good = [message for message in messages if message.error() is None]
                if not good:
                    continue
                with connection.transaction():
                    for message in good:
                        _one(program, connection, message)
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _one(program: Program, connection: Connection, message: Message) -> None:
    name = dict(message.headers() or ()).get("eventType", b"").decode()
    reaction, value = program.reactions.get(name), message.value()
    if reaction is None or value is None:
        return
    payload = msgspec.json.decode(value)
    if isinstance(payload, dict) and "payload" in payload:  # a record with its schema
        payload = payload["payload"]
    if isinstance(payload, str):  # the outbox router hands JSON on as text
        payload = msgspec.json.decode(payload)
    reference = payload["reference"]
    if reference.startswith(OWN):
        reaction(connection, reference, payload)
