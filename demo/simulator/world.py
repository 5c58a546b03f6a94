"""The simulated databases and the broker, on one virtual clock and one random generator.

`figwatch.demo.simulator.connector` reads a database's log into topics,
`figwatch.demo.simulator.replicator` writes the other database. Times in microseconds.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Commit = tuple[str, int, Row | int | None]
"""(operation, key, row or new key)."""
START_US = 1_790_000_000_000_000
SECOND_US = 1_000_000


class Clock:
    """A queue of things to do, in time order; ties in the order they were planned."""

    def __init__(self, seed: int) -> None:
        self.now_us = START_US
        self.rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._ticket = itertools.count()

    def after(self, delay_us: float, action: Callable[[], None]) -> None:
        """Plan an action."""
        due_us = self.now_us + max(int(delay_us), 0)
        heapq.heappush(self._queue, (due_us, next(self._ticket), action))

    def run(self, until_us: int) -> None:
        """Do everything that is due before `until_us`."""
        while self._queue and self._queue[0][0] <= until_us:
            self.now_us, _, action = heapq.heappop(self._queue)
            action()
        self.now_us = until_us

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.rng.random() < share

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included; quicker than `randint`."""
        return low + int(self.rng.random() * (high - low + 1))


@dataclass(slots=True)
class LogEvent:
    """One row event of a transaction. `moved_from`/`moved_to`: the halves of a key change."""

    lsn: int
    op: str
    key: int
    row: Row | None
    unchanged: frozenset[str] = frozenset()
    moved_from: int | None = None
    moved_to: int | None = None
    number: int = 0
    """Of all that happens on a database, whatever its log says."""


@dataclass(slots=True)
class Transaction:
    """One commit. `previous_lsn` is what Debezium gives as the first half of `sequence`;
    `commit_us` the time on its events, `done_us` when it really was, by the simulation's clock.
    """

    tx: int
    commit_us: int
    done_us: int
    previous_lsn: int
    table: str
    events: list[LogEvent]


class Database:
    """Rows of one table and the log of its commits. Its clock runs `skew_us` ahead.

    `whole_seconds`: events carry their statement's second, as MySQL's may.
    """

    def __init__(
        self, clock: Clock, table: str, skew_us: int = 0, *, whole_seconds: bool = False
    ) -> None:
        self.table = table
        self.rows: dict[int, Row] = {}
        self.log: list[Transaction] = []
        self.skew_us = skew_us
        self.fell = False
        """Whether times fell along the log by more than figwatch is told to allow."""
        self._clock = clock
        self._whole_seconds = whole_seconds
        self._lsn = 1000
        self._tx = 500
        self._last_us = self._greatest_us = 0
        self._commit_lsn = self._events = 0

    def commit(self, changes: list[Commit]) -> Transaction | None:
        """Commit (op, key, row) changes: `put`, `delete`, `move` (row is the new key), `truncate`.

        Statements that touch no row leave no event; a transaction without events leaves nothing.
        """
        events: list[LogEvent] = []
        for op, key, what in changes:
            self._apply(op, key, what, events)
        return self._append(self.table, events) if events else None

    def heartbeat(self) -> None:
        """Write the heartbeat row."""
        self._append("heartbeat", [LogEvent(self.next_lsn(), "u", 1, {"id": 1})])

    def restored(self) -> None:
        """The database is made anew from a dump, or upgraded: its log starts lower."""
        self._lsn = self._commit_lsn = self._clock.between(100, 900)
        self._tx = self._clock.between(1, 400)

    def next_lsn(self) -> int:
        """The log grows."""
        self._lsn += self._clock.between(8, 90)
        return self._lsn

    def _apply(self, op: str, key: int, what: Row | int | None, events: list[LogEvent]) -> None:
        old = self.rows.get(key)
        if op == "put" and isinstance(what, dict):
            same = frozenset(c for c in what if old is not None and old.get(c) == what[c])
            kind = "u" if old is not None else "c"
            events.append(LogEvent(self.next_lsn(), kind, key, dict(what), same))
            self.rows[key] = dict(what)
        elif op == "delete" and old is not None:
            events.append(LogEvent(self.next_lsn(), "d", key, None))
            del self.rows[key]
        elif op == "move" and isinstance(what, int) and old is not None and what not in self.rows:
            lsn = self.next_lsn()
            events.append(LogEvent(lsn, "d", key, None, moved_to=what))
            events.append(LogEvent(lsn, "c", what, dict(old), frozenset(old), moved_from=key))
            self.rows[what] = self.rows.pop(key)
        elif op == "truncate":
            events.append(LogEvent(self.next_lsn(), "t", 0, None))
            self.rows.clear()

    def _append(self, table: str, events: list[LogEvent]) -> Transaction:
        self._tx += 1
        self._last_us = max(self._clock.now_us + self.skew_us, self._last_us + 1)
        commit_us = self._last_us
        if self._whole_seconds:
            statement_us = commit_us - (self._clock.chance(0.1) and 1_500_000)
            commit_us = statement_us // SECOND_US * SECOND_US
        self.fell = self.fell or (table == self.table and commit_us < self._greatest_us)
        self._greatest_us = max(commit_us, self._greatest_us)
        now_us = self._clock.now_us
        for event in events:
            self._events += 1
            event.number = self._events
        done = Transaction(self._tx, commit_us, now_us, self._commit_lsn, table, events)
        self._commit_lsn = self.next_lsn()
        self.log.append(done)
        return done


@dataclass(slots=True)
class Message:
    """A record in a topic."""

    append_us: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    event: LogEvent | None
    """What it says, for the replicator (which shares the clock, not figwatch's decoder)."""


class Topics:
    """The broker."""

    def __init__(self, clock: Clock, partitions: dict[str, int]) -> None:
        self.partitions = partitions
        """Of each topic that has more than one."""
        self.logs: dict[tuple[str, int], list[Message]] = {}
        self._clock = clock

    def count(self, topic: str) -> int:
        """How many partitions a topic has."""
        return self.partitions.get(topic, 1)

    def ends(self, topic: str) -> list[int]:
        """End offset of each partition of a topic."""
        return [len(self.logs.get((topic, p), ())) for p in range(self.count(topic))]

    def log(self, topic: str, partition: int) -> list[Message]:
        """One partition."""
        return self.logs.setdefault((topic, partition), [])

    def append(self, topic: str, key: int | None, message: Message) -> None:
        """Append to the partition of the key."""
        partition = 0 if key is None else (key * 2654435761 >> 7) % self.count(topic)
        message.append_us = self._clock.now_us
        self.log(topic, partition).append(message)
