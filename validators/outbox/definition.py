"""Which change of a table must publish which event, as it was declared.

`figwatch.connectors.outbox_definitions` makes these, `figwatch.validators.outbox.judge` works by
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

UNKNOWN = "\0"
"""Stands for a value that the record did not carry (an unchanged long one)."""

Values = tuple[str | None, ...]
"""A row's or an event's declared values as text that compares; None is null."""


@dataclass(frozen=True, slots=True)
class Field:
    """One compared field of an event: a column's value or, where `delta`, its difference."""

    name: str
    column: int
    delta: bool = False


@dataclass(frozen=True, slots=True)
class EventRule:
    """One event type. Columns by their place in `Definition.columns`."""

    type: str
    operations: frozenset[str]
    """`c`, `u`, `d`."""
    changed: tuple[int, ...] = ()
    """At least one of them changed."""
    grew: tuple[int, ...] = ()
    fell: tuple[int, ...] = ()
    equal: tuple[tuple[int, str], ...] = ()
    """Columns that must have these values after the change."""
    content: tuple[Field, ...] = ()

    def required(self, op: str, old: Values | None, new: Values) -> bool | None:
        """Whether a change must publish it; None where that is not known."""
        if op not in self.operations:
            return False
        if any(new[n] not in {value, UNKNOWN} for n, value in self.equal):
            return False
        if any(new[n] == UNKNOWN for n, _ in self.equal):
            return None
        if not (self.changed or self.grew or self.fell) or op != "u":
            return True
        if old is None:
            return None
        told = [
            *(_compared(old[n], new[n], {-1, 1}) for n in self.changed),
            *(_compared(old[n], new[n], {1}) for n in self.grew),
            *(_compared(old[n], new[n], {-1}) for n in self.fell),
        ]
        return True if True in told else None if None in told else False

    def expected(self, old: Values | None, new: Values) -> Values:
        """The event's content."""
        return tuple(
            _delta(old[field.column] if old is not None else UNKNOWN, new[field.column])
            if field.delta
            else new[field.column]
            for field in self.content
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """One table and the topic of its events. Times in microseconds."""

    name: str
    table_topic: str
    event_topic: str
    columns: tuple[str, ...]
    events: tuple[EventRule, ...]
    within_us: int
    """How long after the change its event may be committed."""
    skew_us: int = 0
    """Bound between the database's clock and Kafka's."""
    pair: str = ""
    """Only what is written while the table's side leads this pair must be published."""
    lead: int = 0
    """Which side that is: 0 the configuration's authority, 1 the other one."""
    objective_us: int = 1_000_000
    """How long it may take from the request until the other side shows it."""
    aggregates_max: int = 100_000
    """Aggregates that one judge remembers; beyond it the one seen longest ago is forgotten."""


def matches(first: Values, second: Values) -> bool:
    """Whether two contents can be the same."""
    return all(UNKNOWN in (a, b) or a == b for a, b in zip(first, second, strict=True))


def _number(value: str | None) -> Decimal | None:
    try:
        return None if value is None or value == UNKNOWN else Decimal(value)
    except InvalidOperation:
        return None


def _compared(old: str | None, new: str | None, wanted: Sequence[int] | set[int]) -> bool | None:
    """Whether a value went one of these ways (-1 down, 1 up); None where that is not known."""
    if UNKNOWN in (old, new):
        return None
    if old == new:
        return False
    before, after = _number(old), _number(new)
    if before is None or after is None:
        return len(wanted) > 1
    return (1 if after > before else -1) in wanted


def _delta(old: str | None, new: str | None) -> str | None:
    before, after = _number(old), _number(new)
    return UNKNOWN if before is None or after is None else plain_number(after - before)


def plain_number(number: Decimal) -> str:
    """One text for a number, however it was written."""
    return format(number.normalize() + 0, "f") if number.is_finite() else str(number)
