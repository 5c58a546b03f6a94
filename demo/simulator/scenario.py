"""What happens in one seed: workload, planted faults, failures, and what figwatch reads of it.

`play` returns the lines of a capture, in the order in which figwatch would have read them, and the
truth. `figwatch.demo.simulator.check` judges the lines and compares.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from figwatch.connectors.capture import Line, RawReading, RawRecord
from figwatch.demo.simulator.world import (
    START_US,
    Clock,
    Connector,
    Database,
    Message,
    Replicator,
    Row,
    Topics,
)

GROUP = "inventory-service"
MAX_SETTLING_SECONDS = 60


@dataclass(frozen=True)
class Weather:
    """What may happen in a seed. `losing` weather takes coverage from figwatch itself."""

    seconds: float = 8.0
    keys: int = 6
    writes_per_second: float = 8.0
    faults: float = 0.7
    """Expected number of planted faults."""
    connector_crashes: float = 0.0
    replicator_crashes: float = 0.0
    rewinds: float = 0.0
    stalls: float = 0.0
    moves: float = 0.0
    truncates: float = 0.0
    """Only in topics of one partition: elsewhere a truncate really races with other partitions."""
    toast: bool = False
    repeats: bool = False
    """Values repeat, so that a version can look like an older one."""
    initial_rows: int = 0
    target_rows: bool = False
    """The target was loaded before, its connector snapshots it."""
    late_start: bool = False
    malformed: float = 0.0
    gaps: float = 0.0
    lost_slot: bool = False
    fence: bool = True
    end_offsets: bool = True
    skew_us: int = 0
    """Bound on the clocks of both databases."""

    @property
    def losing(self) -> bool:
        """Whether an honest answer may be `unknown`."""
        return bool(
            self.late_start or self.malformed or self.gaps or self.lost_slot or not self.fence
            or self.toast or self.truncates
        )  # fmt: skip


def weather_of(clock: Clock) -> Weather:
    """Draw the weather of a seed: every third calm, the others with some of everything."""
    rng = clock.rng

    def maybe(share: float, amount: float) -> float:
        return amount if clock.chance(share) else 0.0

    return Weather(
        keys=rng.choice((1, 2, 6, 12)),
        writes_per_second=rng.choice((3.0, 8.0, 20.0)),
        faults=maybe(0.8, 1.5),
        connector_crashes=maybe(0.4, 2.0),
        replicator_crashes=maybe(0.4, 3.0),
        rewinds=maybe(0.25, 1.5),
        stalls=maybe(0.3, 1.0),
        moves=maybe(0.2, 2.0),
        truncates=maybe(0.05, 1.0),
        toast=clock.chance(0.2),
        repeats=clock.chance(0.2),
        initial_rows=rng.choice((0, 0, 4)),
        target_rows=clock.chance(0.3),
        late_start=clock.chance(0.1),
        malformed=maybe(0.1, 1.0),
        gaps=maybe(0.08, 1.0),
        lost_slot=clock.chance(0.07),
        fence=clock.chance(0.9),
        end_offsets=clock.chance(0.5),
        skew_us=rng.choice((0, 0, 0, 40_000)),
    )


@dataclass
class Truth:
    """What really happened. `planted` maps a key to the times at which a fault was put there."""

    source: dict[int, Row] = field(default_factory=dict)
    target: dict[int, Row] = field(default_factory=dict)
    planted: dict[int, list[int]] = field(default_factory=dict)
    past: dict[int, list[Row | None]] = field(default_factory=dict)
    """Every value that the source ever had for a key."""
    log: list[str] = field(default_factory=list)


class Scenario:
    """One seed."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self.clock = Clock(seed)
        self.weather = weather or weather_of(self.clock)
        w, rng = self.weather, self.clock.rng
        self.truth = Truth()
        self.lines: list[Line] = []
        skew = w.skew_us
        self.source = Database(self.clock, "inventory", rng.randint(-skew, skew))
        self.target = Database(self.clock, "stock_levels", rng.randint(-skew, skew))
        self.topics = Topics(self.clock, rng.choice((1, 2, 3)))
        delay = rng.choice((2_000, 30_000, 200_000))
        self.mono = Connector(
            self.clock, self.source, self.topics, "mono", "item_id", w.toast, delay
        )
        delay = rng.choice((2_000, 30_000, 200_000))
        self.inv = Connector(self.clock, self.target, self.topics, "inv", "sku", w.toast, delay)
        self.replicator = Replicator(self.clock, self.topics, self.mono.topic, self.target)
        self._read: dict[tuple[str, int], int] = {}
        self._counter = 0
        self._lag_us = rng.choice((25_000, 80_000, 500_000))

    def play(self) -> tuple[list[Line], Truth]:
        """Run to the end, then long enough for everything to settle."""
        w = self.weather
        end_us = START_US + int(w.seconds * 1e6)
        self._initial()
        self.mono.start()
        self.inv.start()
        self.replicator.start()
        self._every(300_000, self._heartbeats)
        self._every(self._lag_us, self._figwatch)
        self._every(200_000, self._readings)
        self._random(w.writes_per_second * w.seconds, end_us, self._write)
        self._random(w.faults, end_us, self._fault)
        self._random(w.connector_crashes, end_us, self._connector_crash)
        self._random(w.replicator_crashes, end_us, self.replicator.crash)
        self._random(w.rewinds, end_us, self._rewind)
        self._random(w.stalls, end_us, self._stall)
        if w.lost_slot:
            self._random(1.0, end_us, self._lose_slot)
        self.clock.run(end_us)
        for _ in range(MAX_SETTLING_SECONDS):
            if self._settled():
                break
            self.clock.run(self.clock.now_us + 1_000_000)
        self.clock.run(self.clock.now_us + 3_000_000)
        self.truth.source, self.truth.target = dict(self.source.rows), dict(self.target.rows)
        self._lose_coverage()
        return self.lines, self.truth

    def _settled(self) -> bool:
        """Everything committed has been emitted, replicated and committed back."""
        logs = self.topics.logs
        return (
            self.mono.idle and self.inv.idle
            and all(n >= len(logs.get((self.mono.topic, p), [])) for p, n in self.replicator.committed.items())
        )  # fmt: skip

    # -- planning -----------------------------------------------------------------------------

    def _every(self, period_us: int, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.clock.after(period_us * self.clock.rng.uniform(0.7, 1.3), again)

        self.clock.after(0, again)

    def _random(self, expected: float, end_us: int, action: Callable[[], None]) -> None:
        count = math.floor(expected) + self.clock.chance(expected % 1)
        for _ in range(count):
            self.clock.after(self.clock.rng.uniform(0, end_us - START_US), action)

    # -- workload -----------------------------------------------------------------------------

    def _row(self) -> Row:
        self._counter += 1
        rng = self.clock.rng
        number = rng.randint(1, 3) if self.weather.repeats else self._counter
        long = self.weather.toast and self.clock.chance(0.7)
        note = ("n" * 80 + str(rng.randint(1, 3))) if long else f"note {rng.randint(1, 3)}"
        return {"quantity": number, "status": rng.choice(("A", "D")), "notes": note}

    def _initial(self) -> None:
        if not self.weather.initial_rows:
            return
        rows: list[tuple[str, int, Row | int | None]] = [
            ("put", key, self._row()) for key in range(1, self.weather.initial_rows + 1)
        ]
        self.source.commit(rows)
        for _, key, row in rows:
            self._remember(key, row if isinstance(row, dict) else None)
        if self.weather.target_rows:
            self.target.commit(rows)
            self.clock.after(1, self.inv.snapshot)
        self.clock.now_us += 1_000
        self.mono.snapshot()

    def _remember(self, key: int, row: Row | None) -> None:
        self.truth.past.setdefault(key, [None]).append(dict(row) if row else None)

    def _key(self) -> int:
        # Skewed: low keys are hot.
        return 1 + int(self.weather.keys * self.clock.rng.random() ** 2)

    def _write(self) -> None:
        w, rng = self.weather, self.clock.rng
        changes: list[tuple[str, int, Row | int | None]] = []
        for _ in range(1 if self.clock.chance(0.7) else rng.randint(2, 4)):
            key = self._key()
            draw = rng.random()
            if draw < 0.15:  # noqa: PLR2004 - a share
                changes.append(("delete", key, None))
            elif draw < 0.2 and w.moves:  # noqa: PLR2004 - a share
                changes.append(("move", key, w.keys + rng.randint(1, 3)))
            elif draw < 0.25 and key in self.source.rows:  # noqa: PLR2004 - a share
                row = dict(self.source.rows[key])
                if self.clock.chance(0.5):
                    row["quantity"] = self._row()["quantity"]
                changes.append(("put", key, row))
            else:
                changes.append(("put", key, self._row()))
        if w.truncates and self.topics.partitions == 1 and self.clock.chance(0.01):
            changes = [("truncate", 0, None)]
        done = self.source.commit(changes)
        for event in done.events if done else ():
            if event.op == "t":
                for key in list(self.truth.past):
                    self._remember(key, None)
            else:
                self._remember(event.key, event.row)

    # -- faults and failures ------------------------------------------------------------------

    def _planted(self, key: int, what: str) -> None:
        self.truth.planted.setdefault(key, []).append(self.clock.now_us)
        self.truth.log.append(f"{self.clock.now_us} {what} key {key}")

    def _fault(self) -> None:
        key = self._key()
        rng = self.clock.rng
        what = rng.choice(("lose", "lose", "garble", "foreign", "stale", "delete", "insert"))
        if what in {"lose", "garble"}:
            row = None if self.clock.chance(0.3) else self._row()
            done = self.source.commit([("put" if row else "delete", key, row)])
            if done is None:
                return
            self._remember(key, row)
            if what == "lose":
                self.replicator.lose.add(done.events[0].lsn)
            elif row is not None:
                self.replicator.garble[done.events[0].lsn] = {**row, "quantity": -self._counter}
            self._planted(key, what)
        elif what in {"foreign", "insert"}:
            key = key if what == "foreign" else 1000 + rng.randint(0, 3)
            self._planted(key, what)
            self.target.commit([("put", key, {**self._row(), "quantity": -self._counter})])
        elif what == "delete" and key in self.target.rows:
            self._planted(key, what)
            self.target.commit([("delete", key, None)])
        elif what == "stale":
            past = [row for row in self.truth.past.get(key, []) if row]
            if past:
                self._planted(key, what)
                self.target.commit([("put", key, dict(rng.choice(past)))])

    def _connector_crash(self) -> None:
        connector = self.mono if self.clock.chance(0.6) else self.inv
        connector.crash(self.clock.rng.randint(10_000, 2_000_000))

    def _rewind(self) -> None:
        rng = self.clock.rng
        self.replicator.rewind(rng.randrange(self.topics.partitions), rng.randint(1, 20))

    def _stall(self) -> None:
        self.replicator.stalled_until_us = self.clock.now_us + self.clock.rng.randint(
            200_000, 4_000_000
        )

    def _lose_slot(self) -> None:
        connector = self.mono if self.clock.chance(0.6) else self.inv
        connector.epoch += 1
        self.truth.log.append(f"{self.clock.now_us} {connector.prefix} loses its slot")

        def back() -> None:
            if not connector.database.rows:
                # A snapshot of nothing leaves no trace in any topic: only a sweep can tell.
                connector.database.commit([("put", 999, self._row())])
                self._remember(999, None)
                self.truth.planted.setdefault(999, []).append(0)
            connector.snapshot(skip_to_now=True)
            connector.start()

        self.clock.after(self.clock.rng.randint(100_000, 2_000_000), back)

    # -- figwatch's eyes ----------------------------------------------------------------------

    def _heartbeats(self) -> None:
        self.source.heartbeat()
        self.target.heartbeat()

    def _figwatch(self) -> None:
        """Read what has come, partition by partition in any order, not always all of it."""
        partitions = list(self.topics.logs)
        self.clock.rng.shuffle(partitions)
        for where in partitions:
            if self.clock.chance(0.2):
                continue
            log, start = self.topics.logs[where], self._read.get(where, 0)
            end = len(log) if self.clock.chance(0.8) else min(len(log), start + 3)
            for offset in range(start, end):
                self.lines.append(_line(where, offset, log[offset]))
                if where[0].endswith(".heartbeat") and self.weather.end_offsets:
                    self._ends(where[0].split(".")[0])
            self._read[where] = end

    def _ends(self, prefix: str) -> None:
        topic = self.mono.topic if prefix == "mono" else self.inv.topic
        for partition in range(self.topics.partitions):
            end = len(self.topics.log(topic, partition))
            self.lines.append(
                RawReading(topic, partition, None, None, end, self.clock.now_us)
            )

    def _readings(self) -> None:
        if not self.weather.fence and self.clock.chance(0.5):
            return
        answer_us = self.clock.rng.randint(500, 40_000)
        for partition in range(self.topics.partitions):
            committed = self.replicator.committed[partition] if self.weather.fence else None
            end = len(self.topics.log(self.mono.topic, partition))
            group = GROUP if self.weather.fence else None
            self.lines.append(
                RawReading(
                    self.mono.topic, partition, group, committed, end, self.clock.now_us + answer_us
                )
            )

    def _lose_coverage(self) -> None:
        """What figwatch does not get to read, or can not."""
        w, rng = self.weather, self.clock.rng
        data = [
            i for i, line in enumerate(self.lines)
            if isinstance(line, RawRecord) and not line.topic.endswith(".heartbeat")
        ]  # fmt: skip
        if not data:
            return
        drop: set[int] = set()
        # The newest record of a partition is never lost: that would be a capture cut short.
        newest = {(self.lines[i].topic, self.lines[i].partition): i for i in data}.values()
        if w.late_start:
            late = rng.randrange(len(data) // 2 + 1)
            drop.update(data[:late])
        if w.gaps:
            start = rng.randrange(len(data))
            drop.update(data[start : start + rng.randint(1, 3)])
        if w.malformed:
            for i in rng.sample(data, min(len(data), rng.randint(1, 3))):
                self.lines[i] = _spoil(self.lines[i], key_too=self.clock.chance(0.2))
        drop -= set(newest)
        self.lines = [line for i, line in enumerate(self.lines) if i not in drop]


def _line(where: tuple[str, int], offset: int, message: Message) -> RawRecord:
    topic, partition = where
    return RawRecord(
        topic, partition, offset, message.append_us, message.headers, message.key, message.value
    )


def _spoil(line: Line, *, key_too: bool) -> Line:
    if not isinstance(line, RawRecord) or line.value is None:
        return line
    key = b"{" if key_too else line.key
    return RawRecord(
        line.topic, line.partition, line.offset, line.append_us, line.headers, key, line.value[:-7]
    )
