"""Ranges of keys, the same on both sides, compared row by row; what all ways by ranges share.

`figwatch.connectors.sweep.checksums` compares them inside the databases first. Each range is
bounded by keys; the first one is open to the left and the last one to the right, so that together
they cover each side's whole table, in whatever order that side sorts.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from figwatch.connectors.sweep.one_side import KeyText
from figwatch.connectors.sweep.reading import Found, Reading, same, text_of
from figwatch.connectors.sweep.rows import Row
from figwatch.validators.change import Side

SWOLLEN = 4
"""A range that holds so many times more rows on the target is made smaller: a million extra rows
must not become one range.
"""

T = TypeVar("T")
Counts = tuple[int, int]
Read = tuple[KeyText | None, Counts]
"""The end of the range that was read (None: the table's, or that of the stretch asked for), and
the number of rows of both sides."""


class Ranges:
    """What both ways have in common: where a range ends, and asking both servers at once."""

    def __init__(self, reading: Reading, executor: Executor) -> None:
        self._reading, self._executor = reading, executor

    def _boundary(
        self, side: Side, after: KeyText | None, until: KeyText | None, rows: int
    ) -> KeyText | None:
        statements = self._reading.readers[side].statements
        ends = self._reading.sessions[side].rows(statements.boundary((after, until), rows))
        return tuple(ends[0]) if ends else None

    def _both(self, ask: Callable[[Side], T]) -> list[T]:
        """Ask both servers at the same time."""
        target = self._executor.submit(ask, Side.TARGET)
        try:
            source = ask(Side.SOURCE)
        finally:
            target.exception()  # neither connection is left busy
        return [source, target.result()]


class Merge(Ranges):
    """The rows of both sides, range by range, compared here."""

    def range(self, after: KeyText | None, until: KeyText | None, rows: int, found: Found) -> Read:
        """Read about `rows` rows behind `after`, none beyond `until`."""
        end = self._boundary(Side.SOURCE, after, until, rows)
        bounds = after, end or until
        limit = SWOLLEN * rows
        source, target = self._both(lambda side: self._reading.lines(side, bounds, limit))
        if len(source) >= limit:  # it has grown since its end was asked for
            end = self._reading.readers[Side.SOURCE].key_text(source[-1])
            target = self._reading.lines(Side.TARGET, (after, end), limit)
        if len(target) >= limit:
            end = self._reading.readers[Side.TARGET].key_text(target[-1])
            source = self._reading.lines(Side.SOURCE, (after, end), None)
        return end, self.compare(source, target, found)

    def compare(self, source: list[bytes], target: list[bytes], found: Found) -> Counts:
        """Compare row by row. Lines that are equal are rows that are equal; the others go through
        the mapping. Returns the numbers of rows.
        """
        reading = self._reading
        source, target, counts = reading.unequal(Side.SOURCE, source, target)
        left = reading.read(Side.SOURCE, source)
        for key, row in reading.read(Side.TARGET, target).items():
            _compare(key, left.pop(key, None), row, found)
        for key, row in left.items():
            _compare(key, row, None, found)
        return counts


def _compare(key: bytes, source: Row | None, target: Row | None, found: Found) -> None:
    if source is None or target is None or not same(source, target):
        found(key, (text_of(source), text_of(target)))
