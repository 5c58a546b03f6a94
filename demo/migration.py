"""Puts the sample migration together on a running stack. Next: `story` tells it.

Schemas, rows, connectors, monolith, service, façade, replicator, load, and the `figwatch.yaml`
(`configuration`) for a watcher that knows none of them.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Self

import psycopg
from confluent_kafka.admin import AdminClient

from figwatch.demo.background import RunningLoad, RunningReplicator, Servers
from figwatch.demo.connectors import (
    SOURCE_CONNECTOR,
    SOURCE_PREFIX,
    TARGET_PREFIX,
    source_connector,
    target_connector,
)
from figwatch.demo.faults import FaultInjector
from figwatch.demo.load import LoadSettings
from figwatch.demo.load_jobs import seed_rows
from figwatch.demo.replicator import ReplicatorSettings
from figwatch.demo.sandbox import connect
from figwatch.demo.sandbox.debezium import create_heartbeat_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from figwatch.demo.sandbox import Endpoints

COPIED_SECONDS_MAX = 180.0
POLL_SECONDS = 0.1
TOPICS = (
    f"{SOURCE_PREFIX}.public.inventory",
    f"{SOURCE_PREFIX}.public.figwatch_heartbeat",
    f"{TARGET_PREFIX}.public.inventory_items",
    f"{TARGET_PREFIX}.public.stock_levels",
    f"{TARGET_PREFIX}.public.figwatch_heartbeat",
)


class MigrationError(Exception):
    """The sample migration did not come up; the message says what stood in the way."""


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """`rate_per_second` is of operations: about half of them change a row."""

    items: int = 300
    seed: int = 1
    rate_per_second: float = 25.0
    schemas: bool = field(default=False)
    """Whether the connectors put schemas into each record."""
    facade_address: tuple[str, int] = ("127.0.0.1", 0)
    resume: bool = False
    """Go on where an earlier run with these databases stopped, rather than refuse them."""
    access_logs: Mapping[str, Path] = field(default_factory=dict)
    """Where the façade logs the requests of each system."""


class Migration:
    """The running migration; a context manager, which starts all of it and stops it again.

    Raises, on entering:
        MigrationError: the databases are in use, or the first copy did not come about.
        SandboxError: a connector does not run.
    """

    def __init__(self, endpoints: Endpoints, settings: MigrationSettings) -> None:
        self.endpoints = endpoints
        self.settings = settings
        self.monolith_dsn = endpoints.dsn["monolith"]
        self.service_dsn = endpoints.dsn["service"]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self.servers = self._stack.enter_context(
                Servers(
                    self.monolith_dsn,
                    self.service_dsn,
                    self.settings.facade_address,
                    self.settings.access_logs,
                )
            )
            self.replicator = RunningReplicator(
                ReplicatorSettings(self.endpoints.bootstrap_servers, self.service_dsn)
            )
            self._stack.callback(self._stop_replicator)
            self._wait(self._copied, "the rows of the start were not copied")
            self._wait(self._topics_exist, "topics are missing")
            self.faults = FaultInjector(
                source_dsn=self.monolith_dsn,
                target_dsn=self.service_dsn,
                connect_url=self.endpoints.connect_url,
                connector=SOURCE_CONNECTOR,
            )
            self._stack.callback(self.faults.close)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def facade_url(self) -> str:
        return self.servers.facade_url

    def start_load(self) -> RunningLoad:
        settings = LoadSettings(
            self.facade_url,
            self.monolith_dsn,
            self.settings.items,
            self.settings.seed,
            self.settings.rate_per_second,
        )
        return self.servers.start_load(settings)

    def _prepare(self) -> None:
        with psycopg.connect(self.monolith_dsn) as source:
            source.execute(_statements("monolith.sql"))
            if not source.execute("SELECT 1 FROM public.inventory LIMIT 1").fetchone():
                seed_rows(source, self.settings.items, self.settings.seed)
            elif not self.settings.resume:
                raise MigrationError(
                    "the monolith's database has rows already: the demo needs a fresh folder"
                )
        with psycopg.connect(self.service_dsn) as target:
            target.execute(_statements("service.sql"))
        for dsn, connector in (
            (self.service_dsn, target_connector),
            (self.monolith_dsn, source_connector),
        ):
            create_heartbeat_table(dsn)
            connect.register(
                self.endpoints.connect_url, connector(dsn, schemas=self.settings.schemas)
            )

    def _stop_replicator(self) -> None:
        self.replicator.stop()  # whichever runs by then

    def restart_replicator(self) -> None:
        """Stop the replicator if it runs, and start another: it goes on from its offsets."""
        self.replicator.stop()
        self.replicator = RunningReplicator(self.replicator.settings)

    def _copied(self) -> bool:
        with psycopg.connect(self.monolith_dsn) as source, psycopg.connect(self.service_dsn) as to:
            wanted = source.execute("SELECT count(*) FROM public.inventory").fetchone()
            return wanted == to.execute("SELECT count(*) FROM public.stock_levels").fetchone()

    def _topics_exist(self) -> bool:
        client = AdminClient({"bootstrap.servers": self.endpoints.bootstrap_servers})
        return set(TOPICS) <= set(client.list_topics(timeout=10).topics)

    def _wait(self, holds: Callable[[], bool], problem: str) -> None:
        deadline = time.monotonic() + COPIED_SECONDS_MAX
        while not holds():
            if self.replicator.failure is not None:
                raise MigrationError(f"the replicator ended: {self.replicator.failure}")
            if time.monotonic() > deadline:
                raise MigrationError(f"{problem} within {COPIED_SECONDS_MAX:.0f} s")
            time.sleep(POLL_SECONDS)


def _statements(name: str) -> bytes:
    return files("figwatch.demo").joinpath(name).read_bytes()
