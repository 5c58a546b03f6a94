"""Stage `writes`: sagas and the way back, each passed, failed or open for a reason."""

import pytest

from figwatch.validators.convergence import Quantiles
from figwatch.validators.outbox.summary import OutboxSummary
from figwatch.validators.overview import overview
from figwatch.validators.sagas.summary import SagaSummary
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.shares import Goal
from figwatch.validators.stages.writes import WritesFacts, way_back, writes_rules
from figwatch.validators.summary import Summary, TurnSummary
from figwatch.validators.writes.echo_summary import EchoSummary
from tests.unit.writes.test_cutover import NOW, SECOND, pair

COPIED = EchoSummary({"outside": 9, "arrival": 9}, known_us=NOW)
GOAL = Goal(0.9999, 0.95, 300, 60 * SECOND)
TURNED = TurnSummary(NOW - 20 * SECOND, 1, True, 0, 0, 0, 0)  # noqa: FBT003


def saga(**changed):
    fields = {
        "outcomes": {}, "open": 0, "wrong": 0, "reached": {}, "problems": {}, "undeclared": {},
        "seconds": Quantiles(), "success": 200_000, "samples": 200_000, "unknown": 0,
        "oldest_open_us": 0, "watermark_us": NOW, "cases": [],
    }  # fmt: skip
    return SagaSummary(**fields | changed)


def facts(order=None, stock=None, **changed):
    fields = {"sagas": ("order",), "pairs": ("stock",), "two_way": frozenset({"stock"})}
    stock = stock or pair(turn=TURNED)
    stock.echoes = stock.echoes or COPIED
    summary = Summary(0, NOW, "w", {}, 0, {"stock": stock}, [],
                      sagas={"order": order or saga()})  # fmt: skip
    return WritesFacts(overview({0: summary}, 1, NOW, 10 * SECOND), **fields | changed)


def judged(known):
    return {c.name: c.answer for c in writes_rules(known, GOAL, NOW) if c.answer is not Answer.PASS}


def test_writes_pass_when_sagas_succeed_and_the_monolith_follows():
    assert {} == judged(facts())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"success": 199_900}, {"sagas": Answer.FAIL}),
        ({"success": 20_000, "samples": 20_000}, {"sagas": Answer.INCONCLUSIVE}),
        ({"success": 0, "samples": 0}, {"sagas": Answer.INCONCLUSIVE}),
        ({"unknown": 100}, {"sagas": Answer.INCONCLUSIVE}),
        ({"wrong": 1}, {"sagas_now": Answer.FAIL}),
        ({"watermark_us": 0}, {"sagas_now": Answer.INCONCLUSIVE}),
    ],
)
def test_sagas_that_are_not_good_enough_are_refused(changed, expected):
    assert expected == judged(facts(saga(**changed)))


@pytest.mark.parametrize(
    ("stock", "answer"),
    [
        (pair(), Answer.INCONCLUSIVE),
        (pair(turn=TURNED, keys={"consistent": 1, "divergent": 1}), Answer.FAIL),
        (pair(turn=TurnSummary(NOW, 1, True, 0, 1, 1, 0)), Answer.FAIL),  # noqa: FBT003
        (pair(turn=TurnSummary(NOW, 1, True, 0, 0, 0, 1)), Answer.INCONCLUSIVE),  # noqa: FBT003
        (pair(turn=TurnSummary(NOW, 0, True, 0, 0, 0, 0)), Answer.INCONCLUSIVE),  # noqa: FBT003
    ],
)
def test_replication_back_must_be_shown(stock, answer):
    assert {"reverse_replication": answer} == judged(facts(stock=stock))


def test_what_is_not_configured_or_not_there_is_open():
    known = facts(sagas=(), two_way=frozenset())
    assert {"sagas", "reverse_replication", "no_loops"} == set(judged(known))
    assert Answer.INCONCLUSIVE is judged(facts(sagas=("other",)))["sagas"]


@pytest.mark.parametrize(
    ("echoes", "answer"),
    [
        (EchoSummary({"arrival": 9, "loop": 1}, [], NOW - SECOND, 1, NOW), Answer.FAIL),
        (EchoSummary({"arrival": 9, "loop": 1}, [], NOW - 60 * SECOND, 0, NOW), Answer.FAIL),
        (EchoSummary({"arrival": 9, "loop": 1}, [], NOW - 999 * SECOND, 0, NOW), None),
        (EchoSummary({"arrival": 9}, known_us=0), Answer.INCONCLUSIVE),
        (EchoSummary({"outside": 9}, known_us=NOW), Answer.INCONCLUSIVE),
        (EchoSummary({"arrival": 9, "unfollowed": 1}, known_us=NOW), Answer.INCONCLUSIVE),
    ],
)
def test_no_value_may_go_round(echoes, answer):
    stock = pair(turn=TURNED)
    stock.echoes = echoes
    assert ({} if answer is None else {"no_loops": answer}) == judged(facts(stock=stock))


@pytest.mark.parametrize(
    ("counts", "answer"),
    [
        ({"matched": 9}, None),
        ({"matched": 9, "gap": 1, "late": 1, "unknown": 3}, None),
        ({"matched": 9, "gap": 1}, Answer.FAIL),
        ({"matched": 9, "schema": 1}, Answer.FAIL),
        ({"unknown": 9}, Answer.INCONCLUSIVE),
        (None, Answer.INCONCLUSIVE),
    ],
)
def test_outbox_events_must_tell_what_was_committed(counts, answer):
    known = facts(outboxes=("stock",))
    if counts is not None:
        known.view.merged.outboxes["stock"] = OutboxSummary(counts, 0, NOW, [])
    assert ({} if answer is None else {"outbox": answer}) == judged(known)


def test_the_way_back_is_part_of_reads():
    (good,) = way_back(facts(stock=pair()))
    (bad,) = way_back(facts(stock=pair(open_findings={"extra": 1})))
    assert (Answer.PASS, Answer.FAIL) == (good.answer, bad.answer)
