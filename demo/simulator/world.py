"""The simulated systems: two databases with logs, Debezium connectors, topics, the replicator.

Everything happens on one virtual clock and one random generator, so that a seed is a history.
`figwatch.demo.simulator.scenario` drives it. Times in microseconds.
"""

import heapq
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
PLACEHOLDER = "__debezium_unavailable_value"
START_US = 1_790_000_000_000_000


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


@dataclass
class LogEvent:
    """One row event of a transaction. `moved_from`/`moved_to`: the halves of a key change."""

    lsn: int
    op: str
    key: int
    row: Row | None
    unchanged: frozenset[str] = frozenset()
    moved_from: int | None = None
    moved_to: int | None = None


@dataclass
class Transaction:
    """One commit. `previous_lsn` is what Debezium gives as the first half of `sequence`."""

    tx: int
    commit_us: int
    previous_lsn: int
    table: str
    events: list[LogEvent]


class Database:
    """Rows of one table and the log of its commits. Its clock runs `skew_us` ahead."""

    def __init__(self, clock: Clock, table: str, skew_us: int = 0) -> None:
        self.table = table
        self.rows: dict[int, Row] = {}
        self.log: list[Transaction] = []
        self._clock, self._skew_us = clock, skew_us
        self._lsn = 1000
        self._tx = 500
        self._last_us = 0
        self._commit_lsn = 0

    def commit(self, changes: list[tuple[str, int, Row | int | None]]) -> Transaction | None:
        """Commit (op, key, row) changes: `put`, `delete`, `move` (row is the new key), `truncate`.

        Statements that touch no row leave no event; a transaction without events leaves nothing.
        """
        events: list[LogEvent] = []
        for op, key, what in changes:
            self._apply(op, key, what, events)
        return self._append(self.table, events) if events else None

    def heartbeat(self) -> None:
        """Write the heartbeat row."""
        self._append("heartbeat", [LogEvent(self._next_lsn(), "u", 1, {"id": 1})])

    def _next_lsn(self) -> int:
        self._lsn += self._clock.rng.randint(8, 90)
        return self._lsn

    def _apply(self, op: str, key: int, what: Row | int | None, events: list[LogEvent]) -> None:
        old = self.rows.get(key)
        if op == "put" and isinstance(what, dict):
            same = frozenset(c for c in what if old is not None and old.get(c) == what[c])
            events.append(
                LogEvent(self._next_lsn(), "u" if old is not None else "c", key, dict(what), same)
            )
            self.rows[key] = dict(what)
        elif op == "delete" and old is not None:
            events.append(LogEvent(self._next_lsn(), "d", key, None))
            del self.rows[key]
        elif op == "move" and isinstance(what, int) and old is not None and what not in self.rows:
            lsn = self._next_lsn()
            events.append(LogEvent(lsn, "d", key, None, moved_to=what))
            events.append(LogEvent(lsn, "c", what, dict(old), frozenset(old), moved_from=key))
            self.rows[what] = self.rows.pop(key)
        elif op == "truncate":
            events.append(LogEvent(self._next_lsn(), "t", 0, None))
            self.rows.clear()

    def _append(self, table: str, events: list[LogEvent]) -> Transaction:
        self._tx += 1
        self._last_us = max(self._clock.now_us + self._skew_us, self._last_us + 1)
        done = Transaction(self._tx, self._last_us, self._commit_lsn, table, events)
        self._commit_lsn = self._next_lsn()
        self.log.append(done)
        return done


@dataclass
class Message:
    """A record in a topic."""

    append_us: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    event: LogEvent | None
    """What it says, for the replicator (which shares the clock, not figwatch's decoder)."""
    snapshot: bool = False


