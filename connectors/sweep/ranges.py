"""Ranges of keys, the same on both sides: by checksums made inside the databases, or row by row.

Each range is bounded by keys; the first one is open to the left and the last one to the right, so
that together they cover each side's whole table, in whatever order that side sorts.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import TypeVar

from figwatch.connectors.sweep.one_side import KeyText, Range, RowHashes
from figwatch.connectors.sweep.reading import Found, Reading, same, text_of
from figwatch.connectors.sweep.rows import Row, UnreadableKeyError
from figwatch.validators.change import Side

LEAF_ROWS = 256
"""Rows of a range that share one checksum, on average."""
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


class Checksums(Ranges):
    """Checksums of the leaves of a range (rows by their key's hash); only differing ones are
    read.
    """

    def __init__(self, reading: Reading, executor: Executor) -> None:
        super().__init__(reading, executor)
        self._merge = Merge(reading, executor)

    def range(self, after: KeyText | None, until: KeyText | None, rows: int, found: Found) -> Read:
        """Compare about `rows` rows behind `after`, none beyond `until`."""
        end = self._boundary(Side.SOURCE, after, until, rows)
        mask = max(1 << max(rows // LEAF_ROWS, 1).bit_length() - 1, 1) - 1
        sums, counts = self._sums((after, end or until), mask)
        if counts[Side.TARGET] > SWOLLEN * rows:
            end = self._boundary(Side.TARGET, after, end or until, rows)
            sums, counts = self._sums((after, end or until), mask)
        bounds = after, end or until
        leaves = [n for n in sums[0].keys() | sums[1].keys() if sums[0].get(n) != sums[1].get(n)]
        if len(leaves) > (mask + 1) // 2 and len(leaves) > 1:
            # Cheaper than asking for most of it.
            source, target = self._both(lambda side: self._reading.lines(side, bounds, None))
            self._merge.compare(source, target, found)
        elif leaves:
            self._compare_hashes(bounds, mask, leaves, rows, found)
        return end, counts

    def _sums(self, bounds: Range, mask: int) -> tuple[list[dict[int, tuple[int, int]]], Counts]:
        sums = self._both(lambda side: self._leaves(side, bounds, mask))
        source, target = (sum(int(leaf[0]) for leaf in side.values()) for side in sums)
        return sums, (source, target)

    def _row_hashes(self, side: Side) -> RowHashes:
        statements = self._reading.readers[side].statements
        assert isinstance(statements, RowHashes)  # the planner goes this way only where both can
        return statements

    def _leaves(self, side: Side, bounds: Range, mask: int) -> dict[int, tuple[int, int]]:
        statement = self._row_hashes(side).leaves(bounds, mask)
        found = self._reading.sessions[side].rows(statement)
        return {leaf: (count, total) for leaf, count, total in found}

    def _compare_hashes(
        self, bounds: Range, mask: int, leaves: list[int], rows: int, found: Found
    ) -> None:
        known: dict[bytes, tuple[KeyText, str]] = {}
        for key, text, row_hash in self._hashed(Side.SOURCE, bounds, mask, leaves, rows):
            self._reading.ambiguous += key in known
            known[key] = text, row_hash
        for key, text, row_hash in self._hashed(Side.TARGET, bounds, mask, leaves, rows):
            other = known.pop(key, None)
            if other is None:
                found(key, (None, text))
            elif other[1] != row_hash:
                found(key, (other[0], text))
        for key, (text, _) in known.items():
            found(key, (text, None))

    def _hashed(
        self, side: Side, bounds: Range, mask: int, leaves: list[int], rows: int
    ) -> Iterator[tuple[bytes, KeyText, str]]:
        reader, limit = self._reading.readers[side], 2 * rows
        after, end = bounds
        while True:
            statement = self._row_hashes(side).hashed_keys((after, end), mask, leaves, limit)
            page = self._reading.sessions[side].rows(statement)
            for *texts, row_hash in page:
                text = tuple(texts)
                try:
                    yield reader.key_of(text), text, row_hash
                except UnreadableKeyError:
                    self._reading.unreadable += 1
            if len(page) < limit:
                return
            after = tuple(page[-1][:-1])


def _compare(key: bytes, source: Row | None, target: Row | None, found: Found) -> None:
    if source is None or target is None or not same(source, target):
        found(key, (text_of(source), text_of(target)))
