"""One saga in one internal partition: keeps every instance, settles those that are over.

Pure. Time is the watermark of the saga's topics; figwatch's clock is only noted. Instances are
packed: a million open ones fit in memory. `figwatch.validators.sagas.rules` judges,
`figwatch.validators.sagas.judge` holds all sagas of the partition.
"""

import heapq
from collections import deque

import msgspec

from figwatch.validators.books import count
from figwatch.validators.convergence import Quantiles
from figwatch.validators.sagas import rules
from figwatch.validators.sagas.definition import Definition
from figwatch.validators.sagas.instance import (
    Flag,
    Instance,
    Noticed,
    Outcome,
    apply,
    new_instance,
    pack,
    unpack,
)
from figwatch.validators.sagas.summary import LISTED_MAX, MORE, NAMES_MAX, SagaCase, SagaSummary
from figwatch.validators.writes.records import Report, SagaEvent

TIMERS_A_LOOK_MAX = 20_000
"""Deadlines looked at in one go, so that a burst of them does not hold everything else up."""

WRONG = frozenset({Outcome.STUCK, Outcome.INCOMPLETELY_COMPENSATED, Outcome.UNKNOWN_START})
_PROBLEMS = {
    Flag.OUT_OF_ORDER: "out_of_order",
    Flag.REPEATED: "repeated",
    Flag.CLOCKS: "clocks",
    Flag.UNDECLARED: "undeclared",
}
_NOTED = Flag.OUT_OF_ORDER | Flag.REPEATED | Flag.CLOCKS | Flag.UNDECLARED


class SagaBooks(msgspec.Struct, array_like=True, gc=False):
    """Running counts of one saga that survive a restart."""

    outcomes: dict[int, int]
    reached: dict[str, int]
    problems: dict[str, int]
    undeclared: dict[str, int]
    seconds: Quantiles
    sequence: int = 0
    """Number of the last settlement that is in these counts."""
    lost_us: int = -1
    """Records that could not be read may belong to any instance begun before."""
    forgotten_us: int = -1
    """Last event of the newest instance that is no longer remembered."""
    from_us: int = 0
    """First time seen where reading began behind the topics' beginning; 0: it did not."""


