"""F: proof that the replicator is done with a source change."""

from figwatch.validators.change import Op, Snapshot
from figwatch.validators.outcome import Verdict
from tests.unit.verdict.timeline import Timeline


def lost_update() -> Timeline:
    return Timeline().source("A").target("A").source("B")


def test_a_lost_change_is_found():
    line = lost_update().settle()
    finding = line.finding()
    assert ("stale", ("short",), "fence", line.state().source.ring[-1].commit_us) == (
        finding.kind, finding.columns, finding.evidence, finding.since_us,
    )  # fmt: skip


def test_the_replicator_must_have_committed_past_the_change(needs):
    def story():
        return lost_update().wait(2_000).reading(committed=1).beat().verdict()

    needs("committed_offset_ignored", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_a_committed_offset_names_the_next_record_not_the_last_one(needs):
    def story():
        return lost_update().wait(2_000).reading(committed=1).beat().verdict()

    needs("committed_up_to_is_enough", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_what_the_target_committed_before_the_answer_must_have_been_read(needs):
    """B was written and committed back; the target's event of it is still to be read."""

    def story():
        line = lost_update()
        return line.beat(at=15, side=1).reading().verdict()

    needs("targets_watermark_ignored", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_the_targets_clock_may_run_ahead_by_the_skew_bound(needs):
    """Its heartbeat says 300 ms past the answer while it stands 100 ms before it."""

    def story():
        line = Timeline(rules={"skew_us": 400_000}).source("A").target("A").source("B").reading()
        return line.beat(at=(line.now_us - line.at_us(0)) / 1_000 + 300, side=1).verdict()

    needs("clock_skew_ignored", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_reading_requested_before_the_target_was_read_proves_nothing(needs):
    """B was shown; the replicator went back and wrote A again, which the reading did not see."""

    def story():
        line = Timeline().source("A").target("A").source("B").target("B").reading()
        return line.target("A").beat().verdict()

    needs("readings_from_before_the_target_was_read", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_version_emitted_again_is_done_only_past_its_latest_offset(needs):
    """After a restart A and B stand twice; the replicator has applied the second A."""

    def story():
        line = Timeline().source("A").source("B").target("A").target("B")
        line.again(0).again(1).target("A")
        return line.reading(committed=3).wait(500).beat().verdict()

    needs("copies_keep_their_first_offset", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_snapshots_row_is_done_only_past_the_copies_of_what_led_to_it(needs):
    """A blocking snapshot read B, nothing else will emit it again; then the connector went back
    and emits Y and A again. The replicator has applied the second Y.
    """

    def story():
        line = Timeline().source("Y").source("A").target("Y").target("A")
        line.source("B", op=Op.READ, snapshot=Snapshot.LAST).target("B")
        line.again(0).again(1).source("Z", key="z").target("A")
        return line.reading(committed=4).wait(500).beat().verdict()

    needs("only_the_copied_version_moves", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_snapshots_row_does_not_say_that_the_connector_has_caught_up(needs):
    """The connector went back and emits A again; a blocking snapshot comes in between."""

    def story():
        line = Timeline().source("A").source("B").target("A").target("B").again(0).target("A")
        line.source("C", op=Op.READ, snapshot=Snapshot.LAST)
        return line.reading(committed=3).wait(500).beat().verdict()

    needs("snapshots_release_the_frontier", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_copies_not_read_yet_keep_a_reading_from_counting(needs):
    def story():
        line = Timeline().source("A").source("B").target("A").target("B").unread(2).target("A")
        return line.reading(committed=3).wait(500).beat(side=1).verdict()

    needs("readings_not_covered", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_version_whose_copy_is_still_to_be_emitted_is_not_done(needs):
    """The connector went back and has emitted A again; B's copy will follow."""

    def story():
        line = Timeline().source("A").source("B").target("A").target("B").again(0).target("A")
        return line.reading(committed=3).wait(500).beat().verdict()

    needs("emission_frontier_ignored", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_new_event_of_the_partition_says_that_the_connector_has_caught_up():
    line = Timeline().source("A").source("B").target("A").target("B").again(0).target("A")
    line.source("Z", key="other").settle()
    assert Verdict.DIVERGENT == line.verdict()


def test_an_old_event_that_only_seems_new_says_nothing_of_the_kind(needs):
    """Another key's event was malformed at first; its copy comes between the copies of A and B."""

    def story():
        line = Timeline().source("A").malformed("other").source("B", at=500)
        line.target("A").target("B").again(0)
        line.source("Z", key="other", at=200, lsn=105).target("A")
        return line.reading(committed=5).wait(500).beat().verdict()

    needs("any_event_releases_the_frontier", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_the_keys_own_next_event_releases_the_frontier_even_where_lsns_started_over():
    line = Timeline().source("A", lsn=900).target("A").source("B", lsn=910).source("C", lsn=20)
    assert Verdict.DIVERGENT == line.settle().verdict()


def test_a_replicator_that_went_back_to_before_the_change_is_waited_for(needs):
    def story():
        line = lost_update().reading().wait(100)
        between = (line.now_us - line.at_us(0)) / 1_000
        return line.wait(100).reading(committed=1).beat(at=between).verdict()

    needs("rewinds_ignored", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_committed_offset_that_was_deleted_is_a_replicator_that_went_back():
    line = lost_update().reading().reading(committed=None).wait(500).beat()
    assert Verdict.IN_FLIGHT == line.verdict()


def test_a_reading_of_end_offsets_alone_says_nothing_of_the_replicator():
    line = lost_update().reading().reading(committed=None, end_only=True).wait(500).beat()
    assert Verdict.DIVERGENT == line.verdict()


def test_being_late_is_overdue_and_never_divergent_by_itself(needs):
    def story():
        return lost_update().wait(5_000).reading(committed=1).beat().verdict()

    needs("overdue_is_divergent", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_a_later_change_that_is_done_proves_nothing_of_an_earlier_one(needs):
    """The commit past B is a leftover of before a rewind; the target's A is of after it."""

    def story():
        line = Timeline().source("A").source("B").source("Z", key="other")
        line.target("A").target("B").reading().target("A")
        return line.beat().verdict()

    needs("a_later_change_is_proof_enough", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_copy_in_an_added_partition_leaves_open_which_one_is_the_last():
    """Partitions were added before the restart: the copies of A and B stand in the new one."""
    line = Timeline().source("A").source("B").target("A").target("B").topology(2)
    line.again(0, partition=1).target("A")
    line.reading(partition=0).reading(partition=1).wait(500).beat(side=1)
    waiting = line.verdict()
    line.again(1, partition=1).settle()
    line.reading(partition=1).wait(2_000).beat(side=1)
    late = line.verdict()
    line.source("C", partition=1).settle().reading(partition=1).wait(2_000).beat(side=1)
    assert (Verdict.IN_FLIGHT, Verdict.OVERDUE, Verdict.DIVERGENT) == (
        waiting, late, line.verdict(),
    )  # fmt: skip


def test_a_truncate_emitted_again_is_waited_for(needs):
    """The copy of A was applied; the copy of the truncate behind it is read but not applied."""

    def story():
        line = Timeline().source("A").target("A").truncate().target(None)
        truncate = next(r for r in line.log if type(r).__name__ == "Truncate")
        line.again(0).target("A")
        line.truncate(lsn=truncate.position[0], at=(truncate.commit_us - line.at_us(0)) / 1_000)
        return line.reading(committed=3).wait(500).beat().verdict()

    needs("truncates_are_emitted_once", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_without_a_fence_only_the_give_up_age_tells():
    line = Timeline(rules={"fenced": False}).source("A").target("A").source("B")
    overdue = line.reading(committed=None, end_only=True).wait(5_000).beat().verdict()
    line.wait(60_000).beat()
    assert (Verdict.OVERDUE, Verdict.DIVERGENT, "timeout") == (
        overdue, line.verdict(), line.finding().evidence,
    )  # fmt: skip
