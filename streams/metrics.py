"""Prometheus metrics of one worker, read from the live judges at each scrape.

Gauges come from the partitions held now, so that those of a partition given away vanish. Counters
count what this process saw: a judge's books survive restarts and moves, so only their growth since
the partition came here is added. `figwatch.streams.metric_families` has every metric by name, and
`figwatch.streams.http` serves them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from figwatch.streams import leg_metrics, outbox_metrics, saga_metrics, two_way_metrics
from figwatch.streams.decode_agent import DecodeAgent
from figwatch.streams.heartbeats import Heartbeats
from figwatch.streams.metric_families import family
from figwatch.streams.plan import Plan
from figwatch.streams.readings import Readings
from figwatch.streams.tracing import Spans
from figwatch.validators.books import Alarm
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.change import Side
from figwatch.validators.convergence import Quantiles
from figwatch.validators.outbox.legs import BOUNDS_SECONDS
from figwatch.validators.outcome import Kind
from figwatch.validators.summary import PairSummary, Summary

BUCKETS_SECONDS = BOUNDS_SECONDS
"""Bounds of all histograms: 0.05 and 1.0 are what gates ask about."""
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
        yield ("within", name), pair.convergence.within
        yield ("transient", name), pair.transient
        yield from _samples(("convergence", name), pair.convergence)
        for side, sketch in pair.capture.items():
            yield from _samples(("capture", name, side), sketch)
    yield from saga_metrics.counts(summary)
    yield from two_way_metrics.counts(summary)
    yield from outbox_metrics.counts(summary)
    yield from leg_metrics.counts(summary)


def _begun(summaries: Iterable[Summary]) -> Iterator[Name]:
    """Rare counts, which are shown before there is anything to count: a counter that appears with
    its first event has not grown for Prometheus, so that no alert would hear of that event.
    """
    for summary in summaries:
        for pair in summary.pairs:
            yield from (("findings", pair, kind.name.lower()) for kind in Kind)
            yield from (("alarms", pair, alarm) for alarm in get_args(Alarm))
            yield from (("duplicates", pair, side.name.lower()) for side in Side)
        yield from saga_metrics.begun(summary)
        yield from two_way_metrics.begun(summary)
        yield from outbox_metrics.begun(summary)
        yield from leg_metrics.begun(summary)


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


@dataclass(frozen=True, slots=True)
class About:
    """What stays the same while a worker runs."""

    version: str
    migration: str
    objective_seconds: float


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
        about: About,
        spans: Spans | None = None,
    ) -> None:
        self._about, self._spans = about, spans
        self._plan, self._books, self._summaries = plan, books, summaries
        self._decode, self._heartbeats, self._readings = decode, heartbeats, readings

    def describe(self) -> Iterable[Metric]:
        """Nothing ahead of time: families come with their data."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        summaries = list(self._summaries())  # brings the counters up to date
        yield from self._counters(summaries)
        yield from self._histograms(summaries)
        yield from self._gauges(summaries)
        yield from self._local()

    def _side(self, role: str) -> str:
        return self._plan.side_name(Side[role.upper()])

    def _counters(self, summaries: list[Summary]) -> Iterator[Metric]:
        made: dict[str, Any] = {
            name: family(name) for name in ("changes", "duplicates", "findings", "alarms")
        }
        made["within"] = family("converged_within_objective")
        made["transient"] = family("transient")
        grouped = (
            "saga", "saga_events", "outbox_events", leg_metrics.COUNTER, *two_way_metrics.COUNTERS,
        )  # fmt: skip
        made |= {name: family(name) for name in grouped}
        totals = dict.fromkeys(_begun(summaries), 0) | self._books.totals
        for (kind, *labels), total in sorted(totals.items()):
            if kind in made:
                if kind in {"changes", "duplicates"}:
                    labels[1] = self._side(labels[1])
                made[kind].add_metric(labels, total)
        yield from made.values()

    def _histograms(self, summaries: list[Summary]) -> Iterator[Metric]:
        convergence: Any = family("convergence_seconds")
        capture: Any = family("capture_seconds")
        sagas: Any = family("saga_seconds")
        legs: Any = family(leg_metrics.HISTOGRAM)
        traced = leg_metrics.exemplars(summaries)
        for name in sorted({n[:-1] for n in self._books.totals if n[-1] == "sum"}):
            buckets, total = self._buckets(name)
            if name[0] == "convergence":
                convergence.add_metric([name[1]], buckets, total)
            elif name[0] == "saga_seconds":
                sagas.add_metric([name[1]], buckets, total)
            elif name[0] == leg_metrics.HISTOGRAM:
                found = traced.get((name[1], name[2]), {})
                with_traces = [(le, count, found.get(le)) for le, count in buckets]
                legs.add_metric([name[1], name[2]], with_traces, total)
            else:
                capture.add_metric([name[1], self._side(name[2])], buckets, total)
        yield from (convergence, capture, sagas, legs)

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
        made: dict[str, Any] = {name: family(name) for name in _OF_PAIRS}
        now_us = max((summary.as_of_us for summary in summaries), default=0)
        for name in sorted({name for summary in summaries for name in summary.pairs}):
            parts = [summary.pairs[name] for summary in summaries if name in summary.pairs]
            _counted(made["keys"], name, [p.keys for p in parts])
            _counted(made["open_findings"], name, [p.open_findings for p in parts])
            _counted(made["unknown_keys"], name, [p.unknown for p in parts])
            for role, of in (("source", _source_us), ("target", _target_us)):
                watermark_seconds = min(map(of, parts)) / _US
                made["watermark_timestamp_seconds"].add_metric(
                    [name, self._side(role)], watermark_seconds
                )
            verified_us = min(p.verified_through_us for p in parts)
            made["verified_through_timestamp_seconds"].add_metric([name], verified_us / _US)
            waiting = [p.oldest_unshown_us for p in parts if p.oldest_unshown_us]
            oldest_us = max(0, now_us - min(waiting, default=now_us))
            made["oldest_unshown_change_seconds"].add_metric([name], oldest_us / _US)
            made["unshown_changes"].add_metric([name], sum(p.unshown for p in parts))
            made["fence_demoted"].add_metric([name], float(any(p.demoted for p in parts)))
            clean_us = max(p.sweep.clean_us if p.sweep is not None else 0 for p in parts)
            made["sweep_timestamp_seconds"].add_metric([name], clean_us / _US)
        yield from made.values()
        yield from _streams(summaries)
        yield from _canary(summaries)
        yield from saga_metrics.gauges(summaries)
        yield from two_way_metrics.gauges(summaries)

    def _local(self) -> Iterator[Metric]:
        malformed: Any = family("malformed")
        for (side, reason), count in sorted(self._decode.malformed.items()):
            malformed.add_metric([side, reason], count)
        heartbeat: Any = family("heartbeat_timestamp_seconds")
        for side, heard_us in sorted(self._heartbeats.heard_us.items()):
            heartbeat.add_metric([side], heard_us / _US)
        failures: Any = family("reading_failures")
        for error, count in sorted(self._readings.failures.items()):
            failures.add_metric([error], count)
        spans: Any = family("spans")
        counts = self._spans.counts if self._spans is not None else {}
        for outcome in ("sent", "failed", "dropped"):
            spans.add_metric([outcome], counts.get(outcome, 0))
        objective: Any = family("objective_seconds")
        objective.add_metric([], self._about.objective_seconds)
        held: Any = family("partitions_held")
        held.add_metric([], len(list(self._summaries())))
        info: Any = family("build_info")
        info.add_metric([self._about.version, self._about.migration], 1)
        yield from (malformed, heartbeat, failures, spans, objective, held, info)


