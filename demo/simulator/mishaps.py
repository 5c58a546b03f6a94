"""What happens to connectors, replicator and databases, and is no fault of the data: part of
`figwatch.demo.simulator.scenario`.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from figwatch.demo.simulator.connector import Connector
from figwatch.demo.simulator.weather import Weather
from figwatch.demo.simulator.workload import Workload

if TYPE_CHECKING:  # it owns this
    from figwatch.demo.simulator.scenario import Scenario

LAST_KEY = 999
"""A row for a table that is empty when its new snapshot begins."""


class Mishaps:
    """Each may happen at any time."""

    def __init__(self, scenario: "Scenario", workload: Workload) -> None:
        self._clock, self._topics, self._truth = scenario.clock, scenario.topics, scenario.truth
        self._mono, self._inv = scenario.mono, scenario.inv
        self._replicator, self._workload = scenario.replicator, workload

    def planned(self, w: Weather) -> Iterator[tuple[float, Callable[[], None]]]:
        """How often each is to be expected."""
        yield w.connector_crashes, self._crash_connector
        yield w.connector_stalls, self._stall_connector
        yield w.replicator_crashes, self._replicator.crash
        yield w.rewinds, self._rewind
        yield w.stalls, self._stall
        yield w.incremental, lambda: self._either().incremental()
        yield w.blocking, lambda: self._either().snapshot()
        yield float(w.lost_slot), self._lose_slot
        yield float(w.recreated), self._recreate
        yield float(w.upgraded), self._upgrade
        yield float(w.new_partitions), self._add_partitions
        yield 1.5 * w.untruthful, self._stall_inv

    def _either(self) -> Connector:
        return self._mono if self._clock.chance(0.6) else self._inv

    def _crash_connector(self) -> None:
        self._either().crash(self._clock.between(10_000, 2_000_000))

    def _stall_connector(self) -> None:
        # Within the grace of plain heartbeats, which go on.
        connector = self._either()
        longest_us = 1_500_000 if connector.heartbeat_topic is None else 100_000
        connector.stalled_until_us = self._clock.now_us + self._clock.between(20_000, longest_us)

    def _stall_inv(self) -> None:
        stall_us = self._clock.between(500_000, 3_000_000)
        self._inv.stalled_until_us = self._clock.now_us + stall_us

    def _rewind(self) -> None:
        clock = self._clock
        partitions = self._topics.count(self._mono.topic)
        self._replicator.rewind(clock.between(0, partitions - 1), clock.between(1, 20))

    def _stall(self) -> None:
        stall_us = self._clock.between(200_000, 4_000_000)
        self._replicator.stalled_until_us = self._clock.now_us + stall_us

    def _add_partitions(self) -> None:
        if self._mono.idle and self._inv.idle and self._replicator.done:
            for connector in (self._mono, self._inv):
                now = self._topics.count(connector.topic)
                self._topics.partitions[connector.topic] = now + self._clock.between(1, 2)
        else:
            self._clock.after(20_000, self._add_partitions)

    def _lose_slot(self) -> None:
        connector = self._either()
        connector.stop()
        self._say(f"{connector.prefix} loses its slot")
        self._snapshot_later(connector)

    def _recreate(self) -> None:
        """The target is made anew, empty or from a copy, and filled again from the topic."""
        self._inv.stop()
        target = self._inv.database
        target.restored()
        target.rows.clear()
        self._say("the target is made anew")
        if self._clock.chance(0.5):
            copy = self._mono.database.rows
            target.rows.update({key: dict(row) for key, row in copy.items()})
        for partition in range(self._topics.count(self._mono.topic)):
            self._replicator.rewind(partition, 1 << 40)
        self._inv.forget()
        self._snapshot_later(self._inv)

    def _upgrade(self) -> None:
        """A database whose log is read to its end goes on with a log that starts lower."""
        connector = self._either()
        if not connector.idle or not connector.running:
            self._clock.after(20_000, self._upgrade)
            return
        connector.database.restored()
        connector.forget()
        self._say(f"{connector.prefix} is upgraded")

    def _snapshot_later(self, connector: Connector) -> None:
        def back() -> None:
            if not connector.database.rows:
                # A snapshot of nothing leaves no trace in any topic: only a sweep can tell.
                connector.database.commit([("put", LAST_KEY, self._workload.row())])
                self._workload.remember(LAST_KEY, None)
                self._truth.planted.setdefault(LAST_KEY, []).append(0)
            if connector is self._mono:  # what is lost there differs until the next change
                for key in connector.unread_keys():
                    self._truth.planted.setdefault(key, []).append(self._clock.now_us)
            connector.snapshot(skip_to_now=True)
            connector.start()

        self._clock.after(self._clock.between(100_000, 2_000_000), back)

    def _say(self, what: str) -> None:
        self._truth.log.append(f"{self._clock.now_us} {what}")
