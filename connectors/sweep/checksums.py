"""Ranges of keys compared by checksums that the databases make; only parts that differ are read.

A range falls into leaves (`figwatch.connectors.sweep.leaves`), each with a checksum of its own. A
table that is not large is one range: its servers read it in the order of its pages, which costs
less than the index and keeps one snapshot for a second or so. `...statements` asks, `...ranges`
compares rows.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import TypeAlias

from figwatch.connectors.sweep.leaves import Leaves, Sums
from figwatch.connectors.sweep.one_side import KeyText, Range, RowHashes
from figwatch.connectors.sweep.ranges import SWOLLEN, Counts, Merge, Ranges, Read
from figwatch.connectors.sweep.reading import Found, Reading
from figwatch.connectors.sweep.rows import UnreadableKeyError
from figwatch.connectors.sweep.session import DatabaseError
from figwatch.validators.change import Side

WIDE = 5
"""So many more rows are summed up at a time than are read: that takes about as long."""
AT_ONCE = 64
"""A table of so many times `rows` is summed up in one go."""
QUIET_SECONDS = 0.02
"""A server that writes nothing for so long is thought to be at rest."""

Summed: TypeAlias = tuple[list[Sums], Counts, list[int]]
"""The checksums of both sides, their rows, and the leaves that differ."""


class Checksums(Ranges):
    """The way `checksum`. `rows_expected` by the catalogue; 0 where a table is not to be summed up
    in one go, or is of unknown size.
    """

    def __init__(self, reading: Reading, executor: Executor, rows_expected: int = 0) -> None:
        super().__init__(reading, executor)
        self._merge = Merge(reading, executor)
        self._sliced = all(self._hashes(side).sliceable for side in Side)
        self._rows_expected = rows_expected

    def range(self, after: KeyText | None, until: KeyText | None, rows: int, found: Found) -> Read:
        """Compare about `rows` rows, or as many as take as long, behind `after`, none beyond
        `until`.
        """
        expected, self._rows_expected = self._rows_expected, 0  # tried once
        if (after, until) == (None, None) and 0 < expected <= AT_ONCE * rows:
            counts = self._at_once(expected, rows * WIDE, found)
            if counts is not None:
                return None, counts
        rows *= WIDE
        end = self._boundary(Side.SOURCE, after, until, rows)
        leaves = Leaves.of_range((after, end or until), rows, sliced=self._sliced)
        _, counts, differ = self._sums(leaves)
        if counts[Side.TARGET] > SWOLLEN * rows:
            end = self._boundary(Side.TARGET, after, end or until, rows)
            leaves = Leaves.of_range((after, end or until), rows, sliced=self._sliced)
            _, counts, differ = self._sums(leaves)
        if len(differ) > leaves.number // 2 and len(differ) > 1:
            # Cheaper than asking for most of it.
            self._read(leaves.bounds, rows // WIDE, found)
        elif differ:
            self._compare_hashes(leaves, differ, rows, found)
        return end, counts

    def _at_once(self, expected: int, rows: int, found: Found) -> Counts | None:
        """Compare the whole table; None where that is not possible, or where leaves of more than
        `rows` rows differ.
        """
        try:
            if all(self._both(lambda side: self._reading.sessions[side].still(QUIET_SECONDS))):
                whole = self._whole()
                if whole is not None:
                    return whole
            leaves = self._leaves_of_all(expected)
            sums, counts, differ = self._sums(leaves)
        except DatabaseError:
            return None  # whatever it is, ranges meet it too, and have their retries
        if max(sum(side.get(n, (0, 0))[0] for n in differ) for side in sums) > rows:
            return None
        if differ:
            self._compare_hashes(leaves, differ, rows, found)
        return counts

    def _whole(self) -> Counts | None:
        """The rows of both sides where all are equal: sharing them out into leaves takes a quarter
        of the time, and where nobody writes (at a cutover) it is not needed.
        """

        def ask(side: Side) -> tuple[int, int | None]:
            statement = self._hashes(side).whole()
            ((count, mixed),) = self._reading.sessions[side].rows_of_all(statement)
            return count, mixed

        source, target = self._both(ask)
        return (source[0], target[0]) if source == target else None

    def _leaves_of_all(self, rows: int) -> Leaves:
        if not self._sliced:
            return Leaves.of_range((None, None), rows, sliced=False)
        ends = self._both(
            lambda side: self._reading.sessions[side].rows(self._hashes(side).ends())[0]
        )
        return Leaves.of_all([key for both in ends for key in both if key is not None], rows)

    def _sums(self, leaves: Leaves) -> Summed:
        def ask(side: Side) -> Sums:
            session, statement = self._reading.sessions[side], leaves.asked(self._hashes(side))
            of_all = leaves.bounds == (None, None)
            return leaves.summed((session.rows_of_all if of_all else session.rows)(statement))

        sums = self._both(ask)
        source, target = (sum(int(leaf[0]) for leaf in side.values()) for side in sums)
        differ = [n for n in sums[0].keys() | sums[1].keys() if sums[0].get(n) != sums[1].get(n)]
        return sums, (source, target), sorted(differ)

    def _read(self, bounds: Range, rows: int, found: Found) -> None:
        """Compare the rows themselves, a few at a time."""
        after, until = bounds
        while True:
            end, _ = self._merge.range(after, until, rows, found)
            if end is None:
                return
            after = end

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
