"""What the summaries say of adjustments' legs, for `figwatch.streams.metrics`."""

from collections.abc import Iterable, Iterator

from prometheus_client.samples import Exemplar

from figwatch.validators.outbox.legs import BOUNDS_SECONDS, PROBLEMS, merge_legs
from figwatch.validators.outbox.legs import LegBooks as Books
from figwatch.validators.summary import Summary

_US = 1_000_000
HISTOGRAM = "adjustment_seconds"
COUNTER = "adjustment_problems"


def begun(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Names of the rare counts, there before there is anything to count."""
    for outbox in summary.outboxes.values():
        for pair in outbox.legs:
            yield from ((COUNTER, pair, problem) for problem in PROBLEMS)


def counts(summary: Summary) -> Iterator[tuple[tuple[str, ...], int]]:
    """Counts of a partition that only grow, by name."""
    found: dict[str, Books] = {}
    for outbox in summary.outboxes.values():
        merge_legs(found, outbox.legs)
    for pair, books in found.items():
        for problem, count in books.problems.items():
            yield (COUNTER, pair, problem), count
        for leg, sketch in books.legs.items():
            for bucket, count in sketch.buckets.items():
                yield (HISTOGRAM, pair, leg, "bucket", str(bucket)), count
            yield (HISTOGRAM, pair, leg, "sum"), max(0, sketch.sum_us)


def exemplars(summaries: Iterable[Summary]) -> dict[tuple[str, str], dict[str, Exemplar]]:
    """The newest traced adjustment by (pair, leg) and by the bound (`le`) of its bucket."""
    merged: dict[str, Books] = {}
    for summary in summaries:
        for outbox in summary.outboxes.values():
            merge_legs(merged, outbox.legs)
    bounds = (*map(str, BOUNDS_SECONDS), "+Inf")
    return {
        (pair, leg): {
            bounds[place]: Exemplar(_labels(one.trace), one.took_us / _US, one.at_us / _US)
            for place, one in places.items()
        }
        for pair, books in merged.items()
        for leg, places in books.exemplars.items()
    }


def _labels(trace: str) -> dict[str, str]:
    trace_id, _, span_id = trace.partition("-")
    return {"trace_id": trace_id, "span_id": span_id}
