"""figwatch's own work as OpenTelemetry spans, where OTEL_EXPORTER_OTLP_ENDPOINT names a collector.

One span for each batch that is decoded, judged or written to the changelog, linked to the trace
contexts of requests in it. Needs `figwatch[otel]`; off otherwise, and then the agents hold None and
do nothing. A collector that is slow or dead costs spans, never time: the queue is bounded, and what
it has no room for, or what could not be sent, is counted. Used by `figwatch.streams.app`.
"""

import contextlib
import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from figwatch.connectors.trace_context import TRACEPARENT_HEADER, trace_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Environment variables of which one switches it on; OpenTelemetry's others count, too."""
DISABLED = "OTEL_SDK_DISABLED"
QUEUE_MAX = 2048
"""Spans that wait to be sent; beyond it they are dropped."""
BATCH_MAX = 256
"""Spans in one request."""
LINKS_MAX = 32
"""Trace contexts that one span is linked to."""
SEND_SECONDS = 1.0
"""Longest wait for a batch to fill."""
STOP_SECONDS = 2.0
"""Longest wait for what is left when the worker stops."""

log = logging.getLogger("figwatch")


class Sender:
    """A thread that sends ended spans, a bounded queue before it; `counts` are spans by outcome."""

    def __init__(self, exporter: "SpanExporter", queue_max: int = QUEUE_MAX) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(("sent", "failed", "dropped"), 0))
        self._exporter = exporter
        self._queue: queue.Queue[ReadableSpan] = queue.Queue(queue_max)
        self._stopping = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def put(self, span: "ReadableSpan") -> None:
        """Queue a span, or drop it: never waits."""
        try:
            self._queue.put_nowait(span)
        except queue.Full:
            self.counts["dropped"] += 1

    def stop(self) -> None:
        """Send what is left, for as long as that may take."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        self._exporter.shutdown()

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch = self._batch()
            if batch:
                self._send(batch)

    def _batch(self) -> list["ReadableSpan"]:
        until, batch = time.monotonic() + SEND_SECONDS, list["ReadableSpan"]()
        while len(batch) < BATCH_MAX and not (self._stopping.is_set() and self._queue.empty()):
            left = until - time.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(queue.Empty):
                batch.append(self._queue.get(timeout=min(left, 0.1)))
        return batch

    def _send(self, batch: Sequence["ReadableSpan"]) -> None:
        try:
            good = self._exporter.export(batch).name == "SUCCESS"
        except Exception:  # noqa: BLE001  whatever it is, the watch goes on
            good = False
        self.counts["sent" if good else "failed"] += len(batch)
        if good is self._failing:  # said once, when it changes
            log.warning("spans %s the collector", "reach" if good else "do not reach")
        self._failing = not good


class Spans:
    """Makes spans of work that is done."""

    def __init__(self, sender: Sender, resource: Mapping[str, str]) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

        class Processor(SpanProcessor):
            def on_end(self, span: "ReadableSpan") -> None:
                sender.put(span)

        self.sender = sender
        provider = TracerProvider(resource=Resource.create(resource), shutdown_on_exit=False)
        provider.add_span_processor(Processor())
        self._tracer = provider.get_tracer("figwatch")

    @property
    def counts(self) -> Mapping[str, int]:
        """Spans by what became of them: `sent`, `failed`, `dropped`."""
        return self.sender.counts

    def done(
        self, name: str, began_ns: int, traces: Iterable[str] = (), **attributes: str | int
    ) -> None:
        """A piece of work ended now. `traces` are trace contexts (see `trace_of`)."""
        from opentelemetry.trace import Link, SpanContext, TraceFlags

        links = [
            Link(SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True,
                             trace_flags=TraceFlags(TraceFlags.SAMPLED)))
            for trace_id, _, span_id in (t.partition("-") for t in islice(traces, LINKS_MAX))
        ]  # fmt: skip
        named = {f"figwatch.{key}": value for key, value in attributes.items()}
        self._tracer.start_span(name, start_time=began_ns, links=links, attributes=named).end()

    def stop(self) -> None:
        """Send what is left and end."""
        self.sender.stop()


def from_environment(environment: Mapping[str, str], worker: str, migration: str) -> Spans | None:
    """What makes spans, where the environment asks for it; None otherwise."""
    if not any(map(environment.get, ENDPOINTS)):
        return None
    if environment.get(DISABLED, "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        log.warning("no spans are sent: pip install 'figwatch[otel]'")
        return None
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # `Sender` says it, once
    named = {
        "service.name": environment.get("OTEL_SERVICE_NAME", "figwatch"),
        "service.instance.id": worker,
        "figwatch.migration": migration,
    }
    return Spans(Sender(OTLPSpanExporter()), named)


def traces_in(records: Iterable[Any]) -> list[str]:
    """Trace contexts in the headers of raw records, the first few."""
    found = (
        trace_of(value.decode("latin-1"))
        for record in records
        for name, value in record.headers or ()
        if name == TRACEPARENT_HEADER and value
    )
    return list(islice(filter(None, found), LINKS_MAX))
