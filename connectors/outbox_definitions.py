"""Outboxes of the configuration, checked and made into what the judge works on.

Used by `figwatch.connectors.config.rules`, `figwatch.connectors.outbox_decoder` and the worker.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from figwatch.connectors.config.outbox import OutboxConfig, OutboxEventConfig
from figwatch.connectors.record_fields import comparable
from figwatch.validators.outbox.definition import Definition, EventRule, Field

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config

DELTA = "delta:"
_OPERATIONS = {"insert": "c", "update": "u", "delete": "d"}


def topics_of(config: "Config", outbox: OutboxConfig) -> dict[str, str]:
    """Raw topics of an outbox, each with the name of its side."""
    return {table_topic(config, outbox): outbox.side, outbox.topic: outbox.side}


def table_topic(config: "Config", outbox: OutboxConfig) -> str:
    """Raw topic of the table whose changes must publish."""
    prefix = config.sides[outbox.side].topic_prefix
    return outbox.table_topic or f"{prefix}.{outbox.table}"


def definitions(config: "Config") -> tuple[Definition, ...]:
    """Every outbox of a configuration."""
    return tuple(definition_of(config, outbox) for outbox in config.outboxes)


def definition_of(config: "Config", outbox: OutboxConfig) -> Definition:
    """A checked outbox in the judge's terms."""
    columns = _columns(outbox)
    place = {name: n for n, name in enumerate(columns)}
    partitions = config.worker.internal_partitions
    return Definition(
        name=outbox.name,
        table_topic=table_topic(config, outbox),
        event_topic=outbox.topic,
        columns=columns,
        events=tuple(_rule(event, place) for event in outbox.events),
        within_us=round(outbox.within_seconds * 1e6),
        skew_us=round(config.sides[outbox.side].clock_skew_seconds * 1e6),
        pair=outbox.while_leading or "",
        lead=0 if outbox.side == config.source_side else 1,
        objective_us=round(
            (outbox.objective_seconds or config.objective.convergence_seconds) * 1e6
        ),
        aggregates_max=-(-outbox.aggregates_max // partitions),
    )


def _columns(outbox: OutboxConfig) -> tuple[str, ...]:
    named = [
        name
        for event in outbox.events
        for name in (*event.changed, *event.grew, *event.fell, *event.equal,
                     *(column.removeprefix(DELTA) for column in event.content))
    ]  # fmt: skip
    return tuple(dict.fromkeys(named))


def _rule(event: OutboxEventConfig, place: dict[str, int]) -> EventRule:
    return EventRule(
        type=event.type,
        operations=frozenset(_OPERATIONS[name] for name in event.operations),
        changed=tuple(place[name] for name in event.changed),
        grew=tuple(place[name] for name in event.grew),
        fell=tuple(place[name] for name in event.fell),
        equal=tuple((place[name], comparable(value) or "") for name, value in event.equal.items()),
        content=tuple(
            Field(where.partition(":")[2] or where, place[column.removeprefix(DELTA)],
                  delta=column.startswith(DELTA))
            for column, where in event.content.items()
        ),
    )  # fmt: skip


def faults(config: "Config", outbox: OutboxConfig) -> Iterator[tuple[str, str, str, str]]:
    """Everything that is wrong with one outbox: field, code, cause, fix."""
    if outbox.side not in config.sides:
        yield ("side", "config.unknown-side", f"`{outbox.side}` is not a side",
               f"the sides are {' and '.join(config.sides)}")  # fmt: skip
        return
    if table_topic(config, outbox) == outbox.topic:
        yield ("topic", "config.outbox-own-topic", "the events' topic is the table's",
               "name the topic of the outbox's events")  # fmt: skip
    types = [event.type for event in outbox.events]
    if twice := {name for name in types if types.count(name) > 1}:
        yield ("events", "config.outbox-duplicate-event",
               f"two events are called `{min(twice)}`", "declare each once")  # fmt: skip
    if outbox.while_leading is not None:
        pair = config.pair(outbox.while_leading)
        if pair is None or not pair.two_way:
            yield ("while_leading", "config.outbox-pair",
                   f"`{outbox.while_leading}` is no pair that is replicated both ways",
                   "name one with two_way: true, or leave it out")  # fmt: skip
