"""Raw records of outboxes' topics: row events of the table, and the events themselves.

Put beside the rows' decoder by `figwatch.connectors.writes_decoder`. What cannot be read becomes a
`Malformed`, which goes to the dead letters and is counted; a table that is a pair's as well is
told of once, by the rows' decoder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema
import msgspec
import xxhash

from figwatch.connectors.config.outbox import OutboxConfig
from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.shapes import Event
from figwatch.connectors.outbox_definitions import definition_of, table_topic
from figwatch.connectors.record_fields import RecordView, comparable, reader_of, text_of
from figwatch.connectors.saga_decoder import instance_of
from figwatch.connectors.topic_decoder import Decode, Where, decoder, of_rows
from figwatch.connectors.trace_context import request_us, trace_of
from figwatch.validators.change import (
    Change,
    Heartbeat,
    Malformed,
    Op,
    Side,
    Snapshot,
    Truncate,
)
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.outbox.definition import UNKNOWN, Definition
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, Written

NO_AGGREGATE = "outbox_aggregate"
"""Reason of a change or a declared event that does not say which aggregate it belongs to."""

Facts: TypeAlias = Sequence[OutboxChange | OutboxEvent | Malformed]
Fact: TypeAlias = Change | Truncate | Malformed | Heartbeat | Written
_OPS: Mapping[Any, Op] = {"c": Op.CREATE, "u": Op.UPDATE, "r": Op.READ, "d": Op.DELETE}


class TableTopic:
    """Reads the table's row events for one outbox."""

    def __init__(
        self, definition: Definition, config: OutboxConfig, placeholder: str, *, shared: bool
    ) -> None:
        self._definition, self._config = definition, config
        self._placeholder, self._shared = placeholder, shared

    def facts(self, event: Event, view: RecordView, where: Where) -> Facts:
        """What a row event may have to publish."""
        if event.op not in _OPS:
            return ()
        deleted = event.op == "d"
        image = (event.before if deleted else event.after) or {}
        column = self._config.aggregate_column
        # What stands before a delete is made up, but for the key, unless the identity is FULL.
        known = view.document(Role.KEY) if deleted else image
        aggregate = text_of(known.get(column)) if isinstance(known, dict) else ""
        aggregate = aggregate or text_of(image.get(column))
        if not aggregate and self._shared:
            return ()  # the row itself is sound, and its pair's
        if not aggregate:
            return where.malformed(NO_AGGREGATE, f"no {column}")
        op = _OPS[event.op]
        read = sources.snapshot_of(event.source, op) is not Snapshot.NONE
        at_us = sources.commit_us(event.source)
        before = event.before if not deleted and event.before else None
        whole = before is not None and all(name in before for name in self._definition.columns)
        change = OutboxChange(
            self._definition.name,
            instance_of(aggregate),
            xxhash.xxh3_64_digest(view.key or aggregate.encode()),
            event.op,
            self._values(image),
            where.append_us if at_us is None else at_us,
            not read and at_us is not None,
            where.topic,
            where.partition,
            where.offset,
            where.append_us,
            None if read else sources.position(event.source, op),
            sources.transaction_of(event.source, event.transaction),
            self._values(before) if whole and before is not None else None,
            emitted_us=sources.emitted_us(view.document(Role.VALUE)),
        )
        return (change,)

    def _values(self, row: Mapping[str, Any]) -> tuple[str | None, ...]:
        return tuple(
            UNKNOWN if name not in row or row[name] == self._placeholder else comparable(row[name])
            for name in self._definition.columns
        )


