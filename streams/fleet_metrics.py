"""Metrics that need the whole fleet's state. One worker shows them, so that sums stay right: the
one that holds internal partition 0. What they mean: `figwatch.streams.metric_families`.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from figwatch.streams.fleet import Fleet
from figwatch.streams.gate_watch import GateWatch
from figwatch.streams.metric_families import family
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.writes.fallback import FALLBACK_AGE_US, assess_fallback


class FleetMetrics(Collector):
    """Nothing while another worker is to show them, or the state is not read yet."""

    def __init__(
        self,
        fleet: Fleet,
        gates: GateWatch,
        chosen: Callable[[], bool],
        two_way: frozenset[str] = frozenset(),
    ) -> None:
        self._fleet, self._gates, self._chosen = fleet, gates, chosen
        self._two_way = two_way

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: families come with their data."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        if not (self._chosen() and self._fleet.current):
            return
        yield self._partitions()
        yield self._columns()
        yield from self._sweeps()
        yield from self._verdicts()
        yield from self._outside()
        yield from self._writes()

    def _partitions(self) -> Metric:
        view = self._fleet.view(time.time_ns() // 1000)
        made: Any = family("partitions")
        missing, stale = len(view.missing), len(view.stale)
        made.add_metric(["fresh"], view.partitions - missing - stale)
        made.add_metric(["stale"], stale)
        made.add_metric(["missing"], missing)
        return made  # type: ignore[no-any-return]

    def _columns(self) -> Metric:
        """Columns are the configuration's, so their number is bounded."""
        counts = Counter(
            (finding.pair, column)
            for finding in self._fleet.open.values()
            for column in finding.columns
        )
        made: Any = family("divergent_columns")
        for names, count in sorted(counts.items()):
            made.add_metric(names, count)
        return made  # type: ignore[no-any-return]

    def _sweeps(self) -> Iterator[Metric]:
        merged = self._fleet.view(time.time_ns() // 1000).merged
        ranges: Any = family("sweep_ranges")
        differences: Any = family("sweep_differences")
        ages: Any = family("sweep_range_timestamp_seconds")
        for name, pair in sorted(merged.pairs.items() if merged is not None else ()):
            if pair.sweep is not None:
                ranges.add_metric([name, "clean"], pair.sweep.ranges_clean)
                ranges.add_metric([name, "open"], pair.sweep.ranges - pair.sweep.ranges_clean)
                differences.add_metric([name], pair.sweep.differences)
                for number, clean_us in enumerate(pair.sweep.ages_us or (pair.sweep.clean_us,)):
                    ages.add_metric([name, str(number)], clean_us / 1e6)
        yield from (ranges, differences, ages)

    def _verdicts(self) -> Iterator[Metric]:
        verdicts: Any = family("gate_verdict")
        criteria: Any = family("gate_criteria")
        results = self._gates.results
        for stage in sorted(set(results) | set(self._gates.troubles)):
            result = results.get(stage)
            counts = Counter(c.answer for c in result.criteria) if result else Counter()
            for answer in Answer:
                said = result is not None and result.answer is answer
                verdicts.add_metric([stage, answer.value], float(said))
                criteria.add_metric([stage, answer.value], counts[answer])
        yield from (verdicts, criteria)

    def _writes(self) -> Iterator[Metric]:
        """The way back, and the newest turn of each pair."""
        now_us = time.time_ns() // 1000
        merged = self._fleet.view(now_us).merged
        verdict: Any = family("fallback")
        through: Any = family("fallback_through_timestamp_seconds")
        turned: Any = family("turn_timestamp_seconds")
        keys: Any = family("turn_keys")
        for name, pair in sorted(merged.pairs.items() if merged is not None else ()):
            found = assess_fallback(
                pair, two_way=name in self._two_way, now_us=now_us, age_max_us=FALLBACK_AGE_US
            )
            for answer in Answer:
                verdict.add_metric([name, answer.value], float(found.answer is answer))
            through.add_metric([name], found.up_to_us / 1e6)
            if (turn := pair.turn) is not None:
                turned.add_metric([name], turn.at_us / 1e6)
                states = {"owed": turn.owed, "lost": turn.lost, "undecided": turn.undecided}
                for state, count in states.items():
                    keys.add_metric([name, state], count)
        yield from (verdict, through, turned, keys)

    def _outside(self) -> Iterator[Metric]:
        outside = self._gates.outside
        running: Any = family("connector_running")
        for side, runs in sorted(outside.running.items()):
            running.add_metric([side], float(runs))
        slots: Any = family("slot_retained_bytes")
        for names, held_bytes in sorted(outside.slots.items()):
            slots.add_metric(names, held_bytes)
        yield from (running, slots)
