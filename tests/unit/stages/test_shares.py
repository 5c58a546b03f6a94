"""Shares are shown, refuted or left open; whatever is wrong with the evidence leaves them open."""

import pytest

from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.facts import Origin, Share
from figwatch.validators.stages.shares import Goal, not_worse, share_shown
from tests.unit.stages.facts import HOUR_US, NOW_US, UNREACHABLE, origin, share

GOAL = Goal(0.99, 0.95, 300, 300_000_000, margin=0.005)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (share(10_000, 10_000), Answer.PASS),
        (share(9_980, 10_000), Answer.PASS),
        (share(9_800, 10_000), Answer.FAIL),
        (share(9_900, 10_000), Answer.INCONCLUSIVE),  # exactly on the line
        (share(448, 448), Answer.INCONCLUSIVE),  # one short of what continuous looking takes
        (share(449, 449), Answer.PASS),
        (share(299, 299), Answer.INCONCLUSIVE),  # too few
        (share(0, 299), Answer.INCONCLUSIVE),  # too few to refute, too
        (share(0, 0), Answer.INCONCLUSIVE),
        (share(10_001, 10_000), Answer.INCONCLUSIVE),  # contradictory
        (share(-1, 10_000), Answer.INCONCLUSIVE),
        (share(10_000, 10_000, origin(age_us=300_000_001)), Answer.INCONCLUSIVE),  # stale
        (share(10_000, 10_000, origin(age_us=-HOUR_US)), Answer.INCONCLUSIVE),  # the future
        (share(10_000, 10_000, UNREACHABLE), Answer.INCONCLUSIVE),
    ],
)
def test_a_share_is_shown_only_by_enough_good_fresh_evidence(fact, expected):
    assert expected == share_shown("latency", fact, GOAL, NOW_US).answer


def test_what_is_missing_is_said_with_the_time_it_takes_at_the_present_rate():
    result = share_shown("latency", share(400, 400), GOAL, NOW_US)
    assert "49 more good samples; in about" in result.missing
    assert result.wait_seconds == pytest.approx(49 * 3600 / 400)


def test_too_few_samples_say_when_there_will_be_enough():
    result = share_shown("latency", share(100, 100), GOAL, NOW_US)
    assert result.wait_seconds == pytest.approx(200 * 36)


def test_a_share_that_is_not_above_the_goal_never_will_pass_at_this_rate():
    result = share_shown("latency", share(989, 1000), GOAL, NOW_US)
    assert result.answer is Answer.INCONCLUSIVE
    assert result.wait_seconds is None
    assert "never" in result.missing


def test_the_problem_of_the_evidence_and_its_remedy_are_passed_on():
    result = share_shown("latency", share(1, 1, UNREACHABLE), GOAL, NOW_US)
    assert ("Prometheus is away", "start it") == (result.reason, result.missing)


OLD = share(99_900, 100_000, name="before")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (OLD, share(9_990, 10_000), Answer.PASS),
        (OLD, share(9_800, 10_000), Answer.FAIL),
        (OLD, share(9_950, 10_000), Answer.INCONCLUSIVE),
        (OLD, share(300, 300), Answer.INCONCLUSIVE),
        (OLD, share(10, 10), Answer.INCONCLUSIVE),
        (share(299, 299), share(9_990, 10_000), Answer.INCONCLUSIVE),  # a baseline too small
        (share(9, 8), share(9_990, 10_000), Answer.INCONCLUSIVE),
        (Share("before", UNREACHABLE), share(9_990, 10_000), Answer.INCONCLUSIVE),
        (OLD, share(9_990, 10_000, UNREACHABLE), Answer.INCONCLUSIVE),
    ],
)
def test_no_worse_than_before_is_shown_refuted_or_open(old, new, expected):
    assert expected == not_worse("latency", old, new, GOAL, NOW_US).answer


def test_an_old_baseline_still_counts():
    years = Origin("baseline", observed_us=1)
    old = share(99_900, 100_000, years)
    assert Answer.PASS is not_worse("latency", old, share(9_990, 10_000), GOAL, NOW_US).answer
