"""The state of a key: duplicates, ring, faults, moves, truncates, snapshots, unknown columns."""

import pytest

from figwatch.validators.change import Op, Side, Snapshot
from figwatch.validators.outcome import Reason, Verdict
from tests.unit.verdict.timeline import Timeline


def test_an_event_emitted_again_changes_nothing_and_is_counted():
    line = Timeline().source("A").target("A").source("B").target("B").again(0).again(1)
    line.again(0, side=Side.TARGET)
    assert (Verdict.CONSISTENT, 3, {"source": 2, "target": 1}) == (
        line.verdict(), line.judge.summary(0).duplicates, line.books().duplicates,
    )  # fmt: skip


def test_a_version_skipped_by_a_snapshot_is_a_version_all_the_same(needs):
    """A blocking snapshot read C while the connector had yet to emit B; the target shows B."""

    def story():
        line = Timeline().source("A", lsn=100, at=10).target("A")
        line.source("C", op=Op.READ, snapshot=Snapshot.LAST, lsn=300, at=90)
        line.source("B", lsn=200, at=50).target("B").source("C", lsn=250, at=60)
        return line.reading(committed=3).wait(2_000).beat().verdict()

    needs("skipped_versions_left_out", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_an_event_from_before_a_birth_says_that_it_was_none():
    line = Timeline().source("C", lsn=300, at=90).again(0, position=(100, 1), commit_us=0)
    line.target("A").reading(committed=1).wait(2_000).beat()
    assert Verdict.UNKNOWN == line.verdict()


def test_lsns_that_start_over_after_a_restore_are_no_duplicates(needs):
    def story():
        line = Timeline().source("A", lsn=900).target("A").source("B", lsn=20).target("B")
        return line.settle().verdict()

    needs("duplicates_by_position_alone", story, Verdict.CONSISTENT, Verdict.UNKNOWN)


def test_events_of_one_transaction_share_their_time_and_are_no_duplicates(needs):
    def story():
        line = Timeline().source("A", at=10, tx=1).source("B", at=10, tx=1).target("B")
        return line.settle().verdict(), line.books().duplicates

    needs(
        "duplicates_by_time_alone",
        story,
        (Verdict.CONSISTENT, {}),
        (Verdict.CONSISTENT, {"source": 1}),
    )


def test_a_replicator_may_stop_between_two_events_of_one_transaction(needs):
    def story():
        line = Timeline().source("A").target("A")
        line.source("B", at=30, tx=1).source("C", at=30, tx=1).target("B")
        return line.reading(committed=2).wait(5_000).beat().verdict()

    needs("transactions_leave_one_version", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_where_values_repeat_the_target_shows_the_last_of_them(needs):
    def story():
        line = Timeline().source("A").source("B").source("A").source("C")
        return line.target("A").reading(committed=3).wait(500).beat().verdict()

    needs("first_equal_version_shown", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_absence_before_the_first_version_is_a_version_too(needs):
    def story():
        line = Timeline().source("A").reading(committed=0).wait(2_000).beat()
        return line.verdict()

    needs("absence_before_birth_ignored", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_a_lost_insert_is_missing_and_a_lost_delete_extra():
    missing = Timeline().source("A").settle().finding()
    extra = Timeline().source("A").target("A").source(None).settle().finding()
    assert ("missing", "extra") == (missing.kind, extra.kind)


def test_both_absent_is_consistent():
    line = Timeline().source("A").source(None).tombstone().settle()
    assert Verdict.CONSISTENT == line.verdict()


def test_an_undecodable_event_makes_its_key_unknown_until_the_next_good_one(needs):
    def story():
        line = Timeline().source("A").target("A").malformed().settle()
        return line.verdict(), line.source("B").target("B").verdict()

    needs(
        "malformed_records_ignored", story,
        (Verdict.UNKNOWN, Verdict.CONSISTENT), (Verdict.CONSISTENT, Verdict.CONSISTENT),
    )  # fmt: skip


def test_behind_an_undecodable_event_the_ring_begins_anew(needs):
    """The target shows the version that could not be read."""

    def story():
        line = Timeline().source("A").malformed().source("C").target("B")
        return line.reading(committed=2).wait(2_000).beat().verdict()

    needs("ring_survives_a_loss", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_an_undecodable_insert_before_a_delete_does_not_look_complete(needs):
    def story():
        line = Timeline().malformed().source(None).target("A")
        return line.reading(committed=1).wait(2_000).beat().verdict()

    needs("incomplete_rings_need_no_fence", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_an_undecodable_event_forgets_the_columns_carried_forward(needs):
    def story():
        line = Timeline().source("A,long").malformed().source("B,?").target("B,long").settle()
        return line.verdict(), line.reason()

    needs(
        "malformed_records_ignored", story,
        (Verdict.UNKNOWN, Reason.UNKNOWN_COLUMNS), (Verdict.CONSISTENT, Reason.NONE),
    )  # fmt: skip


def test_an_undecodable_target_event_makes_the_key_unknown():
    line = Timeline().source("A").target("A").malformed(side=Side.TARGET)
    assert (Verdict.UNKNOWN, Reason.MALFORMED) == (line.verdict(), line.reason())


def test_a_record_whose_key_cannot_be_read_taints_its_partitions_keys(needs):
    def story():
        line = Timeline().source("A").target("A").malformed(None).settle()
        return line.verdict(), line.source("B").target("B").verdict()

    needs(
        "losses_ignored", story,
        (Verdict.UNKNOWN, Verdict.CONSISTENT), (Verdict.CONSISTENT, Verdict.CONSISTENT),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("keyless", "expected"), [(True, Verdict.UNKNOWN), (False, Verdict.CONSISTENT)]
)
def test_a_record_without_a_key_may_have_emptied_every_partition(keyless, expected):
    line = Timeline(partitions=2).source("A", partition=1).target("A", partition=1)
    assert expected == line.malformed(None, Side.TARGET, keyless=keyless).settle().verdict()


def test_a_gap_in_the_offsets_makes_the_partitions_keys_unknown(needs):
    def story():
        line = Timeline().source("A").target("A").gap(3).settle()
        return line.verdict(), line.reason()

    needs("losses_ignored", story, (Verdict.UNKNOWN, Reason.GAP), (Verdict.CONSISTENT, Reason.NONE))


def test_a_copy_of_an_old_event_does_not_mend_a_gap():
    line = Timeline().source("A").target("A").gap(3).again(0)
    assert Verdict.UNKNOWN == line.verdict()


def test_a_key_never_seen_behind_a_gap_is_not_absent(needs):
    def story():
        line = Timeline().source("Y", key="z").gap(2).source("Z", key="z").target("A")
        return line.settle().verdict()

    needs("absence_needs_no_beginning", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_tombstone_behind_its_delete_is_nothing_when_both_come_again(needs):
    def story():
        line = Timeline().source("A").source(None).tombstone().source("C").target("C")
        return line.again(1).tombstone().verdict()

    needs("every_tombstone_stands_alone", story, Verdict.CONSISTENT, Verdict.IN_FLIGHT)


def test_a_tombstone_whose_delete_was_lost_tells_nothing(needs):
    """The copy of an old delete could not be read; the row was inserted again long since."""

    def story():
        line = Timeline().source("A").source(None).tombstone().source("C").target("C")
        return line.malformed().tombstone().again(2).settle().verdict()

    needs("tombstones_of_lost_deletes_count", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_tombstone_without_positions_is_a_delete():
    """Flattened records: no delete event, only the null value."""
    line = Timeline().source("A", position=False).target("A").tombstone().settle()
    assert "extra" == line.finding().kind


def test_a_truncate_empties_the_side():
    line = Timeline().source("A").target("A").truncate().settle()
    found = line.finding().kind
    line.truncate(Side.TARGET)
    assert ("extra", Verdict.CONSISTENT) == (found, line.verdict())


def test_a_row_read_after_a_truncate_but_committed_before_it_is_gone():
    line = Timeline(partitions=2).truncate(at=100, lsn=900, partition=1).source("A", at=50)
    line.target(None, op=Op.DELETE)
    assert Verdict.CONSISTENT == line.verdict()


def test_a_row_inserted_after_the_truncate_in_its_transaction_stays():
    line = Timeline().source("A").truncate(at=100, lsn=900).source("B", at=100, lsn=910)
    assert Verdict.CONSISTENT == line.target("B").verdict()


def test_a_truncate_emitted_again_does_not_empty_what_came_after_it():
    line = Timeline().source("A").truncate(at=100, lsn=900).source("B", at=200, lsn=910)
    line.target("B").again(0).truncate(at=100, lsn=900).again(1).settle()
    assert Verdict.CONSISTENT == line.verdict()


def test_unchanged_long_columns_are_carried_forward(needs):
    def story():
        line = Timeline().source("A,long").source("B,?").target("B,long").settle()
        return line.verdict()

    needs("nothing_carried_forward", story, Verdict.CONSISTENT, Verdict.UNKNOWN)


def test_where_nothing_can_be_carried_equal_columns_are_no_proof(needs):
    def story():
        line = Timeline().source("B,?", op=Op.UPDATE).target("B,long").settle()
        return line.verdict(), line.reason()

    needs(
        "unknown_columns_equal", story,
        (Verdict.UNKNOWN, Reason.UNKNOWN_COLUMNS), (Verdict.CONSISTENT, Reason.NONE),
    )  # fmt: skip


def test_columns_never_seen_are_no_difference(needs):
    def story():
        return Timeline().source("B,?", op=Op.UPDATE).target("B,long").settle().verdict()

    needs("unknown_columns_different", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_known_columns_that_differ_may_be_divergent():
    line = Timeline().source("B,?", op=Op.UPDATE).target("C,long").settle()
    assert (Verdict.DIVERGENT, ("short",)) == (line.verdict(), line.finding().columns)


def test_long_values_go_with_a_row_to_its_new_key(needs):
    def story():
        line = Timeline().source("A,long").target("A,long")
        for side in Side:
            value = "A,?" if side is Side.SOURCE else "A,long"
            line.change(side, None, lsn=500, moved="new")
            line.change(side, value, lsn=500, key="new", op=Op.CREATE, moved="k")
        line.settle()
        return line.verdict("k"), line.verdict("new")

    consistent = Verdict.CONSISTENT
    needs(
        "moves_forget_long_values", story, (consistent, consistent), (consistent, Verdict.UNKNOWN)
    )


def test_a_move_emitted_again_takes_nothing_of_a_later_row_along():
    """The old key was inserted again, with another long value, before the restart."""
    line = Timeline().source("A,?", op=Op.UPDATE).source(None, lsn=500, moved="new")
    line.source("A,?", lsn=500, key="new", op=Op.CREATE, moved="k").source("B,other", lsn=600)
    line.again(1).target("A,long", key="new").settle()
    assert Verdict.UNKNOWN == line.verdict("new")


def test_values_from_before_a_loss_do_not_move_along():
    line = Timeline().source("A,old").gap(2).source(None, lsn=500, moved="new")
    line.source("A,?", lsn=500, key="new", op=Op.CREATE, moved="k")
    assert Verdict.UNKNOWN == line.target("A,long", key="new").settle().verdict("new")


def test_moved_values_may_come_after_their_row():
    line = Timeline().source("A,long").source(None, lsn=500, moved="new")
    moved = [r for r in line.log if type(r).__name__ == "Moved"]
    assert [] == moved  # it went to the judge directly, and was parked
    line.source("A,?", lsn=500, key="new", op=Op.CREATE, moved="k").target("A,long", key="new")
    assert Verdict.CONSISTENT == line.verdict("new")


def test_a_new_snapshot_leaves_the_rows_it_does_not_show_unknown(needs):
    """The slot was lost; the row may have been deleted meanwhile."""

    def story():
        line = Timeline()
        for key in ("k", "z"):
            line.source("A", key=key).target("A", key=key)
        line.wait(5_000).source("A", key="z", op=Op.READ, snapshot=Snapshot.LAST)
        return line.verdict(), line.reason(), line.verdict("z")

    needs(
        "new_snapshots_ignored", story,
        (Verdict.UNKNOWN, Reason.NOT_REREAD, Verdict.CONSISTENT),
        (Verdict.CONSISTENT, Reason.NONE, Verdict.CONSISTENT),
    )  # fmt: skip


def test_a_row_not_shown_by_a_new_snapshot_is_known_again_by_its_next_event():
    line = Timeline().source("A").target("A").source("Z", key="z").wait(5_000)
    line.source("Z", key="z", op=Op.READ, snapshot=Snapshot.LAST).source("B").target("B")
    assert Verdict.CONSISTENT == line.verdict()


def test_a_row_absent_before_a_new_snapshot_and_not_in_it_is_still_absent():
    line = Timeline().source("A").source(None).source("Z", key="z").wait(5_000)
    line.source("Z", key="z", op=Op.READ, snapshot=Snapshot.LAST)
    assert Verdict.CONSISTENT == line.verdict()


def test_a_running_snapshot_proves_no_absence(needs):
    def story():
        line = Timeline().source("Z", key="z", op=Op.READ, snapshot=Snapshot.ROW).target("A")
        return line.wait(2_000).reading().wait(2_000).beat(side=Side.TARGET).verdict()

    needs("running_snapshots_ignored", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_finished_snapshot_does():
    line = Timeline().source("Z", key="z", op=Op.READ, snapshot=Snapshot.LAST)
    line.target("Z", key="z").target("A").settle()
    assert "extra" == line.finding().kind


def test_every_pair_of_a_record_gets_its_own_judgement():
    line = Timeline(pairs=("stock", "levels")).source("A").target("A")
    assert [Verdict.CONSISTENT] * 2 == [line.verdict(pair=p) for p in ("stock", "levels")]


def test_an_incremental_read_replaces_the_row_without_a_sample():
    line = Timeline().source("A").target("A")
    line.source("A", op=Op.READ, snapshot=Snapshot.INCREMENTAL, position=False).settle()
    assert (Verdict.CONSISTENT, 1) == (line.verdict(), line.samples())
