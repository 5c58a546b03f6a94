"""Each stage passes on good evidence; each planted fault makes exactly its criterion refuse."""

import dataclasses

import pytest

from figwatch.validators.stages.build import BuildCriteria, BuildFacts, build_gate
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.decommission import (
    DecommissionCriteria,
    DecommissionFacts,
    decommission_gate,
)
from figwatch.validators.stages.facts import (
    Approval,
    Compatibility,
    Coverage,
    Dependents,
    Document,
    Health,
    Level,
    Presence,
    Quality,
    TableUse,
    TestRun,
)
from figwatch.validators.stages.prepare import PrepareCriteria, prepare_gate
from figwatch.validators.stages.reads import TrafficCriteria, TrafficFacts, reads_gate, writes_gate
from tests.unit.stages.facts import HOUR_US, NOW_US, UNREACHABLE, answers, origin, share, synced

PASS, FAIL, OPEN = Answer.PASS, Answer.FAIL, Answer.INCONCLUSIVE


def spoilt(result):
    return {name: c for (name, _), c in answers(result).items() if c is not PASS}


def document(kind="domain_model", by=("ann",), now="aa", then="aa", **more):
    approvals = tuple(Approval(name, NOW_US - HOUR_US, kind, then) for name in by)
    fields = {"kind": kind, "sha256": now, "valid": True, "approvals": approvals} | more
    return Document(kind, origin(), **fields)


def prepare(model=None, event=None, schema=None, criteria=None):
    documents = [model or document(), event or document("avro")]
    schemas = [schema or Compatibility("stock-value", origin(), compatible=True)]
    return prepare_gate(documents, schemas, criteria or PrepareCriteria(), NOW_US)


def test_prepare_passes_when_everything_is_valid_approved_and_compatible():
    assert Answer.PASS is prepare().answer


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"model": document(by=())}, {"signed_off": FAIL}),
        ({"model": document(now="bb")}, {"signed_off": FAIL}),
        ({"event": document("avro", valid=False, fault="no name")}, {"valid": FAIL}),
        ({"schema": Compatibility("s", origin(), fault="removed")}, {"compatible": FAIL}),
        ({"schema": Compatibility("s", UNREACHABLE)}, {"compatible": OPEN}),
        ({"criteria": PrepareCriteria(approvals_min=2)}, {"signed_off": FAIL}),
        ({"model": document(by=("ann", "ann")), "criteria": PrepareCriteria(2)},
         {"signed_off": FAIL}),
    ],
)  # fmt: skip
def test_prepare_refuses(planted, expected):
    assert expected == spoilt(prepare(**planted))


def test_prepare_is_open_where_nothing_is_configured():
    result = prepare_gate([], [], PrepareCriteria(), NOW_US)
    assert {"domain_model": OPEN, "event_schemas": OPEN, "compatible": OPEN} == spoilt(result)


def test_a_new_subject_has_no_history_to_break():
    assert PASS is prepare(schema=Compatibility("s", origin(), is_new=True)).answer


def build(**planted):
    good = {
        "coverage": [Coverage("unit", origin(), 91, 100)],
        "tests": [TestRun("junit", origin(), 10, 0, 1)],
        "quality": [Quality("sarif", origin(), 0, 9)],
        "health": [Health("service", origin(), healthy=True, status=200)],
    }
    criteria = planted.pop("criteria", BuildCriteria())
    return build_gate(BuildFacts(**(good | planted)), criteria, NOW_US)


def test_build_passes_on_good_reports():
    assert PASS is build().answer


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"coverage": [Coverage("unit", origin(), 90, 100)]}, {"coverage": FAIL}),  # not above
        ({"coverage": [Coverage("unit", origin(), 0, 0)]}, {"coverage": OPEN}),
        ({"coverage": [Coverage("unit", origin(), 101, 100)]}, {"coverage": OPEN}),
        ({"coverage": []}, {"coverage": OPEN}),
        ({"tests": [TestRun("junit", origin(), 10, 1)]}, {"tests": FAIL}),
        ({"tests": [TestRun("junit", origin(), 0)]}, {"tests": OPEN}),
        ({"tests": [TestRun("junit", origin(), 10, 0, 10)]}, {"tests": OPEN}),
        ({"tests": [TestRun("junit", origin(), 10, 0, 2)]}, {"tests": OPEN}),
        ({"tests": [TestRun("junit", origin(age_us=200 * HOUR_US), 10)]}, {"tests": OPEN}),
        ({"quality": [Quality("sarif", origin(), 1)]}, {"quality": FAIL}),
        ({"criteria": BuildCriteria(warnings_max=8)}, {"quality": FAIL}),
        ({"health": [Health("service", origin(), healthy=False, status=503)]},
         {"deployable": FAIL}),
        ({"health": [Health("service", UNREACHABLE)]}, {"deployable": OPEN}),
        ({"health": [Health("service", origin(age_us=HOUR_US), healthy=True)]},
         {"deployable": OPEN}),
    ],
)  # fmt: skip
def test_build_refuses(planted, expected):
    assert expected == spoilt(build(**planted))


