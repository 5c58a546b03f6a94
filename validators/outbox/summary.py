"""What one partition says of outbox events, and how such summaries merge.

Part of `figwatch.validators.summary.Summary`; made by `figwatch.validators.outbox.decide`.
"""

import msgspec

from figwatch.validators.outbox.legs import LegBooks, merge_legs

LISTED_MAX = 50
"""Faults listed for each outbox and partition; the counts go on."""
FAULTS = ("gap", "ghost", "duplicate", "content", "order", "schema")
"""A change without its event, an event without its change, two events for one change, other
content than the change's, another order than the changes', not of its schema."""
OTHERS = ("matched", "late", "redelivered", "undeclared", "unknown", "dropped")
"""`late`: called a gap before it came. `redelivered`: the same event id again, which delivery at
least once allows. `unknown`: could not be told. `dropped`: more waited than is kept."""


class OutboxCase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event, or change, that is not as it must be."""

    fault: str
    aggregate: str
    type: str
    at_us: int
    """Commit time of the change or, where there is none, Kafka's time of the event."""
    detected_us: int
    fields: tuple[str, ...] = ()
    """Fields of the content that differ, or what the schema objects to."""


class OutboxSummary(msgspec.Struct, array_like=True, gc=False):
    """Counts of one outbox."""

    counts: dict[str, int]
    waiting: int
    """Changes and events that have not met yet."""
    known_us: int
    """Changes and events committed before were looked at (0: not known)."""
    cases: list[OutboxCase]
    legs: dict[str, LegBooks] = {}
    """How long its changes take until the other side shows them, by pair."""

    @property
    def faults(self) -> int:
        """All that is wrong; what came late is none."""
        late = self.counts.get("late", 0)
        return max(0, sum(self.counts.get(name, 0) for name in FAULTS) - late)


def merge_outboxes(into: dict[str, OutboxSummary], other: dict[str, OutboxSummary]) -> None:
    """Add another partition's summaries to the first."""
    for name, more in other.items():
        mine = into.get(name)
        if mine is None:
            into[name] = msgspec.msgpack.decode(msgspec.msgpack.encode(more), type=OutboxSummary)
            continue
        for what, count in more.counts.items():
            mine.counts[what] = mine.counts.get(what, 0) + count
        mine.waiting += more.waiting
        merge_legs(mine.legs, more.legs)
        mine.known_us = min(mine.known_us, more.known_us)
        cases = sorted([*mine.cases, *more.cases], key=lambda case: -case.detected_us)
        mine.cases = cases[:LISTED_MAX]
