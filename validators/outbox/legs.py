"""How long an adjustment takes, leg by leg, from the request until the other side shows it.

A `Trip` is a change that has met its event (`validators.outbox.decide` sends it to the partition of
the change's row); `shown` is told by `validators.row_records` when the other side shows a version.
Whichever comes second completes the adjustment. What is under way during a restart is not counted;
figures survive in the outbox's books.
"""

import bisect
import enum
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from figwatch.validators.convergence import Quantiles
from figwatch.validators.state import Source
from figwatch.validators.writes.records import Trip

WAITING_MAX = 10_000
"""Trips that wait to be shown, and shown versions that wait for their trip, of one pair in one
partition; beyond it the oldest is forgotten."""
LISTED_MAX = 64
"""Newest adjustments that are kept whole, for `figwatch explain`."""
REQUEST_AWAY_US = 3_600_000_000
"""A request further than this from its commit is no request's time."""
BOUNDS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of the histograms; an exemplar is kept for each."""


class Leg(enum.StrEnum):
    """A stretch of the way. `request` + `record` + `show` = `total`."""

    REQUEST = "request"
    """The request came in, to its commit."""
    READ = "read"
    """Commit, to the connector's reading of it (the envelope's `ts_ms`)."""
    RECORD = "record"
    """Commit, to its record in Kafka."""
    EVENT = "event"
    """Commit, to its event in Kafka."""
    SHOW = "show"
    """Its record in Kafka, to the commit on the other side that shows it."""
    TOTAL = "total"
    """The request came in, to the commit on the other side that shows it."""


PROBLEMS = ("no_request", "bad_request", "bad_trace", "forgotten")
"""Adjustments that are not measured whole: the time of their request is not told, or no time; their
trace context is none; more waited than is kept."""


class Exemplar(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One adjustment with its trace: trace id and span id in hexadecimal, joined by `-`."""

    trace: str
    took_us: int
    at_us: int


class LegBooks(msgspec.Struct, array_like=True, gc=False):
    """The legs of one pair."""

    legs: dict[str, Quantiles] = {}
    """By name of the leg."""
    problems: dict[str, int] = {}
    exemplars: dict[str, dict[int, Exemplar]] = {}
    """The newest by leg and place in `BOUNDS_SECONDS`."""


_Version: TypeAlias = tuple[bytes, tuple[int, ...] | None, int]
"""Key, position and commit time: which version of a row."""


class Adjustment(msgspec.Struct, frozen=True):
    """One change on its way; `shown_us` is 0 while it is not shown."""

    trip: Trip
    shown_us: int


class Legs:
    """Adjustments of one pair in one partition."""

    def __init__(self, books: LegBooks, objective_us: int) -> None:
        self.books = books
        self.dirty = False
        self._objective_us = objective_us
        self._waiting: dict[_Version, Trip] = {}
        self._shown: dict[_Version, int] = {}
        self._listed: deque[Adjustment] = deque(maxlen=LISTED_MAX)

    def take(self, trip: Trip) -> None:
        """Take a change that has met its event."""
        for problem in trip.problems:
            self._problem(problem)
        for leg, took_us in _before(trip):
            self._add(leg, took_us, trip, trip.event_us)
        version = (trip.key, trip.position, trip.commit_us)
        shown_us = self._shown.pop(version, None)
        if shown_us is not None:
            self._complete(trip, shown_us)
            return
        self._waiting[version] = trip
        if len(self._waiting) > WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
            self._problem("forgotten")

    def shown(self, key: bytes, source: Source, before: int, samples_us: Sequence[int]) -> None:
        """Versions of a ring beyond the one at `before` were shown; their samples in its order."""
        newly = [e for e in source.ring[before + 1 : source.shown + 1] if e.sample]
        # Samples of versions that the ring no longer holds come first.
        for entry, sample_us in zip(reversed(newly), reversed(samples_us), strict=False):
            version = (key, entry.position, entry.commit_us)
            shown_us = entry.commit_us + sample_us
            trip = self._waiting.pop(version, None)
            if trip is not None:
                self._complete(trip, shown_us)
                continue
            self._shown[version] = shown_us
            if len(self._shown) > WAITING_MAX:
                del self._shown[next(iter(self._shown))]

    def adjustments(self) -> Iterator[Adjustment]:
        """The newest that were shown, and those that wait."""
        yield from self._listed
        yield from (Adjustment(trip, 0) for trip in self._waiting.values())

    def _complete(self, trip: Trip, shown_us: int) -> None:
        for leg, took_us in _after(trip, shown_us):
            self._add(leg, took_us, trip, shown_us)
        self._listed.append(Adjustment(trip, shown_us))

    def _add(self, leg: Leg, took_us: int, trip: Trip, at_us: int) -> None:
        self.dirty = True
        self.books.legs.setdefault(leg.value, Quantiles(buckets={})).add(
            took_us, self._objective_us
        )
        if trip.trace:
            place = bisect.bisect_left(BOUNDS_SECONDS, took_us / 1e6)
            found = self.books.exemplars.setdefault(leg.value, {})
            found[place] = Exemplar(trip.trace, took_us, at_us)

    def _problem(self, name: str) -> None:
        self.dirty = True
        self.books.problems[name] = self.books.problems.get(name, 0) + 1


def legs_of(adjustment: Adjustment) -> dict[str, int]:
    """Every leg that is known, in microseconds."""
    found = dict(_before(adjustment.trip))
    if adjustment.shown_us:
        found |= _after(adjustment.trip, adjustment.shown_us)
    return {leg.value: found[leg] for leg in Leg if leg in found}


def _before(trip: Trip) -> Iterator[tuple[Leg, int]]:
    if trip.requested_us:
        yield Leg.REQUEST, trip.commit_us - trip.requested_us
    if trip.emitted_us:
        yield Leg.READ, trip.emitted_us - trip.commit_us
    yield Leg.RECORD, trip.append_us - trip.commit_us
    yield Leg.EVENT, trip.event_us - trip.commit_us


def _after(trip: Trip, shown_us: int) -> Iterator[tuple[Leg, int]]:
    yield Leg.SHOW, shown_us - trip.append_us
    if trip.requested_us:
        yield Leg.TOTAL, shown_us - trip.requested_us


def merge_legs(into: dict[str, LegBooks], other: Mapping[str, LegBooks]) -> None:
    """Add another partition's legs to the first, by pair; shares nothing with the other."""
    for pair, more in other.items():
        mine = into.setdefault(pair, LegBooks({}, {}, {}))
        for leg, sketch in more.legs.items():
            mine.legs.setdefault(leg, Quantiles(buckets={})).merge(sketch)
        for problem, count in more.problems.items():
            mine.problems[problem] = mine.problems.get(problem, 0) + count
        for leg, places in more.exemplars.items():
            found = mine.exemplars.setdefault(leg, {})
            for place, exemplar in places.items():
                if place not in found or exemplar.at_us > found[place].at_us:
                    found[place] = exemplar