class EventsTopic:
    """Reads the events of one outbox."""

    def __init__(self, definition: Definition, config: OutboxConfig) -> None:
        self._definition = definition
        self._type, self._aggregate = reader_of(config.event), reader_of(config.aggregate)
        self._id = reader_of(config.id) if config.id is not None else None
        self._tx = reader_of(config.transaction) if config.transaction is not None else None
        self._request = reader_of(config.request) if config.request is not None else None
        self._trace = reader_of(config.trace) if config.trace is not None else None
        self._content = {
            event.type: tuple(reader_of(where) for where in event.content.values())
            for event in config.events
        }
        self._schemas = {
            event.type: _validator(config, n, event.json_schema)
            for n, event in enumerate(config.events)
            if event.json_schema is not None
        }

    def facts(self, view: RecordView, where: Where) -> Facts:
        """What an event says; nothing for a row of the outbox that is deleted."""
        document = view.document(Role.VALUE)
        if isinstance(document, dict) and document.get("op") in {"d", "u"} and "source" in document:
            return ()  # the outbox table itself: a row is an event when it is inserted
        kind, aggregate = text_of(self._type(view)), text_of(self._aggregate(view))
        if not aggregate:
            return where.malformed(NO_AGGREGATE, "no aggregate id")
        own = text_of(self._id(view)) if self._id is not None else ""
        tx = sources.integer(self._tx(view)) if self._tx is not None else None
        event = OutboxEvent(
            self._definition.name,
            instance_of(aggregate),
            kind[:100],
            tuple(comparable(read(view)) for read in self._content.get(kind, ())),
            where.topic,
            where.partition,
            where.offset,
            where.append_us,
            (xxhash.xxh3_64_intdigest(own.encode()) >> 1 | 1) if own else 0,
            tx,
            self._fault(kind, document),
            **self._asked(view),
        )
        return (event,)

    def _asked(self, view: RecordView) -> dict[str, Any]:
        """When the request came, its trace context, and what these are not."""
        requested_us = request_us(self._request(view)) if self._request is not None else 0
        trace = trace_of(self._trace(view)) if self._trace is not None else ""
        problems = {
            "no_request": requested_us == 0 and self._request is not None,
            "bad_request": requested_us is None,
            "bad_trace": trace is None,
        }
        return {
            "requested_us": requested_us or 0,
            "trace": trace or "",
            "problems": tuple(name for name, is_so in problems.items() if is_so),
        }

    def _fault(self, kind: str, document: Any) -> str:
        """The path in the payload to which its schema objects first."""
        validator = self._schemas.get(kind)
        if validator is None:
            return ""
        error = next(iter(validator.iter_errors(document)), None)
        return "" if error is None else f"{error.json_path} ({error.validator})"[:200]


def with_rows(facts: Sequence[Fact]) -> list[Fact]:
    """Facts of one record, its outbox changes told which rows of pairs it changed."""
    rows = tuple((fact.pair, fact.key) for fact in facts if isinstance(fact, Change))
    return [
        msgspec.structs.replace(fact, rows=rows)
        if isinstance(fact, OutboxChange) and fact.committed
        else fact
        for fact in facts
    ]


def _validator(config: OutboxConfig, number: int, path: str) -> Any:
    """The compiled JSON Schema of an event.

    Raises:
        ConfigurationError: the file cannot be read, or is no JSON Schema.
    """
    try:
        schema = msgspec.json.decode(Path(path).read_bytes())
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        return kind(schema)
    except (OSError, msgspec.DecodeError, jsonschema.SchemaError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON Schema"
        raise ConfigurationError(
            "config.outbox-schema",
            f"the schema `{path}` cannot be used: {reason}",
            f"outboxes `{config.name}`, events.{number}.json_schema",
            "name the file of the event's JSON Schema",
        ) from None


def outbox_decoders(
    config: Config, avro: Mapping[str, AvroReader], row_topics: frozenset[str]
) -> dict[str, list[Decode]]:
    """What decodes each raw topic of an outbox; several where outboxes share it."""
    found: dict[str, list[Decode]] = {}
    for outbox in config.outboxes:
        definition = definition_of(config, outbox)
        role = Side.SOURCE if outbox.side == config.source_side else Side.TARGET
        side, reader = config.sides[outbox.side], avro[outbox.side]
        topic = table_topic(config, outbox)
        shared = topic in row_topics
        table = TableTopic(definition, outbox, side.unavailable_value_placeholder, shared=shared)
        events = EventsTopic(definition, outbox)
        found.setdefault(topic, []).append(
            decoder(topic, role, reader, of_rows(table.facts), told_elsewhere=shared)
        )
        found.setdefault(outbox.topic, []).append(decoder(outbox.topic, role, reader, events.facts))
    return found
