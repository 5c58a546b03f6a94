"""The books of one pair's sweep: which ranges are done with, what they held, where to go on.

A range is done with only when it was read AND every suspect found in it is settled; ranges close in
their order. So a state that is written down never covers a row that was not looked at, whenever the
process is killed. `figwatch.connectors.sweep.state_file` writes it, `...runner` fills it.
"""

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

from figwatch.validators.sweep.result import Difference

UNCONFIRMED_LISTED_MAX = 1_000


@dataclasses.dataclass(slots=True)
class Totals:
    """What the closed ranges held."""

    source_rows: int = 0
    target_rows: int = 0
    differences: list[Difference] = dataclasses.field(default_factory=list)
    differences_total: int = 0
    unconfirmed: int = 0
    unconfirmed_keys: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    in_flight: int = 0
    unreadable: int = 0
    ambiguous: int = 0


@dataclasses.dataclass(slots=True)
class _Range:
    next: tuple[int, tuple[str, ...] | None] | None = None
    read: bool = False
    waiting: int = 0
    totals: Totals = dataclasses.field(default_factory=Totals)
    reported: set[bytes] = dataclasses.field(default_factory=set)


class Progress:
    """Ranges by number, closed in order. `listed_max` bounds the list of differences."""

    def __init__(self, listed_max: int, totals: Totals | None = None) -> None:
        self.totals = totals or Totals()
        self.next: tuple[int, tuple[str, ...] | None] | None = (0, None)
        """Where a later sweep goes on: behind the last closed range; None: nothing is left."""
        self._listed_max = listed_max
        self._open: collections.OrderedDict[int, _Range] = collections.OrderedDict()
        self._number = 0

    def begin(self) -> int:
        """Open a range; its number."""
        self._number += 1
        self._open[self._number] = _Range()
        return self._number

    def suspect(self, number: int, key: bytes) -> bool:
        """A key of a range looks different; False when the range has settled it before."""
        if key in self._open[number].reported:
            return False
        self._open[number].waiting += 1
        return True

    def settled(self, number: int, key: bytes) -> Totals | None:
        """A suspect is settled: the totals to book it in, None when it is booked already."""
        entry = self._open[number]
        entry.waiting -= 1
        if key in entry.reported:
            return None
        entry.reported.add(key)
        return entry.totals

    def difference(self, totals: Totals, make: Any) -> None:
        """Book a difference; `make` is called only when it is to be listed."""
        totals.differences_total += 1
        if self.listed < self._listed_max:
            totals.differences.append(make())

    @property
    def listed(self) -> int:
        """Differences listed so far, open ranges included."""
        return len(self.totals.differences) + sum(
            len(r.totals.differences) for r in self._open.values()
        )

    @property
    def differences_total(self) -> int:
        """Differences so far, open ranges included."""
        opened = sum(r.totals.differences_total for r in self._open.values())
        return self.totals.differences_total + opened

    @property
    def rows(self) -> tuple[int, int]:
        """Rows read so far on both sides, open ranges included."""
        parts = [self.totals, *(r.totals for r in self._open.values())]
        return sum(p.source_rows for p in parts), sum(p.target_rows for p in parts)

    def read(
        self, number: int, following: tuple[int, tuple[str, ...] | None] | None,
        source_rows: int, target_rows: int, unreadable: int, ambiguous: int,
    ) -> None:  # fmt: skip
        """A range was read to its end."""
        entry = self._open[number]
        entry.read, entry.next = True, following
        totals = entry.totals
        totals.source_rows, totals.target_rows = source_rows, target_rows
        totals.unreadable += unreadable
        totals.ambiguous += ambiguous

    def close(self) -> None:
        """Close every range, in order, that is done with."""
        while self._open:
            number, entry = next(iter(self._open.items()))
            if not entry.read or entry.waiting:
                return
            del self._open[number]
            _add(self.totals, entry.totals)
            self.next = entry.next

    def all_totals(self) -> Totals:
        """What was found, open ranges included: for the result of a sweep that was cut short."""
        totals = dataclasses.replace(
            self.totals,
            differences=list(self.totals.differences),
            unconfirmed_keys=list(self.totals.unconfirmed_keys),
        )
        for entry in self._open.values():
            _add(totals, entry.totals)
        return totals


def _add(totals: Totals, more: Totals) -> None:
    totals.source_rows += more.source_rows
    totals.target_rows += more.target_rows
    totals.differences += more.differences
    totals.differences_total += more.differences_total
    totals.unconfirmed += more.unconfirmed
    left = UNCONFIRMED_LISTED_MAX - len(totals.unconfirmed_keys)
    totals.unconfirmed_keys += more.unconfirmed_keys[: max(left, 0)]
    totals.in_flight += more.in_flight
    totals.unreadable += more.unreadable
    totals.ambiguous += more.ambiguous
