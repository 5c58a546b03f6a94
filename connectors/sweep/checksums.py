"""Ranges of keys compared by checksums that the databases make; only parts that differ are read.

A range falls into leaves, each with a checksum of its own. Where the key is one integer and both
ends of the range are known, a leaf is a slice of it, so that the index leads to the rows of one;
otherwise it is made of the rows whose key's hash ends alike. `figwatch.connectors.sweep.statements`
asks, `...ranges` compares rows.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeAlias

from figwatch.connectors.sweep.one_side import KeyText, Range, RowHashes, Span
from figwatch.connectors.sweep.ranges import SWOLLEN, Counts, Merge, Ranges, Read
from figwatch.connectors.sweep.reading import Found, Reading
from figwatch.connectors.sweep.rows import UnreadableKeyError
from figwatch.validators.change import Side

LEAF_ROWS = 256
"""Rows of a range that share one checksum, on average."""

Sums: TypeAlias = dict[int, tuple[int, int]]
"""By leaf: its rows, and their hashes in one."""


class Leaves:
    """How one range is divided: by slices, or (no slices) by the bits of `mask`."""

    def __init__(self, bounds: Range, rows: int, *, sliced: bool) -> None:
        after, end = bounds
        parts = max(rows // LEAF_ROWS, 1)
        self.bounds = bounds
        self.slices: list[Span] = []
        self.mask = max(1 << parts.bit_length() - 1, 1) - 1
        if sliced and after is not None and end is not None:
            self.slices = _slices(int(after[0]) + 1, int(end[0]), parts)
        self.number = len(self.slices) or self.mask + 1

    def asked(self, statements: RowHashes) -> Any:
        """The statement that asks for the checksums of all leaves that have rows."""
        if self.slices:
            return statements.slices(self.slices)
        return statements.leaves(self.bounds, self.mask)


def _slices(first: int, last: int, parts: int) -> list[Span]:
    step = max(-(-(last - first + 1) // parts), 1)
    return [(low, min(low + step - 1, last)) for low in range(first, last + 1, step)]


class Checksums(Ranges):
    """The way `checksum`."""

    def __init__(self, reading: Reading, executor: Executor) -> None:
        super().__init__(reading, executor)
        self._merge = Merge(reading, executor)
        self._sliced = all(self._hashes(side).sliceable for side in Side)

    def range(self, after: KeyText | None, until: KeyText | None, rows: int, found: Found) -> Read:
        """Compare about `rows` rows behind `after`, none beyond `until`."""
        end = self._boundary(Side.SOURCE, after, until, rows)
        leaves, sums, counts = self._sums((after, end or until), rows)
        if counts[Side.TARGET] > SWOLLEN * rows:
            end = self._boundary(Side.TARGET, after, end or until, rows)
            leaves, sums, counts = self._sums((after, end or until), rows)
        differ = [n for n in sums[0].keys() | sums[1].keys() if sums[0].get(n) != sums[1].get(n)]
        if len(differ) > leaves.number // 2 and len(differ) > 1:
            # Cheaper than asking for most of it.
            source, target = self._both(lambda side: self._reading.lines(side, leaves.bounds, None))
            self._merge.compare(source, target, found)
        elif differ:
            self._compare_hashes(leaves, sorted(differ), rows, found)
        return end, counts

    def _sums(self, bounds: Range, rows: int) -> tuple[Leaves, list[Sums], Counts]:
        leaves = Leaves(bounds, rows, sliced=self._sliced)

        def ask(side: Side) -> Sums:
            found = self._reading.sessions[side].rows(leaves.asked(self._hashes(side)))
            return {leaf: (count, total) for leaf, count, total in found}

        sums = self._both(ask)
        source, target = (sum(int(leaf[0]) for leaf in side.values()) for side in sums)
        return leaves, sums, (source, target)

    def _hashes(self, side: Side) -> RowHashes:
        statements = self._reading.readers[side].statements
        assert isinstance(statements, RowHashes)  # the planner goes this way only where both can
        return statements

    def _compare_hashes(
        self, leaves: Leaves, differ: list[int], rows: int, found: Found
    ) -> None:  # fmt: skip
        sides = self._both(lambda side: list(self._hashed(side, leaves, differ, rows)))
        ours, theirs = set(sides[0]), set(sides[1])  # equal texts are equal keys
        known: dict[bytes, tuple[KeyText, str]] = {}
        for key, text, row_hash in self._readable(Side.SOURCE, ours - theirs):
            self._reading.ambiguous += key in known
            known[key] = text, row_hash
        for key, text, row_hash in self._readable(Side.TARGET, theirs - ours):
            other = known.pop(key, None)
            if other is None:
                found(key, (None, text))
            elif other[1] != row_hash:
                found(key, (other[0], text))
        for key, (text, _) in known.items():
            found(key, (text, None))

    def _readable(
        self, side: Side, rows: Iterable[tuple[str, ...]]
    ) -> Iterator[tuple[bytes, KeyText, str]]:
        for *texts, row_hash in rows:
            try:
                yield self._reading.readers[side].key_of(texts), tuple(texts), row_hash
            except UnreadableKeyError:
                self._reading.unreadable += 1

    def _hashed(
        self, side: Side, leaves: Leaves, differ: list[int], rows: int
    ) -> Iterator[tuple[str, ...]]:
        """Key and hash of every row in these leaves, page by page."""
        statements, session, limit = self._hashes(side), self._reading.sessions[side], 2 * rows
        if leaves.slices:  # a range holds no more than a few pages
            yield from session.rows(statements.sliced_keys([leaves.slices[n] for n in differ]))
            return
        after, end = leaves.bounds
        while True:
            page = session.rows(statements.hashed_keys((after, end), leaves.mask, differ, limit))
            yield from page
            if len(page) < limit:
                return
            after = tuple(page[-1][:-1])
