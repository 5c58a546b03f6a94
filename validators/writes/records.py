"""Facts about routed writes that travel in `<app>-changes` beside the row changes.

Made by `figwatch.connectors.writes_decoder`, judged by `figwatch.validators.partition` and what it
puts together. Times are microseconds since the epoch. None holds a row's values, but for the
columns that an outbox declares.
"""

import enum
from typing import TypeAlias

import msgspec


class Report(enum.IntEnum):
    """What a saga-state table says of a saga as a whole."""

    NONE = 0
    """Nothing: events tell the story."""
    RUNNING = 1
    COMPENSATING = 2
    COMPLETED = 3
    COMPENSATED = 4
    FAILED = 5
    """The orchestrator itself says that compensation failed."""
    GONE = 6
    """The row was deleted: completed, or compensated where it was compensating before."""


class SagaEvent(msgspec.Struct, frozen=True, array_like=True, tag=20, gc=False):
    """One event of one saga instance. The masks have a bit for each step of the definition.

    Applying one twice, or two in another order, ends in the same state.
    """

    saga: str
    instance: bytes
    """Correlation id, as UTF-8."""
    at_us: int
    """When it happened: commit time where the record has one, else Kafka's."""
    committed: bool
    """`at_us` is a commit time of a log event, so that it moves the watermark."""
    topic: str
    partition: int
    offset: int
    append_us: int
    start: bool = False
    done: int = 0
    failed: int = 0
    undone: int = 0
    report: Report = Report.NONE
    event_id: int = 0
    """32 bits of the event's own id; 0: it has none, so that repeats cannot be told apart."""
    undeclared: str = ""
    """The event's name, where the definition does not have it."""


class Turn(msgspec.Struct, frozen=True, array_like=True, tag=21, gc=False):
    """The authority of a pair moves at an instant; told to every internal partition."""

    pair: str
    at_us: int
    """First instant at which the new authority's writes count."""
    lead: int
    """Who leads from then on: 0 the configuration's authority, 1 the other side."""


class OutboxChange(msgspec.Struct, frozen=True, array_like=True, tag=22, gc=False):
    """One row event of a table whose changes must publish events."""

    outbox: str
    aggregate: bytes
    row: bytes
    """The row's key."""
    op: str
    """`c`, `u`, `d`, `r`."""
    values: tuple[str | None, ...]
    """The declared columns after the change (before it, for a delete)."""
    at_us: int
    committed: bool
    """A log event: `at_us` is its commit time, and it may have to publish."""
    topic: str
    partition: int
    offset: int
    append_us: int
    position: tuple[int, ...] | None = None
    tx: int | None = None
    before: tuple[str | None, ...] | None = None
    """The declared columns before it, where the record has them all."""
    rows: tuple[tuple[str, bytes], ...] = ()
    """Pairs that the same record feeds, with the row's key there."""
    emitted_us: int = 0
    """When the connector read it (0: the record does not say)."""


class OutboxEvent(msgspec.Struct, frozen=True, array_like=True, tag=23, gc=False):
    """One event of an outbox."""

    outbox: str
    aggregate: bytes
    name: str
    values: tuple[str | None, ...]
    """Its content, by the fields declared for its type."""
    topic: str
    partition: int
    offset: int
    append_us: int
    event_id: int = 0
    """63 bits of its own id; 0: it has none."""
    tx: int | None = None
    """Its transaction, where the outbox table itself is captured."""
    fault: str = ""
    """What its schema objects to."""
    at_us: int = 0
    committed: bool = False
    requested_us: int = 0
    """When the request came that led to it (0: it does not say)."""
    trace: str = ""
    """Trace id and span id of its trace context, joined by `-` (empty: it has none)."""
    problems: tuple[str, ...] = ()
    """What its time of request and its trace context are not: see `outbox.legs.PROBLEMS`."""


class Trip(msgspec.Struct, frozen=True, array_like=True, tag=24, gc=False):
    """A change that has met its event, on its way to the partition of a row of a pair."""

    outbox: str
    pair: str
    key: bytes
    position: tuple[int, ...] | None
    commit_us: int
    emitted_us: int
    append_us: int
    event_us: int
    requested_us: int
    trace: str = ""
    problems: tuple[str, ...] = ()


Written: TypeAlias = SagaEvent | OutboxChange | OutboxEvent
"""What is decoded for writes alone."""
