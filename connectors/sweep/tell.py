"""The differences of a sweep, told to the judges of `figwatch run` as suspects.

Each goes to `<app>-changes`, to the partition of its key, where the judge that knows the key's
history settles it (`figwatch.validators.sweep_settlement`).
"""

import time

import xxhash
from confluent_kafka import KafkaException, Producer

from figwatch.connectors.config import Config
from figwatch.connectors.kafka_settings import confluent_settings
from figwatch.connectors.sweep.confirm import Outcome
from figwatch.connectors.sweep.runner import Prepared
from figwatch.validators.change import Suspect, encode
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep_result import DifferenceKind

QUEUED_MAX = 100_000


class Teller:
    """Sends suspects; `close` waits until all are acknowledged."""

    def __init__(self, config: Config) -> None:
        """Raises FigwatchError when Kafka is away or no worker has made the topic."""
        self._topic = f"{config.app}-changes"
        self._timeout_seconds = config.limits.kafka_timeout_seconds
        settings = confluent_settings(config.kafka, "figwatch-sweep") | {
            "acks": "all",
            "enable.idempotence": True,
            "queue.buffering.max.messages": QUEUED_MAX,
        }
        self._producer = Producer(settings)
        self._partitions = self._found()
        self.told = 0
        self._failed = 0

    def _found(self) -> int:
        try:
            topics = self._producer.list_topics(self._topic, self._timeout_seconds).topics
        except KafkaException as error:
            raise FigwatchError(
                "kafka.unreachable",
                f"Kafka does not answer: {error.args[0].str()}",
                "kafka.bootstrap_servers",
                "check the address, or sweep with --databases-only",
            ) from None
        count = len(topics[self._topic].partitions) if self._topic in topics else 0
        if not count:
            raise FigwatchError(
                "sweep.no-worker",
                f"there is no topic {self._topic}: no `figwatch run` has made it",
                fix="start `figwatch run`, or sweep with --databases-only",
            )
        return count

    def add(self, prepared: Prepared, kind: DifferenceKind, outcome: Outcome) -> None:
        """Tell of one difference."""
        del kind
        record = suspect_of(prepared.rule.name, outcome, time.time_ns() // 1_000, _clock_us())
        partition = partition_of(record.pair, record.key, self._partitions)
        while True:
            try:
                self._producer.produce(
                    self._topic, encode(record), partition=partition, on_delivery=self._delivered
                )
            except BufferError:
                self._producer.poll(1.0)
                continue
            break
        self._producer.poll(0)

    def _delivered(self, error: object, _message: object) -> None:
        if error is None:
            self.told += 1
        else:
            self._failed += 1

    def close(self) -> None:
        """Wait for Kafka.

        Raises:
            FigwatchError: some suspects were not taken.
        """
        left = self._producer.flush(self._timeout_seconds)
        if left or self._failed:
            raise FigwatchError(
                "sweep.not-told",
                f"{left + self._failed} differences could not be told to the judges",
                fix="sweep again when Kafka answers",
            )


def partition_of(pair: str, key: bytes, partitions: int) -> int:
    """The partition of `<app>-changes` that a key belongs to (as `figwatch.streams.stretch`)."""
    return xxhash.xxh3_64_intdigest(pair.encode() + b"\0" + key) % partitions


def suspect_of(pair: str, outcome: Outcome, now_us: int, clock_us: int) -> Suspect:
    """The record of an outcome. `now_us` and `clock_us` are one instant by both clocks."""
    source, target = outcome.source, outcome.target
    return Suspect(
        pair,
        outcome.suspect.key,
        source.fingerprint if source is not None else None,
        target.fingerprint if target is not None else None,
        source.sketch if source is not None else b"",
        target.sketch if target is not None else b"",
        now_us - (clock_us - outcome.still_us),
        now_us - (clock_us - outcome.read_us),
    )


def _clock_us() -> int:
    return time.monotonic_ns() // 1_000
