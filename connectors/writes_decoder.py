"""The decoder of everything: rows of pairs, and what routed writes add (sagas, outboxes).

Speaks like `figwatch.connectors.debezium.decoder.Decoder`, which it holds: a topic that carries
both is decoded for both.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.ahead import Record
from figwatch.connectors.debezium.avro import AvroReader
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.outbox_decoder import Fact, outbox_decoders, with_rows
from figwatch.connectors.outbox_definitions import table_topic
from figwatch.connectors.record_fields import Headers
from figwatch.connectors.registry import Registry
from figwatch.connectors.saga_decoder import saga_decoders

Decode: TypeAlias = Callable[[int, int, int, Headers, bytes | None, bytes | None], Sequence[Fact]]
"""(partition, offset, append time in microseconds, headers, key, value) to facts."""


class WritesDecoder:
    """Decodes the records of both sides. Not for several threads at once."""

    def __init__(self, config: Config) -> None:
        self.rows = Decoder(config)
        avro = {
            name: AvroReader(Registry.of(side), side.format) for name, side in config.sides.items()
        }
        self._made: dict[str, Decode] = {}
        self._row_topics = frozenset(
            self.rows.topics() | self.rows.heartbeat_topics() | self.rows.heartbeat_row_topics()
        )
        self._others: dict[str, list[Decode]] = {
            topic: [*decoders] for topic, decoders in saga_decoders(config, avro).items()
        }
        for topic, decoders in outbox_decoders(config, avro, self._row_topics).items():
            self._others[topic] = [*self._others.get(topic, []), *decoders]
        self._outbox_tables = frozenset(table_topic(config, box) for box in config.outboxes)

    @property
    def changed(self) -> int:
        """How often facts became incomparable with those made before."""
        return self.rows.changed

    def learn(self, topic: str, headers: Headers, key: bytes | None, value: bytes | None) -> None:
        """Take the schemas of a record ahead of decoding."""
        self.rows.learn(topic, headers, key, value)

    def memory(self) -> bytes:
        """What the records' schemas have taught so far, for `recall`."""
        return self.rows.memory()

    def recall(self, memory: bytes) -> None:
        """Take over what an earlier decoder, or another worker's, has learned.

        Raises:
            msgspec.DecodeError: written by another version.
        """
        self.rows.recall(memory)

    def decode(
        self,
        topic: str,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Sequence[Fact]:
        """What a record means; empty where it is nothing to figwatch.

        Raises:
            RegistryUnavailable: its schema cannot be had now.
        """
        return self.for_topic(topic)(partition, offset, append_us, headers, key, value)

    def for_topic(self, topic: str) -> Decode:
        """The callable that decodes one topic's records."""
        found = self._made.get(topic)
        if found is None:
            found = self._made[topic] = self._make(topic)
        return found

    def for_batch(self, topic: str, records: Sequence[Record]) -> Decode:
        """The callable for these records of one topic, which come next."""
        if topic in self._others:
            return self.for_topic(topic)
        return self.rows.for_batch(topic, records)

    def _make(self, topic: str) -> Decode:
        others = self._others.get(topic)
        if others is None:
            return self.rows.for_topic(topic)
        decoders: list[Decode] = [*others]
        if topic in self._row_topics:
            decoders.insert(0, self.rows.for_topic(topic))
            if topic in self._outbox_tables:
                return _with_rows(_all_of(decoders))
        return decoders[0] if len(decoders) == 1 else _all_of(decoders)


def _all_of(decoders: Sequence[Decode]) -> Decode:
    def decode(
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> list[Fact]:
        return [
            fact
            for each in decoders
            for fact in each(partition, offset, append_us, headers, key, value)
        ]

    return decode


def _with_rows(inner: Decode) -> Decode:
    def decode(
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> list[Fact]:
        return with_rows(inner(partition, offset, append_us, headers, key, value))

    return decode
