"""Prometheus metrics of one worker, read from the live judges at each scrape.

Gauges come from the partitions held now, so that those of a partition given away vanish. Counters
count what this process saw: a judge's books survive restarts and moves, so only their growth since
the partition came here is added. docs/metrics.md lists every metric. `figwatch.streams.http`
serves them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from figwatch.streams.decode_agent import DecodeAgent
from figwatch.streams.heartbeats import Heartbeats
from figwatch.streams.plan import Plan
from figwatch.streams.readings import Readings
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.change import Side
from figwatch.validators.convergence import Quantiles
from figwatch.validators.summary import PairSummary, Summary

BUCKETS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of both histograms: 0.05 and 1.0 are what gates ask about."""
_US = 1_000_000

Name: TypeAlias = tuple[str, ...]


class Books:
    """Growth of the judges' counts since their partitions came to this worker."""

    def __init__(self) -> None:
        self.totals: Counter[Name] = Counter()
        self._last: dict[int, Counter[Name]] = {}

    def opened(self, partition: int, summary: Summary) -> None:
        """Take a partition over as it stands: what it counted elsewhere is not counted again."""
        self._last[partition] = Counter(dict(_counts(summary)))

    def grown(self, partition: int, summary: Summary) -> None:
        """Add what a partition counted since the last time."""
        counts = Counter(dict(_counts(summary)))
        self.totals += counts - self._last.get(partition, Counter())
        self._last[partition] = counts

    def closed(self, partition: int) -> None:
        """Forget a partition that was given away."""
        self._last.pop(partition, None)


def _counts(summary: Summary) -> Iterator[tuple[Name, int]]:
    for name, pair in summary.pairs.items():
        for change, count in pair.changes.items():
            yield ("changes", name, *change.split(":", 1)), count
        for side, count in pair.duplicates.items():
            yield ("duplicates", name, side), count
        for kind, count in pair.findings_total.items():
            yield ("findings", name, kind), count
        for alarm, count in pair.alarms.items():
            yield ("alarms", name, alarm), count
        yield from _samples(("convergence", name), pair.convergence)
        for side, sketch in pair.capture.items():
            yield from _samples(("capture", name, side), sketch)


def _samples(name: Name, sketch: Quantiles) -> Iterator[tuple[Name, int]]:
    """Counts by sketch bucket, number and sum; counters only grow, so the sum leaves out what is
    below zero (clock skew, which a summary shows by itself).
    """
    for bucket, count in sketch.buckets.items():
        yield (*name, "bucket", str(bucket)), count
    yield (*name, "sum"), max(0, sketch.sum_us)


def _bucket_seconds(bucket: int) -> float:
    """Upper bound of a sketch bucket (see `figwatch.validators.convergence.Quantiles`)."""
    return 100 * math.exp(bucket * math.log(1.01)) / _US


