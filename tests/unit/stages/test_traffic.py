"""Requests counted by Prometheus: what it cannot answer is never taken for good.

The server here is a table of answers; the queries themselves were tried on Prometheus 2.42.
"""

import re
import urllib.parse

import pytest

from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.connectors.stage_evidence.traffic import Window, in_time, without_error
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.reads import TrafficCriteria, TrafficFacts, reads_gate
from tests.unit.stages.facts import synced

NOW = 1_800_000_000
WINDOW = Window('upstream="service"', (NOW - 3600) * 1_000_000, NOW * 1_000_000)


def vector(*values, **labels):
    return {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{"metric": labels, "value": [NOW, str(value)]} for value in values],
        },
    }


GOOD = {
    r"^max\(timestamp": vector(NOW - 10),
    r"^max\(count_over_time": vector(240),
    r"^count_over_time\(\(count": vector(60),
    r"^count\(.*status_code=": vector(3),
    r"^count\(": vector(3),
    r"^count by \(le\)": vector(1, 1, le="0.1"),
    r"^sum.*_bucket": vector(9_990.4),
    r"^sum.*5\.\.": vector(2.0001),
    r"^sum": vector(10_000.4),
}


@pytest.fixture
def server(web):
    answers = dict(GOOD)

    def answer(body):
        query = urllib.parse.parse_qs(body.decode())["query"][0]
        for pattern, found in answers.items():
            if re.search(pattern, query):
                return found if isinstance(found, tuple) else (200, found)
        raise AssertionError(query)

    web.answers["/api/v1/query"] = answer

    def ask(**planted):
        for pattern, found in planted.items():
            answers[_PLACES[pattern]] = found
        prometheus = Prometheus(web.url, 2.0)
        return (
            in_time(prometheus, "opentelemetry", WINDOW, 0.05),
            without_error(prometheus, "opentelemetry", WINDOW),
        )

    return ask


_PLACES = dict(
    zip(
        (
            "newest",
            "scrapes",
            "looks",
            "coded",
            "series",
            "boundaries",
            "bucket",
            "errors",
            "total",
        ),
        GOOD,
        strict=True,
    )
)


def test_requests_are_counted_whole(server):
    timely, good = server()
    assert (9_990, 10_000) == (timely.passed, timely.total)
    assert (9_998, 10_000) == (good.passed, good.total)
    assert (NOW - 10) * 1_000_000 == timely.origin.observed_us


def test_no_series_of_errors_is_no_error(server):
    _, good = server(errors=vector())
    assert (10_000, 10_000) == (good.passed, good.total)


def test_a_fraction_of_an_error_is_an_error(server):
    _, good = server(errors=vector(0.4))
    assert 9_999 == good.passed


EMPTY, REFUSED = vector(), (400, {"status": "error", "error": "parse error"})
PARTIAL = vector(1) | {"warnings": ["a store is away"]}


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ({"newest": EMPTY}, "has nothing for"),
        ({"newest": REFUSED}, "refuses the query"),
        ({"newest": PARTIAL}, "partial"),
        ({"newest": (200, b"<html>")}, "no JSON"),
        ({"newest": (200, {"status": "success", "data": {}})}, "does not answer as"),
        ({"newest": vector("NaN")}, "nan"),
        ({"newest": vector(1, 2)}, "2 series"),
        ({"scrapes": vector(9)}, "9 samples"),
        ({"looks": vector(30)}, "covers 30 of 60"),
        ({"total": EMPTY}, "no requests"),
    ],
)
def test_what_prometheus_cannot_answer_is_no_evidence(server, planted, said):
    for fact in server(**planted):
        assert said in fact.origin.problem
        assert (0, 0) == (fact.passed, fact.total)
        assert fact.origin.remedy


def test_a_prometheus_that_is_away_is_no_evidence_and_says_what_to_do():
    for fact in (
        in_time(Prometheus("http://127.0.0.1:9", 2.0), "opentelemetry", WINDOW, 0.05),
        without_error(Prometheus("http://127.0.0.1:9", 2.0), "opentelemetry", WINDOW),
    ):
        assert "Prometheus at http://127.0.0.1:9" in fact.origin.problem
        assert "start Prometheus" in fact.origin.remedy
        assert (0, 0) == (fact.passed, fact.total)


def test_a_histogram_without_the_boundary_cannot_answer(server):
    timely, _ = server(bucket=EMPTY)
    assert "no boundary at 0.05 (but 0.1" in timely.origin.problem


def test_series_without_the_label_of_errors_are_no_evidence(server):
    _, good = server(coded=vector(2))
    assert "has the label http_response_status_code" in good.origin.problem


@pytest.mark.parametrize("answer", [REFUSED, EMPTY])
def test_that_the_label_of_errors_is_there_must_be_known(server, answer):
    """Both counts alike unanswered are no proof that each series has it."""
    _, good = server(coded=answer, series=answer, errors=EMPTY)
    assert good.origin.problem
    assert (0, 0) == (good.passed, good.total)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
@pytest.mark.parametrize("place", ["bucket", "total", "errors", "looks", "scrapes", "coded"])
def test_what_is_no_number_is_no_evidence(server, place, value):
    shares = server(**{place: vector(value)})
    spoilt = {"bucket": shares[:1], "errors": shares[1:], "coded": shares[1:]}.get(place, shares)
    assert all(fact.origin.problem and not fact.total for fact in spoilt)


def test_a_counter_that_ran_backwards_is_no_evidence(server):
    for planted in ({"bucket": vector(-500)}, {"total": vector(-500)}, {"errors": vector(-500)}):
        assert any("contradictory" in fact.origin.problem for fact in server(**planted))


def test_samples_from_the_future_are_no_evidence(server):
    late = TrafficFacts(*server(newest=vector(NOW + 3600)))
    open_ones = reads_gate(late, synced(), TrafficCriteria(), NOW * 1_000_000).criteria
    reasons = {c.name: c.reason for c in open_ones if c.answer is Answer.INCONCLUSIVE}
    assert "future" in reasons["latency"]
    assert "future" in reasons["errors"]


def test_a_window_that_has_not_begun_has_no_requests(web):
    window = Window("", (NOW + 60) * 1_000_000, NOW * 1_000_000)
    timely = in_time(Prometheus(web.url, 2.0), "opentelemetry", window, 0.05)
    assert "in the future, in 60 s" in timely.origin.problem
    assert [] == web.asked


def test_contradictory_counters_are_no_evidence(server):
    timely, _ = server(bucket=vector(20_000))
    assert "contradictory" in timely.origin.problem
