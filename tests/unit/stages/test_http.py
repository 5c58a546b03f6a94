"""Gates over HTTP: Argo Rollouts reads the verdict, Flagger the status; an error is no verdict."""

import json

import msgspec
import pytest

from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.document import gate_document
from figwatch.validators.stages.http import FRESH_US, GateHandler
from figwatch.validators.stages.progress import stage_of

STAGES = ("sync", "reads")


def handler(answer=Answer.PASS, asked=None):
    def evaluate(stage):
        if asked is not None:
            asked.append(stage)
        criterion = Criterion("none_divergent", "stock", answer, "x")
        return gate_document("inventory", GateResult(stage, answer, (criterion,), (), 1))

    return GateHandler(evaluate, STAGES)


@pytest.mark.parametrize("answer", list(Answer))
def test_argo_gets_200_and_the_verdict(answer):
    found = handler(answer).handle("GET", "/gate/sync", 1)
    assert (200, answer.value) == (found.status, json.loads(found.body)["verdict"])


@pytest.mark.parametrize(
    ("answer", "status"), [(Answer.PASS, 200), (Answer.FAIL, 412), (Answer.INCONCLUSIVE, 412)]
)
def test_flagger_gets_2xx_only_on_a_pass(answer, status):
    assert status == handler(answer).handle("POST", "/gate/sync/", 1).status


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_gate_that_cannot_be_evaluated_is_503_and_never_a_pass(method):
    def evaluate(_):
        raise FigwatchError("kafka.unreachable", "Kafka is away", fix="start it")

    found = GateHandler(evaluate, STAGES).handle(method, "/gate/sync", 1)
    assert 503 == found.status
    assert "start it" in msgspec.json.decode(found.body)["error"]
    assert "pass" != msgspec.json.decode(found.body)["verdict"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/gate/nonsense", 404), ("GET", "/metrics", 404), ("DELETE", "/gate/sync", 405)],
)
def test_other_requests_are_refused(method, path, status):
    assert status == handler().handle(method, path, 1).status


def test_an_answer_is_given_again_while_it_is_fresh_and_for_its_own_stage_only():
    asked = []
    gates = handler(asked=asked)
    for at_us in (0, FRESH_US - 1, FRESH_US):
        gates.handle("GET", "/gate/sync", at_us)
    gates.handle("GET", "/gate/reads", FRESH_US)
    assert ["sync", "sync", "reads"] == asked


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([], "prepare"),
        ([("prepare", "pass")], "build"),
        ([("prepare", "fail"), ("build", "pass")], "prepare"),
        ([("prepare", "pass"), ("sync", "pass")], "build"),  # none is skipped
        ([("prepare", "pass"), ("build", "pass"), ("prepare", "inconclusive")], "prepare"),
        ([(s, "pass") for s in
          ("prepare", "build", "sync", "reads", "writes", "decommission")], "done"),
        ([("nonsense", "pass")], "prepare"),
    ],
)  # fmt: skip
def test_a_migration_stands_behind_the_last_stage_that_it_left(reports, expected):
    assert expected == stage_of(reports)
