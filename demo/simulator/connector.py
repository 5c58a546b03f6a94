"""Debezium on a simulated database: commit order, at least once, snapshots of three kinds.

`figwatch.demo.simulator.scenario` starts, crashes and re-snapshots it.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from figwatch.demo.simulator.world import Clock, Database, LogEvent, Message, Topics, Transaction

PLACEHOLDER = "__debezium_unavailable_value"
LONG = 60
"""Characters from which a value is stored out of line, so that unchanged it is not logged."""
_json = msgspec.json.encode


@dataclass
class Connector:
    """One connector. `stored` is the place in the log from which a restart goes on."""

    clock: Clock
    database: Database
    topics: Topics
    prefix: str
    key_column: str
    toast: bool
    delay_us: int
    place: int = 0
    stored: int = 0
    heartbeat_topic: str | None = None
    """Plain heartbeats go there: the connector's clock, whatever it has read."""
    stalled_until_us: int = 0
    mysql: bool = False
    """Its events say where they stand as MySQL's do."""
    slow: bool = False
    """Emits a transaction or two at a time, with pauses."""
    running: bool = False
    epoch: int = 0
    era: int = 9
    """Of the log: the number in the name of MySQL's binlog."""

    @property
    def topic(self) -> str:
        """Topic of the table."""
        return f"{self.prefix}.public.{self.database.table}"

    @property
    def idle(self) -> bool:
        """Nothing but heartbeats is left to emit."""
        return all(done.table == "heartbeat" for done in self.database.log[self.place :])

    def unread_keys(self) -> set[int]:
        """Keys with events that are still to be emitted, or again."""
        waiting = self.database.log[self.place :]
        return {e.key for done in waiting if done.table != "heartbeat" for e in done.events}

    def start(self) -> None:
        """Emit, again and again."""
        self.epoch += 1
        self.running = True
        self._step(self.epoch)

    def stop(self) -> None:
        """Stand still until it is started again."""
        self.epoch += 1
        self.running = False

    def forget(self) -> None:
        """Nothing from before this instant is emitted again: another log begins."""
        self.place = self.stored = len(self.database.log)
        self.era -= 1

    def snapshot(self, *, skip_to_now: bool = False) -> None:
        """Read all rows. With `skip_to_now` the log up to here is lost (a dropped slot)."""
        self._read(list(self.database.rows), self.database.next_lsn(), blocking=True)
        if skip_to_now:
            self.place = self.stored = len(self.database.log)

    def incremental(self) -> None:
        """Read some rows, in order with the log of each: here only once it has caught up."""
        if self.place == len(self.database.log):
            keys = [key for key in self.database.rows if self.clock.chance(0.7)]
            self._read(keys, 0, blocking=False)

    def _read(self, keys: list[int], lsn: int, *, blocking: bool) -> None:
        commit_us = self.clock.now_us + self.database.skew_us
        for i, key in enumerate(keys):
            flag = "last" if i == len(keys) - 1 else "first" if i == 0 else "true"
            event = LogEvent(lsn, "r", key, dict(self.database.rows[key]))
            at = Transaction(0, commit_us, 0, lsn, self.database.table, [event])
            self._emit(at, event, snapshot=flag if blocking else "incremental")

    def crash(self, down_us: int) -> None:
        """Stop at once; go on later from the stored place: what lay between is emitted again."""
        if not self.running:
            return
        self.stop()
        self.place = self.stored
        epoch = self.epoch
        self.clock.after(down_us, lambda: self._restart(epoch))

    def _restart(self, epoch: int) -> None:
        if self.epoch == epoch:  # else it was stopped meanwhile: a new snapshot comes first
            self.start()

    def heartbeat(self) -> None:
        """A plain heartbeat: it tells the connector's clock even while the log waits."""
        if self.heartbeat_topic is not None and self.running:
            value = _json({"ts_ms": (self.clock.now_us + self.database.skew_us) // 1000})
            key = _json({"serverName": self.prefix})
            self.topics.append(self.heartbeat_topic, None, Message(0, key, value, (), None))

    def _step(self, epoch: int) -> None:
        if epoch != self.epoch or not self.running:
            return
        clock, log = self.clock, self.database.log
        last = self.place + clock.between(1, 2) if self.slow else len(log)
        while self.place < min(len(log), last) and clock.now_us >= self.stalled_until_us:
            done = log[self.place]
            if done.done_us + self.delay_us > clock.now_us:
                break
            for event in done.events:
                self._emit(done, event)
                if done.table != "heartbeat" and clock.chance(0.002):  # dies inside the transaction
                    self.crash(clock.between(10_000, 400_000))
                    return
            self.place += 1
            if clock.chance(0.2):
                self.stored = self.place
        pause_us = clock.between(5_000, 200_000 if self.slow else 60_000)
        clock.after(pause_us, lambda: self._step(epoch))

    def _emit(self, done: Transaction, event: LogEvent, snapshot: str = "false") -> None:
        key_column = "id" if done.table == "heartbeat" else self.key_column
        after = None if event.row is None else {key_column: event.key, **event.row}
        if after is not None and self.toast and event.op in "uc" and "notes" in event.unchanged:
            after["notes"] = PLACEHOLDER if len(str(after["notes"])) > LONG else after["notes"]
        source: dict[str, Any] = {
            "connector": "mysql" if self.mysql else "postgresql",
            "name": self.prefix,
            "ts_ms": done.commit_us // 1000,
            "ts_us": done.commit_us,
            "snapshot": snapshot,
            "schema": "public",
            "table": done.table,
            **self._position(done, event),
        }
        value: dict[str, Any] = {
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
        key = {key_column: event.key}
        if event.op == "d":
            value["before"] = {key_column: event.key, "quantity": 0}
        self._send(topic, key, value, headers, event)
        if event.op == "d":
            self._send(topic, key, None, headers, None)

    def _position(self, done: Transaction, event: LogEvent) -> dict[str, Any]:
        if not self.mysql:
            sequence = f'["{done.previous_lsn}","{event.lsn}"]'
            return {"sequence": sequence, "txId": done.tx, "lsn": event.lsn}
        first = done.events[0].lsn
        row = next((i for i, e in enumerate(done.events) if e.lsn == event.lsn), 0)
        gtid = f"3e11fa47-71ca-11e1-9e33-c80aa9429562:{done.tx}"
        file = f"binlog.{self.era:06}"
        return {"gtid": gtid, "file": file, "pos": first, "row": row}

    def _send(
        self, topic: str, key: dict[str, int] | None, value: Any,
        headers: tuple[tuple[str, bytes | None], ...], event: LogEvent | None,
    ) -> None:  # fmt: skip
        number = None if key is None else next(iter(key.values()))
        body = None if value is None else _json(value)
        record = Message(0, None if key is None else _json(key), body, headers, event)
        self.topics.append(topic, number, record)