class Saga:
    """All instances of one saga in this partition."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.open: dict[bytes, bytes] = {}
        self.closed: dict[bytes, bytes] = {}
        self.books = SagaBooks({}, {}, {}, {}, Quantiles())
        self.ending: set[bytes] = set()
        """Ended, and waiting for the watermark to say that nothing came before."""
        self.noted: dict[bytes, None] = {}
        """Instances that are wrong or were noticed, newest last, bounded."""
        self.dirty: set[bytes] = set()
        self.watermark_us = 0
        # Taking the first key of a dict over and over scans all that was deleted before it.
        self._order: deque[bytes] = deque()
        """Closed instances as they were settled."""
        self._timers: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []
        self._more = False
        """Deadlines have passed that were not looked at yet."""

    # -- events ----------------------------------------------------------------------------------

    def apply(self, event: SagaEvent, place: int, now_us: int, *, from_start: bool) -> None:
        """Add an event, and settle its saga if that ends it."""
        books, key = self.books, event.instance
        if not from_start and not books.from_us:
            books.from_us = max(1, event.at_us)
        packed = self.open.get(key) or self.closed.get(key)
        if event.undeclared:
            self._undeclared(event.undeclared)
            if packed is None:  # it may be another process's: no saga is made of it
                return
        if packed is None:
            if self._is_late(event):
                count(books.problems, "late")
                return
            instance = new_instance(event)
            if event.at_us <= books.forgotten_us:
                instance.flags |= Flag.LATE
        else:
            instance = unpack(packed)
        noticed = apply(instance, event, self.definition, place)
        self._notice(key, instance, noticed, now_us)
        if packed is None:
            self._time(key, instance)
        self._settle(key, instance, now_us)

    def _notice(self, key: bytes, instance: Instance, noticed: Noticed, now_us: int) -> None:
        if noticed.duplicate:
            count(self.books.problems, "duplicate")
        for flag, name in _PROBLEMS.items():
            if noticed.new_flags & flag:
                count(self.books.problems, name)
        if noticed.new_flags & _NOTED:
            self._note(key)
            instance.detected_us = instance.detected_us or now_us

    def _is_late(self, event: SagaEvent) -> bool:
        """Whether an event without an instance belongs to one that was forgotten."""
        if event.report is Report.GONE:
            return True  # a row of before, cleaned up
        return not event.start and event.at_us <= self.books.forgotten_us

    def _undeclared(self, name: str) -> None:
        names = self.books.undeclared
        count(names, name if name in names or len(names) < NAMES_MAX else MORE)

    # -- settling --------------------------------------------------------------------------------

    def evaluate(self, watermark_us: int, now_us: int) -> None:
        """Settle what the watermark has decided."""
        if watermark_us <= self.watermark_us and not self._more:
            return
        self.watermark_us = max(self.watermark_us, watermark_us)
        for key in list(self.ending):
            self._settle(key, unpack(self.open[key]), now_us)
        left = TIMERS_A_LOOK_MAX
        while left > 0 and self._seconds and self._seconds[0] * 1_000_000 < watermark_us:
            second = heapq.heappop(self._seconds)
            keys = self._timers.pop(second)
            for key in keys:
                if key in self.open:
                    self._due(key, now_us)
            left -= len(keys)
        self._more = bool(self._seconds and self._seconds[0] * 1_000_000 < watermark_us)
        self._forget()

    def _due(self, key: bytes, now_us: int) -> None:
        instance = unpack(self.open[key])
        self._settle(key, instance, now_us)
        if key in self.open:  # it moved on since: its deadline is later
            self._time(key, instance)

    def _time(self, key: bytes, instance: Instance) -> None:
        second = rules.deadline_us(instance, self.definition) // 1_000_000 + 1
        second = max(second, self.watermark_us // 1_000_000 + 1)
        keys = self._timers.get(second)
        if keys is None:
            keys = self._timers[second] = []
            heapq.heappush(self._seconds, second)
        keys.append(key)

    def _lost(self, instance: Instance) -> bool:
        books = self.books
        begun = instance.started or instance.first_us - self.definition.limit_us > books.from_us
        return instance.first_us <= books.lost_us or not (begun or books.from_us == 0)

    def _settle(self, key: bytes, instance: Instance, now_us: int) -> None:
        lost = self._lost(instance)
        found = rules.assess(instance, self.definition, self.watermark_us, lost=lost)
        self.dirty.add(key)
        if found.outcome is Outcome.OPEN:
            self._keep_open(key, instance)
            return
        if found.outcome != instance.outcome:
            self._count_outcome(instance, found.outcome)
            instance.settled_us = self.watermark_us
            if found.outcome in WRONG or found.outcome is Outcome.UNKNOWN:
                instance.detected_us = now_us
                self._note(key)
        self._sample(instance)
        self.ending.discard(key)
        self.open.pop(key, None)
        self._close(key, instance)

    def _close(self, key: bytes, instance: Instance) -> None:
        if key not in self.closed:
            self._order.append(key)
        self.closed[key] = pack(instance)

    def _keep_open(self, key: bytes, instance: Instance) -> None:
        if instance.outcome:  # it was over, and something came that belongs before
            self._count_outcome(instance, Outcome.OPEN)
            count(self.books.problems, "reopened")
            self.closed.pop(key, None)
            self._time(key, instance)
        new = key not in self.open
        self.open[key] = pack(instance)
        if rules.ended(instance, self.definition) is not None:
            self.ending.add(key)
        else:
            self.ending.discard(key)
        if new and len(self.open) > self.definition.open_max:
            self._evict()

    def _evict(self) -> None:
        """More are open than may be: one of the oldest is given up, as unknown, and said."""
        key = self._oldest()
        instance = unpack(self.open.pop(key))
        self.ending.discard(key)
        count(self.books.problems, "evicted")
        self._count_outcome(instance, Outcome.UNKNOWN)
        instance.settled_us = self.watermark_us
        self._close(key, instance)
        self.dirty.add(key)

    def _oldest(self) -> bytes:
        """An open instance whose deadline is the next: keys that are open no more are dropped."""
        while True:
            keys = self._timers[self._seconds[0]]
            while keys:
                if keys[-1] in self.open:
                    return keys[-1]
                keys.pop()
            del self._timers[heapq.heappop(self._seconds)]

    def _count_outcome(self, instance: Instance, outcome: Outcome) -> None:
        books = self.books
        books.sequence += 1
        instance.sequence, instance.counted = books.sequence, instance.outcome
        instance.outcome = outcome
        self._book(instance)

    def _book(self, instance: Instance) -> None:
        """Move an instance from the outcome it was counted under to its outcome now."""
        outcomes = self.books.outcomes
        if instance.counted:
            outcomes[instance.counted] -= 1
        if instance.outcome:
            outcomes[instance.outcome] = outcomes.get(instance.outcome, 0) + 1
            count(self.books.reached, Outcome(instance.outcome).name.lower())

    def _sample(self, instance: Instance) -> None:
        untimed = Flag.SAMPLED | Flag.CLOCKS | Flag.UNTIMED
        if instance.outcome == Outcome.COMPLETED and not instance.flags & untimed:
            instance.flags |= Flag.SAMPLED
            limit_us = self.definition.limit_us
            self.books.seconds.add(instance.last_us - instance.first_us, limit_us)

    def _forget(self) -> None:
        """Let go of closed instances: too many, or too old for anything to come late or twice."""
        too_old_us = self.watermark_us - self.definition.remember_us
        while self._order:
            key = self._order[0]
            if key not in self.closed:  # it was opened again
                self._order.popleft()
                continue
            instance = unpack(self.closed[key])
            if len(self.closed) <= self.definition.closed_max and instance.settled_us >= too_old_us:
                return
            del self.closed[self._order.popleft()]
            self.noted.pop(key, None)
            self.dirty.add(key)
            self.books.forgotten_us = max(self.books.forgotten_us, instance.last_us)

    def _note(self, key: bytes) -> None:
        self.noted.pop(key, None)
        self.noted[key] = None
        if len(self.noted) > LISTED_MAX:
            del self.noted[next(iter(self.noted))]

    # -- state -----------------------------------------------------------------------------------

    def packed(self, key: bytes) -> bytes | None:
        """What is kept of an instance; None: nothing any more."""
        return self.open.get(key) or self.closed.get(key)

    def restore(self, key: bytes, packed: bytes) -> None:
        """Take an instance from the changelog, after the books."""
        instance = unpack(packed)
        if instance.sequence > self.books.sequence:  # settled after the books were last written
            self._book(instance)
            if instance.flags & Flag.SAMPLED and instance.outcome == Outcome.COMPLETED:
                duration_us = instance.last_us - instance.first_us
                self.books.seconds.add(duration_us, self.definition.limit_us)
        if instance.outcome:
            self.closed[key] = packed
            if instance.outcome in WRONG or instance.flags & _NOTED:
                self._note(key)
            return
        self.open[key] = packed
        self._time(key, instance)
        if rules.ended(instance, self.definition) is not None:
            self.ending.add(key)

    def restored(self, newest: int) -> None:
        """Everything is back: put the closed ones into the order in which they were settled."""
        order = sorted(self.closed, key=lambda key: unpack(self.closed[key]).sequence)
        self._order = deque(order)
        self.books.sequence = max(self.books.sequence, newest)

    # -- what leaves -----------------------------------------------------------------------------

    def summary(self) -> SagaSummary:
        """Counts of this partition."""
        books, definition = self.books, self.definition
        outcomes = {o.name.lower(): books.outcomes.get(o, 0) for o in Outcome if o}
        samples = sum(books.outcomes.get(o, 0) for o in _SAMPLES)
        success = books.outcomes.get(Outcome.COMPLETED, 0)
        if definition.compensated_is_success:
            success += books.outcomes.get(Outcome.COMPENSATED, 0)
        oldest = next(iter(self.open.values()), None)
        return SagaSummary(
            outcomes=outcomes,
            open=len(self.open),
            wrong=sum(outcomes[o.name.lower()] for o in WRONG),
            reached=dict(books.reached),
            problems=dict(books.problems),
            undeclared=dict(books.undeclared),
            seconds=books.seconds,
            success=success,
            samples=samples,
            unknown=sum(books.outcomes.get(o, 0) for o in (Outcome.UNKNOWN, Outcome.UNKNOWN_START)),
            oldest_open_us=unpack(oldest).first_us if oldest else 0,
            watermark_us=self.watermark_us,
            cases=[self._case(key) for key in reversed(self.noted)],
        )

    def _case(self, key: bytes) -> SagaCase:
        packed = self.packed(key)
        assert packed is not None  # `_forget` drops it from `noted` too
        instance, definition = unpack(packed), self.definition
        found = rules.assess(instance, definition, 1 << 62, lost=False)
        problems = tuple(name for flag, name in _PROBLEMS.items() if instance.flags & flag)
        return SagaCase(
            key.decode("utf-8", "replace"),
            Outcome(instance.outcome).name.lower(),
            problems,
            definition.named(found.steps),
            instance.first_us,
            instance.detected_us,
        )


_SAMPLES = (
    Outcome.COMPLETED,
    Outcome.COMPENSATED,
    Outcome.INCOMPLETELY_COMPENSATED,
    Outcome.STUCK,
)
