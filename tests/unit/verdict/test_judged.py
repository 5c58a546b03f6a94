"""J: when the target's present value may be judged at all."""

from figwatch.validators.change import Op, Snapshot
from figwatch.validators.outcome import Evidence, Reason, Verdict
from tests.unit.verdict.timeline import Timeline


def test_a_target_that_runs_ahead_of_what_figwatch_has_read_of_the_source_is_in_flight(needs):
    def story():
        line = Timeline().source("A").target("A").unread().target("B")
        return line.reading(end=2).wait(2_000).beat().verdict()

    needs("judged_before_the_source_is_applied", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_the_same_value_is_divergent_once_the_source_is_applied_and_never_had_it():
    line = Timeline().source("A").target("A").target("B").settle()
    assert (Verdict.DIVERGENT, "value_mismatch", "history") == (
        line.verdict(), line.finding().kind, line.finding().evidence,
    )  # fmt: skip


def test_a_reading_from_before_the_target_was_read_says_nothing_of_its_value():
    line = Timeline().source("A").target("A").reading().target("B").wait(2_000).beat()
    assert Verdict.IN_FLIGHT == line.verdict()


def test_half_of_the_targets_transaction_is_not_judged(needs):
    """The replicator deletes and inserts in one transaction; only the delete was read yet."""

    def story():
        line = Timeline(rules={"fenced": False}).source("A").target("A").source("B")
        line.wait(90_000).beat().target(None, tx=7, mark=False)
        return line.reading(committed=None, end_only=True).verdict()

    needs("judged_inside_the_targets_transaction", story, Verdict.OVERDUE, Verdict.DIVERGENT)


def test_a_key_never_seen_at_the_source_may_stand_in_any_of_its_partitions(needs):
    def story():
        line = Timeline(partitions=2).target("A").reading(partition=0)
        line.unread(partition=1).reading(partition=1, committed=0)
        return line.wait(2_000).beat(side=1).verdict()

    needs("one_partition_is_enough", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_key_is_not_extra_before_every_source_partition_is_heard_of():
    line = Timeline(partitions=2, heard=False).target("A", mark=False)
    line.reading(partition=0).wait(2_000).beat(side=1)
    assert Verdict.DIVERGENT != line.verdict()


def test_partitions_may_have_been_added_before_figwatch_began():
    line = Timeline(partitions=2).source("A").target("A").target("B").unread(partition=1)
    line.reading(partition=1, committed=0).reading(partition=0).wait(2_000).beat(side=1)
    assert Verdict.IN_FLIGHT == line.verdict()


def test_after_partitions_were_added_a_key_may_go_on_in_another_one(needs):
    def story():
        line = Timeline().source("A").target("A").topology(2).target("B")
        line.reading(partition=0).unread(partition=1).reading(partition=1, committed=0)
        return line.wait(2_000).beat(side=1).verdict()

    needs("one_partition_is_enough", story, Verdict.IN_FLIGHT, Verdict.DIVERGENT)


def test_a_row_that_the_source_never_had_is_extra():
    line = Timeline().target("A").settle()
    assert "extra" == line.finding().kind


def test_a_foreign_value_that_heals_within_the_objective_is_transient(needs):
    def story():
        line = Timeline().source("A").target("A").target("X").reading().beat()
        line.target("A").settle()
        return line.verdict(), len(line.findings()), line.books().transient

    needs(
        "foreign_values_need_not_stand", story,
        (Verdict.CONSISTENT, 0, 1), (Verdict.CONSISTENT, 1, 0),
    )  # fmt: skip


def test_a_target_that_was_read_before_its_source_is_no_transient():
    line = Timeline().target("A").source("A", at=5).settle()
    assert (Verdict.CONSISTENT, 0) == (line.verdict(), line.books().transient)


def test_a_value_from_before_an_incomplete_history_needs_the_fence(needs):
    """Figwatch began late: the target shows a version older than the first one read."""

    def story():
        line = (
            Timeline(base=5)
            .source("B", op=Op.UPDATE)
            .target("A", op=Op.UPDATE, snapshot=Snapshot.LAST)
        )
        line.reading(committed=5).wait(2_000).beat()
        return line.verdict(), line.reason()

    wrong = (Verdict.DIVERGENT, Reason.NONE)
    expected = (Verdict.UNKNOWN, Reason.INCOMPLETE_HISTORY)
    needs("incomplete_rings_need_no_fence", story, expected, wrong)


def test_with_the_fence_past_the_oldest_version_it_is_divergent_and_says_so():
    line = (
        Timeline(base=5)
        .source("B", op=Op.UPDATE)
        .target("A", op=Op.UPDATE, snapshot=Snapshot.LAST)
        .settle()
    )
    finding = line.finding()
    assert (Verdict.DIVERGENT, True, Evidence.FENCE.name.lower()) == (
        line.verdict(), finding.incomplete_history, finding.evidence,
    )  # fmt: skip


def test_only_a_create_is_a_keys_first_state(needs):
    def story():
        line = Timeline().source("B", op=Op.UPDATE).target("A", op=Op.UPDATE)
        return line.reading(committed=0).wait(2_000).beat().verdict()

    needs("every_first_event_is_a_birth", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_ring_that_overflowed_is_complete_no_more(needs):
    def story():
        line = Timeline(rules={"ring_size": 2})
        for value in "ABCD":
            line.source(value, tx=7)  # inside a transaction: not remembered for measuring
        return line.target("A").reading(committed=1).wait(2_000).beat().verdict()

    needs("overflow_keeps_the_ring_complete", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_birth_that_figwatch_saw_late_may_have_had_an_earlier_life(needs):
    """Inserted, deleted (both before figwatch began), inserted again: the target is behind."""

    def story():
        line = (
            Timeline(base=2)
            .source("C", op=Op.CREATE)
            .target("A", op=Op.CREATE, snapshot=Snapshot.LAST)
        )
        return line.reading(committed=0).wait(2_000).beat().verdict()

    needs("history_before_the_first_record_ignored", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_birth_may_be_a_copy_of_one_from_before_figwatch_began(needs):
    """The target shows B, written before; the connector went back and emits A again, then B."""

    def story():
        line = Timeline(base=2).source("A", op=Op.CREATE).target("B", op=Op.UPDATE)
        return line.reading(committed=2).wait(2_000).beat().verdict()

    needs("the_first_record_was_no_copy", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_birth_behind_a_gap_may_have_had_an_earlier_life(needs):
    def story():
        line = (
            Timeline()
            .source("Z", key="other")
            .gap(2)
            .source("C", op=Op.CREATE)
            .target("A", op=Op.CREATE)
        )
        return line.reading(committed=2).wait(2_000).beat().verdict()

    needs("only_the_first_record_counts_as_lost", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_no_reading_of_the_source_at_all_lets_its_watermark_stand_in():
    line = Timeline(rules={"readings": False, "fenced": False})
    line.source("A").target("A").target("B").wait(2_000).beat(side=1)
    before = line.verdict()
    assert (Verdict.IN_FLIGHT, Verdict.DIVERGENT) == (before, line.beat(side=0).verdict())
