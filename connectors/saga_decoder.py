"""Raw records of sagas' topics to `SagaEvent`s: events of an outbox, or rows of a state table.

What cannot be read becomes a `Malformed`, which goes to the dead letters and is counted.
Put beside the rows' decoder by `figwatch.connectors.writes_decoder`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import xxhash

from figwatch.connectors.config.root import Config
from figwatch.connectors.config.writes import SagaConfig, SagaStateConfig, SagaTopicConfig
from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.shapes import Event
from figwatch.connectors.record_fields import RecordView, reader_of, text_of, time_us
from figwatch.connectors.saga_definitions import definition_of
from figwatch.connectors.saga_layouts import Layout
from figwatch.connectors.topic_decoder import Decode, Read, Where, decoder, of_rows
from figwatch.validators.change import Malformed, Op, Side, Snapshot
from figwatch.validators.sagas.definition import Definition, Signal
from figwatch.validators.writes.records import Report, SagaEvent

NO_CORRELATION = "saga_correlation"
"""Reason of a declared event that does not say which saga it belongs to."""
NO_NAME = "saga_event"
"""Reason of a record that does not say which event it is."""
ID_BYTES_MAX = 512
"""A longer correlation id is kept by its hash."""

Facts: TypeAlias = Sequence[SagaEvent | Malformed]
_TERMINAL = frozenset({Report.COMPLETED, Report.COMPENSATED, Report.FAILED})


def instance_of(text: str) -> bytes:
    """The bytes that stand for a correlation id."""
    data = text.encode()
    return data if len(data) <= ID_BYTES_MAX else xxhash.xxh3_128_hexdigest(data).encode()


class EventTopic:
    """Reads a topic of outbox events for one saga."""

    def __init__(self, definition: Definition, config: SagaTopicConfig) -> None:
        self._definition = definition
        self._event, self._correlation = reader_of(config.event), reader_of(config.correlation)
        self._id = reader_of(config.id) if config.id is not None else None
        self._time = reader_of(config.time) if config.time is not None else None
        pattern = config.correlation_pattern
        self._pattern = re.compile(pattern) if pattern is not None else None

    def facts(self, view: RecordView, where: Where) -> Facts:
        """What a record says of the saga; nothing for another process's event."""
        name = text_of(self._event(view))
        if name in self._definition.ignored:
            return ()
        signal = self._definition.signals.get(name)
        instance = text_of(self._correlation(view))
        if self._pattern is not None and instance:
            found = self._pattern.fullmatch(instance)
            if found is None:
                return ()
            instance = found[1] if found.re.groups else instance
        if not name:
            return where.malformed(NO_NAME, "the event has no name")
        if signal is None:
            return (self._said(Signal(), instance, view, where, undeclared=name),)
        if not instance:
            return where.malformed(NO_CORRELATION, "no correlation id")
        return (self._said(signal, instance, view, where),)

    def _said(
        self, signal: Signal, instance: str, view: RecordView, where: Where, undeclared: str = ""
    ) -> SagaEvent:
        own = text_of(self._id(view)) if self._id is not None else ""
        at_us = time_us(self._time(view)) if self._time is not None else None
        return SagaEvent(
            self._definition.name,
            instance_of(instance),
            where.append_us if at_us is None else at_us,
            committed=False,
            topic=where.topic,
            partition=where.partition,
            offset=where.offset,
            append_us=where.append_us,
            start=signal.start,
            done=signal.done,
            failed=signal.failed,
            undone=signal.undone,
            event_id=(xxhash.xxh32_intdigest(own.encode()) | 1) if own else 0,
            undeclared=undeclared[:100],
        )


class StateTopic:
    """Reads the change stream of a state table for one saga."""

    def __init__(self, definition: Definition, config: SagaStateConfig) -> None:
        self._definition = definition
        self._layout = Layout(config, definition.steps)

    def facts(self, event: Event, view: RecordView, where: Where) -> Facts:
        """What a row event says of the saga."""
        deleted = event.op == "d"
        image = (event.before if deleted else event.after) or {}
        row = {name.lower(): value for name, value in image.items()}
        if event.op not in _OPS or (deleted and not self._layout.deleted_is_end):
            return ()
        instance = text_of(row.get(self._layout.correlation or ""))
        if deleted and not instance:
            instance = self._from_key(view)
        if not deleted and not self._layout.mine(row):
            return ()
        if not instance:
            return where.malformed(NO_CORRELATION, "no correlation id")
        op = _OPS[event.op]
        snapshot = sources.snapshot_of(event.source, op)
        read = snapshot is not Snapshot.NONE
        at_us = sources.commit_us(event.source)
        told = None if deleted else self._layout.told(row)
        if told is not None and read and told.report in _TERMINAL:
            return ()  # it was over before figwatch looked: no sample of what is watched
        said = SagaEvent(
            self._definition.name,
            instance_of(instance),
            where.append_us if at_us is None else at_us,
            committed=not read and at_us is not None,
            topic=where.topic,
            partition=where.partition,
            offset=where.offset,
            append_us=where.append_us,
            start=op in (Op.CREATE, Op.READ),
            report=Report.GONE if told is None else told.report,
            done=told.done if told else 0,
            failed=told.failed if told else 0,
            undone=told.undone if told else 0,
            undeclared=told.undeclared[:100] if told else "",
        )
        return (said,)

    def _from_key(self, view: RecordView) -> str:
        """A delete under REPLICA IDENTITY DEFAULT knows no more than the key."""
        key = view.document(Role.KEY)
        if not isinstance(key, Mapping):
            return text_of(key)
        names = {name.lower(): value for name, value in key.items()}
        return text_of(names.get(self._layout.correlation or ""))


def saga_decoders(config: Config, avro: Mapping[str, AvroReader]) -> dict[str, list[Decode]]:
    """What decodes each raw topic that carries a saga; several where sagas share it."""
    found: dict[str, list[Decode]] = {}
    for saga in config.sagas:
        for topic, decode in _of(config, saga, avro):
            found.setdefault(topic, []).append(decode)
    return found


def _of(
    config: Config, saga: SagaConfig, avro: Mapping[str, AvroReader]
) -> list[tuple[str, Decode]]:
    definition = definition_of(config, saga)

    def decoder_of(topic: str, side: str, read: Read) -> tuple[str, Decode]:
        role = Side.SOURCE if side == config.source_side else Side.TARGET
        return topic, decoder(topic, role, avro[side], read)

    made = [
        decoder_of(topic.topic, topic.side, EventTopic(definition, topic).facts)
        for topic in saga.topics
    ]
    if saga.state is not None:
        (name,) = definition.topics
        read = of_rows(StateTopic(definition, saga.state).facts)
        made.append(decoder_of(name, saga.state.side, read))
    return made


_OPS: Mapping[Any, Op] = {"c": Op.CREATE, "u": Op.UPDATE, "r": Op.READ, "d": Op.DELETE}
