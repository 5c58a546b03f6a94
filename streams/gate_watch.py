"""The gates as they stand now, for metrics and the console: every stage's, asked at intervals.

The sync gate needs nothing but the fleet's summaries and is asked often. The others look at
databases, servers and files, which blocks, so they are asked in a thread, one after the other and
seldom. `figwatch gate check` stays the one to act upon: this is what people look at.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from figwatch.connectors.config.root import Config, SideConfig
from figwatch.connectors.connect_rest import read_connector
from figwatch.connectors.databases import read_database
from figwatch.connectors.stage_evidence.gate import check_stage
from figwatch.connectors.stage_evidence.progress import progress_of
from figwatch.streams.fleet import Fleet
from figwatch.validators.doctor.facts import ConnectorFacts, DatabaseFacts
from figwatch.validators.errors import FigwatchError
from figwatch.validators.overview import Overview
from figwatch.validators.stages.progress import STAGES

if TYPE_CHECKING:
    from figwatch.validators.stages.criterion import GateResult

SYNC_SECONDS = 2.0
"""Time between two looks at the sync gate."""
OUTSIDE_SECONDS = 20.0
"""Time between two looks at everything outside: the other gates, connectors, slots, reports."""
SLOTS_MAX = 50
"""Replication slots of a side that are shown."""

log = logging.getLogger("figwatch")


@dataclass(slots=True)
class Outside:
    """What is not in the streams. What could not be asked is absent."""

    running: dict[str, bool] = field(default_factory=dict)
    """By side: its connector and all its tasks run."""
    slots: dict[tuple[str, str], int] = field(default_factory=dict)
    """By side and slot: bytes of write-ahead log held back."""
    stage: str = ""
    """The stage to leave next, by the reports; empty: they cannot be read."""
    reports: str = ""
    """Newest report's folder."""


class GateWatch:
    """Last result of each stage's gate, or why it could not be evaluated."""

    def __init__(self, config: Config, fleet: Fleet, wanted: Callable[[], bool]) -> None:
        self._config, self._fleet, self._wanted = config, fleet, wanted
        self.results: dict[str, GateResult] = {}
        self.troubles: dict[str, str] = {}
        self.outside = Outside()
        self._outside_at = 0.0

    async def run(self) -> None:
        """Ask for ever. A gate that cannot be evaluated says why; nothing here stops the worker."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            if not self._wanted():
                self.results, self.troubles, self.outside = {}, {}, Outside()
                self._outside_at = 0.0
                continue
            if not self._fleet.current:
                continue
            self.evaluate("sync")
            if time.monotonic() >= self._outside_at:
                await asyncio.to_thread(self.look_outside)
                self._outside_at = time.monotonic() + OUTSIDE_SECONDS

    def evaluate(self, stage: str, view: Overview | None = None) -> None:
        """Ask one gate."""
        now_us = time.time_ns() // 1000
        view = view or self._fleet.view(now_us)
        try:
            result = check_stage(self._config, stage, now_us, view)
        except FigwatchError as error:
            self.results.pop(stage, None)
            self.troubles[stage] = error.problems[0].cause
        except Exception as error:  # noqa: BLE001  shown; judging goes on
            log.warning("the gate of stage %s cannot be evaluated: %r", stage, error)
            self.results.pop(stage, None)
            self.troubles[stage] = f"unexpected: {type(error).__name__}"
        else:
            self.results[stage] = result
            self.troubles.pop(stage, None)

    def look_outside(self) -> None:
        """Everything that blocks."""
        view = self._fleet.view(time.time_ns() // 1000)
        for stage in STAGES:
            if stage != "sync":
                self.evaluate(stage, view)
        outside = Outside()
        for name, side in self._config.sides.items():
            self._side(name, side, outside)
        try:
            progress = progress_of(self._config)
            outside.stage, outside.reports = progress.stage, progress.last_report
        except FigwatchError as error:
            log.warning("the reports cannot be read: %s", error.problems[0].cause)
        self.outside = outside

    def _side(self, name: str, side: SideConfig, outside: Outside) -> None:
        limits = self._config.limits
        if side.connect is not None:
            found = read_connector(
                side.connect, side.connector, side.topic_prefix, limits.http_timeout_seconds
            )
            if isinstance(found, ConnectorFacts):
                states = (found.state, *found.tasks)
                outside.running[name] = bool(found.tasks) and set(states) == {"RUNNING"}
        dsn = _postgresql(side)
        if dsn is not None:
            where = f"sides.{name}.database"
            facts = read_database(dsn, (), limits.database_timeout_seconds, where)
            if isinstance(facts, DatabaseFacts):
                for slot in sorted(facts.slots.values(), key=_held, reverse=True)[:SLOTS_MAX]:
                    outside.slots[(name, slot.name)] = slot.held_bytes


def _held(slot: object) -> int:
    return int(getattr(slot, "held_bytes", 0))


def _postgresql(side: SideConfig) -> str | None:
    """The data source name of a PostgreSQL; None where there is none to ask."""
    if side.database is None:
        return None
    try:
        dsn = side.database.reveal()
    except FigwatchError:
        return None
    return None if dsn.startswith(("mysql:", "mariadb:")) else dsn
