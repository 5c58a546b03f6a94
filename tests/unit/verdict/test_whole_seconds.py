"""Times in whole seconds (MySQL without GTIDs): what they leave open is unknown, or waits."""

import pytest

from figwatch.validators.change import Op, Side, Snapshot
from figwatch.validators.outcome import Reason, Verdict
from tests.unit.verdict.timeline import Timeline


def restored(value: str | None = "B") -> Timeline:
    """A source restored within the second of the key's last event: its log starts lower."""
    return Timeline().source("A", lsn=900, at=1_000).target("A").source(value, lsn=20, at=1_000)


def test_a_restored_source_is_no_old_copy(needs):
    """B is new, and nobody copies it: the target still shows A."""

    def story():
        return restored().settle().verdict()

    needs("whole_seconds_tell_copies", story, Verdict.UNKNOWN, Verdict.CONSISTENT)


def test_the_reason_says_so_and_what_resolves_it():
    line = restored().settle()
    assert Reason.COPY_OR_NEW == line.reason()
    line.source("C", lsn=40, at=8_000).target("C")
    assert Verdict.CONSISTENT == line.settle().verdict()


def test_behind_the_doubt_the_ring_begins_anew(needs):
    """B was new and is shown; the replicator is done with A, and not with C."""

    def story():
        line = restored().source("C", lsn=40, at=8_000).target("B")
        return line.reading(committed=2).wait(5_000).beat().verdict()

    needs("whole_seconds_tell_copies", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_restored_target_is_no_old_copy(needs):
    def story():
        line = Timeline().source("A").target("A", lsn=900, at=1_000)
        return line.target("B", lsn=20, at=1_000).settle().verdict()

    needs("whole_seconds_tell_copies", story, Verdict.UNKNOWN, Verdict.CONSISTENT)


def test_copies_of_what_is_known_leave_no_doubt():
    line = Timeline().source("A", at=1_000).source("B", at=2_000).target("B", at=3_000)
    assert Verdict.CONSISTENT == line.again(0).verdict()
    assert Verdict.CONSISTENT == line.again(1).settle().verdict()


def test_a_connector_that_goes_back_settles_the_doubt_itself():
    line = Timeline().source("B").target("A", at=1_000).target("B", at=2_000)
    assert Verdict.UNKNOWN == line.again(0, Side.TARGET).verdict()
    assert Verdict.CONSISTENT == line.again(1, Side.TARGET).settle().verdict()


def test_a_copy_does_not_mend_an_undecodable_event():
    line = Timeline().source("B").target("B", at=2_000).malformed(side=Side.TARGET)
    assert Verdict.UNKNOWN == line.again(0, Side.TARGET).settle().verdict()
    assert Reason.MALFORMED == line.reason()


def test_finer_times_tell_a_copy_from_a_new_event():
    line = Timeline().source("B").target("A", at=1_001).target("B", at=2_002)
    assert Verdict.CONSISTENT == line.again(0, Side.TARGET).settle().verdict()


def test_a_truncate_of_a_restored_source_is_no_old_copy(needs):
    def story():
        line = Timeline().source("A", lsn=900, at=1_000).target("A")
        return line.truncate(lsn=20, at=1_000).settle().verdict()

    needs("whole_seconds_tell_copies", story, Verdict.UNKNOWN, Verdict.CONSISTENT)


def test_a_truncate_of_a_restored_target_is_no_old_copy(needs):
    def story():
        line = Timeline().source("A").target("A", lsn=900, at=1_000)
        return line.truncate(Side.TARGET, lsn=20, at=1_000).settle().verdict()

    needs("whole_seconds_tell_copies", story, Verdict.UNKNOWN, Verdict.CONSISTENT)


def test_a_long_statement_behind_a_truncate_of_the_target_is_not_emptied_by_it(needs):
    """The truncate, in another partition, is read last; the row's statement began before it."""

    def story():
        line = Timeline(partitions=2).source("A").target("A", lsn=900, at=1_000)
        return line.truncate(Side.TARGET, lsn=20, at=2_000, partition=1).settle().verdict()

    needs("whole_seconds_order_truncates", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_long_statement_behind_a_truncate_of_the_source_is_not_emptied_by_it(needs):
    def story():
        line = Timeline(partitions=2).source("A", lsn=900, at=1_000).target("A")
        return line.truncate(lsn=20, at=2_000, partition=1).settle().verdict()

    needs("whole_seconds_order_truncates", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_where_position_and_second_agree_a_truncate_is_no_question():
    line = Timeline(partitions=2).source("A", lsn=20, at=1_000).target("A", lsn=20, at=1_000)
    line.truncate(lsn=900, at=2_000, partition=1)
    line.truncate(Side.TARGET, lsn=900, at=2_000, partition=1)
    assert Verdict.CONSISTENT == line.settle().verdict()


def test_what_is_read_behind_a_truncate_and_later_is_there_though_positions_began_anew():
    line = Timeline().source("A").target("A").truncate(lsn=900, at=2_000)
    line.truncate(Side.TARGET, lsn=900, at=2_000)
    line.source("B", at=3_000).target("B", at=4_000)
    assert Verdict.CONSISTENT == line.settle().verdict()


def test_without_readings_a_statements_time_is_no_commit_time(needs):
    """The target's transaction began at 1 s and wrote B later; the source's B is on its way."""

    def story():
        line = Timeline(rules={"readings": False, "fenced": False}).source("A", at=100)
        line.wait(3_000).target("B", at=1_000).beat(at=2_500)
        return line.verdict()

    needs("statement_times_believed", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_it_is_judged_once_the_source_is_read_past_the_time_it_was_read():
    line = Timeline(rules={"readings": False, "fenced": False}).source("A", at=100)
    line.target("B", at=1_000).wait(3_000).beat()
    assert Verdict.DIVERGENT == line.verdict()


@pytest.mark.parametrize("how", [{"op": Op.CREATE}, {"op": Op.READ, "snapshot": Snapshot.LAST}])
def test_a_row_that_is_made_again_has_not_stood_all_the_time(how, needs):
    """What the target's log lost: the row went, and the replicator, put back, made it again."""

    def story():
        line = Timeline().source("A").target("A").source("B").reading()
        return line.target("A", **how).beat().verdict()

    needs("rows_made_again_have_stood", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)
