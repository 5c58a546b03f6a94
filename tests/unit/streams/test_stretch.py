"""What may be told of a raw partition, and what never."""

import msgspec
import pytest

from figwatch.streams.stretch import Progress, destination, merge, observe, partition_of
from figwatch.validators.change import (
    Change,
    Malformed,
    Mark,
    Op,
    Side,
    Snapshot,
    SnapshotSpan,
    Truncate,
)

TOPIC = "mono.public.inventory"


def change(offset, *, at=0, op=Op.UPDATE, snapshot=Snapshot.NONE, key=b"k"):
    return Change(
        "stock", Side.SOURCE, key, op, b"f" * 16, b"", at, None, None, TOPIC, 0, offset, 0, snapshot
    )


def row(offset, at, *, last=False):
    snapshot = Snapshot.LAST if last else Snapshot.ROW
    return change(offset, at=at, op=Op.READ, snapshot=snapshot)


def mark(start, end, commit_us=None, span=None):
    """A mark over log events when it has a commit time."""
    return Mark(TOPIC, 0, start, end, commit_us, commit_us is not None, span)


def span(first, last, commit_us, *, finished):
    return SnapshotSpan(first, last, commit_us, finished)


def seen(*records, first=0, end=10):
    return observe(TOPIC, 0, first, end, records)


def test_the_greatest_commit_time_of_the_log_is_told():
    assert (mark(0, 10, 7),) == seen(change(1, at=5), change(2, at=7), change(3, at=6))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(change(1, at=9, op=Op.READ, snapshot=Snapshot.INCREMENTAL), id="incremental"),
        pytest.param(change(1, at=9, op=Op.TOMBSTONE), id="tombstone"),
        pytest.param(
            Malformed("stock", Side.SOURCE, None, "x", "", TOPIC, 0, 1, 9), id="malformed"
        ),
    ],
)
def test_what_carries_no_commit_time_of_the_log_moves_no_watermark(record):
    assert (mark(0, 10),) == seen(record)


def test_a_snapshot_row_moves_no_watermark_but_shows_its_snapshot():
    assert (mark(0, 10, span=span(1, 2, 9, finished=False)),) == seen(row(1, 9), row(2, 9))


def test_a_snapshot_is_finished_by_its_last_row_or_by_a_log_event():
    assert seen(row(1, 9, last=True))[0].snapshot.finished
    assert seen(row(1, 9), change(2, at=10))[0].snapshot.finished
    assert not seen(row(1, 9))[0].snapshot.finished


def test_a_snapshot_behind_log_events_gets_a_mark_of_its_own():
    marks = seen(change(1, at=5), row(2, 9), change(3, at=10))
    assert (mark(0, 2, 5), mark(2, 10, 10, span(2, 2, 9, finished=True))) == marks


def test_truncate_counts_as_a_log_event():
    truncate = Truncate("stock", Side.SOURCE, 8, None, TOPIC, 0, 1, 0)
    assert (mark(0, 10, 8),) == seen(truncate)


def test_neighbours_become_one_mark():
    assert mark(0, 9, 7) == merge(mark(0, 4, 7), mark(4, 9, 6))


def test_a_mark_with_a_new_snapshot_is_not_merged_into_an_earlier_stretch():
    new = mark(4, 9, span=span(4, 5, 9, finished=False))
    assert merge(mark(0, 4, 7), new) is None
    assert merge(mark(0, 4, span=span(0, 3, 1, finished=True)), new) is None
    assert merge(mark(0, 4, span=span(0, 3, 1, finished=False)), new) is not None


def test_marks_wait_for_every_earlier_batch():
    progress = Progress(TOPIC, 0, 100)
    assert [mark(100, 100)] == progress.tell()
    first = progress.take((mark(100, 110, 1),))
    second = progress.take((mark(110, 120, 2),))
    progress.delivered(second)
    assert [] == progress.tell()
    progress.delivered(first)
    assert [mark(100, 120, 2)] == progress.tell()
    assert [] == progress.tell()


def test_where_reading_begins_is_told_even_of_an_empty_partition():
    assert [mark(7, 7)] == Progress(TOPIC, 0, 7).tell()


def test_both_sides_of_a_key_go_to_one_partition_and_keys_spread():
    places = {partition_of("stock", str(n).encode(), 8) for n in range(200)}
    assert set(range(8)) == places
    source = change(1, key=b"a")
    target = msgspec.structs.replace(source, side=Side.TARGET, topic="inv.public.stock")
    assert destination(source, 8) == destination(target, 8)


def test_everybody_hears_of_a_truncate_and_of_a_malformed_record_without_key():
    assert destination(Truncate("stock", Side.SOURCE, 8, None, TOPIC, 0, 1, 0), 8) is None
    lost = Malformed("stock", Side.SOURCE, None, "x", "", TOPIC, 0, 1, 0)
    assert destination(lost, 8) is None
    known = msgspec.structs.replace(lost, key=b"a")
    assert partition_of("stock", b"a", 8) == destination(known, 8)
