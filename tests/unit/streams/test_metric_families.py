"""The catalogue of metrics is what a worker shows, and the page is made of it."""

import pathlib
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from figwatch.streams import metric_families
from figwatch.streams.fleet_metrics import FleetMetrics
from figwatch.streams.gate_watch import Outside
from figwatch.streams.http import Endpoint
from figwatch.streams.metrics import About, Books, WorkerMetrics
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.convergence import Quantiles
from figwatch.validators.finding import Finding
from figwatch.validators.outbox.legs import Exemplar, LegBooks
from figwatch.validators.outbox.summary import OutboxSummary
from figwatch.validators.overview import overview
from figwatch.validators.sagas.summary import SagaSummary
from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.summary import (
    PairSummary,
    StreamSummary,
    Summary,
    SweepSummary,
    TurnSummary,
)
from figwatch.validators.writes.echo_summary import EchoSummary

ROOT = pathlib.Path(__file__).resolve().parents[3]
NOW_US = 1_700_000_000_000_000


def pair(**changed):
    sketch = Quantiles(buckets={})
    sketch.add(40_000, 1_000_000)
    capture = Quantiles(buckets={})
    capture.add(20_000, 0)
    fields = {
        "keys": {"consistent": 5, "divergent": 1},
        "unknown": {"gap": 2},
        "open_findings": {"missing": 1},
        "findings_total": {"missing": 3},
        "convergence": sketch,
        "unshown": 4,
        "oldest_unshown_us": NOW_US - 7_000_000,
        "capture": {"source": capture},
        "changes": {"source:c": 9},
        "duplicates": {"source": 1},
        "source_watermark_us": NOW_US,
        "target_watermark_us": NOW_US - 1_000_000,
        "verified_through_us": NOW_US - 2_000_000,
        "transient": 1,
        "alarms": {"fence_healed_late": 1},
        "demoted": True,
        "sweep": SweepSummary(NOW_US, NOW_US, True, 2, 5, 5, NOW_US - 9_000_000, 4, 3, (0, NOW_US)),  # noqa: FBT003
        "turn": TurnSummary(NOW_US, 1, True, 1, 2, 3, 4),  # noqa: FBT003
        "conflicts": {"lost": 1},
        "echoes": EchoSummary({"arrival": 2}, looping=1),
    }
    return PairSummary(**fields | changed)


def summary(partition=0):
    streams = [StreamSummary("mono.t", 0, 5, NOW_US, "gap", 2, 30, 100)]
    pairs = {"stock": pair(), CANARY_PAIR: pair(detected_us=NOW_US, detection_us=3_000_000)}
    outboxes = {"stock": OutboxSummary({"gap": 1}, 0, NOW_US, [], legs())}
    return Summary(partition, NOW_US, "w", {}, 0, pairs, streams, sagas={"order": saga()},
                   outboxes=outboxes)  # fmt: skip


def legs():
    slow, fast = Quantiles(buckets={}), Quantiles(buckets={})
    slow.add(130_000, 1_000_000)
    fast.add(30_000, 1_000_000)
    exemplars = {"total": {4: Exemplar(f"{'a' * 32}-{'b' * 16}", 130_000, NOW_US)}}
    return {"stock": LegBooks({"total": slow, "request": fast}, {"bad_trace": 2}, exemplars)}


def saga():
    seconds = Quantiles(buckets={})
    seconds.add(2_000_000, 1_000_000)
    return SagaSummary(
        outcomes={"completed": 1, "stuck": 1}, open=3, wrong=1, reached={"stuck": 2},
        problems={"duplicate": 4}, undeclared={"Other": 1}, seconds=seconds, success=1, samples=2,
        unknown=0, oldest_open_us=NOW_US, watermark_us=NOW_US, cases=[],
    )  # fmt: skip


def scrape(*collectors):
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    text = generate_latest(registry).decode()
    return {f.name: f for f in text_string_to_metric_families(text)}


def worker_metrics():
    books = Books()
    empty = summary()
    empty.pairs, empty.sagas, empty.outboxes = {}, {}, {}
    books.opened(0, empty)

    def summaries():
        books.grown(0, summary())
        return [summary()]

    return WorkerMetrics(
        SimpleNamespace(side_name=lambda side: side.name.lower()),
        books,
        summaries,
        decode=SimpleNamespace(malformed={("monolith", "no_json"): 2}),
        heartbeats=SimpleNamespace(heard_us={"monolith": NOW_US}),
        readings=SimpleNamespace(failures={"KafkaError": 1}),
        about=About("1.0", "inventory", 1.0),
    )


class FakeFleet:
    current = True
    open = {  # noqa: RUF012  # a stand-in
        b"1": Finding("stock", b"k", 1, "stale", ("quantity", "price"), 1, None, "fence"),
        b"2": Finding("stock", b"l", 1, "stale", ("quantity",), 1, None, "fence"),
    }

    def view(self, now_us):
        return overview({0: summary()}, 2, now_us, 15_000_000)


def fleet_metrics(*, chosen=True):
    criteria = (Criterion("a", "", Answer.PASS, ""), Criterion("b", "", Answer.FAIL, ""))
    gates = SimpleNamespace(
        results={"sync": GateResult("sync", Answer.FAIL, criteria, (), 0)},
        troubles={"reads": "no answer"},
        outside=Outside({"monolith": True}, {("monolith", "slot"): 4096}),
    )
    return FleetMetrics(FakeFleet(), gates, lambda: chosen)


