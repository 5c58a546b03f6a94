"""Running counts of one judge: row events, duplicates, what could not be read, samples, alarms.

They survive a restart with the partition's own record. `figwatch.validators.ledger` books verdicts,
`figwatch.validators.open_findings` findings.
"""

from typing import Literal

import msgspec

from figwatch.validators.change import Change, Malformed, Op, Side, Snapshot, SweepEnd
from figwatch.validators.convergence import Quantiles
from figwatch.validators.lately import Lately
from figwatch.validators.pair import Pair
from figwatch.validators.summary import SweepSummary

# For every event: the name and the hash of an enum cost more than an index.
_SIDES = tuple(side.name.lower() for side in Side)
_OPS = ("c", "u", "d", "r", "tombstone")
"""By `Op`."""

Alarm = Literal["written_after_commit", "fence_demoted", "time_regression", "late_target_event"]
"""Assumptions that were found broken, as books and metrics name them."""

_CHANGES = tuple(tuple(f"{side}:{op}" for op in _OPS) for side in _SIDES)


class PairBooks(msgspec.Struct, array_like=True, gc=False):
    """Running counts of one pair that survive a restart (gauges are recounted)."""

    convergence: Quantiles
    capture: dict[str, Quantiles]
    changes: dict[str, int]
    duplicates: dict[str, int]
    findings_total: dict[str, int]
    alarms: dict[str, int]
    transient: int = 0
    unlisted: int = 0
    detected_us: int = 0
    detection_us: int = 0
    sweep: SweepSummary | None = None
    lately: Lately = msgspec.field(default_factory=Lately)
    newest: dict[str, int] = {}
    """Greatest commit time by `source` and `target`."""


class LedgerState(msgspec.Struct, array_like=True, gc=False):
    """The part of the books that is kept in the changelog."""

    pairs: dict[str, PairBooks]
    malformed: dict[str, int]
    duplicates: int = 0
    last_malformed: tuple[str, int, int] = ("", 0, -1)
    last_duplicate: tuple[str, int, int] = ("", 0, -1)


class Books:
    """The counts of one judge, by pair."""

    def __init__(self, partition: int) -> None:
        self.state = LedgerState(pairs={}, malformed={})
        self._partition = partition

    def of(self, pair: Pair) -> PairBooks:
        """Return the books of a pair, opened on first use."""
        name = pair.rules.name
        if name not in self.state.pairs:
            self.state.pairs[name] = PairBooks(
                Quantiles(), {"source": Quantiles(), "target": Quantiles()}, {}, {}, {}, {}
            )
        return self.state.pairs[name]

    def counted(self, pair: Pair, change: Change) -> None:
        """Count an applied row event and its capture latency."""
        books = self.of(pair)
        side = _SIDES[change.side]
        count(books.changes, _CHANGES[change.side][change.op])
        if change.snapshot is Snapshot.NONE and change.op is not Op.TOMBSTONE:
            latency_us = change.append_us - change.commit_us
            books.newest[side] = max(books.newest.get(side, 0), change.commit_us)
            books.capture[side].add(latency_us, pair.rules.objective_us)

    def duplicate(self, pair: Pair, change: Change) -> None:
        """Count a re-emitted row event, once however many pairs it feeds."""
        count(self.of(pair).duplicates, change.side.name.lower())
        where = (change.topic, change.partition, change.offset)
        if where != self.state.last_duplicate:
            self.state.last_duplicate = where
            self.state.duplicates += 1

    def malformed(self, bad: Malformed) -> None:
        """Count an undecodable record once; one with no key comes to every internal partition."""
        where = (bad.topic, bad.partition, bad.offset)
        if where == self.state.last_malformed or (bad.key is None and self._partition != 0):
            return
        self.state.last_malformed = where
        count(self.state.malformed, f"{bad.side.name.lower()}:{bad.reason}")

    def converged(self, pair: Pair, samples_us: list[int], now_us: int) -> None:
        """Take convergence samples."""
        if samples_us and pair.measures:
            books = self.of(pair)
            sketch, before = books.convergence, books.convergence.within
            for sample_us in samples_us:
                sketch.add(sample_us, pair.rules.objective_us)
            books.lately.add(now_us, len(samples_us), sketch.within - before)

    def alarm(self, pair: Pair, name: Alarm) -> None:
        """Count an assumption found broken."""
        if pair.measures:
            count(self.of(pair).alarms, name)

    def swept(self, pair: Pair, end: SweepEnd) -> None:
        """Note where the newest sweep of a pair stands; a clean one before it still counts."""
        books = self.of(pair)
        before = books.sweep
        if before is not None and before.ended_us > end.ended_us:
            return
        books.sweep = SweepSummary(
            end.began_us, end.ended_us, end.whole, end.differences, end.source_rows,
            end.target_rows, max(end.clean_us, before.clean_us if before is not None else 0),
            end.ranges, end.ranges_clean, end.ages_us,
        )  # fmt: skip


def count(counts: dict[str, int], name: str) -> None:
    """Count one."""
    counts[name] = counts.get(name, 0) + 1
