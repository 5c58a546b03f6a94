"""What a judge is told of a settled difference."""

from figwatch.connectors.sweep.confirm import Outcome, Suspect
from figwatch.connectors.sweep.judges import partition_of, suspect_of
from figwatch.connectors.sweep.rows import Row
from figwatch.streams.stretch import partition_of as worker_partition_of
from figwatch.validators.sweep.confirm import Settled


def test_times_of_the_looks_are_told_by_the_wall_clock():
    row = Row(b"k", ("7",), b"f" * 16, "12", (7,), b"ss")
    outcome = Outcome(
        Suspect(b"k", (("7",), None), 1), Settled.DIFFERENT, row, None,
        still_us=1_000, read_us=6_000,
    )  # fmt: skip
    told = suspect_of("stock", outcome, now_us=1_700_000_000_000_000, clock_us=7_000)
    assert (1_699_999_999_994_000, 1_699_999_999_999_000) == (told.still_us, told.read_us)
    assert (b"f" * 16, None, b"ss", b"") == (
        told.source, told.target, told.source_sketch, told.target_sketch,
    )  # fmt: skip


def test_a_suspect_goes_where_the_worker_keeps_the_key():
    for key in (b"\x91\x07", b"\x91\xa3abc", b""):
        assert worker_partition_of("stock", key, 8) == partition_of("stock", key, 8)
