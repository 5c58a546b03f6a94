"""What is on stage while the acts play: the running migration, its configuration, its visitors.

`acts_early` and `acts_late` play in it; `run` builds it.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import psycopg
from confluent_kafka import KafkaException

from figwatch.demo import sink
from figwatch.demo.configuration import configuration, environment
from figwatch.demo.keyspace import FAULTS, LOAD_FIRST
from figwatch.demo.sandbox import connect
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.stages import measures
from figwatch.demo.watcher import SCRIPT, WatcherError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from figwatch.demo.background import RunningLoad
    from figwatch.demo.migration import Migration
    from figwatch.demo.sandbox import Sandbox

WORKER = "figwatch-worker-"
WORKER_WAVE = 9
VISITORS = 4
VISIT_SECONDS_MAX = 10.0
GONE_SECONDS_MAX = 120.0
POLL_SECONDS = 0.2
SAGA_SECONDS = 10.0
"""Within which an order is to be over."""


@dataclass(slots=True)
class Scene:
    """`gates` are the sections of the configuration beside `sync`, by stage."""

    place: Path
    sandbox: Sandbox
    migration: Migration
    prometheus_url: str
    registry_url: str
    gates: dict[str, dict[str, Any]] = field(default_factory=dict)
    _workers: int = 0

    def configure(self, **gates: dict[str, Any]) -> None:
        """Write figwatch.yaml anew with these sections replaced; each is one line of YAML."""
        self.gates |= gates
        sync = measures.section("sync")
        text = configuration(
            self.sandbox.endpoints,
            convergence_share=sync.pop("convergence_share"),
            two_way=True,
            sweep_required=True,
            saga_seconds=SAGA_SECONDS,
        )
        lines = [text.rstrip(), *(f"    {name}: {value}" for name, value in sync.items())]
        lines.append(f"  prometheus: {self.prometheus_url}")
        lines += [f"  {name}: {msgspec.json.encode(g).decode()}" for name, g in self.gates.items()]
        (self.place / "figwatch.yaml").write_text("\n".join(lines) + "\n", "utf-8")

    def copy_document(self, name: str) -> Path:
        """A document of the sample migration, in the demo's folder."""
        path = self.place / name
        path.write_bytes(files("figwatch.demo.stages").joinpath("documents", name).read_bytes())
        return path

    def start_worker(self) -> None:
        """`figwatch run` with the configuration as it is now."""
        self._workers += 1
        name = f"{WORKER}{self._workers}"
        folder = self.place / name
        folder.mkdir(exist_ok=True)
        kept = {n: os.environ[n] for n in ("PATH", "HOME", "LANG") if n in os.environ}
        argv = (sys.executable, "-c", SCRIPT, "run", "--config", str(self.place / "figwatch.yaml"))
        self.sandbox.keeper.start(
            ProgramSpec(
                name=name,
                argv=argv,
                log=str(self.sandbox.folder.logs / f"{name}.log"),
                cwd=str(folder),
                wave=WORKER_WAVE,
                env=kept | dict(environment(self.sandbox.endpoints)),
            )
        )

    def stop_worker(self) -> None:
        """The newest one, in good order."""
        self.sandbox.keeper.stop(f"{WORKER}{self._workers}")

    def items(self) -> list[int]:
        """Items that have been there since the start; the load deletes some but for `FAULTS`."""
        return [*FAULTS, *range(LOAD_FIRST, LOAD_FIRST + self.migration.settings.items)]

    def read(self, count: int) -> Counter[int]:
        """So many GETs through the façade; how often each status came."""
        paths = [f"/api/inventory/{item}" for item in self.items()]
        return self._visit([(paths[n % len(paths)], None) for n in range(count)])

    def adjust(self, count: int) -> Counter[int]:
        """So many POSTs of an adjustment through the façade."""
        items = list(FAULTS)
        bodies = [
            {"itemId": items[n % len(items)], "delta": 1, "reason": "c"} for n in range(count)
        ]
        return self._visit([("/api/inventory/adjust", body) for body in bodies])

    def _visit(self, requests: list[tuple[str, dict[str, Any] | None]]) -> Counter[int]:
        with (
            httpx.Client(base_url=self.migration.facade_url, timeout=VISIT_SECONDS_MAX) as client,
            ThreadPoolExecutor(VISITORS) as visitors,
        ):

            def ask(request: tuple[str, dict[str, Any] | None]) -> int:
                path, body = request
                reply = client.post(path, json=body) if body else client.get(path)
                return reply.status_code

            return Counter(visitors.map(ask, requests))

    def route(self, **routing: str) -> None:
        """Tell the façade where reads and writes go."""
        self._put("/routing", routing)

    def spoil(self, *, abort_share: float = 0.0) -> None:
        """What the façade does to the service's requests."""
        self._put("/faults", {"upstream": "service", "abortShare": abort_share})

    def finish(self, load: RunningLoad) -> None:
        """Let the load end; one that did nothing proved nothing."""
        counts = load.stop()
        if counts.done.total() == 0:
            raise WatcherError(f"the load did nothing: {counts.last_failure}")

    def pause(self, seconds: float) -> None:
        """What people, scrapes and caches need."""
        time.sleep(seconds)

    def drained(self) -> None:
        """Wait until both systems have the same stock: nobody writes at the moment.

        Raises:
            WatcherError: it does not come to that.
        """
        self.until(self._same_stock, "one system does not follow the other to the end")

    def _same_stock(self) -> bool:
        with self.monolith() as source, psycopg.connect(self.migration.service_dsn) as target:
            wanted = source.execute("SELECT item_id::text, quantity, reserved FROM inventory")
            shown = target.execute("SELECT sku, on_hand, held FROM stock_levels")
            return set(wanted) == set(shown)

    def open_way_back(self) -> None:
        """The sink connector begins where the service's topics end now."""
        sink.begin_at_end(self.sandbox.endpoints.bootstrap_servers)
        connect.register(
            self.sandbox.endpoints.connect_url, sink.sink_connector(self.migration.monolith_dsn)
        )

    def lose_on_the_way_back(self) -> int:
        """A change of one item does not reach the monolith; returns the item. Somebody stopped the
        sink, and put its group to the end of its topics before it went on.
        """
        self.drained()
        url, servers = self.sandbox.endpoints.connect_url, self.sandbox.endpoints.bootstrap_servers
        item = FAULTS[-1]
        connect.stop(url, sink.NAME)
        before = sink.ends(servers)
        self.adjust_one(item)
        self.until(
            lambda: all(sink.ends(servers)[topic] > end for topic, end in before.items()),
            "the service's change does not come to its topics",
        )
        self.until(self._sink_at_end, "somebody stays in the sink's group")
        connect.resume(url, sink.NAME)
        connect.wait_running(url, sink.NAME)
        return item

    def _sink_at_end(self) -> bool:
        try:
            sink.begin_at_end(self.sandbox.endpoints.bootstrap_servers)
        except KafkaException:  # its task has not left the group yet
            return False
        return True

    def adjust_one(self, item: int) -> None:
        """One adjustment through the façade."""
        body = {"itemId": item, "delta": 1, "reason": "count"}
        httpx.post(
            f"{self.migration.facade_url}/api/inventory/adjust", json=body, timeout=10
        ).raise_for_status()

    def drop_slot(self, name: str) -> None:
        """Drop a replication slot once its connector has let go of it."""

        def dropped() -> bool:
            with self.monolith() as connection:
                connection.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                    " WHERE slot_name = %s AND NOT active",
                    (name,),
                )
                query = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s"
                row = connection.execute(query, (name,)).fetchone()
                return row == (0,)

        self.until(dropped, f"the replication slot {name} stays in use")

    def until(self, holds: Callable[[], bool], problem: str) -> None:
        """Wait until it holds; raises WatcherError with the problem when it does not."""
        deadline = time.monotonic() + GONE_SECONDS_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise WatcherError(problem)
            time.sleep(POLL_SECONDS)

    def _put(self, path: str, body: dict[str, Any]) -> None:
        httpx.put(self.migration.facade_url + path, json=body, timeout=10).raise_for_status()

    def monolith(self) -> psycopg.Connection[Any]:
        """A connection to the monolith's database."""
        return psycopg.connect(self.migration.monolith_dsn, autocommit=True)


def now() -> str:
    """The instant from which on evidence counts, as `since` wants it."""
    return dt.datetime.now(dt.UTC).isoformat()
