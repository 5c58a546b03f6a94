"""The last half hour for the console's graphs: one point every two seconds, from the summaries.

Bounded by `console.history_minutes`. Lags are of the changes that converged within the last
`LATELY_SECONDS`, by the difference of the summaries' counts (`figwatch.validators.recent`).
"""

from collections import deque
from typing import Any

from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.convergence import Quantiles
from figwatch.validators.overview import Overview
from figwatch.validators.recent import recent
from figwatch.validators.summary import Summary

POINT_SECONDS = 2.0
LATELY_SECONDS = 20.0
_VERDICTS = ("in_flight", "overdue", "divergent", "unknown")


class History:
    """Points, oldest first. Times in seconds; a lag is null where nothing converged lately."""

    def __init__(self, minutes: float) -> None:
        self.points: deque[dict[str, Any]] = deque(maxlen=max(2, int(minutes * 60 / POINT_SECONDS)))
        self._sketches: deque[dict[str, Quantiles]] = deque(
            maxlen=int(LATELY_SECONDS / POINT_SECONDS)
        )
        self.lately: dict[str, Quantiles] = {}
        """Convergence of the last seconds by pair."""

    def add(self, view: Overview) -> dict[str, Any] | None:
        """Take a look; returns its point, None where there is nothing to show."""
        if view.merged is None:
            return None
        merged = view.merged  # made for this look, so it may be kept
        pairs = {name: pair for name, pair in merged.pairs.items() if name != CANARY_PAIR}
        before = self._sketches[0] if self._sketches else {}
        self.lately = {
            name: recent(pair.convergence, before.get(name)) for name, pair in pairs.items()
        }
        self._sketches.append({name: pair.convergence for name, pair in pairs.items()})
        point = {"t": view.now_us / 1e6, **self._lag(), **_oldest(view), **_counts(merged)}
        self.points.append(point)
        return point

    def _lag(self) -> dict[str, Any]:
        both = Quantiles(buckets={})
        for sketch in self.lately.values():
            both.merge(sketch)
        if not both.count:
            return {"p50": None, "p99": None, "rate": 0.0}
        return {
            "p50": both.quantile_seconds(0.5),
            "p99": both.quantile_seconds(0.99),
            "rate": both.count / (POINT_SECONDS * max(1, len(self._sketches) - 1)),
        }


def _oldest(view: Overview) -> dict[str, float]:
    """Age of the oldest change not shown; 0.0 where all are shown."""
    pairs = view.merged.pairs.values() if view.merged is not None else ()
    waiting = [pair.oldest_unshown_us for pair in pairs if pair.oldest_unshown_us]
    oldest_us = min(waiting, default=view.now_us)
    return {"oldest": max(0, view.now_us - oldest_us) / 1e6}


def _counts(merged: Summary) -> dict[str, int]:
    counts = dict.fromkeys(_VERDICTS, 0)
    for name, pair in merged.pairs.items():
        if name != CANARY_PAIR:
            for verdict in _VERDICTS:
                counts[verdict] += pair.keys.get(verdict, 0)
    return counts
