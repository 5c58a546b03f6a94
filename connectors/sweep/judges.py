"""The judges of `figwatch run`, asked by a sweep: it tells them what it saw, they answer.

Suspects go to `<app>-changes`, to the partition of their key, where the judge that knows the key's
history settles them (`figwatch.validators.sweep.settlement`) and answers in `<app>-sweeps`. Where a
sweep begins and ends is told to every partition. `figwatch.connectors.sweep.settling` asks.
"""

import time
import uuid
from collections.abc import Collection

import msgspec
import xxhash
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.settings import confluent_settings
from figwatch.connectors.sweep.confirm import Outcome
from figwatch.validators.change import Suspect, SweepAnswer, SweepEnd, decode_answer, encode
from figwatch.validators.errors import FigwatchError

QUEUED_MAX = 100_000
ANSWERS_MAX = 1_000
"""Answers that are read in one go."""
NAME = "figwatch-sweep"


class Judges:
    """One sweep's line to the judges. `close` waits until all that was told is acknowledged."""

    def __init__(self, config: Config) -> None:
        """Raises FigwatchError when Kafka is away or no worker has made the topics."""
        self._changes, self._answers = f"{config.app}-changes", f"{config.app}-sweeps"
        self._timeout_seconds = config.limits.kafka_timeout_seconds
        self.seconds_max = config.sweep.verdict_seconds
        self.sweep = uuid.uuid4().hex
        settings = confluent_settings(config.kafka, NAME)
        self._producer = Producer(
            settings
            | {
                "acks": "all",
                "enable.idempotence": True,
                "queue.buffering.max.messages": QUEUED_MAX,
                "linger.ms": 5,
            }
        )
        self._partitions = self._found()
        self._consumer = Consumer(settings | {"group.id": NAME, "enable.auto.commit": False})
        self._follow()
        self.told = 0
        self._failed = 0

    def _found(self) -> int:
        try:
            topics = self._producer.list_topics(timeout=self._timeout_seconds).topics
        except KafkaException as error:
            raise FigwatchError(
                "kafka.unreachable",
                f"Kafka does not answer: {error.args[0].str()}",
                "kafka.bootstrap_servers",
                "check the address, or sweep with --databases-only",
            ) from None
        missing = [name for name in (self._changes, self._answers) if name not in topics]
        if missing:
            raise FigwatchError(
                "sweep.no-worker",
                f"there is no topic {missing[0]}: no `figwatch run` has made it",
                fix="start `figwatch run`, or sweep with --databases-only",
            )
        return len(topics[self._changes].partitions)

    def _follow(self) -> None:
        """Hear what is answered from now on."""
        where = TopicPartition(self._answers, 0)
        try:
            where.offset = self._consumer.get_watermark_offsets(
                where, timeout=self._timeout_seconds
            )[1]
            self._consumer.assign([where])
        except KafkaException as error:
            raise FigwatchError(
                "kafka.refused",
                f"the topic {self._answers} cannot be read: {error.args[0].str()}",
                "kafka",
                "see docs/permissions.md for what figwatch must be allowed",
            ) from None

    # -- telling

    def tell(self, pair: str, outcome: Outcome) -> None:
        """Tell of one difference, and ask for its verdict."""
        suspect = suspect_of(pair, outcome, time.time_ns() // 1_000, _clock_us())
        suspect = msgspec.structs.replace(suspect, sweep=self.sweep)
        self._send(encode(suspect), partition_of(pair, suspect.key, self._partitions))

    def begin(self, pair: str, began_us: int) -> None:
        """A sweep of a pair begins. When this returns, every judge has it before all that is
        committed from now on.
        """
        self._broadcast(SweepEnd(pair, self.sweep, began_us, 0, *_NOTHING), ())
        self.flush()

    def end(self, end: SweepEnd, doubted: Collection[bytes] | None) -> None:
        """It has come to its end, or to that of a part. `doubted` None: too many to tell."""
        self._broadcast(end, doubted)
        self.flush()

    def _broadcast(self, end: SweepEnd, doubted: Collection[bytes] | None) -> None:
        parts: list[list[bytes]] = [[] for _ in range(self._partitions)]
        for key in doubted or ():
            parts[partition_of(end.pair, key, self._partitions)].append(key)
        for partition, keys in enumerate(parts):
            told = None if doubted is None else tuple(keys)
            self._send(encode(msgspec.structs.replace(end, doubted=told)), partition)

    def _send(self, value: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(
                    self._changes, value, partition=partition, on_delivery=self._delivered
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

    def flush(self) -> None:
        """Wait until Kafka has all.

        Raises:
            FigwatchError: something was not taken.
        """
        left = self._producer.flush(self._timeout_seconds)
        if left or self._failed:
            raise FigwatchError(
                "sweep.not-told",
                f"{left + self._failed} records could not be told to the judges",
                fix="sweep again when Kafka answers",
            )

    # -- hearing

    def answers(self) -> list[SweepAnswer]:
        """What the judges have answered this sweep since the last call."""
        self._producer.poll(0)
        found = []
        for message in self._consumer.consume(ANSWERS_MAX, timeout=0.0):
            value = message.value()
            if message.error() is not None or value is None:
                continue
            try:
                answer = decode_answer(value)
            except msgspec.DecodeError:  # another version's
                continue
            if answer.sweep == self.sweep:
                found.append(answer)
        return found

    def close(self) -> None:
        """Hang up."""
        self._consumer.close()
        self._producer.flush(self._timeout_seconds)


_NOTHING = (False, 0, 0, 0, 0)
"""Facts of a sweep that has looked at nothing yet."""


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
