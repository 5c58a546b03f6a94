"""The words for what is planted and what must be found. Next: `faults` plants, `story` compares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What can be planted."""

    LOST_UPDATE = "lost_update"
    """The replicator passes over an update."""
    LOST_INSERT = "lost_insert"
    """The replicator passes over an insert."""
    LOST_DELETE = "lost_delete"
    """The replicator passes over a delete."""
    WRONG_VALUE = "wrong_value"
    """Somebody changes values in the service's tables."""
    FOREIGN_WRITE = "foreign_write"
    """Somebody inserts a row in the service's tables that the monolith never had."""
    STALE_OVERWRITE = "stale_overwrite"
    """Somebody writes an older version back over the newer one."""
    REPLICATOR_STALLED = "replicator_stalled"
    """The replicator stands still for a while: late, but nothing is lost."""
    CONNECTOR_STOPPED = "connector_stopped"
    """The monolith's connector is paused for a while: likewise."""


class Kind(StrEnum):
    """The kinds of finding, as figwatch names them."""

    MISSING = "missing"
    EXTRA = "extra"
    STALE = "stale"
    VALUE_MISMATCH = "value_mismatch"


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding that must come. `columns` by their names at the source; none when a row lacks."""

    pair: str
    item_id: int
    kind: Kind
    columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Planted:
    """What was done, and what must be found: nothing where it was only a delay.

    `began_us` and `planted_us` (microseconds since 1970) are before and after the planting.
    """

    fault: Fault
    expected: tuple[Expected, ...]
    began_us: int
    planted_us: int


def stale(item_id: int) -> tuple[Expected, ...]:
    """After a change of quantity and updated_at that does not show (any more)."""
    return (
        Expected("stock", item_id, Kind.STALE, frozenset({"quantity"})),
        Expected("items", item_id, Kind.STALE, frozenset({"updated_at"})),
    )


def rows(item_id: int, kind: Kind) -> tuple[Expected, ...]:
    return tuple(Expected(pair, item_id, kind) for pair in ("stock", "items"))
