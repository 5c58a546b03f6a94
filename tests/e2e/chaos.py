"""The sample migration under accidents: everything is killed in turn while the load goes on.

`Chaos` owns the workers and knows how to hurt each part; `capture` writes the topics down in the
order of their arrival, as `figwatch replay` reads them. Told by `test_chaos`.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from itertools import cycle
from typing import TYPE_CHECKING, Any, LiteralString, Self

import psycopg
from confluent_kafka import Consumer, TopicPartition

from figwatch.demo.migration import TOPICS
from figwatch.demo.projection import sku_of
from figwatch.demo.replicator import GROUP
from figwatch.demo.sandbox import Sandbox, Service
from figwatch.demo.watcher import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from figwatch.demo.migration import Migration

WORKER_START_SECONDS = 180.0
WORKER_STOP_SECONDS = 90.0
BREATH_SECONDS = 2.0
"""How long a part stays dead."""
HEARTBEATS = ("__debezium-heartbeat.mono", "__debezium-heartbeat.inv")
HEARTBEATS_MORE = 3
HEARTBEATS_SECONDS = 180.0
STALLS_SECONDS = (6.0, 15.0)
"""How long the broker stands still, in turn: shorter and longer than a worker's session."""

ROWS: dict[str, tuple[LiteralString, LiteralString]] = {
    "stock": (
        "SELECT quantity FROM public.inventory WHERE item_id = %s",
        "SELECT on_hand FROM public.stock_levels WHERE sku = %s",
    ),
    "items": (
        "SELECT name, date_trunc('ms', updated_at) FROM public.inventory WHERE item_id = %s",
        "SELECT title, changed_at FROM public.inventory_items WHERE sku = %s",
    ),
}
"""What the planted faults change, by pair: in the monolith, in the service."""


class Chaos:
    """Workers of `figwatch run`, and accidents. A context manager that ends the workers."""

    def __init__(
        self, stack: Sandbox, migration: Migration, config: Path, environment: Mapping[str, str]
    ) -> None:
        self.stack, self.migration, self.config = stack, migration, config
        self.environment = {**os.environ, **environment}
        self.workers: list[subprocess.Popen[bytes]] = []
        self._stalls_seconds = cycle(STALLS_SECONDS)
        self.accidents: list[tuple[str, Callable[[], None]]] = [
            ("the only worker is killed", self.replace_worker),
            ("the broker is killed", lambda: self.kill(Service.KAFKA)),
            ("Connect is killed", lambda: self.kill(Service.CONNECT)),
            ("three more workers join", lambda: self.start_workers(3)),
            ("the service's database is killed", lambda: self.kill(Service.POSTGRES_SERVICE)),
            ("one of four workers is killed", self.kill_worker),
            ("the broker stands still", self.stall_broker),
            ("two of three workers leave", self.stop_workers),
            ("the monolith's database is killed", lambda: self.kill(Service.POSTGRES_MONOLITH)),
        ]

    def __enter__(self) -> Self:
        self.start_workers(1)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait(WORKER_STOP_SECONDS)

    def start_workers(self, count: int) -> None:
        """Returns when they are ready: one that finds no broker at its start ends, as it should."""
        logs = [self._start_worker() for _ in range(count)]
        deadline = time.monotonic() + WORKER_START_SECONDS
        while not all("is ready" in log.read_text() for log in logs):
            assert time.monotonic() < deadline, [log.read_text()[-2000:] for log in logs]
            time.sleep(0.2)

    def _start_worker(self) -> Path:
        number = len(list(self.config.parent.glob("worker-*")))
        folder = self.config.parent / f"worker-{number}"
        folder.mkdir()
        with (folder / "log").open("wb") as log:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-c", SCRIPT, "run", "--config", str(self.config)],
                    cwd=folder, env=self.environment, stdout=log, stderr=log,
                )
            )  # fmt: skip
        return folder / "log"

    def stop_workers(self) -> None:
        """All but the oldest leave in good order."""
        leaving, self.workers = self.workers[1:], self.workers[:1]
        for worker in leaving:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(WORKER_STOP_SECONDS) for worker in leaving] == [0] * len(leaving)

    def kill_worker(self) -> None:
        worker = self.workers.pop(0)
        worker.kill()
        worker.wait(WORKER_STOP_SECONDS)

    def replace_worker(self) -> None:
        self.kill_worker()
        time.sleep(1)
        self.start_workers(1)

    def kill(self, service: Service) -> None:
        self.stack.kill(service)
        time.sleep(BREATH_SECONDS)
        self.stack.start_service(service)

    def stall_broker(self) -> None:
        """Connections stay open and nothing answers, as when a network fails."""
        self.stack.freeze(Service.KAFKA)
        time.sleep(next(self._stalls_seconds))
        self.stack.thaw(Service.KAFKA)

    def mend(self) -> None:
        """What the migration's operator does after an accident: the replicator and the planter
        of faults lose their connections with a database.
        """
        if self.migration.replicator.failure is not None:
            self.migration.restart_replicator()
        self.migration.faults.reconnect()

    def differs(self, pair: str, item_id: int) -> bool:
        """Whether a planted row differs between the databases: the truth at this moment."""
        with (
            psycopg.connect(self.migration.monolith_dsn) as source,
            psycopg.connect(self.migration.service_dsn) as target,
        ):
            before, after = ROWS[pair]
            left = source.execute(before, (item_id,)).fetchone()
            return left != target.execute(after, (sku_of(item_id),)).fetchone()

    def ended(self) -> list[str]:
        """Logs of workers that ended by themselves."""
        dead = [worker for worker in self.workers if worker.poll() is not None]
        logs = self.config.parent.glob("worker-*/log")
        return [log.read_text()[-2000:] for log in logs] if dead else []

    def figwatch(self, *command: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *command, "--config", str(self.config), "--json"],
            env=self.environment, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout or "{}")


