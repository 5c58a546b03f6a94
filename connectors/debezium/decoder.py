"""The decoder of a configuration: which topics it reads, and what their records mean.

`Decoder.for_topic` gives the fast callable for a topic, `Decoder.decode` the same by name. The way
goes on in `connectors.debezium.route` (data) and `connectors.debezium.heartbeats`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.ahead import Record
from figwatch.connectors.debezium.avro import AvroReader, SchemaSource
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.heartbeats import HeartbeatRows, Heartbeats
from figwatch.connectors.debezium.pairs import Types, made_pair
from figwatch.connectors.debezium.plan import Feed
from figwatch.connectors.debezium.route import Route
from figwatch.connectors.debezium.shapes import Ignored
from figwatch.connectors.debezium.source import Nulls
from figwatch.connectors.debezium.tables import TableRoutes, Told, routes_of
from figwatch.connectors.registry import Registry
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.change import Change, Heartbeat, Malformed, Side, Truncate
from figwatch.validators.mapping.agreement import Memory, Notice
from figwatch.validators.mapping.view import ColumnView, Rows

Decoded = Sequence[Change | Truncate | Malformed | Heartbeat]
Decode = Callable[[int, int, int, Headers, bytes | None, bytes | None], Decoded]
"""(partition, offset, append time in µs, headers, key, value) → records."""


class Decoder:
    """Decodes the records of both sides. Not for several threads at once. Without `quick` every
    record goes the plain way, to the same changes.

    Raises:
        ConfigurationError: a mapping that cannot be, naming the field and the fix.
    """

    def __init__(
        self,
        config: Config,
        registries: Mapping[str, SchemaSource] | None = None,
        types: Types | None = None,
        placeholder: str | None = None,
        *,
        quick: bool = True,
    ) -> None:
        self.ignored: Counter[str] = Counter()
        """Records that are no row events, by name (see shapes.Ignored)."""
        self.changed = 0
        """How often an agreement became coarser after the start; fingerprints made before may
        not compare with those made after."""
        self._config = config
        texts = {side.unavailable_value_placeholder for side in config.sides.values()}
        self._placeholder = Placeholder(*({placeholder} if placeholder else sorted(texts)))
        self._quick = quick
        self._avro = {
            name: AvroReader((registries or {}).get(name) or Registry.of(side), side.format)
            for name, side in config.sides.items()
        }
        self._nulls = {name: Nulls() for name in config.sides}
        self._pairs = {pair.name: made_pair(config, pair, types or {}) for pair in config.pairs}
        self._routes = self._make_routes()
        self._others: dict[str, Decode] = {}
        self._heartbeat_topics: set[str] = set()
        self._heartbeat_rows: set[str] = set()
        self._make_heartbeats()

    # -- topics

    def topics(self) -> frozenset[str]:
        """Data topics of the pairs, both sides."""
        return frozenset(self._routes)

    def heartbeat_topics(self) -> frozenset[str]:
        """Topics of plain heartbeats."""
        return frozenset(self._heartbeat_topics)

    def heartbeat_row_topics(self) -> frozenset[str]:
        """Topics of heartbeat tables, whose rows carry the database's commit time."""
        return frozenset(self._heartbeat_rows)

    # -- decoding

    def for_topic(self, topic: str) -> Decode:
        """The callable that decodes one topic's records."""
        route = self._routes.get(topic)
        if route is not None:
            return route.decode
        return self._others.get(topic, self._elsewhere)

    def for_batch(self, topic: str, records: Sequence[Record]) -> Decode:
        """The callable for these records of one topic, which come next: what can be read of many
        at once is.
        """
        route = self._routes.get(topic)
        return self.for_topic(topic) if route is None else route.ahead(records)

    def decode(  # called a million times: positional
        self,
        topic: str,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Decoded:
        """What a record means; empty when it is no row event (then counted in `ignored`).

        Raises:
            RegistryUnavailable: its schema cannot be had now. That is no property of the record:
                wait and ask again.
        """
        return self.for_topic(topic)(partition, offset, append_us, headers, key, value)

    def learn(self, topic: str, headers: Headers, key: bytes | None, value: bytes | None) -> None:
        """Take the schemas of a record ahead of decoding. Call it with one record of each topic
        before the first `decode`: where two schemas write a value differently and the
        configuration names no type, what they have in common must be known from the start.
        """
        route = self._routes.get(topic)
        if route is not None:
            route.learn(headers, key, value)

    def memory(self) -> bytes:
        """What the records' schemas have taught so far, for `recall`."""
        learned = {
            pair: {name: one.memory() for name, one in made.named().items()}
            for pair, made in self._pairs.items()
        }
        return msgspec.msgpack.encode(learned)

    def recall(self, memory: bytes) -> None:
        """Take over what an earlier decoder, or another worker's, has learned. Pairs and columns
        that are no more are passed over.

        Raises:
            msgspec.DecodeError: written by another version.
        """
        learned = msgspec.msgpack.decode(memory, type=dict[str, dict[str, Memory]])
        changed = False
        for pair, made in self._pairs.items():
            for name, one in made.named().items():
                known = learned.get(pair, {}).get(name)
                changed |= known is not None and one.recall(known)
        if changed:
            self.changed += 1
            for route in self._routes.values():
                route.reset()

    def explain(self, pair: str, rows: Rows | None = None) -> tuple[ColumnView, ...]:
        """What each column of a pair becomes on both sides, with an example row where one is
        given (raw column values of a record without schema).

        Raises:
            KeyError: no such pair.
        """
        return self._pairs[pair].views({}, rows or {}, self._placeholder)

    def explain_records(
        self, pair: str, records: Mapping[Side, RawRecord]
    ) -> tuple[ColumnView, ...]:
        """The same with example rows out of records, read by the schemas that came with them.

        Raises:
            KeyError: no such pair.
            RegistryUnavailable: a schema cannot be had now.
        """
        rows, wires = {}, {}
        for side, record in records.items():
            route = self._routes.get(record.topic)
            example = route.example(record.headers, record.value) if route is not None else None
            if example is not None:
                rows[side], wires[side] = example
        return self._pairs[pair].views(wires, rows, self._placeholder)

    def notices(self) -> tuple[Notice, ...]:
        """What is compared less exactly than it is stored, and why; tell each once."""
        return tuple(
            notice
            for pair in self._pairs.values()
            for agreement in (*pair.key, *pair.columns)
            for notice in agreement.notices()
        )

    def decode_key(self, pair: str, key: bytes) -> dict[str, Any]:
        """The key columns, by the source side's names.

        Raises:
            ValueError: no canonical key of this pair.
            KeyError: no such pair.
        """
        return canonical.decode_key(key, self._pairs[pair].rule.key_names)

    def encode_key(self, pair: str, key: Mapping[str, Any]) -> bytes:
        """The canonical key of a row by the source side's column names: the way back.

        Raises:
            ValueError: a key column is missing, or has a value that its type cannot have.
            KeyError: no such pair.
        """
        return self._pairs[pair].encode_key(key)

    def column_names(self, pair: str) -> tuple[str, ...]:
        """The compared columns in the order of the sketch, by their names in the configuration."""
        return tuple(rule.name for rule in self._pairs[pair].rule.columns)

    # -- construction

    def _make_routes(self) -> dict[str, Route | TableRoutes]:
        told: dict[str, list[Told]] = {}
        side_of: dict[str, str] = {}
        for pair in self._config.pairs:
            made = self._pairs[pair.name]
            source, target = self._config.source_topics(pair), self._config.target_topics(pair)
            both = (
                (Side.SOURCE, self._config.source_side, source, pair.source_tables, pair.source),
                (Side.TARGET, self._config.target_side, target, pair.target_tables, pair.target),
            )
            for side, name, topics, tables, table in both:
                for topic in topics:
                    feed = Feed(made.rule, side, made.key, made.columns)
                    told.setdefault(topic, []).append(Told(feed, tables, table))
                    side_of[topic] = name
        return {topic: self._make_route(topic, side_of[topic], of) for topic, of in told.items()}

    def _make_route(self, topic: str, side: str, told: list[Told]) -> Route | TableRoutes:
        avro = self._avro[side]

        def make(feeds: Sequence[Feed]) -> Route:
            return Route(
                topic, feeds, avro, self._placeholder, self.ignored, self._reset,
                self._nulls[side], quick=self._quick,
            )  # fmt: skip

        prefix = self._config.sides[side].topic_prefix
        return routes_of(told, prefix, make, avro, self.ignored)

    def _make_heartbeats(self) -> None:
        for name, side in self._config.sides.items():
            avro, role = self._avro[name], self._role(name)
            if side.heartbeat_topic is not None:
                self._heartbeat_topics.add(side.heartbeat_topic)
                plain = Heartbeats(side.heartbeat_topic, name, role, avro, self.ignored)
                self._others[side.heartbeat_topic] = plain.decode
            if side.heartbeat_table is not None:
                topic = f"{side.topic_prefix}.{side.heartbeat_table}"
                self._heartbeat_rows.add(topic)
                rows = HeartbeatRows(topic, name, role, avro, self.ignored)
                self._others[topic] = rows.decode
            self._others.setdefault(f"{side.topic_prefix}.transaction", self._transaction)
            self._others.setdefault(f"{side.topic_prefix}.message", self._message)
            self._others.setdefault(side.topic_prefix, self._schema_change)

    def _role(self, name: str) -> Side:
        return Side.SOURCE if name == self._config.source_side else Side.TARGET

    def _reset(self, route: Route) -> None:
        """An agreement changed: every route that shares a pair compiles its plans anew."""
        self.changed += 1
        names = {feed.rule.name for feed in route.feeds}
        for other in self._routes.values():
            if names & {feed.rule.name for feed in other.feeds}:
                other.reset()

    # -- records that are no rows

    def _transaction(self, *_record: Any) -> Decoded:
        self.ignored[Ignored.TRANSACTION] += 1
        return ()

    def _message(self, *_record: Any) -> Decoded:
        self.ignored[Ignored.MESSAGE] += 1
        return ()

    def _schema_change(self, *_record: Any) -> Decoded:
        self.ignored[Ignored.SCHEMA_CHANGE] += 1
        return ()

    def _elsewhere(self, *_record: Any) -> Decoded:
        self.ignored[Ignored.OTHER_TOPIC] += 1
        return ()