TRAFFIC = TrafficFacts(
    in_time=share(99_900, 100_000),
    without_error=share(100_000, 100_000),
    baseline_in_time=share(99_900, 100_000),
    baseline_without_error=share(100_000, 100_000),
    shadow=share(10_000, 10_000),
)


def reads(sync=None, **planted):
    facts = dataclasses.replace(TRAFFIC, **planted)
    return reads_gate(facts, sync or synced(), TrafficCriteria(), NOW_US)


def test_reads_pass_when_fast_right_no_worse_and_in_sync():
    assert PASS is reads().answer


def test_what_passes_says_what_was_demanded_of_it():
    """A gate that was made lenient does not look like a strict one."""
    reasons = {c.name: c.reason for c in reads().criteria}
    assert "99 % is demanded" in reasons["latency"]
    assert "99.99 % is demanded" in reasons["errors"]
    assert "0.5 percentage points are allowed" in reasons["latency_against_monolith"]


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"in_time": share(98_000, 100_000)},
         {"latency": FAIL, "latency_against_monolith": FAIL}),
        ({"in_time": share(99_200, 100_000)}, {"latency_against_monolith": FAIL}),
        ({"without_error": share(99_900, 100_000)},
         {"errors": FAIL, "errors_against_monolith": FAIL}),
        ({"without_error": share(30_000, 30_000)},  # enough for one look, not for many
         {"errors": OPEN, "errors_against_monolith": OPEN}),
        ({"baseline_in_time": None}, {"latency_against_monolith": OPEN}),
        ({"shadow": None}, {"shadow_reads": OPEN}),
        ({"shadow": share(9_900, 10_000)}, {"shadow_reads": FAIL}),
        ({"sync": synced(FAIL)}, {"still_in_sync": FAIL}),
        ({"sync": synced(OPEN)}, {"still_in_sync": OPEN}),
        ({"in_time": None}, {"latency": OPEN, "latency_against_monolith": OPEN}),
    ],
)  # fmt: skip
def test_reads_refuse(planted, expected):
    assert expected == spoilt(reads(**planted))


def test_writes_stay_open_while_no_saga_and_no_pair_back_is_known():
    result = writes_gate(TRAFFIC, synced(), TrafficCriteria(), NOW_US)
    assert {"sagas": OPEN, "reverse_replication": OPEN, "no_loops": OPEN} == spoilt(result)


def test_writes_pass_without_what_the_migration_has_not_and_the_gate_says_so():
    without = ["sagas", "reverse_replication", "no_loops"]
    result = writes_gate(TRAFFIC, synced(), TrafficCriteria(), NOW_US, without)
    assert PASS is result.answer
    assert without == [text.partition(":")[0] for text in result.not_checked]
    twin = writes_gate(TRAFFIC, synced(), TrafficCriteria(), NOW_US, without[1:])
    assert {"sagas": OPEN} == spoilt(twin)


def decommission(**planted):
    good = {
        "use": [TableUse("public.inventory", origin(hours=25))],
        "dependents": [Dependents("public.inventory", origin())],
        "pipeline": [Presence("connector mono", origin()), Presence("slot mono", origin())],
        "size": [Level("lines", origin(), 90, 100, "lines")],
        "resources": [Level("cpu", origin(), 0.5, 0.5, "cores")],
    }
    facts = DecommissionFacts(**(good | planted))
    return decommission_gate(facts, DecommissionCriteria(), NOW_US)


def test_decommission_passes_when_nothing_is_left():
    assert PASS is decommission().answer


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"use": [TableUse("t", origin(hours=25), reads=1)]}, {"unused": FAIL}),
        ({"use": [TableUse("t", origin(hours=25), writes=1)]}, {"unused": FAIL}),
        ({"use": [TableUse("t", origin(hours=25), reads=-1)]}, {"unused": OPEN}),
        ({"use": [TableUse("t", origin(hours=23))]}, {"unused": OPEN}),
        ({"use": [TableUse("t", UNREACHABLE)]}, {"unused": OPEN}),
        ({"dependents": [Dependents("t", origin(), ("view stock",))]}, {"no_dependents": FAIL}),
        ({"pipeline": [Presence("slot", origin(), present=True)]}, {"pipeline_gone": FAIL}),
        ({"pipeline": []}, {"pipeline_gone": OPEN}),
        ({"size": [Level("lines", origin(), 100, 100, "lines")]}, {"code_size": FAIL}),
        ({"size": [Level("lines", origin(), 90, 0, "lines")]}, {"code_size": OPEN}),
        ({"resources": [Level("cpu", origin(), 0.6, 0.5, "cores")]}, {"resources": FAIL}),
        ({"resources": [Level("cpu", origin(), float("nan"), 0.5)]}, {"resources": OPEN}),
    ],
)
def test_decommission_refuses(planted, expected):
    assert expected == spoilt(decommission(**planted))


def test_a_table_that_is_gone_is_not_used():
    gone = TableUse("t", origin(hours=0), exists=False)
    assert PASS is decommission(use=[gone]).answer


def test_how_long_a_table_must_still_be_quiet_is_said():
    result = decommission(use=[TableUse("t", origin(hours=23))])
    waits = [c.wait_seconds for c in result.criteria if c.name == "unused"]
    assert [pytest.approx(3600)] == waits
