"""A console on a fleet that is made up: real records, no Kafka. The browser tests use it, too."""

import asyncio
import contextlib
import json
import time
from types import SimpleNamespace

import aiohttp

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.streams.console import Console
from figwatch.streams.fleet import Fleet
from figwatch.streams.gate_watch import GateWatch
from figwatch.validators.convergence import Quantiles
from figwatch.validators.finding import Finding, encode_finding, finding_id
from figwatch.validators.lately import Lately
from figwatch.validators.summary import PairSummary, StreamSummary, Summary, encode_summary

NOW_US = 1_700_000_000_000_000
KEY = "7"
PARTITIONS = 8


def settings(**changed):
    side = {"topic_prefix": "m"}
    made = {
        "migration": "shop",
        "kafka": {"bootstrap_servers": "localhost:1"},
        "sides": {"monolith": side, "service": {"topic_prefix": "s", "consumer_group": "g"}},
        "authority": "monolith",
        "pairs": [
            {"name": "stock", "source": "public.a", "target": "public.b", "key": {"id": "id"},
             "columns": {"quantity": {"to": "held", "type": "text"}}}
        ],
        "worker": {"internal_partitions": PARTITIONS},
        "console": {"port": 0},
    }  # fmt: skip
    made["console"] |= changed.pop("console", {})
    return made | changed


def now_us():
    return time.time_ns() // 1000


def summary(partition, changes, divergent=0, overdue=0, worker="host-1"):
    """A partition with lags between 40 ms and half a second."""
    at_us = now_us()
    lags, lately = Quantiles(buckets={}), Lately()
    for number in range(changes):
        lags.add(40_000 + 7_000 * (number % 70), 1_000_000)
    lately.add(at_us, changes, changes)
    pair = PairSummary(
        keys={"consistent": 100, "in_flight": changes % 3, "overdue": overdue,
              "divergent": divergent, "unknown": 0},
        unknown={}, open_findings={"stale": divergent} if divergent else {}, findings_total={},
        convergence=lags, unshown=0, oldest_unshown_us=at_us - 4_000_000 if overdue else 0,
        capture={}, changes={}, duplicates={}, source_watermark_us=at_us - 900_000,
        target_watermark_us=at_us - 700_000, verified_through_us=at_us - 1_000_000,
        transient=0, alarms={}, lately=lately,
    )  # fmt: skip
    streams = [
        StreamSummary("m.public.a", n, 10, at_us - 900_000, "", 0, 97, 100) for n in range(2)
    ]
    streams += [StreamSummary("s.public.b", n, 10, at_us - 700_000) for n in range(2)]
    return Summary(partition, at_us, worker, {}, 0, {"stock": pair}, streams)


class Stage:
    """The fleet's topics, played by hand."""

    def __init__(self, **console):
        self.config = Config.model_validate(settings(console=console))
        plan = SimpleNamespace(summaries="s", findings="f")
        self.fleet = Fleet({}, plan, PARTITIONS, 15_000_000, lambda: True)
        self.gates = GateWatch(self.config, self.fleet, lambda: True)
        self.fleet.current = True
        self.divergent = self.overdue = 0
        self.silent = ()
        self._changes = 900

    def tell(self):
        """Every judge says where it stands."""
        self._changes += 3
        for number in range(PARTITIONS):
            if number not in self.silent:
                faulty = number == 3
                told = summary(
                    number,
                    self._changes,
                    self.divergent if faulty else 0,
                    self.overdue if faulty else 0,
                    f"host-{1 + number % 2}",
                )
                self.fleet.take("s", str(number).encode(), encode_summary(told))
        self.gates.evaluate("sync")

    def find(self, key=7, resolved_us=None):
        canonical = Decoder(self.config).encode_key("stock", {"id": key})
        at_us = now_us() - 3_000_000
        found = Finding("stock", canonical, NOW_US, "stale", ("quantity",), at_us, resolved_us,
                        "fence")  # fmt: skip
        self.fleet.take("f", finding_id(found), encode_finding(found))


@contextlib.asynccontextmanager
async def opened(divergent=0, stage=None, explain=()):
    stage = stage or Stage()
    stage.divergent = divergent
    stage.tell()
    if divergent:
        stage.find()
    console = Console(stage.config, stage.fleet, stage.gates, explain)
    await console.start()
    looking = asyncio.create_task(console.run())
    try:
        yield console
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await console.stop()


class Visitor:
    def __init__(self, console):
        self._base = f"http://127.0.0.1:{console.port}"

    async def __aenter__(self):
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))
        return self

    async def __aexit__(self, *_):
        await self._session.close()

    async def get(self, path):
        url = aiohttp.client.URL(self._base + path, encoded=True)
        answer = await self._session.get(url)
        if path != "/api/events":
            await answer.read()
        return answer

    async def event(self):
        answer = await self.get("/api/events")
        line = await answer.content.readline()
        answer.close()
        return json.loads(line.removeprefix(b"data: "))

    @contextlib.asynccontextmanager
    async def listening(self):
        answer = await self.get("/api/events")
        await answer.content.readline()
        try:
            yield
        finally:
            answer.close()
