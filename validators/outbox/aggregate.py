"""One aggregate: changes that wait for their event, events that wait for their change.

`fits` says which belong together: by the transaction where both records tell theirs, by type and
content in the order of the log otherwise. `figwatch.validators.outbox.decide` decides the rest.
"""

import msgspec

from figwatch.validators.outbox.definition import Values, matches

QUEUE_MAX = 256
"""Changes, and events, of one aggregate that may wait; beyond it the oldest is dropped."""
ROWS_MAX = 64
"""Rows of one aggregate whose last values are kept."""
IDS_MAX = 32
RECENT_MAX = 32
MISSING_MAX = 16


class Way(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the legs of a change are measured by: see `OutboxChange`."""

    rows: tuple[tuple[str, bytes], ...]
    position: tuple[int, ...] | None
    emitted_us: int
    append_us: int


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an event says of its request: see `OutboxEvent`."""

    requested_us: int
    trace: str
    problems: tuple[str, ...]


class Expected(msgspec.Struct, array_like=True, gc=False):
    """A change that must publish an event."""

    rule: int
    """Place of its event in `Definition.events`."""
    values: Values
    at_us: int
    tx: int | None
    number: int
    perhaps: bool = False
    """It is not known whether it must: what the row was before is not known."""
    way: Way | None = None


class Told(msgspec.Struct, array_like=True, gc=False):
    """An event."""

    rule: int
    values: Values
    append_us: int
    tx: int | None
    number: int
    asked: Asked | None = None


class Row(msgspec.Struct, array_like=True, gc=False):
    """The last that was seen of one row."""

    values: Values
    position: tuple[int, ...] | None
    at_us: int


class Aggregate(msgspec.Struct, array_like=True, gc=False):
    """What is kept of one aggregate."""

    rows: dict[bytes, Row] = {}
    changes: list[Expected] = []
    events: list[Told] = []
    ids: list[int] = []
    """Ids of the newest events."""
    recent: list[Expected] = []
    """Changes that have met their event."""
    missing: list[Expected] = []
    """Changes that were said to have none."""
    number: int = 0
    met: tuple[int, int] = (-1, -1)
    """The last event, in the log's order, that met its change, and that change: (event, change)."""


def fits(change: Expected, event: Told) -> bool:
    """Whether an event can be a change's."""
    return same_kind(change, event) and matches(change.values, event.values)


def same_kind(change: Expected, event: Told) -> bool:
    """The same but for the content."""
    apart = None not in (change.tx, event.tx) and change.tx != event.tx
    return change.rule == event.rule and not apart


def meet(aggregate: Aggregate, change: int, event: int) -> bool:
    """Take a change and its event off; returns whether they stood in the order of the others."""
    mine, told = aggregate.changes.pop(change), aggregate.events.pop(event)
    mine.way = None
    aggregate.recent = [*aggregate.recent, mine][-RECENT_MAX:]
    last_event, last_change = aggregate.met
    ordered = (told.number > last_event) == (mine.number > last_change)
    if told.number > last_event:
        aggregate.met = (told.number, mine.number)
    return ordered


def instead(aggregate: Aggregate, place: int) -> int | None:
    """The event, by its place, that stands where that of the change at `place` should: of its kind,
    behind the event of the change before, ahead of that of the one after, and nobody else's.
    """
    changes, change = aggregate.changes, aggregate.changes[place]
    known = changes + aggregate.recent
    last_event, last_change = aggregate.met
    for n, event in enumerate(aggregate.events):
        if any(fits(later, event) for later in changes[place + 1 :]):
            return None
        behind = last_change > change.number or event.number > last_event
        if behind and same_kind(change, event) and not any(fits(c, event) for c in known):
            return n
    return None


def remember(aggregate: Aggregate, row: bytes, seen: Row) -> None:
    """Keep a row's last values, the newest rows' only."""
    aggregate.rows.pop(row, None)
    aggregate.rows[row] = seen
    while len(aggregate.rows) > ROWS_MAX:
        del aggregate.rows[next(iter(aggregate.rows))]
