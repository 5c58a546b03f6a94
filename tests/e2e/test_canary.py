"""`figwatch canary` on real databases, connectors and a worker: found, not found, and refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from figwatch.demo.sandbox import connect, debezium
from figwatch.demo.watcher import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from figwatch.demo.sandbox import Endpoints

SIDES = ("monolith", "service")
READY_SECONDS_MAX = 180.0


class Watch:
    """A migration of one empty pair with a canary, watched by one worker."""

    def __init__(self, endpoints: Endpoints, folder: Path) -> None:
        self.endpoints, self.folder = endpoints, folder
        self.name = f"canary{uuid.uuid4().hex[:8]}"
        self.table = f"public.{self.name}"
        self.config = folder / "figwatch.yaml"
        self.environment = os.environ | {f"{s.upper()}_DSN": endpoints.dsn[s] for s in SIDES}
        self.config.write_text(
            f"""\
migration: {self.name}
kafka: {{bootstrap_servers: "{endpoints.bootstrap_servers}"}}
sides:
  monolith: {{topic_prefix: {self.name}m, database: env:MONOLITH_DSN,
    heartbeat_table: {debezium.HEARTBEAT_TABLE}}}
  service: {{topic_prefix: {self.name}s, database: env:SERVICE_DSN,
    heartbeat_table: {debezium.HEARTBEAT_TABLE}}}
authority: monolith
pairs: [{{name: rows, source: {self.table}_rows, target: {self.table}_rows, key: {{id: id}}}}]
worker: {{internal_partitions: 2, http_port: 0, summary_interval_seconds: 0.5}}
canary: {{enabled: true, table: {self.table}, found_max_seconds: 20, interval_seconds: 5}}
"""
        )

    def execute(self, side: str, statement: str) -> list[Any]:
        with psycopg.connect(self.endpoints.dsn[side], autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def figwatch(self, *command: str, json_wanted: bool = True) -> tuple[int, str]:
        arguments = [*command, "--config", str(self.config), *(["--json"] if json_wanted else [])]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *arguments], env=self.environment, timeout=90,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout or done.stderr

    def connector(self, side: str) -> str:
        return f"{self.name}{side[0]}"

    def criterion(self) -> str:
        document = json.loads(self.figwatch("gate", "check", "--stage", "sync")[1])
        return {one["name"]: one["verdict"] for one in document["criteria"]}["canary"]


@pytest.fixture
def watch(sandbox: Endpoints, tmp_path: Path) -> Iterator[Watch]:
    made = Watch(sandbox, tmp_path)
    _, sql = made.figwatch("canary", "--init-sql", json_wanted=False)
    for side in SIDES:
        made.execute(side, sql)
        made.execute(side, f"CREATE TABLE {made.table}_rows (id int PRIMARY KEY)")
        made.execute(side, f"INSERT INTO {made.table}_rows VALUES (1)")
        made.execute(side, f"INSERT INTO {made.table} VALUES (1, 'makes the topic')")
        debezium.create_heartbeat_table(sandbox.dsn[side])
        prefix = made.connector(side)
        tables = [made.table, f"{made.table}_rows"]
        spec = debezium.postgres_connector(prefix, sandbox.dsn[side], prefix, tables)
        connect.register(sandbox.connect_url, spec)
    yield made
    for side in SIDES:
        connect.delete(sandbox.connect_url, made.connector(side))
        made.execute(side, f"DROP TABLE {made.table}, {made.table}_rows")


@pytest.fixture
def worker(watch: Watch) -> Iterator[None]:
    deadline = time.monotonic() + READY_SECONDS_MAX
    with (watch.folder / "log").open("wb") as log:
        while True:  # it refuses to start while a topic is missing
            process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT, "run", "--config", str(watch.config)],
                cwd=watch.folder, env=watch.environment, stdout=log, stderr=log,
            )  # fmt: skip
            while process.poll() is None and watch.figwatch("status")[0] != 0:
                assert time.monotonic() < deadline, (watch.folder / "log").read_text()
            if process.poll() is None:
                break
            assert time.monotonic() < deadline, (watch.folder / "log").read_text()
    yield
    process.terminate()
    process.wait(30)


@pytest.mark.usefixtures("worker")
def test_a_canary_is_found_and_leaves_nothing_and_without_a_connector_it_is_not(watch: Watch):
    assert "inconclusive" == watch.criterion()
    code, told = watch.figwatch("canary", "--once")
    assert 0 == code, told
    assert json.loads(told)["found_seconds"] < 20
    time.sleep(1.5)
    assert "pass" == watch.criterion()
    assert [[], []] == [watch.execute(side, f"SELECT * FROM {watch.table}") for side in SIDES]

    connect.pause(watch.endpoints.connect_url, watch.connector("service"))
    code, told = watch.figwatch("canary", "--once")
    assert (1, False) == (code, json.loads(told)["found"])


def test_a_table_that_is_not_marked_is_not_touched(watch: Watch):
    watch.execute("service", f"COMMENT ON TABLE {watch.table} IS 'the customers'")
    code, told = watch.figwatch("canary", "--once")
    assert 4 == code
    assert "canary.not-its-table" in told
    assert [(1, "makes the topic")] == watch.execute("service", f"SELECT * FROM {watch.table}")
    assert [(1, "makes the topic")] == watch.execute("monolith", f"SELECT * FROM {watch.table}")
