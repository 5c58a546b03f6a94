"""Load for the sample migration: clients through the façade, batch jobs straight by SQL.

Few items get most of the traffic (Zipf). Ids come back after a delete, keys change, rows are
touched without a change, inserted and deleted in one transaction, rolled back: what a watcher
must take for healthy. The order of operations follows from the seed. Next: `faults`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import httpx
import psycopg
from psycopg_pool import AsyncConnectionPool

from figwatch.demo.load_clients import Clients
from figwatch.demo.load_jobs import Jobs
from figwatch.demo.load_keys import Keys
from figwatch.demo.serving import required

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

WORKERS = 6
TIMEOUT_SECONDS = 10.0
# A load that falls behind skips what it missed: no bursts after a pause.
BEHIND_SECONDS_MAX = 0.5


class Operation(StrEnum):
    """What the load does; the shares are in `WEIGHTS`."""

    READ = "read"
    ADJUST = "adjust"
    ORDER = "order"
    """Several lines, reserved in one transaction."""
    CLOSE = "close"
    """An open order is shipped or cancelled."""
    INSERT = "insert"
    EDIT = "edit"
    """Price, name, status or notes; sometimes nothing but the row's version."""
    DELETE = "delete"
    RENUMBER = "renumber"
    """The primary key changes."""
    STOCKTAKE = "stocktake"
    """A transaction of many statements, several of them on one row; some roll back."""


WEIGHTS = {
    Operation.READ: 30,
    Operation.ADJUST: 28,
    Operation.ORDER: 10,
    Operation.CLOSE: 9,
    Operation.INSERT: 5,
    Operation.EDIT: 8,
    Operation.DELETE: 4,
    Operation.RENUMBER: 2,
    Operation.STOCKTAKE: 4,
}


@dataclass(frozen=True, slots=True)
class LoadSettings:
    facade_url: str
    dsn: str = field(repr=False)
    items: int = 300
    seed: int = 1
    rate_per_second: float = 25.0
    operations_max: int = 1_000_000


@dataclass(slots=True)
class LoadCounts:
    """`refused`: the answer was no (sold out, gone). `failed`: there was no answer."""

    done: Counter[Operation] = field(default_factory=Counter)
    refused: Counter[Operation] = field(default_factory=Counter)
    failed: Counter[Operation] = field(default_factory=Counter)
    last_failure: str = ""

    @property
    def total(self) -> int:
        return self.done.total() + self.refused.total() + self.failed.total()


class Load:
    """Runs operations at a rate until stopped or until there were enough."""

    def __init__(self, settings: LoadSettings) -> None:
        if settings.rate_per_second <= 0:
            raise ValueError("rate_per_second: use a number above 0")
        self.settings = settings
        self.counts = LoadCounts()
        self.keys = Keys(settings.seed, settings.items)
        self._claimed = 0
        self._due = 0.0

    async def run(self, stop: asyncio.Event) -> LoadCounts:
        """Returns when `stop` is set or `operations_max` is reached."""
        pool = AsyncConnectionPool(self.settings.dsn, min_size=1, max_size=WORKERS, open=False)
        client = httpx.AsyncClient(base_url=self.settings.facade_url, timeout=TIMEOUT_SECONDS)
        self._due = time.monotonic()
        clients, jobs = Clients(client, self.keys), Jobs(pool, self.keys)
        draw = {
            Operation.READ: clients.read,
            Operation.ADJUST: clients.adjust,
            Operation.ORDER: clients.order,
            Operation.CLOSE: clients.close,
            Operation.INSERT: jobs.insert,
            Operation.EDIT: jobs.edit,
            Operation.DELETE: jobs.delete,
            Operation.RENUMBER: jobs.renumber,
            Operation.STOCKTAKE: jobs.stocktake,
        }
        async with pool, client, asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(self._work(draw, stop))
        return self.counts

    async def _work(
        self,
        draw: dict[Operation, Callable[[], Callable[[], Awaitable[bool]]]],
        stop: asyncio.Event,
    ) -> None:
        while not stop.is_set() and self._claimed < self.settings.operations_max:
            self._claimed += 1
            # The dice are thrown before the wait: the seed decides, not the clock.
            (operation,) = self.keys.dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
            run = draw[operation]()
            delay = self._next_slot() - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            await self._count(operation, run)

    def _next_slot(self) -> float:
        self._due = max(self._due, time.monotonic() - BEHIND_SECONDS_MAX)
        self._due += 1.0 / self.settings.rate_per_second
        return self._due

    async def _count(self, operation: Operation, run: Callable[[], Awaitable[bool]]) -> None:
        try:
            outcome = self.counts.done if await run() else self.counts.refused
        except (psycopg.IntegrityError, psycopg.errors.DeadlockDetected):
            outcome = self.counts.refused
        except (httpx.HTTPError, psycopg.Error) as error:
            outcome = self.counts.failed
            self.counts.last_failure = f"{operation}: {type(error).__name__}"
        outcome[operation] += 1


def main() -> None:
    """`python -m figwatch.demo.load`: the items of `migration` (or `load_jobs`) must exist."""
    parser = argparse.ArgumentParser(prog="python -m figwatch.demo.load")
    parser.add_argument("--rate", type=float, default=25.0, help="operations per second")
    parser.add_argument("--operations", type=int, default=10_000, help="stop after so many")
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    settings = LoadSettings(
        os.environ.get("FACADE_URL", "http://127.0.0.1:8100"),
        required("MONOLITH_DSN", "load"),
        arguments.items,
        arguments.seed,
        arguments.rate,
        arguments.operations,
    )
    counts = asyncio.run(Load(settings).run(asyncio.Event()))
    for operation in Operation:
        sys.stdout.write(
            f"{operation:10} done {counts.done[operation]:6}"
            f" refused {counts.refused[operation]:6} failed {counts.failed[operation]:6}\n"
        )


if __name__ == "__main__":
    main()
