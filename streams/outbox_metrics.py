"""What the summaries say of outbox events, for `figwatch.streams.metrics`."""

from collections.abc import Iterator

from figwatch.validators.outbox.summary import FAULTS, OTHERS
from figwatch.validators.summary import Summary


def counts(summary: Summary) -> Iterator[tuple[tuple[str, ...], int]]:
    """Counts of a partition that only grow, by name."""
    for name, outbox in summary.outboxes.items():
        for outcome, count in outbox.counts.items():
            yield ("outbox_events", name, outcome), count


def begun(summary: Summary) -> Iterator[tuple[str, ...]]:
    """Names of all counts, there before there is anything to count."""
    for name in summary.outboxes:
        yield from (("outbox_events", name, outcome) for outcome in FAULTS + OTHERS)
