"""What figwatch is told of routed writes: sagas, by their events or by a saga-state table.

Part of `figwatch.connectors.config.root`; `figwatch.connectors.saga_definitions` checks a saga and
makes of it what the judge works on.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.record_fields import check_expression
from figwatch.validators.sagas.definition import STEPS_MAX

SAGAS_MAX = 50
TOPICS_MAX = 50
EVENTS_MAX = 500

Expression = Annotated[str, AfterValidator(check_expression)]


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


class SagaStepConfig(Section):
    """One step of a saga, by the names of its events."""

    name: str = Field(min_length=1, max_length=100)
    """Name of the step; where a state table tells of steps, its name there."""

    done: str = ""
    """Event that says it is done."""

    failed: str = ""
    """Event that says it failed."""

    undone: str = ""
    """Event that says that its compensation is done; none: there is nothing to undo."""

    compensable: bool | None = None
    """Whether it must be undone when the saga fails; by default where `undone` names an event.
    For state tables that tell of steps."""

    after: list[str] | None = Field(default=None, max_length=STEPS_MAX)
    """Steps that must be done before; the one above it when left out. `[]`: none."""


class SagaTopicConfig(Section):
    """A topic that carries a saga's events, as Debezium's outbox router writes them.

    Where something stands in a record: `header:NAME`, `key`, `key:PATH`, `value:PATH`.
    """

    side: str
    """The side whose connector writes the topic: its heartbeats say how far it is known."""

    topic: str = Field(min_length=1)
    """The topic; it must exist."""

    event: Expression = "header:eventType"
    """Where the event's name stands."""

    correlation: Expression
    """Where the saga's id stands."""

    correlation_pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """Regular expression of the ids that are this saga's, group 1 being the id where it has one;
    an event with another is none of this saga's."""

    id: Expression | None = "header:id"
    """Where the event's own id stands: it tells a second delivery from a second execution."""

    time: Expression | None = None
    """Where the time of the event stands (number or ISO 8601); Kafka's when left out."""


class SagaStateConfig(Section):
    """A saga-state table, read by change capture."""

    side: str
    """The side whose connector captures the table."""

    table: str = Field(min_length=1)
    """The table, with its schema."""

    topic: str | None = None
    """Its topic; `<topic_prefix>.<table>` when left out."""

    layout: Literal["debezium", "eventuate", "seata", "masstransit", "columns"] = "columns"
    """Whose table it is: Debezium's saga example (`sagastate`), Eventuate (`saga_instance`), Seata
    (`seata_state_machine_inst`), MassTransit (finalised rows are deleted), or one of your own."""

    correlation: str | None = None
    """Column of the saga's id, where it is not the layout's."""

    status: str | None = None
    """Column of its status, where it is not the layout's."""

    type_column: str | None = None
    """Column that names the kind of saga, where it is not the layout's."""

    type_value: str | None = None
    """Only rows of this kind are the saga's."""

    step_column: str | None = None
    """Column with the status of each step as a JSON object, where it is not the layout's."""

    states: dict[str, Literal["running", "compensating", "completed", "compensated", "failed"]] = (
        Field(default={}, max_length=EVENTS_MAX)
    )
    """What a status means, added to what the layout knows."""

    deleted_is_end: bool | None = None
    """Whether a deleted row means that the saga is over (completed, or compensated where it was
    compensating), and not only cleaned up; so for MassTransit."""


class SagaConfig(Section):
    """One kind of saga."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    """Name in metrics and reports."""

    time_limit_seconds: float = Field(gt=0)
    """From the start to the end; a failed one has as long again for its compensations. What takes
    longer is stuck."""

    compensated_is_success: bool = False
    """Whether a saga that failed and was undone completely counts as a success."""

    start: list[str] = Field(default=[], max_length=EVENTS_MAX)
    """Events that start it."""

    steps: list[SagaStepConfig] = Field(default=[], max_length=STEPS_MAX)
    """Its steps, in order; `after` where they run side by side."""

    ignored_events: list[str] = Field(default=[], max_length=EVENTS_MAX)
    """Events on its topics that mean nothing for it; any other one is counted as undeclared."""

    topics: list[SagaTopicConfig] = Field(default=[], max_length=TOPICS_MAX)
    """Choreographed, or orchestrated by events: the topics with its events."""

    state: SagaStateConfig | None = None
    """Orchestrated with a state table: in place of topics."""

    open_max: int = Field(default=1_000_000, ge=1000)
    """Open sagas kept by the whole of figwatch; beyond it the oldest become unknown."""

    closed_max: int = Field(default=200_000, ge=1000)
    """Closed sagas remembered, so that what comes late or twice changes nothing."""

    remember_hours: float = Field(default=24.0, gt=0)
    """How long a closed saga is remembered at most."""