class Topics:
    """The broker."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self.partitions = partitions
        self.logs: dict[tuple[str, int], list[Message]] = {}
        self._clock = clock

    def log(self, topic: str, partition: int) -> list[Message]:
        """One partition."""
        return self.logs.setdefault((topic, partition), [])

    def append(self, topic: str, key: int | None, message: Message) -> None:
        """Append to the partition of the key."""
        partition = 0 if key is None else (key * 2654435761 >> 7) % self.partitions
        message.append_us = self._clock.now_us
        self.log(topic, partition).append(message)


@dataclass
class Connector:
    """Debezium on one database: commit order, at least once, a snapshot at the start if asked.

    `stored` is the place in the log from which a restart goes on.
    """

    clock: Clock
    database: Database
    topics: Topics
    prefix: str
    key_column: str
    toast: bool
    delay_us: int
    place: int = 0
    stored: int = 0
    lost_until: int = 0
    running: bool = True
    epoch: int = field(default=0)

    @property
    def topic(self) -> str:
        """Topic of the table."""
        return f"{self.prefix}.public.{self.database.table}"

    @property
    def idle(self) -> bool:
        """Nothing but heartbeats is left to emit."""
        return all(done.table == "heartbeat" for done in self.database.log[self.place :])

    def start(self) -> None:
        """Emit, again and again."""
        self.epoch += 1
        self._step(self.epoch)

    def snapshot(self, *, skip_to_now: bool = False) -> None:
        """Read all rows. With `skip_to_now` the log up to here is lost (a dropped slot)."""
        lsn, commit_us = self.database._next_lsn(), self.clock.now_us + self.database._skew_us  # noqa: SLF001 - one simulation
        keys = list(self.database.rows)
        for i, key in enumerate(keys):
            flag = "last" if i == len(keys) - 1 else "first" if i == 0 else "true"
            event = LogEvent(lsn, "r", key, dict(self.database.rows[key]))
            at = Transaction(0, commit_us, lsn, self.database.table, [event])
            self._emit(at, event, snapshot=flag)
        if skip_to_now or not self.place:
            self.place = self.stored = len(self.database.log)

    def crash(self, down_us: int) -> None:
        """Stop at once; go on later from the stored place: what lay between is emitted again."""
        self.epoch += 1
        self.place = self.stored
        self.clock.after(down_us, self.start)

    def _step(self, epoch: int) -> None:
        if epoch != self.epoch:
            return
        log = self.database.log
        while self.place < len(log):
            done = log[self.place]
            if done.commit_us - self.database._skew_us + self.delay_us > self.clock.now_us:  # noqa: SLF001 - one simulation
                break
            for event in done.events:
                self._emit(done, event)
                if self.clock.chance(0.002):  # dies inside the transaction
                    self.crash(self.clock.rng.randint(10_000, 400_000))
                    return
            self.place += 1
            if self.clock.chance(0.2):
                self.stored = self.place
        self.clock.after(self.clock.rng.randint(5_000, 60_000), lambda: self._step(epoch))

    def _emit(self, done: Transaction, event: LogEvent, snapshot: str = "false") -> None:
        key_column = "id" if done.table == "heartbeat" else self.key_column
        after = None if event.row is None else {key_column: event.key, **event.row}
        if after is not None and self.toast and event.op in "uc" and "notes" in event.unchanged:
            after["notes"] = PLACEHOLDER if len(str(after["notes"])) > 60 else after["notes"]
        source = {
            "connector": "postgresql",
            "name": self.prefix,
            "ts_ms": done.commit_us // 1000,
            "ts_us": done.commit_us,
            "snapshot": snapshot,
            "sequence": json.dumps([str(done.previous_lsn), str(event.lsn)]),
            "schema": "public",
            "table": done.table,
            "txId": done.tx,
            "lsn": event.lsn,
        }
        value = {
            "before": None,
            "after": after,
            "source": source,
            "op": event.op,
            "ts_ms": self.clock.now_us // 1000,
        }
        topic = f"{self.prefix}.public.{done.table}"
        if event.op == "t":
            self._send(topic, None, value, (), event)
            return
        headers: tuple[tuple[str, bytes | None], ...] = ()
        if event.moved_to is not None:
            headers = (("__debezium.newkey", _json({key_column: event.moved_to})),)
        if event.moved_from is not None:
            headers = (("__debezium.oldkey", _json({key_column: event.moved_from})),)
        if event.op == "d":
            value["before"] = {key_column: event.key, **dict.fromkeys(("quantity",), 0)}
        self._send(topic, {key_column: event.key}, value, headers, event)
        if event.op == "d":
            self._send(topic, {key_column: event.key}, None, headers, None)

    def _send(
        self, topic: str, key: dict[str, int] | None, value: Any,
        headers: tuple[tuple[str, bytes | None], ...], event: LogEvent | None,
    ) -> None:  # fmt: skip
        number = None if key is None else next(iter(key.values()))
        body = None if value is None else _json(value)
        record = Message(0, None if key is None else _json(key), body, headers, event)
        self.topics.append(topic, number, record)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


class Replicator:
    """The service's consumer: batches, its write committed before its offsets, at least once."""

    def __init__(self, clock: Clock, topics: Topics, topic: str, target: Database) -> None:
        self.topic = topic
        self.committed: dict[int, int] = dict.fromkeys(range(topics.partitions), 0)
        self.lose: set[int] = set()
        """LSNs of source events that it must lose."""
        self.garble: dict[int, Row] = {}
        """LSN to the wrong row that it must write instead."""
        self.stalled_until_us = 0
        self.pause_us = (10_000, 80_000)
        self._clock, self._topics, self._target = clock, topics, target
        self._position = dict(self.committed)

    def start(self) -> None:
        """Consume, again and again."""
        self._step()

    def crash(self) -> None:
        """Lose what was not committed."""
        self._position = dict(self.committed)

    def rewind(self, partition: int, records: int) -> None:
        """Go back by committing an older offset, as an operator does to repair."""
        self.committed[partition] = max(0, self.committed[partition] - records)
        self._position[partition] = self.committed[partition]

    def _step(self) -> None:
        rng = self._clock.rng
        if self._clock.now_us >= self.stalled_until_us:
            partition = rng.randrange(self._topics.partitions)
            log = self._topics.log(self.topic, partition)
            start = self._position[partition]
            batch = log[start : start + rng.randint(1, 6)]
            if batch:
                self._apply(batch)
                self._position[partition] = start + len(batch)
                self._clock.after(
                    rng.randint(0, 20_000), lambda: self._commit(partition, start + len(batch), start)
                )
        self._clock.after(rng.randint(*self.pause_us), self._step)

    def _commit(self, partition: int, offset: int, start: int) -> None:
        # A crash or a rewind in between has put the position back: that commit never happens.
        if self._position[partition] >= offset and self.committed[partition] <= start:
            self.committed[partition] = offset

    def _apply(self, batch: list[Message]) -> None:
        changes: list[tuple[str, int, Row | int | None]] = []
        for message in batch:
            event = message.event
            if event is None or event.lsn in self.lose:
                continue
            if event.op == "t":
                changes.append(("truncate", 0, None))
            elif event.row is None:
                changes.append(("delete", event.key, None))
            else:
                changes.append(("put", event.key, self.garble.get(event.lsn, event.row)))
        if self._clock.chance(0.3):
            for change in changes:
                self._target.commit([change])
        elif changes:
            self._target.commit(changes)
