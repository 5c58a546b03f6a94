"""The ranges of a pair that is swept again and again: how old each look is, and which comes next.

Pure. `figwatch.connectors.sweep.background` looks, and writes them down.
"""

import datetime as dt
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

Key: TypeAlias = tuple[str, ...] | None

AGES_MAX = 64
"""Ages that are told of a pair."""
SWOLLEN = 4
"""A range that has grown to so many times the others' rows asks for new ranges."""


class Stretch(msgspec.Struct):
    """The rows behind key `after`, up to and with `until` (None: from the beginning, to the end).
    Times are those at which the last look began, in microseconds (0: there was none).
    """

    after: Key
    until: Key
    looked_us: int = 0
    clean_us: int = 0
    """0 as well where that look found a difference, or could not tell of all rows."""
    differences: int = 0
    source_rows: int = 0
    target_rows: int = 0
    dirty: int = 0
    """Keys, of a sample of those that the streams saw change since the last look."""

    def looked(
        self, began_us: int, differences: int, rows: tuple[int, int], *, whole: bool
    ) -> None:
        """Take a look's result."""
        self.looked_us = began_us
        self.clean_us = began_us if whole and not differences else 0
        self.differences, (self.source_rows, self.target_rows) = differences, rows
        self.dirty = 0


class Ranges(msgspec.Struct):
    """All ranges of a pair; together they are the whole table."""

    digest: str
    """What they belong to: mapping, tables, way."""
    stretches: list[Stretch]
    began_us: int = 0
    """When the present pass, or the last one, began: it is over once every range was looked at
    since then.
    """

    @property
    def left(self) -> list[Stretch]:
        """Those that the pass has still to look at, in that order: dirty ones first, then the
        oldest.
        """
        waiting = [s for s in self.stretches if s.looked_us < self.began_us]
        return sorted(waiting, key=lambda s: (-s.dirty, s.looked_us))

    @property
    def clean_us(self) -> int:
        """Every row was looked at since then, and was equal (0: that cannot be said)."""
        return min((s.clean_us for s in self.stretches), default=0)

    @property
    def ages_us(self) -> tuple[int, ...]:
        """`clean_us` of each range in the order of the keys; of a few neighbours the oldest."""
        each = -(-len(self.stretches) // AGES_MAX)
        ages = [s.clean_us for s in self.stretches]
        return tuple(min(ages[n : n + each]) for n in range(0, len(ages), each or 1))

    @property
    def swollen(self) -> bool:
        """Whether the ranges no longer share the rows alike."""
        rows = [max(s.source_rows, s.target_rows) for s in self.stretches]
        return len(rows) > 1 and max(rows) > SWOLLEN * max(sum(rows) // len(rows), 1_000)

    def due_us(self, every_us: int) -> int:
        """When there is something to look at: now (0) within a pass."""
        return 0 if self.left else self.began_us + every_us


def new_ranges(digest: str, bounds: Sequence[Key], before: Ranges | None = None) -> Ranges:
    """Ranges that end with these keys, and one behind the last. They are as old as the oldest of
    those that they replace.
    """
    ends = [*bounds, None]
    stretches = [Stretch(after, until) for after, until in zip([None, *bounds], ends, strict=True)]
    if before is None or before.digest != digest:
        return Ranges(digest, stretches)
    for stretch in stretches:
        stretch.looked_us = min((s.looked_us for s in before.stretches), default=0)
        stretch.clean_us = before.clean_us
    return Ranges(digest, stretches, before.began_us)


def open_window(window: str | None, now_us: int) -> bool:
    """Whether a time of day (UTC) lies in a window such as `22:00-05:30`."""
    if window is None:
        return True
    at = dt.datetime.fromtimestamp(now_us / 1e6, dt.UTC).strftime("%H:%M")
    begin, end = window.split("-")
    return begin <= at < end if begin <= end else at >= begin or at < end
