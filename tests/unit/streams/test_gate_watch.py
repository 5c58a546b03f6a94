"""The gates as they stand: what cannot be evaluated says why, and never stops the worker."""

from types import SimpleNamespace

import pytest

from figwatch.streams import gate_watch
from figwatch.streams.gate_watch import GateWatch
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.criterion import Answer, GateResult

RESULT = GateResult("sync", Answer.PASS, (), (), 0)
FLEET = SimpleNamespace(view=lambda _now: None, current=True)


def watch(monkeypatch, check):
    monkeypatch.setattr(gate_watch, "check_stage", check)
    return GateWatch(SimpleNamespace(sides={}), FLEET, lambda: True)


def test_a_result_takes_the_place_of_an_earlier_trouble(monkeypatch):
    gates = watch(monkeypatch, lambda *_: RESULT)
    gates.troubles["sync"] = "before"
    gates.evaluate("sync")
    assert ({"sync": RESULT}, {}) == (gates.results, gates.troubles)


@pytest.mark.parametrize(
    ("error", "said"),
    [(FigwatchError("x.y", "no answer"), "no answer"), (KeyError("x"), "unexpected: KeyError")],
)
def test_a_gate_that_cannot_be_evaluated_has_no_result_but_a_reason(monkeypatch, error, said):
    def check(*_):
        raise error

    gates = watch(monkeypatch, check)
    gates.results["sync"] = RESULT
    gates.evaluate("sync")
    assert ({}, {"sync": said}) == (gates.results, gates.troubles)


def test_every_stage_but_sync_is_asked_outside(monkeypatch):
    asked = []

    def check(_config, stage, *_):
        asked.append(stage)
        return RESULT

    gates = watch(monkeypatch, check)
    monkeypatch.setattr(
        gate_watch, "progress_of", lambda _: SimpleNamespace(stage="sync", last_report="0001")
    )
    gates.look_outside()
    assert ["prepare", "build", "reads", "writes", "decommission"] == asked
    assert ("sync", "0001") == (gates.outside.stage, gates.outside.reports)
