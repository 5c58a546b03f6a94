"""What the summaries say of sagas, for `figwatch.streams.metrics`."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import Metric

from figwatch.streams.metric_families import family
from figwatch.validators.sagas.instance import Outcome
from figwatch.validators.summary import Summary

_US = 1_000_000
_PROBLEMS = (
    "late", "duplicate", "reopened", "evicted", "unreadable", "out_of_order", "repeated", "clocks",
    "undeclared", "undeclared_event",
)  # fmt: skip


def begun(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Names of the rare counts, shown before there is anything to count."""
    for saga in summary.sagas:
        yield from (("saga", saga, outcome.name.lower()) for outcome in Outcome)
        yield from (("saga_events", saga, problem) for problem in _PROBLEMS)


def counts(summary: Summary) -> Iterator[tuple[tuple[str, ...], int]]:
    """Counts of a partition that only grow, by name."""
    for name, saga in summary.sagas.items():
        for outcome, count in saga.reached.items():
            yield ("saga", name, outcome), count
        for problem, count in saga.problems.items():
            yield ("saga_events", name, problem), count
        yield ("saga_events", name, "undeclared_event"), sum(saga.undeclared.values())
        for bucket, count in saga.seconds.buckets.items():
            yield ("saga_seconds", name, "bucket", str(bucket)), count
        yield ("saga_seconds", name, "sum"), max(0, saga.seconds.sum_us)


def gauges(summaries: Iterable[Summary]) -> Iterator[Metric]:
    """Sagas of the partitions held, as they are now."""
    now: Any = family("sagas")
    watermark: Any = family("saga_watermark_timestamp_seconds")
    found: dict[str, dict[str, int]] = {}
    marks: dict[str, int] = {}
    for summary in summaries:
        for name, saga in summary.sagas.items():
            states = found.setdefault(name, {})
            for state, count in {**saga.outcomes, "open": saga.open}.items():
                states[state] = states.get(state, 0) + count
            marks[name] = min(saga.watermark_us, marks.get(name, saga.watermark_us))
    for name, states in sorted(found.items()):
        for state, count in sorted(states.items()):
            now.add_metric([name, state], count)
        watermark.add_metric([name], marks[name] / _US)
    yield from (now, watermark)
