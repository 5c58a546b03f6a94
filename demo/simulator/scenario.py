"""One seed: both systems, what happens to them, and what figwatch reads of it.

`play` returns the lines of a capture, in the order in which figwatch would have read them, and the
truth. `workload` writes, `faults` plants what must be found, `mishaps` is what must not disturb;
`figwatch.demo.simulator.check` judges the lines and compares.
"""

import math
from collections.abc import Callable

from figwatch.connectors.capture import Line
from figwatch.demo.simulator.connector import Connector
from figwatch.demo.simulator.eyes import Eyes
from figwatch.demo.simulator.faults import Faults
from figwatch.demo.simulator.mishaps import Mishaps
from figwatch.demo.simulator.replicator import Replicator
from figwatch.demo.simulator.weather import (
    GIVE_UP_SECONDS,
    PLAIN_TOPICS,
    Truth,
    Weather,
    weather_of,
)
from figwatch.demo.simulator.workload import Workload
from figwatch.demo.simulator.world import START_US, Clock, Database, Topics

MAX_SETTLING_SECONDS = 60
HEARTBEAT_US = 300_000
READING_US = 200_000
SETTLED = 2.5
"""Heartbeats and readings come so many times more seldom once nothing is left to happen."""


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
        self.topics = Topics(clock, {})
        delays = [rng.choice((2_000, 30_000, 200_000)) for _ in range(2)]
        self.mono = Connector(
            clock, self.source, self.topics, "mono", "item_id", w.toast, delays[0]
        )
        self.inv = Connector(clock, self.target, self.topics, "inv", "sku", w.toast, delays[1])
        for connector, mysql in ((self.mono, w.mysql_source), (self.inv, w.mysql_target)):
            connector.mysql = mysql
            self.topics.partitions[connector.topic] = rng.choice((1, 2, 3))
        if w.plain_heartbeats or w.untruthful:
            self.inv.heartbeat_topic = PLAIN_TOPICS["service"]
        if w.plain_heartbeats:
            self.mono.heartbeat_topic = PLAIN_TOPICS["monolith"]
        self.replicator = self._replicator()
        if w.slow:
            self.mono.slow = self.inv.slow = True
        self.eyes = Eyes(clock, w, self.topics, (self.mono, self.inv), self.replicator)
        self.workload = Workload(clock, w, self.truth, self.source)
        self._lag_us = rng.choice((25_000, 80_000, 500_000))
        self._pace = 1.0

    def _replicator(self) -> Replicator:
        w = self.weather
        replicator = Replicator(
            self.clock, self.topics, self.mono.topic, self.target, eager=w.eager
        )
        replicator.coalescing, replicator.sparing = w.coalescing, w.sparing
        if w.lazy_commits:
            replicator.commit_us = (0, 1_000_000)
        if w.slow:
            replicator.pause_us, replicator.batch_max = (50_000, 300_000), 2
        return replicator

    def play(self) -> tuple[list[Line], Truth]:
        """Run to the end, then long enough for everything to settle."""
        w, clock = self.weather, self.clock
        end_us = START_US + int(w.seconds * 1e6)
        if self.workload.initial(self.target):
            if w.target_rows:
                clock.after(1, lambda: self.inv.snapshot(skip_to_now=True))
            clock.now_us += 1_000
            self.mono.snapshot(skip_to_now=True)
        self.mono.start()
        self.inv.start()
        self.replicator.start()
        self._every(HEARTBEAT_US, self._heartbeats)
        self._every(self._lag_us, self.eyes.consume)
        self._every(READING_US, self.eyes.readings)
        faults = Faults(clock, self.truth, self.workload, self.target, self.mono, self.replicator)
        mishaps = Mishaps(self, self.workload)
        alone = self.topics.count(self.mono.topic) == 1 and not w.new_partitions
        for expected, action in (
            (w.writes_per_second * w.seconds, self.workload.write),
            (w.truncates if alone else 0.0, self.workload.truncate),
            (w.faults, faults.plant),
            (w.repairs, faults.repair),
            *mishaps.planned(w),
        ):
            self._random(expected, end_us, action)
        clock.run(end_us)
        for _ in range(MAX_SETTLING_SECONDS):
            if self.mono.idle and self.inv.idle and self.replicator.done:
                break
            clock.run(clock.now_us + 1_000_000)
        slow = w.whole_seconds or w.plain_heartbeats or w.untruthful
        settling = GIVE_UP_SECONDS + 4 if w.patient else 8 if slow else 3
        clock.run(clock.now_us + 1_000_000)
        self._pace = SETTLED if settling > 3 else 1.0  # noqa: PLR2004 - the shortest
        clock.run(clock.now_us + (settling - 1) * 1_000_000)
        truth = self.truth
        truth.source, truth.target = dict(self.source.rows), dict(self.target.rows)
        for connector in (self.mono, self.inv):
            alone = self.topics.count(connector.topic) == 1
            truth.times_fell |= alone and connector.database.fell
        self.eyes.finish()
        self.eyes.lose()
        return self.eyes.lines, truth

    def _every(self, period_us: int, action: Callable[[], None]) -> None:
        def again() -> None:
            action()
            wait_us = period_us * self._pace * (0.7 + 0.6 * self.clock.rng.random())
            self.clock.after(wait_us, again)

        self.clock.after(0, again)

    def _random(self, expected: float, end_us: int, action: Callable[[], None]) -> None:
        count = math.floor(expected) + self.clock.chance(expected % 1)
        for _ in range(count):
            self.clock.after(self.clock.rng.random() * (end_us - START_US), action)

    def _heartbeats(self) -> None:
        for connector in (self.mono, self.inv):
            if connector.heartbeat_topic is None:
                connector.database.heartbeat()
            else:
                connector.heartbeat()
