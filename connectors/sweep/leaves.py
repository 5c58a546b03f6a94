"""How the rows of a range share checksums: each leaf of it has one.

Where the key is one integer and both ends of the range are known, a leaf is a slice of it, so that
the index leads to the rows of one; otherwise it is made of the rows whose key's hash ends alike.
`figwatch.connectors.sweep.checksums` compares them.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeAlias

from figwatch.connectors.sweep.one_side import Range, RowHashes, Span

LEAF_ROWS = 256
"""Rows of a range that share one checksum, on average."""
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_WIDTH_MAX = 1 << 62

Sums: TypeAlias = dict[int, tuple[int, int]]
"""By leaf: its rows, and their hashes in one."""


@dataclasses.dataclass(frozen=True)
class Leaves:
    """How one range is divided: by slices, or (no slices) by the bits of `mask`. `step` 0: the
    slices are asked for one by one; otherwise all at once, each that wide, the first from `first`.
    """

    bounds: Range
    slices: tuple[Span, ...]
    mask: int
    step: int = 0
    first: int = 0

    @classmethod
    def of_range(cls, bounds: Range, rows: int, *, sliced: bool) -> "Leaves":
        """Leaves of a range that has about so many rows."""
        after, end = bounds
        parts = max(rows // LEAF_ROWS, 1)
        slices: list[Span] = []
        if sliced and after is not None and end is not None:
            slices, _ = _slices(int(after[0]) + 1, int(end[0]), parts)
        return cls(bounds, tuple(slices), max(1 << parts.bit_length() - 1, 1) - 1)

    @classmethod
    def of_all(cls, keys: Iterable[int], rows: int) -> "Leaves":
        """Slices of a whole table whose ends are among these keys. The outer ones are open: rows
        that come by beyond them belong there.
        """
        known = sorted(keys) or [0]
        first, last = known[0], known[-1]
        if last - first > _WIDTH_MAX:  # a server could not tell one from the other
            return cls.of_range((None, None), rows, sliced=False)
        slices, step = _slices(first, last, max(rows // LEAF_ROWS, 1))
        slices[0] = _LEAST, slices[0][1]
        slices[-1] = slices[-1][0], _MOST
        return cls((None, None), tuple(slices), 0, step, first)

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.slices) or self.mask + 1

    def asked(self, statements: RowHashes) -> Any:
        """The statement that asks for the checksums of all leaves that have rows."""
        if self.step:
            return statements.steps(self.first, self.step)
        if self.slices:
            return statements.slices(self.slices)
        return statements.leaves(self.bounds, self.mask)

    def summed(self, found: Iterable[tuple[Any, ...]]) -> Sums:
        """What the statement answered, by leaf."""
        if not self.step:
            return {leaf: (count, total) for leaf, count, total in found}
        sums: Sums = {}
        for leaf, count, total in found:
            place = min(max(leaf, 0), len(self.slices) - 1)
            rows, mixed = sums.get(place, (0, 0))
            sums[place] = rows + count, mixed ^ total
        return sums


def _slices(first: int, last: int, parts: int) -> tuple[list[Span], int]:
    step = max(-(-(last - first + 1) // parts), 1)
    return [(low, min(low + step - 1, last)) for low in range(first, last + 1, step)], step
