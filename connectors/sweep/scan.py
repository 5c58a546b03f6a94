"""Finding keys that look different, range by range, in the way that the plan says.

`figwatch.connectors.sweep.ranges` and `...lookup` are the ways; `...runner` drives this.
"""

import dataclasses
from concurrent.futures import Executor

from figwatch.connectors.sweep.checksums import Checksums
from figwatch.connectors.sweep.lookup import Lookup
from figwatch.connectors.sweep.one_side import KeyText
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.connectors.sweep.ranges import Merge
from figwatch.connectors.sweep.reading import Found, Reading
from figwatch.validators.change import Side
from figwatch.validators.sweep.plan import Way


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: the pass (look-ups make two), and the last key that is done with."""

    phase: int = 0
    after: KeyText | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Scanned:
    """One range that was read. `next` None: it was the last one."""

    next: Position | None
    source_rows: int
    target_rows: int
    unreadable: int = 0
    """Rows whose key the mapping cannot read."""
    ambiguous: int = 0
    """Rows that share their canonical key with another row of their table."""


class Scan:
    """The ranges of one pair, or of a stretch of it that ends with the key `until`. `in_bursts`: a
    server may be kept busy for a second or so.
    """

    def __init__(
        self, prepared: Prepared, executor: Executor, until: KeyText | None = None, *,
        in_bursts: bool = True,
    ) -> None:  # fmt: skip
        self._way = prepared.plan.way
        self._reading = Reading(prepared.sessions, prepared.readers)
        expected = max(table.rows_estimate for table in prepared.tables)
        self._ranges = (
            Checksums(self._reading, executor, expected if in_bursts else 0)
            if self._way is Way.CHECKSUM
            else Merge(self._reading, executor)
        )
        self._lookup = Lookup(self._reading, prepared.keys)
        self._until = until

    def range(self, position: Position, rows: int, found: Found) -> Scanned:
        """Read the range of about `rows` rows behind a position."""
        reading = self._reading
        reading.unreadable = reading.ambiguous = 0
        following: Position | None = None
        if self._way is Way.LOOKUP:
            left, counts = self._lookup.range(position.phase, position.after, rows, found)
            following = None if left is None else Position(*left)
        else:
            end, counts = self._ranges.range(position.after, self._until, rows, found)
            following = None if end is None else Position(0, end)
        return Scanned(following, *counts, reading.unreadable, reading.ambiguous)

    def texts(self, key: bytes, side: Side) -> KeyText:
        """How a key is written on a side, as far as is known."""
        return self._lookup.texts(key, side)

    @property
    def varied(self) -> bool:
        """Keys were met that are written in several ways: only this process knows of them."""
        return any(self._lookup.variants)
