"""Keeps the service's tables after the monolith's Debezium topic. Watched by figwatch.

At least once: a batch is written in one transaction, and its offsets are committed only after
that transaction is. figwatch's fence rests on exactly this order. Writes are idempotent: applying
a stretch of the topic again, in order, ends in the same rows. It never seeks; what it cannot
apply yet stays in its hands, uncommitted.

Faults are asked for in the service's database (`faults`): to lose the next change of an item, or
to stand still until a time.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from figwatch.demo.envelope import decode
from figwatch.demo.replicator_writer import Arrival, ReplicatorCounts, Writer
from figwatch.demo.serving import required

if TYPE_CHECKING:
    from collections.abc import Sequence


TOPIC = "mono.public.inventory"
GROUP = "inventory-service"
BATCH_RECORDS_MAX = 500
POLL_SECONDS = 0.2
STALL_POLL_SECONDS = 0.1
WRITE_ATTEMPTS_MAX = 30
WRITE_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReplicatorSettings:
    bootstrap_servers: str
    dsn: str = field(repr=False)
    topic: str = TOPIC
    group: str = GROUP
    decimal_text: bool = False


class Replicator:
    """Consumes the topic in its group; `run` blocks until `stop` is set."""

    def __init__(self, settings: ReplicatorSettings) -> None:
        self.settings = settings
        self.writer = Writer(settings.dsn)
        self._waiting: list[Arrival] = []

    def run(self, stop: threading.Event) -> ReplicatorCounts:
        """Raises psycopg.Error when the database stays away, KafkaException when Kafka refuses."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "group.id": self.settings.group,
                "client.id": self.settings.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "topic.metadata.refresh.interval.ms": 2000,
                "fetch.wait.max.ms": 100,
            }
        )
        consumer.subscribe([self.settings.topic], on_revoke=self._forget)
        try:
            while not stop.is_set():
                batch = self._waiting + self._read(consumer)
                while self.writer.stalled() and not stop.wait(STALL_POLL_SECONDS):
                    pass
                if batch and not stop.is_set():
                    self._waiting = self._write(batch, stop)
                    _commit(consumer, self.settings.topic, offsets_done(batch, self._waiting))
        finally:
            consumer.close()
            self.writer.close()
        return self.writer.counts

    def _forget(self, _: Consumer, __: list[TopicPartition]) -> None:
        """Waiting records are uncommitted: whoever has the partition next reads them again."""
        self._waiting = []

    def _read(self, consumer: Consumer) -> list[Arrival]:
        room = BATCH_RECORDS_MAX - len(self._waiting)
        if room <= 0:  # full of waiting records: keep in touch with the group, read nothing
            time.sleep(POLL_SECONDS)
            return []
        first = consumer.poll(POLL_SECONDS)
        if first is None:
            return []
        messages = [first, *consumer.consume(room - 1, timeout=0)] if room > 1 else [first]
        return [self._arrival(message) for message in messages if _is_record(message)]

    def _arrival(self, message: Message) -> Arrival:
        record = decode(
            message.key(),
            message.value(),
            dict(message.headers() or ()),
            decimal_text=self.settings.decimal_text,
        )
        return Arrival(message.partition(), message.offset(), record, time.monotonic())

    def _write(self, batch: list[Arrival], stop: threading.Event) -> list[Arrival]:
        for attempt in range(1, WRITE_ATTEMPTS_MAX + 1):
            try:
                return self.writer.write(batch)
            except psycopg.OperationalError:
                if attempt == WRITE_ATTEMPTS_MAX or stop.wait(WRITE_RETRY_SECONDS):
                    raise
                self._reconnect()
        raise AssertionError("unreachable")

    def _reconnect(self) -> None:
        counts = self.writer.counts
        self.writer.close()
        self.writer = Writer(self.settings.dsn)
        self.writer.counts = counts


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    return False  # the connector has not made the topic yet, a broker restarts: librdkafka retries


def offsets_done(batch: Sequence[Arrival], waiting: Sequence[Arrival]) -> dict[int, int]:
    """For each partition, the offset to commit: one past the last record that is done with.

    What waits is the end of its partition's part of the batch, so nothing before it is skipped.
    """
    held = {(arrival.partition, arrival.offset) for arrival in waiting}
    return {
        arrival.partition: arrival.offset + 1
        for arrival in batch
        if (arrival.partition, arrival.offset) not in held
    }


def _commit(consumer: Consumer, topic: str, offsets: dict[int, int]) -> None:
    """A refused commit is no loss: a rebalance took the partition, its records come again."""
    if not offsets:
        return
    done = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    try:
        consumer.commit(offsets=done, asynchronous=False)
    except KafkaException as error:
        sys.stderr.write(f"replicator: offsets not committed: {error.args[0].name()}\n")


def main() -> None:
    """`python -m figwatch.demo.replicator`: addresses come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m figwatch.demo.replicator")
    parser.add_argument("--topic", default=TOPIC)
    parser.add_argument("--group", default=GROUP)
    parser.add_argument("--decimal-text", action="store_true", help="decimals come as text")
    arguments = parser.parse_args()
    settings = ReplicatorSettings(
        bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"),
        dsn=required("SERVICE_DSN", "replicator"),
        topic=arguments.topic,
        group=arguments.group,
        decimal_text=arguments.decimal_text,
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    Replicator(settings).run(stop)


if __name__ == "__main__":
    main()
