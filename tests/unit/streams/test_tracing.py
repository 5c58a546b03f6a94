"""Spans of figwatch's own work: they arrive; a collector that does not take them costs nothing."""

import sys
import time
from types import SimpleNamespace

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from figwatch.demo.sandbox.ports import choose
from figwatch.streams.tracing import (
    LINKS_MAX,
    Sender,
    Spans,
    from_environment,
    traces_in,
)
from tests.unit.streams.otlp import Collector

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WAIT_SECONDS = 30.0


def until(holds):
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def sending(url, queue_max=2048, timeout=1):
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", timeout=timeout)
    return Spans(Sender(exporter, queue_max), {"service.name": "figwatch"})


def test_a_batch_is_a_span_linked_to_the_requests_in_it():
    with Collector() as collector:
        spans = sending(collector.url, timeout=30)
        began_ns = time.time_ns() - 5_000_000
        spans.done("decode", began_ns, [f"{TRACE}-{SPAN}"], topic="mono.t", records=3)
        until(lambda: spans.counts["sent"])
        spans.stop()
    (span,) = collector.spans
    assert ("decode", began_ns) == (span.name, span.start_time_unix_nano)
    assert span.end_time_unix_nano - began_ns >= 5_000_000
    (link,) = span.links
    assert (TRACE, SPAN) == (link.trace_id.hex(), link.span_id.hex())
    told = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
    assert {"figwatch.topic": "mono.t", "figwatch.records": 3} == told
    assert "figwatch" == collector.resources[0]["service.name"]
    assert {"sent": 1, "failed": 0, "dropped": 0} == spans.counts


def test_links_have_a_bound():
    with Collector() as collector:
        spans = sending(collector.url, timeout=30)
        spans.done("judge", time.time_ns(), (f"{n:032x}-{SPAN}" for n in range(1, 100)))
        until(lambda: spans.counts["sent"])
        spans.stop()
    assert LINKS_MAX == len(collector.spans[0].links)


def test_a_collector_that_hangs_costs_spans_and_no_time():
    with Collector(hangs=True) as collector:
        spans = sending(collector.url, queue_max=10, timeout=30)
        spans.done("decode", time.time_ns())
        until(collector.asked.is_set)
        for _ in range(30):
            spans.done("decode", time.time_ns())  # would wait for a minute, if it waited
        assert spans.counts["dropped"] >= 20
        collector.release.set()
        spans.stop()


def test_spans_that_a_dead_collector_does_not_take_are_counted_and_nothing_is_raised():
    spans = sending(f"http://127.0.0.1:{choose(['collector'], {})['collector']}")
    spans.done("decode", time.time_ns())
    until(lambda: spans.counts["failed"])
    spans.stop()
    assert (0, 1) == (spans.counts["sent"], spans.counts["failed"])


def test_it_is_off_unless_a_collector_is_named():
    assert from_environment({}, "w", "m") is None
    off = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}
    assert from_environment(off, "w", "m") is None


def test_it_is_off_and_said_where_the_extra_is_not_installed(monkeypatch, caplog):
    name = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    monkeypatch.setitem(sys.modules, name, None)
    wanted = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    assert from_environment(wanted, "w", "m") is None
    assert "figwatch[otel]" in caplog.text


def record(*headers):
    return SimpleNamespace(headers=headers)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([record(("traceparent", f"00-{TRACE}-{SPAN}-01".encode()))], [f"{TRACE}-{SPAN}"]),
        ([record(("traceparent", b"\xff")), record(("traceparent", None))], []),
        ([record(("id", b"a")), record(), SimpleNamespace(headers=None)], []),
    ],
)
def test_trace_contexts_of_a_batch_are_those_that_can_be_read(records, expected):
    assert expected == traces_in(records)
