"""How much of what converged lately was within the objective: counts by minute and by hour.

A planned stall must not spoil the share for ever, so the gate asks for a window, which moves on
from one fixed beginning to the next (`figwatch.validators.statistics.windows`). What
`figwatch.validators.books` books here, `figwatch.validators.stages.sync` asks.
"""

import msgspec

from figwatch.validators.statistics.windows import Beginning, beginning

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
MINUTES_MAX = 60
RATE_MINUTES = 5
HOURS_MAX = 24

Counts = tuple[int, int]
"""(changes, those within the objective)."""


class Lately(msgspec.Struct, array_like=True, gc=False):
    """Mergeable counts of the last hour by minute and of the last day by hour, each under the
    number of its minute or hour since the epoch.
    """

    minutes: dict[int, Counts] = {}
    hours: dict[int, Counts] = {}
    first_hour: int = 0
    """Number of the hour in which booking began: the origin of all beginnings (0: not yet)."""

    def add(self, now_us: int, count: int, within: int) -> None:
        """Book changes that converged, at figwatch's time."""
        self.first_hour = self.first_hour or now_us // HOUR_US
        _add(self.minutes, now_us // MINUTE_US, (count, within), MINUTES_MAX)
        _add(self.hours, now_us // HOUR_US, (count, within), HOURS_MAX)

    def merge(self, other: "Lately") -> None:
        """Add another partition's."""
        for minute, counts in sorted(other.minutes.items()):
            _add(self.minutes, minute, counts, MINUTES_MAX)
        for hour, counts in sorted(other.hours.items()):
            _add(self.hours, hour, counts, HOURS_MAX)
        firsts = (first for first in (self.first_hour, other.first_hour) if first)
        self.first_hour = min(firsts, default=0)

    def window(self, window_us: int, now_us: int) -> tuple[Beginning, int, int]:
        """Where the counts begin (in microseconds), all changes since then and those within the
        objective. Whole minutes up to an hour, beyond it whole hours; a day is the most that is
        kept.
        """
        fine = window_us <= HOUR_US
        kept, step_us = (self.minutes, MINUTE_US) if fine else (self.hours, HOUR_US)
        now = now_us // step_us
        origin = self.first_hour * (HOUR_US // step_us) or now
        begun = beginning(origin, max(2, window_us // step_us), now)
        counted = [counts for number, counts in kept.items() if number >= begun.at]
        total, good = (sum(counts[n] for counts in counted) for n in range(2))
        begun = Beginning(begun.number, begun.at * step_us, begun.until * step_us)
        return begun, total, good

    def per_second(self, now_us: int) -> float:
        """The present rate of changes: over the last `RATE_MINUTES`, or as long as there were any;
        0.0 for none.
        """
        recent = {n: c for n, c in self.minutes.items() if n > now_us // MINUTE_US - RATE_MINUTES}
        if not recent:
            return 0.0
        seconds = max(1.0, (now_us - min(recent) * MINUTE_US) / 1e6)
        return sum(count for count, _ in recent.values()) / seconds


def _add(into: dict[int, Counts], number: int, counts: Counts, most: int) -> None:
    count, within = into.get(number, (0, 0))
    into[number] = count + counts[0], within + counts[1]
    if len(into) > most:
        del into[min(into)]
