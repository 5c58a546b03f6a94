"""Convergence time: which target version shows which source change, and when."""

import pytest

from figwatch.validators.change import Op, Side, Snapshot
from figwatch.validators.convergence import Quantiles
from tests.unit.verdict.timeline import Timeline


def figures(line: Timeline) -> tuple[int, float]:
    """How many samples, and the greatest in milliseconds."""
    convergence = line.books().convergence
    return convergence.count, convergence.max_us / 1_000


def test_a_sample_is_the_time_between_the_two_commits():
    assert (1, 40.0) == figures(Timeline().source("A", at=100).target("A", at=140))


def test_it_does_not_matter_which_side_is_read_first():
    line = Timeline().target("A", at=140).target("B", at=260).source("A", at=100)
    assert (2, 60.0) == figures(line.source("B", at=200))


def test_a_skipped_version_is_shown_by_the_later_one():
    line = Timeline().source("A", at=100).source("B", at=200).target("B", at=250)
    assert (2, 150.0) == figures(line)


def test_two_deletes_in_a_row_are_four_changes_however_they_are_read(needs):
    """Absent before, between and after: all of the source was read before the target."""

    def story():
        line = Timeline()
        for side, lag in ((Side.SOURCE, 0), (Side.TARGET, 30)):
            for i, value in enumerate(["A", None, "B", None]):
                line.change(side, value, at=100 + 100 * i + lag)
        return figures(line)

    needs("repeats_shown_at_once", story, (4, 30.0), (2, 30.0))


def test_a_value_that_repeats_is_shown_by_its_own_version_however_they_are_read(needs):
    def story():
        line = Timeline()
        for side, lag in ((Side.TARGET, 30), (Side.SOURCE, 0)):
            for i, value in enumerate("ABA"):
                line.change(side, value, at=100 + 100 * i + lag)
        return figures(line)

    needs("repeats_shown_at_once", story, (3, 30.0), (1, 30.0))


def test_a_row_written_again_does_not_show_a_version_committed_later(needs):
    """The replicator crashed and wrote A again, before the source's B and A."""

    def story():
        line = Timeline()
        for i, value in enumerate("ABA"):
            line.source(value, at=100 + 1_000 * i)
        line.target("A", at=130).target("A", at=160).target("B", at=1_130).target("A", at=2_130)
        return figures(line), line.books().convergence.negative

    needs("written_again_shows_the_next", story, ((3, 30.0), 0), ((3, 30.0), 2))


def test_the_middle_of_a_transaction_gives_no_sample(needs):
    def story():
        line = Timeline().source("A", at=100, tx=1).source("B", at=100, tx=1)
        return figures(line.target("B", at=140))

    needs("transactions_give_every_sample", story, (1, 40.0), (2, 40.0))


def test_snapshot_rows_give_no_sample(needs):
    def story():
        line = Timeline().source("A", op=Op.READ, snapshot=Snapshot.LAST)
        return line.target("A").samples()

    needs("snapshot_rows_give_samples", story, 0, 1)


def test_an_update_that_changes_no_mapped_column_gives_no_sample():
    line = Timeline().source("A", at=100).target("A", at=140).source("A", at=900)
    assert (1, 40.0) == figures(line.target("A", at=950))


def test_a_move_is_one_change():
    line = Timeline().source("A").target("A")
    for side in Side:
        line.change(side, None, lsn=500, moved="new")
        line.change(side, "A", lsn=500, key="new", op=Op.CREATE, moved="k")
    assert 2 == line.samples()


def test_a_row_inserted_and_deleted_at_once_gives_no_sample_hours_later():
    """The target never showed it, and the replicator is done with it."""
    line = Timeline().source("A").source(None).settle()
    line.wait(3_600_000).source("B").target("B")
    count, greatest_ms = figures(line)
    assert (1, True) == (count, greatest_ms < 1_000)


def test_a_lost_change_counts_as_unshown_and_then_with_its_whole_delay():
    line = Timeline().source("A", at=100).target("A", at=110).source("B", at=200).settle()
    unshown, oldest_us = line.books().unshown, line.books().oldest_unshown_us
    line.source("C", at=9_000).target("C", at=9_100)
    assert ((1, line.at_us(200)), (3, 8_900.0)) == ((unshown, oldest_us), figures(line))


def test_a_key_hotter_than_its_ring_loses_no_sample(needs):
    def story():
        line = Timeline(rules={"ring_size": 2})
        for side, lag in ((Side.SOURCE, 0), (Side.TARGET, 30)):
            for i in range(12):
                line.change(side, f"v{i}", at=100 + 100 * i + lag)
        return figures(line)

    needs("hot_keys_lose_samples", story, (12, 30.0), (1, 30.0))


def test_what_is_remembered_for_measuring_is_bounded():
    line = Timeline(rules={"ring_size": 2})
    for i in range(100):
        line.source(f"v{i}")
    for i in range(20):
        line.target(f"x{i}")
    state = line.state()
    assert (64, 8, 2) == (
        len(state.source.dropped),
        len(state.target.ahead),
        len(state.source.ring),
    )


def test_a_target_ahead_of_the_source_is_evidence_of_skew():
    line = Timeline().source("A", at=140).target("A", at=100)
    convergence = line.books().convergence
    assert (1, -40_000) == (convergence.negative, convergence.min_us)


@pytest.mark.parametrize("q", [0.01, 0.5, 0.9, 0.99, 1.0])
def test_quantiles_are_within_half_a_percent_and_merge(q):
    left, right = Quantiles(buckets={}), Quantiles(buckets={})
    for i in range(1, 1_001):
        (left if i % 3 else right).add(i * 1_000, 500_000)
    left.merge(right)
    assert pytest.approx(q, rel=0.011) == left.quantile_seconds(q)
    assert (1_000, 500, 1_000_000) == (left.count, left.within, left.max_us)


def test_quantiles_of_nothing_and_of_negative_samples():
    empty, early = Quantiles(buckets={}), Quantiles(buckets={})
    early.add(-5_000, 1)
    early.merge(empty)
    empty.merge(early)
    assert (-0.005, 1, 1) == (empty.quantile_seconds(0.5), empty.count, empty.negative)
