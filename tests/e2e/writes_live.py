"""The sample migration as it routes its writes, on the sandbox: orders, adjustments under way, the
JDBC sink as the way back, and figwatch watching all of it.
"""

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import httpx
import psycopg
from typer.testing import CliRunner

from figwatch.cli.main import app
from figwatch.demo import sink
from figwatch.demo.configuration import configuration, environment
from figwatch.demo.keyspace import FAULTS
from figwatch.demo.migration import Migration, MigrationSettings
from figwatch.demo.orders.running import Orders
from figwatch.demo.sandbox import connect, plugins
from figwatch.demo.watcher import SCRIPT
from tests.e2e.test_demo_programs import clear
from tests.unit.streams.otlp import Collector

SAGA_SECONDS = 4.0
TRACES = "http://localhost:16686/trace"
WAIT_SECONDS = 240.0
STOP_SECONDS = 90.0


class WritesLive:
    """Runs until the block ends."""

    def __init__(self, stack, folder):
        self.endpoints, self.folder, self._sandbox = stack.endpoints, folder, stack
        self.config = folder / "figwatch.yaml"
        text = configuration(self.endpoints, saga_seconds=SAGA_SECONDS, two_way=True)
        self.config.write_text(f"{text}tracing: {{url: '{TRACES}/{{trace_id}}'}}\n")
        self._own = environment(self.endpoints)
        self._stack = ExitStack()
        self._flowing, self._end = threading.Event(), threading.Event()
        self.adjusted, self.refused = 0, []

    def __enter__(self):
        try:
            self._stack.callback(self._clear)
            plugins.add(self._sandbox, plugins.JDBC_SINK)
            settings = MigrationSettings(items=50, schemas=True)
            self.migration = self._stack.enter_context(Migration(self.endpoints, settings))
            self.orders = self._stack.enter_context(Orders(self.endpoints))
            self._stack.callback(self._stop_load)
            self._load = threading.Thread(target=self._adjust)
            self._load.start()
            self._start_worker()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _clear(self):
        if connect.status(self.endpoints.connect_url, sink.NAME) is not None:
            connect.delete(self.endpoints.connect_url, sink.NAME)
        clear(self.endpoints)

    def _start_worker(self):
        self.collector = self._stack.enter_context(Collector())
        log = self._stack.enter_context((self.folder / "worker.log").open("w"))
        command = [sys.executable, "-c", SCRIPT, "run", "--config", str(self.config)]
        worker = subprocess.Popen(
            command,
            cwd=self.folder,
            stdout=log,
            stderr=log,
            env={**os.environ, **self._own, "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url},
        )
        self._stack.callback(worker.wait, STOP_SECONDS)
        self._stack.callback(worker.terminate)

    # -- the migration

    def load(self, *, flows):
        """Let adjustments come through the façade, or stop them all: the fence."""
        (self._flowing.set if flows else self._flowing.clear)()

    def route_writes(self):
        """To the service, from now on."""
        url = f"{self.migration.facade_url}/routing"
        httpx.put(url, json={"writes": "service"}, timeout=30).raise_for_status()

    def turn_replication(self):
        """Shut the way forth, open the way back."""
        self.migration.replicator.stop()
        sink.begin_at_end(self.endpoints.bootstrap_servers)
        connect.register(self.endpoints.connect_url, sink.sink_connector(self._monolith))

    @property
    def _monolith(self):
        return self.endpoints.dsn["monolith"]

    def _adjust(self):
        number = 0
        with httpx.Client(base_url=self.migration.facade_url, timeout=30) as client:
            while not self._end.is_set():
                if not self._flowing.wait(0.1):
                    continue
                number += 1
                body = {"itemId": FAULTS[number % 10], "delta": 1, "reason": "count"}
                code = client.post("/api/inventory/adjust", json=body).status_code
                self.adjusted += code == 200
                self.refused += [] if code == 200 else [code]
                time.sleep(0.02)

    def _stop_load(self):
        self._end.set()
        self._load.join(STOP_SECONDS)

    def saga_status(self, reference):
        """What the orchestrator made of an order, by SQL."""
        query = "SELECT sagastatus FROM public.sagastate WHERE id = %s"
        with psycopg.connect(self.endpoints.dsn["service"]) as connection:
            return connection.execute(query, (reference,)).fetchone()[0]

    def differences(self):
        """Stock that the two systems do not have alike, by SQL."""
        with (
            psycopg.connect(self._monolith) as old,
            psycopg.connect(self.endpoints.dsn["service"]) as new,
        ):
            query = "SELECT item_id::text, quantity, reserved, unit_price FROM inventory"
            rows = old.execute(query).fetchall()
            query = "SELECT sku, on_hand, held, round(price, 2) FROM stock_levels"
            return set(rows) ^ set(new.execute(query).fetchall())

    # -- figwatch

    def ask(self, *command):
        """A command's exit code and its JSON; in this process, which has all of it imported."""
        options = ("--config", str(self.config), "--json")
        done = CliRunner().invoke(app, [*command, *options], env=self._own)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, json.loads(done.stdout) if done.stdout else {}

    def say(self, *command):
        """What a command says to a person."""
        words = [*map(str, command), "--config", str(self.config)]
        return CliRunner().invoke(app, words, env=self._own).stdout

    def status(self):
        return self.ask("status")[1]

    def outcomes(self):
        """Outcomes of sagas that came up, by saga."""
        return {
            name: {outcome: n for outcome, n in saga["outcomes"].items() if n}
            for name, saga in self.status().get("sagas", {}).items()
        }

    def outbox(self):
        """What is said of the events of `stock` by outcome, but for what is not known."""
        counts = self.status()["outboxes"]["stock"]["counts"]
        return {outcome: n for outcome, n in counts.items() if n and outcome != "unknown"}

    def legs(self):
        """How long adjustments took, by leg."""
        return self.status()["outboxes"]["stock"]["legs"].get("stock", {}).get("seconds", {})

    def service(self, *statements):
        """One transaction on the service's database, past the service."""
        with psycopg.connect(self.endpoints.dsn["service"]) as connection:
            for statement, values in statements:
                connection.execute(statement, values)

    def at_rest(self):
        """Whether every key is consistent, by pair."""
        pairs = self.status().get("pairs", {})
        return {
            name: sum(pair["keys"].values()) == pair["keys"]["consistent"] > 0
            for name, pair in pairs.items()
        }

    def findings(self):
        """All on record, resolved ones too."""
        pairs = self.ask("findings")[1]["pairs"]
        return [finding for pair in pairs.values() for finding in pair["findings"]]

    def until(self, expected, told):
        """Wait until `told()` is as expected; says what it was when it never is."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (last := told()) != expected:
            self.orders.check()
            if time.monotonic() > deadline:
                log = (self.folder / "worker.log").read_text()[-2000:]
                raise AssertionError(f"never came: {expected}; last: {last}\n{log}")
            time.sleep(0.5)
