"""Writes that come round between two sides replicated both ways: arrivals, echoes, loops.

Every write of a key is followed in the order of commits, once both sides are known to beyond it. It
*answers* a write of the other side where it brings the same value within `PairRules.echo_us`: one
hop from it. The first hop is the copy that should come. The second brings back to a side what it
wrote itself: an echo. A chain of `PairRules.loop_hops` without a write from outside is a loop.

Where a side's replicator names itself as its sessions' replication origin
(`PairRules.origins`), a write without it is from outside, whatever its value. Elsewhere a row that
is written again without change cannot be told from an echo: it takes that many in a row, each soon
after the other side's copy, to be called a loop. Where nobody copies to a side, because its
replicator's group has never committed an offset, all writes there are from outside: before the way
back is open there is no loop. `figwatch.validators.writes.turning` keeps one of these.
"""

import heapq
from collections import deque

import msgspec

from figwatch.validators.change import Change, Op, Snapshot
from figwatch.validators.pair import PairRules
from figwatch.validators.writes.echo_summary import LOOPS_LISTED_MAX, EchoSummary, Loop

KEYS_MAX = 20_000
"""Keys followed at a time; beyond it the one written longest ago is let go."""
WAITING_MAX = 100_000
"""Writes that wait for the watermarks; beyond it they are counted as unfollowed."""
WRITES_MAX = 16
"""Writes of a key and side that may still be answered."""
_WRITTEN = frozenset({Op.CREATE, Op.UPDATE, Op.DELETE})


class Write(msgspec.Struct, gc=False):
    """One write of one side, and how it came about."""

    fingerprint: bytes | None
    at_us: int
    hops: int
    """Copies since somebody outside wrote it."""
    root_us: int
    """When somebody outside wrote it, as far as it was followed."""
    named: bool
    """Every copy on the way said so by its replication origin."""
    answered: bool = False


class _Trail:
    """The writes of one key."""

    __slots__ = ("last_us", "looping", "outside_us", "places", "writes")

    def __init__(self) -> None:
        self.writes: tuple[deque[Write], deque[Write]] = (
            deque(maxlen=WRITES_MAX),
            deque(maxlen=WRITES_MAX),
        )
        self.last_us = 0
        self.places: list[tuple[tuple[int, ...], int] | None] = [None, None]
        """Position and time of each side's newest write, against what is emitted twice."""
        self.outside_us = [0, 0]
        """When users of each side last wrote."""
        self.looping = False

    def is_copy(self, side: int, position: tuple[int, ...] | None, at_us: int) -> bool:
        """Whether the connector emitted a write again."""
        last = self.places[side]
        if position is None:
            return False
        if last is not None and position <= last[0] and at_us <= last[1]:
            return True
        self.places[side] = (position, at_us)
        return False


class Echoes:
    """The writes of one pair judged both ways. Sides by the configuration's roles."""

    def __init__(self, rules: PairRules) -> None:
        self.kept = EchoSummary()
        self.dirty = False
        self.copied = [True, True]
        """By side: whether anybody copies to it. Where nobody does, every write is from outside."""
        self._rules = rules
        self._trails: dict[bytes, _Trail] = {}
        self._waiting: list[tuple[int, int, Change, bytes | None]] = []
        self._number = 0
        self._known_us = 0

    def seen(self, change: Change, fingerprint: bytes | None) -> None:
        """Take a change that was applied for the first time; `fingerprint` is of the whole row."""
        if change.op not in _WRITTEN or change.snapshot is not Snapshot.NONE:
            return
        if len(self._waiting) >= WAITING_MAX:
            self._count("unfollowed")
            return
        self._number += 1
        heapq.heappush(self._waiting, (change.commit_us, self._number, change, fingerprint))

    def evaluate(self, known_us: int) -> None:
        """Follow what both sides are known to beyond."""
        self._known_us = max(self._known_us, known_us)
        while self._waiting and self._waiting[0][0] < known_us:
            at_us, _, change, fingerprint = heapq.heappop(self._waiting)
            self._follow(change, fingerprint, at_us)
        self._let_go()

    def _follow(self, change: Change, fingerprint: bytes | None, at_us: int) -> None:
        trail = self._trails.pop(change.key, None) or _Trail()
        self._trails[change.key] = trail  # the newest stands last
        side = int(change.side)
        if trail.is_copy(side, change.position, at_us):
            return
        trail.last_us = max(trail.last_us, at_us)
        write = self._made(trail, side, change.origin, fingerprint, at_us)
        trail.writes[side].append(write)
        if write.hops == 0:
            trail.outside_us[side], trail.looping = at_us, False
            self._count("outside")
            return
        self._count("arrival" if write.hops == 1 else "echo")
        newer_us = trail.outside_us[side]
        if write.hops > 1 and newer_us > write.root_us + self._rules.clocks_us:
            self._count("reverted")
        if write.hops >= self._rules.loop_hops:
            self._loop(change.key, trail, write)

    def _made(
        self, trail: _Trail, side: int, origin: str, fingerprint: bytes | None, at_us: int
    ) -> Write:
        """What a write came from: the oldest unanswered one of the other side with its value."""
        expected = self._rules.origins[side]
        if not self.copied[side] or (expected and origin != expected):
            return Write(fingerprint, at_us, 0, at_us, named=True)
        others = trail.writes[1 - side]
        first_us, last_us = at_us - self._rules.echo_us, at_us + self._rules.clocks_us
        for number, other in enumerate(others):
            fits = not other.answered and other.fingerprint == fingerprint
            if fits and first_us <= other.at_us <= last_us:
                for earlier in list(others)[: number + 1]:
                    earlier.answered = True  # a replicator goes forward
                named = other.named and bool(origin)
                return Write(fingerprint, at_us, other.hops + 1, other.root_us, named=named)
        if origin:
            return Write(fingerprint, at_us, 1, at_us, named=True)
        return Write(fingerprint, at_us, 0, at_us, named=True)

    def _loop(self, key: bytes, trail: _Trail, write: Write) -> None:
        kept = self.kept
        if not trail.looping:
            trail.looping = True
            self._count("loop")
        kept.newest_loop_us = max(kept.newest_loop_us, write.at_us)
        evidence = "origin" if write.named else "values"
        found = Loop(key, write.hops, write.root_us, write.at_us, evidence)
        kept.loops = [loop for loop in kept.loops if loop.key != key][1 - LOOPS_LISTED_MAX :]
        kept.loops.append(found)

    def _let_go(self) -> None:
        """Forget keys that nothing can answer any more, and the oldest where there are too many."""
        old_us = self._known_us - self._rules.echo_us - self._rules.clocks_us
        while self._trails:
            key = next(iter(self._trails))
            if self._trails[key].last_us >= old_us and len(self._trails) <= KEYS_MAX:
                return
            if self._trails[key].last_us >= old_us:
                self._count("unfollowed")
            del self._trails[key]

    def summary(self) -> EchoSummary:
        """The counts, with the keys that loop now."""
        old_us = self._known_us - self._rules.echo_us
        looping = sum(t.looping and t.last_us >= old_us for t in self._trails.values())
        return msgspec.structs.replace(
            self.kept, counts=dict(self.kept.counts), loops=list(self.kept.loops),
            looping=looping, known_us=self._known_us,
        )  # fmt: skip

    def _count(self, what: str) -> None:
        self.kept.counts[what] = self.kept.counts.get(what, 0) + 1
        self.dirty = True
