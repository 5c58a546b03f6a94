"""Counters that survive moves of partitions, histograms with the bounds that gates ask about."""

from figwatch.streams.metrics import Books
from figwatch.validators.convergence import Quantiles
from figwatch.validators.summary import PairSummary, Summary


def summary(changes, convergence=None):
    pair = PairSummary(
        keys={},
        unknown={},
        open_findings={},
        findings_total={},
        convergence=convergence or Quantiles(buckets={}),
        unshown=0,
        oldest_unshown_us=0,
        capture={},
        changes={"source:c": changes},
        duplicates={},
        source_watermark_us=0,
        target_watermark_us=0,
        verified_through_us=0,
        transient=0,
        alarms={},
    )
    return Summary(0, 0, "w", {}, 0, {"stock": pair}, [])


NAME = ("changes", "stock", "source", "c")


def test_what_was_counted_before_a_partition_came_is_not_counted_again():
    books = Books()
    books.opened(0, summary(100))
    books.grown(0, summary(103))
    books.grown(0, summary(103))
    assert 3 == books.totals[NAME]


def test_a_partition_that_leaves_takes_nothing_away():
    books = Books()
    books.opened(0, summary(0))
    books.grown(0, summary(5))
    books.closed(0)
    books.opened(0, summary(50))
    books.grown(0, summary(51))
    assert 6 == books.totals[NAME]


def test_samples_are_counted_by_bucket():
    sketch = Quantiles(buckets={})
    for sample_us in (40_000, 900_000, 2_000_000):
        sketch.add(sample_us, 1_000_000)
    books = Books()
    books.opened(0, summary(0))
    books.grown(0, summary(0, sketch))
    name = ("convergence", "stock")
    assert 2_940_000 == books.totals[(*name, "sum")]
    assert 3 == sum(n for k, n in books.totals.items() if k[:3] == (*name, "bucket"))
