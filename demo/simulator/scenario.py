"""What happens in one seed: workload, planted faults and failures.

`play` returns the lines of a capture, in the order in which figwatch would have read them, and the
truth. `figwatch.demo.simulator.check` judges the lines and compares.
"""

import math
from collections.abc import Callable

from figwatch.connectors.capture import Line
from figwatch.demo.simulator.connector import Connector
from figwatch.demo.simulator.eyes import Eyes
from figwatch.demo.simulator.replicator import Replicator
from figwatch.demo.simulator.weather import Truth, Weather, weather_of
from figwatch.demo.simulator.world import (
    START_US,
    Clock,
    Commit,
    Database,
    Row,
    Topics,
    Transaction,
)

MAX_SETTLING_SECONDS = 60
PLAIN_TOPIC = "__debezium-heartbeat.inv"


class Scenario:
    """One seed."""

    def __init__(self, seed: int, weather: Weather | None = None) -> None:
        self.clock = clock = Clock(seed)
        drawn = weather_of(clock)
        self.weather = w = weather or drawn
        rng, skew = clock.rng, w.skew_us
        self.truth = Truth()
        self.source, self.target = (
            Database(clock, table, rng.randint(-skew, skew), whole_seconds=w.whole_seconds)
            for table in ("inventory", "stock_levels")
        )
        self.topics = Topics(clock, rng.choice((1, 2, 3)))
        delays = [rng.choice((2_000, 30_000, 200_000)) for _ in range(2)]
        self.mono = Connector(
            clock, self.source, self.topics, "mono", "item_id", w.toast, delays[0]
        )
        self.inv = Connector(clock, self.target, self.topics, "inv", "sku", w.toast, delays[1])
        if w.plain_heartbeats:
            self.inv.heartbeat_topic = PLAIN_TOPIC
        self.replicator = Replicator(
            clock, self.topics, self.mono.topic, self.target, eager=w.eager
        )
        if w.slow:
            self.mono.slow = self.inv.slow = True
            self.replicator.pause_us, self.replicator.batch_max = (50_000, 300_000), 2
        self.eyes = Eyes(clock, w, self.topics, (self.mono, self.inv), self.replicator)
        self._counter = 0
        self._lag_us = rng.choice((25_000, 80_000, 500_000))

    def play(self) -> tuple[list[Line], Truth]:
        """Run to the end, then long enough for everything to settle."""
        w, clock = self.weather, self.clock
        end_us = START_US + int(w.seconds * 1e6)
        self._initial()
        self.mono.start()
        self.inv.start()
        self.replicator.start()
        self._every(300_000, self._heartbeats)
        self._every(self._lag_us, self.eyes.consume)
        self._every(200_000, self.eyes.readings)
        for expected, action in (
            (w.writes_per_second * w.seconds, self._write),
            (w.faults, self._fault),
            (w.connector_crashes, self._connector_crash),
            (w.replicator_crashes, self.replicator.crash),
            (w.rewinds, self._rewind),
            (w.stalls, self._stall),
            (w.incremental, self._incremental),
            (w.blocking, self._blocking),
            (float(w.lost_slot), self._lose_slot),
            (float(w.new_partitions), self._add_partitions),
            (1.5 * w.plain_heartbeats, self._stall_connector),
        ):
            self._random(expected, end_us, action)
        clock.run(end_us)
        for _ in range(MAX_SETTLING_SECONDS):
            if self.mono.idle and self.inv.idle and self.replicator.done:
                break
            clock.run(clock.now_us + 1_000_000)
        slow = w.whole_seconds or w.plain_heartbeats
        clock.run(clock.now_us + (8_000_000 if slow else 3_000_000))
        truth = self.truth
        truth.source, truth.target = dict(self.source.rows), dict(self.target.rows)
        truth.times_fell = self.topics.partitions == 1 and (self.source.fell or self.target.fell)
        self.eyes.lose()
        return self.eyes.lines, truth

    # -- planning -----------------------------------------------------------------------------

    def _every(self, period_us: int, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            self.clock.after(period_us * (0.7 + 0.6 * self.clock.rng.random()), again)

        self.clock.after(0, again)

    def _random(self, expected: float, end_us: int, action: Callable[[], None]) -> None:
        count = math.floor(expected) + self.clock.chance(expected % 1)
        for _ in range(count):
            self.clock.after(self.clock.rng.random() * (end_us - START_US), action)

    # -- workload -----------------------------------------------------------------------------

    def _row(self) -> Row:
        self._counter += 1
        clock = self.clock
        number = clock.between(1, 3) if self.weather.repeats else self._counter
        long = self.weather.toast and clock.chance(0.7)
        note = f"{'n' * 80}{clock.between(1, 3)}" if long else f"note {clock.between(1, 3)}"
        return {"quantity": number, "status": "AD"[clock.between(0, 1)], "notes": note}

    def _initial(self) -> None:
        w = self.weather
        if not w.initial_rows:
            return
        rows: list[Commit] = [("put", key, self._row()) for key in range(1, w.initial_rows + 1)]
        self.source.commit(rows)
        for _, key, row in rows:
            self._remember(key, row if isinstance(row, dict) else None)
        if w.target_rows:
            self.target.commit(rows)
            self.clock.after(1, lambda: self.inv.snapshot(skip_to_now=True))
        self.clock.now_us += 1_000
        self.mono.snapshot(skip_to_now=True)

    def _remember(self, key: int, row: Row | None) -> None:
        self.truth.past.setdefault(key, [None]).append(dict(row) if row else None)

    def _key(self) -> int:
        # Skewed: low keys are hot.
        return 1 + int(self.weather.keys * self.clock.rng.random() ** 2)

    def _write(self) -> None:
        clock = self.clock
        changes = [self._change() for _ in range(1 if clock.chance(0.7) else clock.between(2, 4))]
        if self.weather.truncates and self.topics.partitions == 1 and clock.chance(0.01):
            changes = [("truncate", 0, None)]
        self._note(self.source.commit(changes))

    def _change(self) -> Commit:
        w, key, draw = self.weather, self._key(), self.clock.rng.random()
        if draw < 0.15:  # noqa: PLR2004 - a share
            return "delete", key, None
        if draw < 0.2 and w.moves:  # noqa: PLR2004 - a share
            return "move", key, w.keys + self.clock.between(1, 3)
        row = self._row()
        if draw < 0.25 and key in self.source.rows:  # noqa: PLR2004 - a share
            number = row["quantity"]
            row = dict(self.source.rows[key])
            if self.clock.chance(0.5):
                row["quantity"] = number
        return "put", key, row

    def _note(self, done: Transaction | None) -> None:
        for event in done.events if done else ():
            if event.op == "t":
                for key in list(self.truth.past):
                    self._remember(key, None)
            else:
                self._remember(event.key, event.row)

    # -- faults -------------------------------------------------------------------------------

    def _planted(self, key: int, what: str) -> None:
        self.truth.planted.setdefault(key, []).append(self.clock.now_us)
        self.truth.log.append(f"{self.clock.now_us} {what} key {key}")

    def _fault(self) -> None:
        key = self._key()
        what = self.clock.rng.choice(
            ("lose", "lose", "lose once", "garble", "foreign", "stale", "delete", "insert")
        )
        if what in {"lose", "lose once", "garble"}:
            self._break_replicator(key, what)
        elif what in {"foreign", "insert"}:
            key = key if what == "foreign" else 1000 + self.clock.between(0, 3)
            self._planted(key, what)
            self.target.commit([("put", key, {**self._row(), "quantity": -self._counter})])
        elif what == "delete" and key in self.target.rows:
            self._planted(key, what)
            self.target.commit([("delete", key, None)])
        elif what == "stale":
            past = [row for row in self.truth.past.get(key, []) if row]
            if past:
                self._planted(key, what)
                self.target.commit([("put", key, dict(self.clock.rng.choice(past)))])

    def _break_replicator(self, key: int, what: str) -> None:
        row = None if self.clock.chance(0.3) else self._row()
        done = self.source.commit([("put" if row else "delete", key, row)])
        if done is None:
            return
        self._remember(key, row)
        lsn = done.events[0].lsn
        if what == "lose":
            self.replicator.lose.add(lsn)
        elif what == "lose once":
            self.replicator.lose_once.add(lsn)
        elif row is not None:
            self.replicator.garble[lsn] = {**row, "quantity": -self._counter}
        self._planted(key, what)

    # -- failures -----------------------------------------------------------------------------

    def _either(self) -> Connector:
        return self.mono if self.clock.chance(0.6) else self.inv

    def _connector_crash(self) -> None:
        self._either().crash(self.clock.between(10_000, 2_000_000))

    def _incremental(self) -> None:
        self._either().incremental()

    def _blocking(self) -> None:
        self._either().snapshot()

    def _stall_connector(self) -> None:
        self.inv.stalled_until_us = self.clock.now_us + self.clock.between(500_000, 3_000_000)

    def _rewind(self) -> None:
        clock = self.clock
        self.replicator.rewind(clock.between(0, self.topics.partitions - 1), clock.between(1, 20))

    def _stall(self) -> None:
        self.replicator.stalled_until_us = self.clock.now_us + self.clock.between(
            200_000, 4_000_000
        )

    def _add_partitions(self) -> None:
        if self.mono.idle and self.replicator.done:
            self.topics.partitions += self.clock.between(1, 2)
        else:
            self.clock.after(20_000, self._add_partitions)

    def _lose_slot(self) -> None:
        connector = self._either()
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

        self.clock.after(self.clock.between(100_000, 2_000_000), back)

    def _heartbeats(self) -> None:
        self.source.heartbeat()
        if self.inv.heartbeat_topic is None:
            self.target.heartbeat()
        else:
            self.inv.heartbeat()
