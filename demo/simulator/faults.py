"""Faults with known truth, and people who mend: part of `figwatch.demo.simulator.scenario`."""

from figwatch.demo.simulator.connector import Connector
from figwatch.demo.simulator.replicator import Replicator
from figwatch.demo.simulator.weather import Truth
from figwatch.demo.simulator.workload import Workload
from figwatch.demo.simulator.world import Clock, Database

KINDS = ("lose", "lose", "lose once", "garble", "foreign", "stale", "delete", "insert")
FOREIGN_KEYS = 1000
"""From here on keys that the source never has."""


class Faults:
    """Each is noted in the truth, with its time, when it happens or may happen."""

    def __init__(
        self, clock: Clock, truth: Truth, workload: Workload, target: Database,
        connector: Connector, replicator: Replicator,
    ) -> None:  # fmt: skip
        self._clock, self._truth, self._workload = clock, truth, workload
        self._target, self._connector, self._replicator = target, connector, replicator

    def plant(self) -> None:
        """One fault of any kind."""
        clock, workload, target = self._clock, self._workload, self._target
        key, what = workload.key(), clock.rng.choice(KINDS)
        if what in {"lose", "lose once", "garble"}:
            self._break_replicator(key, what)
        elif what in {"foreign", "insert"}:
            key = key if what == "foreign" else FOREIGN_KEYS + clock.between(0, 3)
            self._planted(key, what)
            target.commit([("put", key, workload.wrong_row())])
        elif what == "delete" and key in target.rows:
            self._planted(key, what)
            target.commit([("delete", key, None)])
        elif what == "stale":
            past = [row for row in self._truth.past.get(key, []) if row]
            if past:
                self._planted(key, what)
                target.commit([("put", key, dict(clock.rng.choice(past)))])

    def repair(self) -> None:
        """Somebody gives the target the source's row of a key that differs: lost, or on its way.

        Not one that stands in no topic yet: that is a foreign value, until it does.
        """
        source, target = self._workload.source.rows, self._target.rows
        keys = sorted(k for k in {*source, *target} if source.get(k) != target.get(k))
        if not keys or not self._connector.idle:
            return
        key = self._clock.rng.choice(keys)
        row = source.get(key)
        self._truth.log.append(f"{self._clock.now_us} repair key {key}")
        self._target.commit([("put", key, dict(row)) if row else ("delete", key, None)])

    def _planted(self, key: int, what: str) -> None:
        self._truth.planted.setdefault(key, []).append(self._clock.now_us)
        self._truth.log.append(f"{self._clock.now_us} {what} key {key}")

    def _break_replicator(self, key: int, what: str) -> None:
        workload, replicator = self._workload, self._replicator
        row = None if self._clock.chance(0.3) else workload.row()
        done = workload.source.commit([("put" if row else "delete", key, row)])
        if done is None:
            return
        workload.remember(key, row)
        event = done.events[0]
        if what == "lose":
            replicator.lose.add(event.number)
        elif what == "lose once":
            replicator.lose_once.add(event.number)
        elif row is not None:
            replicator.garble[event.number] = {**row, "quantity": -workload.counter}
        self._planted(key, what)
