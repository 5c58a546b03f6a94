"""The steps of a cutover: each refuses until its ground holds, and says what remains."""

import dataclasses

import pytest

from figwatch.validators.convergence import Quantiles
from figwatch.validators.overview import overview
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.summary import PairSummary, Summary, TurnSummary
from figwatch.validators.writes.cutover import CutoverCriteria, CutoverFacts, assess_cutover
from figwatch.validators.writes.fallback import assess_fallback

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND
FENCE = NOW - 20 * SECOND


def pair(**changed):
    fields = {
        "keys": {"consistent": 5}, "unknown": {}, "open_findings": {}, "findings_total": {},
        "convergence": Quantiles(), "unshown": 0, "oldest_unshown_us": 0, "capture": {},
        "changes": {}, "duplicates": {}, "source_watermark_us": NOW - SECOND,
        "target_watermark_us": NOW - SECOND, "verified_through_us": NOW - SECOND, "transient": 0,
        "alarms": {}, "newest": {"source": FENCE, "target": FENCE + SECOND},
    }  # fmt: skip
    return PairSummary(**fields | changed)


def facts(stock=None, **changed):
    summary = Summary(0, NOW, "w", {}, 0, {"stock": stock or pair()}, [])
    view = overview({0: summary}, 1, NOW, 10 * SECOND)
    made = CutoverFacts(
        view, ("stock",), 1, "monolith", "service", 0, {("mono.t", 0): 7}, {("mono.t", 0): 7},
        frozenset({"stock"}),
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


def assess(*args, quiet=5, **changed):
    return assess_cutover(facts(*args, **changed), CutoverCriteria(quiet * SECOND))


def state(found):
    return {step.name: step.answer.value for step in found.steps}


def test_when_everything_before_the_switch_holds_it_says_switch():
    found = assess()
    assert (Answer.PASS, True, {"mono.t:0": 7}) == (found.answer, found.may_switch, found.position)


@pytest.mark.parametrize(
    ("changed", "step", "answer"),
    [
        ({"newest": {"source": NOW - 2 * SECOND}}, "fenced", "inconclusive"),
        ({"source_watermark_us": 0}, "fenced", "inconclusive"),
        ({"keys": {"consistent": 4, "divergent": 1}}, "verified", "fail"),
        ({"open_findings": {"stale": 1}}, "verified", "fail"),
        ({"keys": {"consistent": 4, "in_flight": 1}}, "verified", "inconclusive"),
        ({"keys": {"consistent": 4, "unknown": 1}}, "verified", "inconclusive"),
        ({"keys": {}}, "verified", "inconclusive"),
        ({"verified_through_us": FENCE - 1}, "verified", "inconclusive"),
    ],
)
def test_it_refuses_where_the_streams_do_not_bear_it_out(changed, step, answer):
    found = assess(pair(**changed))
    assert (answer, False) == (state(found)[step], found.may_switch)
    assert found.answer.value == answer
    assert next(s for s in found.steps if s.name == step).remains


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        ({"committed": {("mono.t", 0): 6}}, "drained"),
        ({"committed": {}}, "drained"),
        ({"committed": None}, "drained"),
        ({"ends": {}}, "captured"),
        ({"two_way": frozenset()}, "way_back"),
    ],
)
def test_it_refuses_where_kafka_does_not_bear_it_out(changed, step):
    found = assess(**changed)
    assert ("inconclusive", Answer.INCONCLUSIVE) == (state(found)[step], found.answer)


def test_steps_after_one_that_does_not_hold_rest_on_nothing():
    found = assess(pair(newest={"source": NOW - SECOND}))
    assert {"inconclusive"} == set(state(found).values())
    assert {} == found.position


def test_a_change_after_the_told_fence_is_a_failure():
    found = assess(fenced_us=FENCE - SECOND)
    assert ("fail", Answer.FAIL) == (state(found)["fenced"], found.answer)
    assert Answer.PASS is assess(fenced_us=FENCE + SECOND).answer


def test_stale_summaries_prove_nothing():
    summary = Summary(0, NOW - 60 * SECOND, "w", {}, 0, {"stock": pair()}, [])
    found = assess(view=overview({0: summary}, 1, NOW, 10 * SECOND))
    assert Answer.INCONCLUSIVE is found.answer


@pytest.mark.parametrize(
    ("turn", "answer"),
    [
        ((True, 0, 0, 0), Answer.PASS),
        ((False, 0, 0, 0), Answer.INCONCLUSIVE),
        ((True, 1, 0, 0), Answer.FAIL),
        ((True, 0, 1, 0), Answer.FAIL),
        ((True, 0, 0, 1), Answer.INCONCLUSIVE),
    ],
)
def test_after_the_switch_it_says_whether_the_turn_was_clean(turn, answer):
    decided, owed, lost, undecided = turn
    turned = TurnSummary(FENCE, 1, decided, owed, owed, lost, undecided)
    found = assess(pair(turn=turned))
    assert (answer, True) == (found.answer, found.switched)


# -- the way back --------------------------------------------------------------------------------


def fallback(stock, *, two_way=True):
    return assess_fallback(stock, two_way=two_way, now_us=NOW, age_max_us=60 * SECOND)


TURNED = TurnSummary(FENCE, 1, True, 0, 0, 0, 0)  # noqa: FBT003


def test_while_the_monolith_leads_it_has_everything():
    found = fallback(pair())
    assert (Answer.PASS, NOW - SECOND) == (found.answer, found.up_to_us)


@pytest.mark.parametrize("kind", ["extra", "value_mismatch"])
def test_what_only_the_service_has_would_be_lost_on_the_way_back(kind):
    assert Answer.FAIL is fallback(pair(open_findings={kind: 1})).answer
    assert Answer.PASS is fallback(pair(open_findings={"stale": 1})).answer


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, Answer.PASS),
        ({"keys": {"consistent": 1, "divergent": 1}}, Answer.FAIL),
        ({"open_findings": {"stale": 1}}, Answer.FAIL),
        ({"keys": {"consistent": 1, "unknown": 1}}, Answer.INCONCLUSIVE),
        ({"keys": {"consistent": 1, "overdue": 1}}, Answer.INCONCLUSIVE),
        ({"keys": {"consistent": 1, "in_flight": 1}}, Answer.PASS),
        ({"verified_through_us": NOW - 61 * SECOND}, Answer.INCONCLUSIVE),
        ({"verified_through_us": NOW + 61 * SECOND}, Answer.INCONCLUSIVE),
        ({"verified_through_us": 0}, Answer.INCONCLUSIVE),
    ],
)
def test_once_the_service_leads_the_monolith_must_follow(changed, answer):
    found = fallback(pair(turn=TURNED, **changed))
    assert answer is found.answer
    assert bool(found.missing) is (answer is not Answer.PASS)


def test_without_replication_back_and_while_turning_nothing_is_promised():
    assert Answer.INCONCLUSIVE is fallback(pair(turn=TURNED), two_way=False).answer
    turning = TurnSummary(FENCE, 1, False, 0, 0, 0, 0)  # noqa: FBT003
    assert Answer.INCONCLUSIVE is fallback(pair(turn=turning)).answer
