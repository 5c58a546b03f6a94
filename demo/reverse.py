"""The way back: keeps the monolith's stock after the service's Debezium topic, once the service
has the writes. As `replicator` does it the other way: offsets are committed after the write.

It follows quantities and prices of items that both systems have; it never inserts or deletes. What
was in the topic before it is what the monolith had itself: it begins at the topic's end.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from confluent_kafka import Consumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable

TOPIC = "inv.public.stock_levels"
GROUP = "monolith-inventory-back"
BATCH_RECORDS_MAX = 500
POLL_SECONDS = 0.1
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
UPDATE = """
UPDATE public.inventory SET quantity = %s, reserved = %s, unit_price = %s
WHERE item_id = %s
"""


class ReverseReplicator:
    """Runs in a thread until stopped; `lose` names items whose next change is to be lost."""

    def __init__(self, bootstrap_servers: str, dsn: str) -> None:
        self.failure: Exception | None = None
        self.lose: set[int] = set()
        self._servers, self._dsn = bootstrap_servers, dsn
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-reverse", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Returns when it has its place in the topic: what is written from now on comes back."""
        self._ready.wait(START_SECONDS_MAX)
        if self.failure is not None or not self._ready.is_set():
            raise RuntimeError(f"the reverse replicator did not start: {self.failure}")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        try:
            self._follow()
        except Exception as error:  # noqa: BLE001 - whoever watches over the demo looks here
            self.failure = error

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
            }
        )
        try:
            self._begin_at_end(consumer)
            self._ready.set()
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                while not self._stop.is_set():
                    messages = consumer.consume(BATCH_RECORDS_MAX, POLL_SECONDS)
                    good = [message for message in messages if message.error() is None]
                    if good:
                        with connection.transaction():
                            self._write(connection, (message.value() for message in good))
                        consumer.commit(asynchronous=False)
        finally:
            consumer.close()

    @staticmethod
    def _begin_at_end(consumer: Consumer) -> None:
        numbers = consumer.list_topics(TOPIC, START_SECONDS_MAX).topics[TOPIC].partitions
        places = []
        for number in numbers:
            place = TopicPartition(TOPIC, number)
            place.offset = consumer.get_watermark_offsets(place, START_SECONDS_MAX)[1]
            places.append(place)
        consumer.assign(places)
        consumer.commit(offsets=places, asynchronous=False)

    def _write(self, connection: psycopg.Connection[Any], values: Iterable[bytes | None]) -> None:
        for value in values:
            row = _after(value)
            if row is None:
                continue
            item_id = int(row["sku"])
            if item_id in self.lose:
                self.lose.discard(item_id)
                continue
            connection.execute(UPDATE, (row["on_hand"], row["held"], row["price"], item_id))


def _after(value: bytes | None) -> dict[str, Any] | None:
    """The row of a record without schema; None for a delete or a tombstone."""
    record = msgspec.json.decode(value) if value else {}
    after: dict[str, Any] | None = record.get("after")
    return after
