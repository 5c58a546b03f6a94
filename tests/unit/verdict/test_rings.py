"""Full rings: the version that the target shows stays, what it waits for stays clear."""

import pytest

from figwatch.validators.change import Side
from figwatch.validators.outcome import Verdict
from tests.unit.verdict.timeline import Timeline

RING = {"ring_size": 3}


def stalled(shown: str | None, versions: str = "BCDEFGH") -> Timeline:
    """The target shows a version (None: none yet), and the replicator stands still."""
    line = Timeline(rules=RING)
    if shown is not None:
        line.source(shown).target(shown)
    for value in versions:
        line.source(value, tx=7)  # in one transaction: none is remembered for measuring
    done = 1 if shown is not None else 0
    return line.reading(committed=done).wait(2_000).beat()


@pytest.mark.parametrize("shown", ["A", None])
def test_a_hot_key_is_overdue_and_not_unknown_while_the_replicator_stands_still(shown, needs):
    needs(
        "full_rings_forget_what_is_shown", lambda: stalled(shown).verdict(),
        Verdict.OVERDUE, Verdict.UNKNOWN,
    )  # fmt: skip


@pytest.mark.parametrize("shown", ["A", None])
def test_it_is_divergent_once_the_replicator_is_done_with_what_follows(shown):
    assert Verdict.DIVERGENT == stalled(shown).settle().verdict()


@pytest.mark.parametrize("shown", ["A", None])
def test_it_is_consistent_once_the_target_has_caught_up(shown):
    line = stalled(shown)
    for value in "BCDEFGH":
        line.target(value)
    assert Verdict.CONSISTENT == line.settle().verdict()
    assert [] == line.findings()


def test_a_version_that_was_dropped_is_no_foreign_value(needs):
    """The target shows B, whose place is the hole behind A: done with A proves nothing of B."""

    def story():
        return stalled("A").target("B").reading(committed=2).wait(2_000).beat().verdict()

    needs("holes_in_a_ring_ignored", story, Verdict.UNKNOWN, Verdict.DIVERGENT)


def test_a_dropped_version_that_is_remembered_for_measuring_is_overdue():
    line = Timeline(rules=RING).source("A").target("A")
    for value in "BCDEFGH":
        line.source(value)
    line.target("B").reading(committed=2).wait(2_000).beat()
    assert Verdict.OVERDUE == line.verdict()


def test_a_ring_never_holds_more_than_its_size():
    line = stalled("A", "BCDEFGHIJKLMN").target("H").source("O").source("P")
    assert 3 == len(line.state().source.ring)


def test_a_copy_of_a_dropped_version_takes_its_place_behind_the_one_shown():
    line = stalled("A")
    line.again(3, Side.SOURCE).reading(committed=1).wait(2_000).beat()
    assert (Verdict.OVERDUE, 3) == (line.verdict(), len(line.state().source.ring))
    for n in range(4, 8):
        line.again(n, Side.SOURCE)
    assert Verdict.DIVERGENT == line.settle().verdict()
