"""What figwatch is told of outbox events that a table's changes must publish.

Part of `figwatch.connectors.config.root`; `figwatch.connectors.outbox_definitions` makes of it what
the judge works on.
"""

from typing import Literal

from pydantic import Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.writes import Expression

OUTBOXES_MAX = 50
OUTBOX_EVENTS_MAX = 100


class OutboxEventConfig(Section):
    """One event type, and the changes that must publish it."""

    type: str = Field(min_length=1)
    """Name of the event."""

    operations: list[Literal["insert", "update", "delete"]] = Field(default=["insert", "update"])
    """Kinds of change that may publish it."""

    changed: list[str] = Field(default=[], max_length=OUTBOX_EVENTS_MAX)
    """Of updates, only those in which one of these columns changed."""

    grew: list[str] = Field(default=[], max_length=OUTBOX_EVENTS_MAX)
    """Or in which one of these numbers became larger."""

    fell: list[str] = Field(default=[], max_length=OUTBOX_EVENTS_MAX)
    """Or smaller."""

    equal: dict[str, str | int | bool] = Field(default={}, max_length=OUTBOX_EVENTS_MAX)
    """Only rows that have these values after the change."""

    content: dict[str, Expression] = Field(default={}, max_length=OUTBOX_EVENTS_MAX)
    """What the event must say: column, or `delta:COLUMN` for the difference that the change made,
    to its place in the event. Compared as numbers where both are, else as text: a column must come
    as plain JSON (not as Debezium's base64 of a decimal)."""

    json_schema: str | None = None
    """File with the JSON Schema of its payload, the registered one."""


class OutboxConfig(Section):
    """A table whose committed changes must publish events, and the topic of those events.

    Where something stands in an event: `header:NAME`, `key`, `key:PATH`, `value:PATH`.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    """Name in metrics and reports."""

    side: str
    """The side whose connector captures the table and its outbox."""

    table: str = Field(min_length=1)
    """The table, with its schema."""

    table_topic: str | None = None
    """Its topic; `<topic_prefix>.<table>` when left out."""

    aggregate_column: str = Field(min_length=1)
    """Column of the table that is the events' aggregate id."""

    topic: str = Field(min_length=1)
    """Topic of the events; it must exist. That of the outbox table itself, where it is captured
    without Debezium's router: changes and events are then matched by their transaction."""

    event: Expression = "header:eventType"
    """Where the event's type stands."""

    aggregate: Expression = "key"
    """Where its aggregate id stands."""

    id: Expression | None = "header:id"
    """Where its own id stands: the same id again is a second delivery, no second event."""

    transaction: Expression | None = None
    """Where the id of its transaction stands: `value:source.txId` for a captured outbox table."""

    events: list[OutboxEventConfig] = Field(min_length=1, max_length=OUTBOX_EVENTS_MAX)
    """The events, and what must publish each."""

    within_seconds: float = Field(default=10.0, gt=0)
    """How long after its change an event may be committed, in log time. With an outbox in the same
    transaction nothing; what it takes costs time until a gap is told."""

    while_leading: str | None = None
    """A pair replicated both ways: only what is written while this outbox's side leads it must be
    published. Without it every change must, also those that a replicator writes."""

    request: Expression | None = None
    """Where the time stands at which the request came that led to the event (ISO 8601, or a number
    whose size tells its unit): `header:requestedAt`. What a change takes until the other side shows
    it is then measured from there."""

    trace: Expression | None = "header:traceparent"
    """Where the W3C trace context stands; a record without one is as good."""

    objective_seconds: float | None = Field(default=None, gt=0)
    """From the request until the other side shows it; `objective.convergence_seconds` when left
    out."""

    aggregates_max: int = Field(default=1_000_000, ge=1000)
    """Aggregates remembered by the whole of figwatch."""
