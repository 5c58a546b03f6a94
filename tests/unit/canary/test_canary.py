"""The self-test's rules: a proof that is lately and in time, and every twin that is none."""

import dataclasses

import pytest

from figwatch.connectors.canary import MARKER, init_sql
from figwatch.connectors.config.file import parse_config
from figwatch.connectors.stage_evidence.gate import sync_criteria
from figwatch.streams.metrics import _canary
from figwatch.validators.canary import CANARY_PAIR, CanaryLimits
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.sync import sync_gate
from figwatch.validators.summary import merge
from tests.unit.gate.test_sync_gate import CRITERIA, NOW_US, pair, summary, view
from tests.unit.verdict.timeline import Timeline

LIMITS = CanaryLimits(found_max_us=60_000_000, overdue_us=900_000_000)
DEMANDED = dataclasses.replace(CRITERIA, canary=LIMITS)
CONFIG = """\
migration: inventory
kafka: {bootstrap_servers: "x:1"}
sides:
  monolith: {topic_prefix: mono, database: env:A}
  service: {topic_prefix: inv, database: env:B}
authority: monolith
pairs:
  - {name: stock, source: public.inventory, target: public.stock, key: {id: id}}
"""


def criterion(seen):
    return {one.name: one for one in sync_gate(seen, DEMANDED).criteria}["canary"]


def planted(age_seconds, took_seconds):
    detected_us = round(NOW_US - age_seconds * 1e6)
    found = pair(detected_us=detected_us, detection_us=round(took_seconds * 1e6))
    return view(summary(stock=pair(), **{CANARY_PAIR: found}))


@pytest.mark.parametrize(
    ("age_seconds", "took_seconds", "answer"),
    [
        (10, 3, Answer.PASS),
        (900, 60, Answer.PASS),
        (-5, 3, Answer.PASS),  # its worker's clock is ahead
        (-901, 3, Answer.INCONCLUSIVE),  # it would be fresh for as long after the path broke
        (901, 3, Answer.INCONCLUSIVE),  # overdue
        (10, 61, Answer.FAIL),  # found too late
        (901, 61, Answer.INCONCLUSIVE),
    ],
)
def test_a_canary_passes_only_if_it_was_found_lately_and_in_time(age_seconds, took_seconds, answer):
    seen = planted(age_seconds, took_seconds)
    assert answer == criterion(seen).answer
    assert answer == sync_gate(seen, DEMANDED).answer


@pytest.mark.parametrize("pairs", [{}, {CANARY_PAIR: pair()}])
def test_a_canary_that_was_never_found_makes_the_gate_refuse(pairs):
    seen = view(summary(stock=pair(), **pairs))
    assert Answer.INCONCLUSIVE == criterion(seen).answer
    assert Answer.INCONCLUSIVE == sync_gate(seen, DEMANDED).answer
    assert Answer.PASS == sync_gate(seen, CRITERIA).answer, "without a canary it would have passed"


def test_the_newest_proof_of_all_partitions_counts():
    old, new = (pair(detected_us=at, detection_us=at + 1) for at in (5, 9))
    for order in ((old, new), (new, old)):
        merged = merge(summary(n, **{CANARY_PAIR: one}) for n, one in enumerate(order))
        assert (9, 10) == (
            merged.pairs[CANARY_PAIR].detected_us, merged.pairs[CANARY_PAIR].detection_us,
        )  # fmt: skip


def test_a_judge_finds_what_is_planted_without_a_replicator_and_forgets_it_when_it_is_gone():
    """Written on both sides by figwatch itself: no offset is ever committed for its topic."""
    line = Timeline(pairs=(CANARY_PAIR,))
    line.source("one").target("other").wait(2_000)
    line.reading(committed=None).wait(2_000).beat()
    finding = line.finding()
    books = line.books(CANARY_PAIR)
    assert ("value_mismatch", "history") == (finding.kind, finding.evidence)
    assert (finding.detected_us, finding.detected_us - finding.since_us) == (
        books.detected_us, books.detection_us,
    )  # fmt: skip
    line.source(None).target(None)
    assert line.finding().resolved_us is not None
    line.restart()
    assert finding.detected_us == line.books(CANARY_PAIR).detected_us


def test_a_canary_that_never_reached_the_topics_is_not_found():
    line = Timeline(pairs=(CANARY_PAIR,)).source("one").target("one").wait(2_000)
    line.reading(committed=None).wait(2_000).beat()
    assert 0 == line.books(CANARY_PAIR).detected_us


def test_the_metrics_show_the_newest_canary_and_nothing_before_the_first():
    assert [] == list(_canary([summary(0, **{CANARY_PAIR: pair()})]))
    found = pair(detected_us=9_000_000, detection_us=2_000_000)
    told = _canary([summary(0, **{CANARY_PAIR: pair()}), summary(1, **{CANARY_PAIR: found})])
    assert {
        "figwatch_canary_timestamp_seconds": 9.0, "figwatch_canary_seconds": 2.0,
    } == {family.name: family.samples[0].value for family in told}  # fmt: skip


def test_it_is_off_by_default_and_then_no_pair_and_no_criterion_is_there():
    config = parse_config(CONFIG).config
    assert ["stock"] == [one.name for one in config.pairs]
    assert sync_criteria(config).canary is None


def test_enabled_it_is_a_pair_that_no_other_criterion_looks_at():
    config = parse_config(CONFIG + "canary: {enabled: true, found_max_seconds: 30}\n").config
    watched = config.pair(CANARY_PAIR)
    assert ("public.figwatch_canary",) * 2 == (watched.source, watched.target)
    assert ["mono.public.figwatch_canary"] == config.source_topics(watched)
    criteria = sync_criteria(config)
    assert (("stock",), CanaryLimits(30_000_000, 900_000_000)) == (criteria.pairs, criteria.canary)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("canary: {enabled: true, table: public.stock}", "config.canary-table-in-use"),
        ("canary: {enabled: true, table: public.inventory}", "config.canary-table-in-use"),
    ],
)
def test_it_refuses_a_table_that_is_compared(setting, code):
    with pytest.raises(ConfigurationError) as raised:
        parse_config(CONFIG + setting)
    assert code in {problem.code for problem in raised.value.problems}


def test_it_needs_both_databases():
    text = CONFIG.replace(", database: env:B", "") + "canary: {enabled: true}\n"
    with pytest.raises(ConfigurationError) as raised:
        parse_config(text)
    assert "config.canary-no-database" in {problem.code for problem in raised.value.problems}


def test_the_sql_names_and_marks_the_table_whatever_it_is_called():
    told = init_sql('odd"schema.the table')
    assert 'CREATE TABLE "odd""schema"."the table" (id bigint PRIMARY KEY' in told
    assert f"IS '{MARKER}'" in told
