"""What the summaries say of pairs replicated both ways, for `figwatch.streams.metrics`."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client.core import Metric

from figwatch.streams.metric_families import family
from figwatch.validators.summary import Summary

WHATS = {
    "two_way_writes": ("outside", "arrival", "echo", "loop", "reverted", "unfollowed"),
    "conflicts": ("source", "target", "later", "none", "lost", "late", "unjudged"),
}
COUNTERS = tuple(WHATS)


def begun(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Names of all counts, there before there is anything to count."""
    for name, pair in summary.pairs.items():
        if pair.echoes is not None:
            yield from ((kind, name, what) for kind, whats in WHATS.items() for what in whats)


def counts(summary: Summary) -> Iterator[tuple[tuple[str, ...], int]]:
    """Counts of a partition that only grow, by name."""
    for name, pair in summary.pairs.items():
        if pair.echoes is None:
            continue
        for what, count in pair.echoes.counts.items():
            yield ("two_way_writes", name, what), count
        for what, count in pair.conflicts.items():
            yield ("conflicts", name, what), count


def gauges(summaries: Iterable[Summary]) -> Iterator[Metric]:
    """Keys that loop now, by pair."""
    looping: Any = family("looping_keys")
    found: dict[str, int] = {}
    for summary in summaries:
        for name, pair in summary.pairs.items():
            if pair.echoes is not None:
                found[name] = found.get(name, 0) + pair.echoes.looping
    for name, keys in sorted(found.items()):
        looping.add_metric([name], keys)
    yield looping
