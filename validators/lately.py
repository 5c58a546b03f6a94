"""How much of what converged lately was within the objective: counts by minute and by hour.

A planned stall must not spoil the share for ever, so the gate asks for a window. What
`figwatch.validators.books` books here, `figwatch.validators.gate` asks.
"""

import msgspec

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

    def add(self, now_us: int, count: int, within: int) -> None:
        """Book changes that converged, at figwatch's time."""
        _add(self.minutes, now_us // MINUTE_US, (count, within), MINUTES_MAX)
        _add(self.hours, now_us // HOUR_US, (count, within), HOURS_MAX)

    def merge(self, other: "Lately") -> None:
        """Add another partition's."""
        for minute, counts in sorted(other.minutes.items()):
            _add(self.minutes, minute, counts, MINUTES_MAX)
        for hour, counts in sorted(other.hours.items()):
            _add(self.hours, hour, counts, HOURS_MAX)

    def within(self, window_us: int, now_us: int) -> Counts:
        """Sum up the last `window_us` before now: whole minutes up to an hour, else whole hours,
        that in which the window begins included. A day is the most that is kept.
        """
        fine = window_us < HOUR_US
        kept, step_us = (self.minutes, MINUTE_US) if fine else (self.hours, HOUR_US)
        first = (now_us - window_us) // step_us
        counted = [counts for number, counts in kept.items() if number >= first]
        return sum(count for count, _ in counted), sum(within for _, within in counted)

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