_OF_PAIRS = (
    "keys",
    "open_findings",
    "unknown_keys",
    "watermark_timestamp_seconds",
    "verified_through_timestamp_seconds",
    "oldest_unshown_change_seconds",
    "unshown_changes",
    "fence_demoted",
    "sweep_timestamp_seconds",
)


def _counted(into: Any, pair: str, parts: Iterable[Mapping[str, int]]) -> None:
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part)
    for name, count in sorted(counts.items()):
        into.add_metric([pair, name], count)


def _streams(summaries: list[Summary]) -> Iterator[Metric]:
    """Every judge follows every raw partition: what the slowest of them says counts."""
    gaps: Any = family("stream_gaps")
    behind: Any = family("replicator_behind_records")
    lost: dict[str, set[int]] = {}
    backlog: dict[tuple[str, int], int] = {}
    for stream in (s for summary in summaries for s in summary.streams):
        where = lost.setdefault(stream.topic, set())
        if stream.gap_reason:
            where.add(stream.partition)
        if stream.committed is not None and stream.end_offset is not None:
            backlog[(stream.topic, stream.partition)] = max(0, stream.end_offset - stream.committed)
    for topic, partitions in sorted(lost.items()):
        gaps.add_metric([topic], len(partitions))
    for topic in sorted({topic for topic, _ in backlog}):
        records = sum(count for (name, _), count in backlog.items() if name == topic)
        behind.add_metric([topic], records)
    yield from (gaps, behind)


def _canary(summaries: list[Summary]) -> Iterator[Metric]:
    """The newest canary found in the partitions held; nothing where none was."""
    pairs = [s.pairs[CANARY_PAIR] for s in summaries if CANARY_PAIR in s.pairs]
    newest = max(pairs, key=lambda pair: pair.detected_us, default=None)
    if newest is None or not newest.detected_us:
        return
    at: Any = family("canary_timestamp_seconds")
    at.add_metric([], newest.detected_us / _US)
    took: Any = family("canary_seconds")
    took.add_metric([], newest.detection_us / _US)
    yield from (at, took)


def _source_us(pair: PairSummary) -> int:
    return pair.source_watermark_us


def _target_us(pair: PairSummary) -> int:
    return pair.target_watermark_us
