"""What sweeps say of keys: differences that wait for the streams, and whole sweeps that settle what
was unknown.

`figwatch.validators.sweep.settlement` has the rules; what they settle is judged and kept by
`figwatch.validators.settling`.
"""

from figwatch.validators.books import Books
from figwatch.validators.change import Suspect, SweepAnswer, SweepEnd
from figwatch.validators.key_table import KeyTable, table_key
from figwatch.validators.outcome import Verdict
from figwatch.validators.settling import Settling
from figwatch.validators.surroundings import Surroundings
from figwatch.validators.sweep.settlement import (
    Pending,
    Settlement,
    answer_of,
    equal_sighting,
    known_before,
    settle,
    sighting,
)

MAX_SUSPECTS = 10_000
"""A sweep's suspects that wait for the streams; beyond it the oldest is left to the next sweep."""


class Suspects:
    """Keys of one partition that a sweep has asked about."""

    def __init__(
        self, around: Surroundings, table: KeyTable, books: Books, settling: Settling
    ) -> None:
        self._around, self._table, self._books = around, table, books
        self._settling = settling
        self.waiting: dict[bytes, Pending] = {}
        self.answers: list[SweepAnswer] = []
        """For the sweep, not told yet."""
        self._sweeps: dict[str, tuple[str, dict[int, int]]] = {}
        """Where each raw partition stood when the newest sweep of a pair began."""

    def suspect(self, suspect: Suspect, now_us: int) -> None:
        """Take a key whose rows a sweep saw differ, or saw equal."""
        if suspect.pair not in self._around.pairs:
            return
        key = table_key(suspect.pair, suspect.key)
        if key not in self.waiting and len(self.waiting) >= MAX_SUSPECTS:
            del self.waiting[next(iter(self.waiting))]
        self.waiting[key] = Pending(suspect)
        self._settle(key, now_us)

    def evaluate(self, now_us: int) -> None:
        """Settle those that can be settled by now."""
        for key in list(self.waiting):
            self._settle(key, now_us)

    def _settle(self, key: bytes, now_us: int) -> None:
        pair, state, pending = self._table.pair_of(key), self._table.get(key), self.waiting[key]
        if self._around.stale:
            self._around.refresh()
        outcome = settle(pending, state, pair)
        if outcome is Settlement.WAITING:
            return
        del self.waiting[key]
        if outcome in (Settlement.FINDING, Settlement.EQUAL):
            state.swept = sighting(pending.suspect, state, pair)
            self._settling.settle(key, pair, state, now_us)
        if pending.suspect.sweep:
            self.answers.append(answer_of(pending.suspect, outcome, state))

    def sweep_end(self, end: SweepEnd, now_us: int) -> None:
        """A sweep begins, or has come to its end: whatever was unknown when it began, or rests on
        an earlier sweep, and was equal in both tables gets its state from that.
        """
        pair = self._around.pairs.get(end.pair)
        if pair is None:
            return
        if not end.ended_us:
            applied = {index: s.applied_to for index, s in enumerate(self._around.streams)}
            self._sweeps[end.pair] = end.sweep, applied
            return
        self._books.swept(pair, end)
        self._around.dirty = True
        sweep, applied = self._sweeps.get(end.pair, ("", {}))
        if (
            not end.whole or end.doubted is None or sweep != end.sweep
        ):  # its beginning was another worker's
            return
        taints = [
            s.kept.taint > applied.get(index, 0) for index, s in enumerate(self._around.streams)
        ]
        if any(taints):  # lost while it swept: the next one will tell
            return
        doubted = {table_key(end.pair, key) for key in end.doubted}
        for key in self._table.inconsistent():
            state = self._table.peek(key)
            untold = state.verdict == Verdict.UNKNOWN or state.swept is not None
            if key in doubted or not untold or self._table.pair_of(key) is not pair:
                continue
            if known_before(state, applied):
                seen = equal_sighting(end, key[key.index(b"\0") + 1 :])
                self.waiting[key] = Pending(seen)
                self._settle(key, now_us)