class WorkerMetrics(Collector):
    """Everything that `/metrics` shows of figwatch itself."""

    def __init__(
        self,
        plan: Plan,
        books: Books,
        summaries: Callable[[], Iterable[Summary]],
        *,
        decode: DecodeAgent,
        heartbeats: Heartbeats,
        readings: Readings,
    ) -> None:
        self._plan, self._books, self._summaries = plan, books, summaries
        self._decode, self._heartbeats, self._readings = decode, heartbeats, readings

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: families come with their data."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        summaries = list(self._summaries())  # brings the counters up to date
        yield from self._counters()
        yield from self._histograms()
        yield from self._gauges(summaries)
        yield from self._local()

    def _side(self, role: str) -> str:
        return self._plan.side_name(Side[role.upper()])

    def _counters(self) -> Iterator[Metric]:
        changes = CounterMetricFamily(
            "figwatch_changes", "Row events applied.", labels=["pair", "side", "op"]
        )
        duplicates = CounterMetricFamily(
            "figwatch_duplicates", "Row events emitted again.", labels=["pair", "side"]
        )
        findings = CounterMetricFamily(
            "figwatch_findings", "Divergences found.", labels=["pair", "kind"]
        )
        alarms = CounterMetricFamily(
            "figwatch_alarms", "Assumptions found broken.", labels=["pair", "alarm"]
        )
        for name, total in sorted(self._books.totals.items()):
            match name:
                case ("changes", pair, role, op):
                    changes.add_metric([pair, self._side(role), op], total)
                case ("duplicates", pair, role):
                    duplicates.add_metric([pair, self._side(role)], total)
                case ("findings", pair, kind):
                    findings.add_metric([pair, kind], total)
                case ("alarms", pair, alarm):
                    alarms.add_metric([pair, alarm], total)
        yield from (changes, duplicates, findings, alarms)

    def _histograms(self) -> Iterator[Metric]:
        convergence = HistogramMetricFamily(
            "figwatch_convergence_seconds",
            "Commit of a source change to commit of the target version that shows it.",
            labels=["pair"],
        )
        capture = HistogramMetricFamily(
            "figwatch_capture_seconds",
            "Commit of a change to its arrival in Kafka.",
            labels=["pair", "side"],
        )
        for name in sorted({n[:-1] for n in self._books.totals if n[-1] == "sum"}):
            buckets, total = self._buckets(name)
            if name[0] == "convergence":
                convergence.add_metric([name[1]], buckets, total)
            else:
                capture.add_metric([name[1], self._side(name[2])], buckets, total)
        yield from (convergence, capture)

    def _buckets(self, name: Name) -> tuple[list[tuple[str, float]], float]:
        """Cumulative counts; a sketch bucket counts where its middle lies (within 0.5 %)."""
        totals = self._books.totals
        counts = [
            (_bucket_seconds(int(n[-1])) / 1.005, count)
            for n, count in totals.items()
            if n[: len(name)] == name and n[-2] == "bucket"
        ]
        bounds = [
            (str(le), float(sum(count for middle, count in counts if middle <= le)))
            for le in BUCKETS_SECONDS
        ]
        everything = float(sum(count for _, count in counts))
        return [*bounds, ("+Inf", everything)], totals[(*name, "sum")] / _US

    def _gauges(self, summaries: list[Summary]) -> Iterator[Metric]:
        keys = GaugeMetricFamily("figwatch_keys", "Keys by verdict.", labels=["pair", "verdict"])
        watermark = GaugeMetricFamily(
            "figwatch_watermark_timestamp_seconds",
            "Everything committed before has been applied.",
            labels=["pair", "side"],
        )
        verified = GaugeMetricFamily(
            "figwatch_verified_through_timestamp_seconds",
            "Instant up to which everything was judged.",
            labels=["pair"],
        )
        oldest = GaugeMetricFamily(
            "figwatch_oldest_unshown_change_seconds",
            "Age of the oldest source change that the target has not shown.",
            labels=["pair"],
        )
        for name in sorted({name for summary in summaries for name in summary.pairs}):
            parts = [summary.pairs[name] for summary in summaries if name in summary.pairs]
            counts: Counter[str] = Counter()
            for part in parts:
                counts.update(part.keys)
            for verdict, count in sorted(counts.items()):
                keys.add_metric([name, verdict], count)
            for role, of in (("source", _source_us), ("target", _target_us)):
                watermark.add_metric([name, self._side(role)], min(map(of, parts)) / _US)
            verified.add_metric([name], min(p.verified_through_us for p in parts) / _US)
            waiting = [p.oldest_unshown_us for p in parts if p.oldest_unshown_us]
            now_us = max(summary.as_of_us for summary in summaries)
            oldest.add_metric([name], max(0, now_us - min(waiting, default=now_us)) / _US)
        yield from (keys, watermark, verified, oldest)
        yield from _canary(summaries)

    def _local(self) -> Iterator[Metric]:
        malformed = CounterMetricFamily(
            "figwatch_malformed", "Undecodable records.", labels=["side", "reason"]
        )
        for (side, reason), count in sorted(self._decode.malformed.items()):
            malformed.add_metric([side, reason], count)
        heartbeat = GaugeMetricFamily(
            "figwatch_heartbeat_timestamp_seconds", "Newest heartbeat.", labels=["side"]
        )
        for side, heard_us in sorted(self._heartbeats.heard_us.items()):
            heartbeat.add_metric([side], heard_us / _US)
        failures = CounterMetricFamily(
            "figwatch_reading_failures", "Readings of the replicator that failed.", labels=["error"]
        )
        for error, count in sorted(self._readings.failures.items()):
            failures.add_metric([error], count)
        yield from (malformed, heartbeat, failures)


def _canary(summaries: list[Summary]) -> Iterator[Metric]:
    """The newest canary found in the partitions held; nothing where none was."""
    pairs = [s.pairs[CANARY_PAIR] for s in summaries if CANARY_PAIR in s.pairs]
    newest = max(pairs, key=lambda pair: pair.detected_us, default=None)
    if newest is None or not newest.detected_us:
        return
    at = GaugeMetricFamily(
        "figwatch_canary_timestamp_seconds", "When a planted divergence was last found."
    )
    at.add_metric([], newest.detected_us / _US)
    took = GaugeMetricFamily(
        "figwatch_canary_seconds", "From its commit to its finding, the last planted divergence."
    )
    took.add_metric([], newest.detection_us / _US)
    yield from (at, took)


def _source_us(pair: PairSummary) -> int:
    return pair.source_watermark_us


def _target_us(pair: PairSummary) -> int:
    return pair.target_watermark_us
