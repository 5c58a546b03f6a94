"""What the monolith writes, and what every key ever was.

A part of `figwatch.demo.simulator.scenario`.
"""

from figwatch.demo.simulator.weather import Truth, Weather
from figwatch.demo.simulator.world import Clock, Commit, Database, Row, Transaction

DELETES, MOVES, AGAIN = 0.15, 0.2, 0.25
"""Shares of the changes, cumulated: deletes, moves, and updates that leave most columns alone."""


class Workload:
    """The monolith's users."""

    def __init__(self, clock: Clock, weather: Weather, truth: Truth, source: Database) -> None:
        self.clock, self.weather, self.truth, self.source = clock, weather, truth, source
        self.counter = 0

    def initial(self, target: Database) -> bool:
        """Rows from before both connectors; with `target_rows` the target was loaded with them."""
        w = self.weather
        rows: list[Commit] = [("put", key, self.row()) for key in range(1, w.initial_rows + 1)]
        for database in (self.source, target) if w.target_rows else (self.source,):
            if rows:
                database.commit(rows)
        for _, key, row in rows:
            self.remember(key, row if isinstance(row, dict) else None)
        return bool(rows)

    def row(self) -> Row:
        """A row with new values, or (`repeats`) with one of few."""
        self.counter += 1
        clock = self.clock
        number = clock.between(1, 3) if self.weather.repeats else self.counter
        long = self.weather.toast and clock.chance(0.7)
        note = f"{'n' * 80}{clock.between(1, 3)}" if long else f"note {clock.between(1, 3)}"
        return {"quantity": number, "status": "AD"[clock.between(0, 1)], "notes": note}

    def wrong_row(self) -> Row:
        """A row that the source never had."""
        return {**self.row(), "quantity": -self.counter}

    def remember(self, key: int, row: Row | None) -> None:
        """Note a value of the source."""
        self.truth.past.setdefault(key, [None]).append(dict(row) if row else None)

    def key(self) -> int:
        """Some key: low ones are hot."""
        return 1 + int(self.weather.keys * self.clock.rng.random() ** 2)

    def write(self) -> None:
        """One transaction."""
        several = 1 if self.clock.chance(0.7) else self.clock.between(2, 4)
        self._note(self.source.commit([self._change() for _ in range(several)]))

    def truncate(self) -> None:
        """Empty the table."""
        self._note(self.source.commit([("truncate", 0, None)]))

    def _change(self) -> Commit:
        w, key, draw = self.weather, self.key(), self.clock.rng.random()
        if draw < DELETES:
            return "delete", key, None
        if draw < MOVES and w.moves:
            return "move", key, w.keys + self.clock.between(1, 3)
        row = self.row()
        if draw < AGAIN and key in self.source.rows:
            number = row["quantity"]
            row = dict(self.source.rows[key])
            if self.clock.chance(0.5):
                row["quantity"] = number
        return "put", key, row

    def _note(self, done: Transaction | None) -> None:
        for event in done.events if done else ():
            if event.op == "t":
                for key in list(self.truth.past):
                    self.remember(key, None)
            else:
                self.remember(event.key, event.row)