def value(families, name, **labels):
    (found,) = [
        s.value
        for f in families.values()
        for s in f.samples
        if s.name == name and labels == s.labels
    ]
    return found


def test_a_worker_shows_exactly_the_metrics_of_the_catalogue_with_their_labels():
    families = scrape(worker_metrics(), fleet_metrics())
    wanted = {f"figwatch_{each.name}": each for each in metric_families.CATALOGUE}
    assert set(wanted) == set(families)
    for name, family in families.items():
        assert family.samples, f"{name} has no samples"
        labels = set(family.samples[0].labels) - {"le"}
        assert set(wanted[name].labels) == labels, name


def test_the_page_is_made_of_the_catalogue():
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    assert metric_families.describe() == page, "run `make docs`"
    assert "`figwatch_changes_total`" in page


def test_gauges_say_what_the_partitions_say():
    families = scrape(worker_metrics())
    assert 7 == value(families, "figwatch_oldest_unshown_change_seconds", pair="stock")
    assert 4 == value(families, "figwatch_unshown_changes", pair="stock")
    assert 1 == value(families, "figwatch_fence_demoted", pair="stock")
    assert 1 == value(families, "figwatch_stream_gaps", topic="mono.t")
    assert 70 == value(families, "figwatch_replicator_behind_records", topic="mono.t")
    assert 1 == value(families, "figwatch_converged_within_objective_total", pair="stock")
    assert 3 == value(families, "figwatch_canary_seconds")
    swept = value(families, "figwatch_sweep_timestamp_seconds", pair="stock")
    assert NOW_US / 1e6 - 9 == swept


def test_the_fleets_gauges_say_partitions_columns_and_verdicts():
    families = scrape(fleet_metrics())
    now = {s.labels["state"]: s.value for s in families["figwatch_partitions"].samples}
    assert {"fresh": 0, "stale": 1, "missing": 1} == now
    assert 2 == value(families, "figwatch_divergent_columns", pair="stock", column="quantity")
    assert 3 == value(families, "figwatch_sweep_ranges", pair="stock", state="clean")
    assert 1 == value(families, "figwatch_sweep_ranges", pair="stock", state="open")
    ages = [
        value(families, "figwatch_sweep_range_timestamp_seconds", pair="stock", range=number)
        for number in ("0", "1")
    ]
    assert [0, NOW_US / 1e6] == ages
    assert 2 == value(families, "figwatch_sweep_differences", pair="stock")
    assert 1 == value(families, "figwatch_gate_verdict", stage="sync", verdict="fail")
    assert 0 == value(families, "figwatch_gate_verdict", stage="sync", verdict="pass")
    verdicts = [
        value(families, "figwatch_gate_verdict", stage="reads", verdict=v.value) for v in Answer
    ]
    assert [0, 0, 0] == verdicts, "a gate that could not be evaluated says nothing"
    assert 1 == value(families, "figwatch_gate_criteria", stage="sync", verdict="fail")


def test_a_worker_that_does_not_speak_for_all_shows_nothing_of_the_fleet():
    assert {} == scrape(fleet_metrics(chosen=False))


def test_a_name_that_the_catalogue_does_not_have_is_a_programming_error():
    with pytest.raises(KeyError):
        metric_families.family("nothing")


def test_the_legs_of_adjustments_are_a_histogram_and_what_is_missing_is_counted():
    families = scrape(worker_metrics())
    of = {"pair": "stock", "leg": "total"}
    assert 0 == value(families, "figwatch_adjustment_seconds_bucket", **of, le="0.1")
    assert 1 == value(families, "figwatch_adjustment_seconds_bucket", **of, le="0.25")
    assert 0.13 == value(families, "figwatch_adjustment_seconds_sum", **of)
    counted = "figwatch_adjustment_problems_total"
    assert 2 == value(families, counted, pair="stock", problem="bad_trace")
    assert 0 == value(families, counted, pair="stock", problem="forgotten")


async def test_a_scraper_that_asks_for_openmetrics_gets_the_traces_and_no_other_does():
    registry = CollectorRegistry()
    registry.register(worker_metrics())
    endpoint = Endpoint("127.0.0.1", 0, registry, lambda: True, NoGates())
    await endpoint.start()
    try:
        url = f"http://127.0.0.1:{endpoint.port}/metrics"
        async with httpx.AsyncClient() as client:
            wanted = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
            open_, plain = await client.get(url, headers=wanted), await client.get(url)
    finally:
        await endpoint.stop()
    assert "application/openmetrics-text" in open_.headers["content-type"]
    assert "text/plain" in plain.headers["content-type"]
    traced = [
        (sample.labels["le"], sample.exemplar)
        for family in openmetrics.text_string_to_metric_families(open_.text)
        for sample in family.samples
        if sample.exemplar is not None
    ]
    ((le, exemplar),) = traced
    assert ("0.25", {"trace_id": "a" * 32, "span_id": "b" * 16}) == (le, exemplar.labels)
    assert 0.13 == exemplar.value
    assert " # " not in plain.text.replace("# HELP", "").replace("# TYPE", "")


class NoGates:
    def add_to(self, _):
        pass

    def close(self):
        pass
