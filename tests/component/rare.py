"""What a healthy migration never shows, made to happen in production code and shown as a worker
shows it. `test_panels` looks at it through Prometheus.
"""

import asyncio
import contextlib
import http.server
import threading
import time
from types import SimpleNamespace

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from figwatch.streams.fleet import Fleet
from figwatch.streams.fleet_metrics import FleetMetrics
from figwatch.streams.gate_watch import Outside
from figwatch.streams.metrics import About, Books, WorkerMetrics
from figwatch.streams.readings import Readings
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.change import SweepEnd
from figwatch.validators.finding import encode_finding
from figwatch.validators.summary import encode_summary
from tests.component.both_ways import BothWays
from tests.unit.sagas.sagas import GOOD, REFUSED, Bench
from tests.unit.verdict.timeline import Timeline
from tests.unit.writes.adjusted import Adjusted
from tests.unit.writes.outbox_bench import Bench as Outbox

PLAN = SimpleNamespace(
    side_name=lambda side: side.name.lower(), summaries="summaries", findings="findings"
)


async def unreachable():
    raise ConnectionError


class Worker:
    """Judges of rows, of the canary and of sagas, and the metrics of what they say."""

    def __init__(self):
        self.rows = Timeline()
        self.canary = Timeline(pairs=(CANARY_PAIR,))
        self.sagas = Bench()
        self.mirrored = BothWays()
        self.outbox = Outbox()
        self.adjusted = Adjusted()
        self.readings = Readings(None, unreachable, list, time.time_ns, 0.001)
        self._books = Books()
        for number, summary in enumerate(self._now()):
            self._books.opened(number, summary)
        self._fleet = Fleet({}, PLAN, 6, 15_000_000, lambda: True)
        self._fleet.current = True
        self.registry = CollectorRegistry()
        self.registry.register(
            WorkerMetrics(
                PLAN, self._books, self._summaries,
                decode=SimpleNamespace(malformed={}), heartbeats=SimpleNamespace(heard_us={}),
                readings=self.readings, about=About("1.0", "rare", 1.0),
            )
        )  # fmt: skip
        gates = SimpleNamespace(results={}, troubles={}, outside=Outside())
        self.registry.register(FleetMetrics(self._fleet, gates, lambda: True))

    def _now(self):
        rows, canary = (line.judge.summary(line.now_us) for line in (self.rows, self.canary))
        sagas = self.sagas.judge.summary(self.sagas.now)
        mirrored = self.mirrored.judge.summary(self.mirrored.now)
        outboxes = (one.judge.summary(one.now) for one in (self.outbox, self.adjusted))
        for number, summary in enumerate((rows, canary, sagas, mirrored, *outboxes)):
            summary.partition = number
            yield summary

    def _summaries(self):
        for number, summary in enumerate(summaries := list(self._now())):
            self._books.grown(number, summary)
            self._fleet.take(PLAN.summaries, b"%d" % number, encode_summary(summary))
        for number, finding in enumerate(self.rows.findings()):
            self._fleet.take(PLAN.findings, b"%d" % number, encode_finding(finding))
        return summaries

    def page(self):
        """What a scrape gets now."""
        return generate_latest(self.registry)

    def begin(self):
        """A history without anything rare in it."""
        self.rows.source("A").target("A").settle()
        self.canary.source("A").target("A").settle()
        self.sagas.happen(*GOOD)
        self.mirrored.copied("once")
        self.adjusted.adjust(10)
        self._failed_readings()  # the names of errors are not known before one happened

    def happen(self):
        """Everything that is rare, once; the names are what panels need."""
        return {name: getattr(self, "_" + name.replace(" ", "_"))() for name in CAUSES}

    def _duplicates(self):
        self.rows.again(0)

    def _unknown_keys(self):
        self.rows.source("A", key="bad").target("A", key="bad").malformed("bad")

    def _broken_assumption(self):
        """Commit times that fall along the log."""
        self.rows.source("B", key="late").source("C", key="late", at=1)

    def _divergence(self):
        self.rows.source("A", key="lost").target("A", key="lost").source("B", key="lost").settle()

    def _sweep(self):
        now_us = self.rows.now_us
        self.rows.apply(
            SweepEnd("stock", "s", now_us, now_us + 1, whole=True, differences=1, source_rows=5,
                     target_rows=5, clean_us=0)
        )  # fmt: skip

    def _canary(self):
        self.canary.source("one").target("other").wait(2_000)
        self.canary.reading(committed=None).wait(2_000).beat()

    def _sagas(self):
        self.sagas.happen(*REFUSED, instance="2").happen(GOOD[0], GOOD[0], instance="3")
        self.sagas.happen(*GOOD, instance="4").pass_time(100)

    def _both_ways(self):
        self.mirrored.go_wrong()

    def _outbox(self):
        self.outbox.row(10, 0, op="c").known()

    def _adjustments(self):
        self.adjusted.adjust(9, traced=False).adjust(8)

    def _failed_readings(self):
        async def a_while():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await self.readings.run()

        asyncio.run(a_while())


CAUSES = (
    "duplicates", "unknown keys", "broken assumption", "divergence", "sweep", "canary", "sagas",
    "failed readings", "both ways", "outbox", "adjustments",
)  # fmt: skip


@contextlib.contextmanager
def served(pages):
    """An address at which the last of the pages is served."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
            self.end_headers()
            self.wfile.write(pages[-1])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