def capture(servers: str, path: Path) -> int:
    """Write all raw topics down, oldest first, and a reading of the replicator from before the
    last heartbeats: only what they pass is proved. Returns how many records.
    """
    reader = Consumer(
        {"bootstrap.servers": servers, "group.id": GROUP, "enable.auto.commit": False}
        | {"enable.partition.eof": True}
    )
    try:
        lines = [_readings(reader)]
        _await_heartbeats(reader)
        lines += [_records(reader, topic) for topic in (*TOPICS, *HEARTBEATS)]
    finally:
        reader.close()
    ordered = sorted((line for some in lines for line in some), key=lambda line: line["ts"])
    path.write_text("".join(json.dumps(line) + "\n" for line in ordered))
    return sum("offset" in line for line in ordered)


def _await_heartbeats(reader: Consumer) -> None:
    beats = [TopicPartition(topic, 0) for topic in TOPICS if topic.endswith("heartbeat")]

    def ends() -> list[int]:
        return [reader.get_watermark_offsets(beat, timeout=20)[1] for beat in beats]

    wanted = [end + HEARTBEATS_MORE for end in ends()]
    deadline = time.monotonic() + HEARTBEATS_SECONDS
    while any(end < more for end, more in zip(ends(), wanted, strict=True)):
        assert time.monotonic() < deadline, "no heartbeats come"
        time.sleep(0.2)


def _partitions(reader: Consumer, topic: str) -> list[TopicPartition]:
    found = reader.list_topics(topic, timeout=20).topics[topic].partitions
    return [TopicPartition(topic, number, 0) for number in found]


def _readings(reader: Consumer) -> list[dict[str, Any]]:
    committed = reader.committed(_partitions(reader, TOPICS[0]), timeout=20)
    return [
        {
            "group": GROUP, "topic": one.topic, "partition": one.partition,
            "committed": one.offset, "ts": time.time() * 1000,
            "end_offset": reader.get_watermark_offsets(one, timeout=20)[1],
        }
        for one in committed
    ]  # fmt: skip


def _records(reader: Consumer, topic: str) -> list[dict[str, Any]]:
    partitions = _partitions(reader, topic)
    reader.assign(partitions)
    ended, lines = 0, []
    while ended < len(partitions):
        message = reader.poll(60)
        assert message is not None, f"no answer reading {topic}"
        if message.error():
            ended += 1
            continue
        headers = [part for name, value in message.headers() or () for part in (name, _text(value))]
        lines.append(
            {
                "topic": topic, "partition": message.partition(), "offset": message.offset(),
                "ts": message.timestamp()[1], "headers": headers,
                "key_base64": _base64(message.key()), "payload_base64": _base64(message.value()),
            }
        )  # fmt: skip
    return lines


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
