"""Two databases, two replicators and a turn of authority, with known truth, in simulated time.

Users write to A until the turn, to B from then on. Each replicator passes over what the other one
wrote. figwatch reads both topics with delays of its own, and hears of the turn early or late.
Whatever is planted is in `planted`: everything else must stay without a finding.
"""

import hashlib
import heapq
import random
from dataclasses import dataclass, field

from figwatch.validators.change import (
    Barrier,
    Change,
    Mark,
    Op,
    Reading,
    Side,
    Topology,
)
from figwatch.validators.pair import PairRules
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.writes.records import Turn

SECOND = 1_000_000
BASE = 1_700_000_000 * SECOND
TOPICS = ("a.t", "b.t")
KEYS = 12
RULES = PairRules("stock", TOPICS[:1], TOPICS[1:], ("v",), fenced=True, disorder_us=0)


@dataclass
class Row:
    at: int
    key: int
    value: int | None
    existed: bool
    by: str


@dataclass
class Database:
    side: int
    rows: dict[int, int | None] = field(default_factory=dict)
    log: list[Row] = field(default_factory=list)
    appended: list[Row] = field(default_factory=list)
    """What the connector has written to the topic."""
    free_at: int = 0


@dataclass
class Replicator:
    name: str
    source: int
    position: int = 0
    slow_until: int = 0


class World:
    def __init__(self, seed, *, plant=True, drained=None):
        self.dice = random.Random(seed)
        self.seed, self.plant = seed, plant
        self.now = BASE
        self.turn_at = BASE + 4 * SECOND
        self.drained = self.dice.random() < 0.5 if drained is None else drained
        self.sides = (Database(0), Database(1))
        self.replicators = (Replicator("forward", 0), Replicator("back", 1))
        self.judge = self.new_judge()
        self.queue = []
        self.findings = {}
        self.planted = {}
        self.read = [0, 0]
        self._number = 0
        self._value = 0
        self._kept = {}
        for topic in TOPICS:
            self.judge.apply(Topology(topic, 1), self.now)
            self.judge.apply(Mark(topic, 0, 0, 0, None, streaming=False), self.now)

    def new_judge(self):
        return PartitionJudge((RULES,), two_way={"stock": True})

    # -- time

    def at(self, when, what):
        self._number += 1
        heapq.heappush(self.queue, (when, self._number, what))

    def after(self, low_ms, high_ms, what):
        self.at(self.now + self.dice.randint(low_ms, high_ms) * 1000, what)

    def run(self):
        self._script()
        while self.queue:
            self.now, _, what = heapq.heappop(self.queue)
            what()
        return self

    def _script(self):
        end = self.turn_at + 10 * SECOND
        fence = self.turn_at - (2 * SECOND if self.drained else 1000)
        for key in range(KEYS):
            self.at(BASE + key, lambda key=key: self.user(0, key))
        for _ in range(40):
            when = self.dice.randint(BASE + SECOND, fence)
            self.at(when, lambda: self.user(0, self._any_key()))
        for _ in range(40):
            when = self.dice.randint(self.turn_at, self.turn_at + 4 * SECOND)
            self.at(when, lambda: self.user(1, self._any_key()))
        if self.plant:
            self._faults(fence)
        restarts = self.dice.randint(0, 2)
        # Findings of before a restart that have resolved cannot be withdrawn any more.
        told = self.turn_at + self.dice.randint(-1000, -10 if restarts else 3000) * 1000
        self.at(told, lambda: self.judge.apply(Turn("stock", self.turn_at, 1), self.now))
        for when in range(BASE, end, SECOND // 10):
            self.at(when, self._look)
        for side in (0, 1):
            for when in range(BASE, end, 300_000):
                self.at(when + side * 77_000, lambda side=side: self._heartbeat(side))
            self.at(BASE + side, lambda r=self.replicators[side]: self._poll(r, end))
        for _ in range(restarts):
            self.at(self.dice.randint(BASE, end), self._restart)

    def _faults(self, fence):
        """Rows of their own, so that what must be found is certain."""
        kind = self.dice.choice(("lost", "lost-overwritten", "back-lost", "unfenced", "none"))
        key = 100
        self.at(BASE + key, lambda: self.user(0, key))
        late = self.turn_at + 3 * SECOND
        if kind in ("lost", "lost-overwritten"):
            self.at(fence - 500_000, lambda: self._lose(0, key, kind))
            if kind == "lost-overwritten":
                self.at(late, lambda: self.user(1, key))
        elif kind == "back-lost":
            self.at(late, lambda: self._lose(1, key, kind))
        elif kind == "unfenced":
            self.at(late, lambda: (self.user(0, key), self.planted.update({key: kind})))

    def _lose(self, side, key, kind):
        self.user(side, key, by="lost")
        self.planted[key] = kind

    def _any_key(self):
        return self.dice.randrange(KEYS)

    # -- the two systems

    def user(self, side, key, by="user"):
        self._value += 1
        value = None if self.dice.random() < 0.1 else self._value
        if value is None and self.sides[side].rows.get(key) is None:
            value = self._value
        if side == 1 and by == "user" and (what := self._pending(key, value)):
            self.planted.setdefault(key, what)  # written without what is on its way
        self.write(side, key, value, by)

    def _pending(self, key, value):
        """Whether a version of A from before the turn has not come to B. Where what B gets now is
        one of A's own values (both may delete), it cannot be told from that one's arrival.
        """
        forward, a = self.replicators[0], self.sides[0]
        if not any(r.key == key and r.by == "user" for r in a.log[forward.position :]):
            return ""
        own = any(row.value == value for row in a.log if row.key == key)
        return "ambiguous" if own else "undrained"

    def write(self, side, key, value, by):
        db = self.sides[side]
        existed = db.rows.get(key) is not None
        if value is None and not existed:
            return
        db.rows[key] = value
        row = Row(self.now, key, value, existed, by)
        db.log.append(row)
        # The connector appends in the order of commits.
        db.free_at = max(db.free_at, self.now + self.dice.randint(2, 60) * 1000)
        self.at(db.free_at, lambda: self._append(side, row))

    def _append(self, side, row):
        db = self.sides[side]
        db.appended.append(row)
        offset = len(db.appended) - 1
        self._read_later(side, lambda: self._figwatch(side, offset, row))

    def _poll(self, replicator, end):
        """Apply what is in the topic, then commit the offset."""
        source, target = self.sides[replicator.source], 1 - replicator.source
        while replicator.position < len(source.appended):
            row = source.appended[replicator.position]
            theirs = "back" if replicator.name == "forward" else "forward"
            if row.by not in (theirs, "lost"):
                self.write(target, row.key, row.value, replicator.name)
            replicator.position += 1
        if self.now < end:
            slow = self.dice.random() < 0.03
            self.after(*((800, 2500) if slow else (20, 250)), lambda: self._poll(replicator, end))

    # -- figwatch

    def _read_later(self, side, what):
        self.read[side] = max(self.read[side], self.now + self.dice.randint(1, 120) * 1000)
        self.at(self.read[side], what)

    def _figwatch(self, side, offset, row):
        digest = hashlib.blake2b(str(row.value).encode(), digest_size=16).digest()
        gone = row.value is None
        op = Op.DELETE if gone else Op.UPDATE if row.existed else Op.CREATE
        change = Change(
            "stock", Side(side), str(row.key).encode(), op, None if gone else digest,
            b"" if gone else digest[:2], row.at, (offset + 1, 0 if gone else 1), offset + 1,
            TOPICS[side], 0, offset, row.at,
        )  # fmt: skip
        self.judge.apply(change, self.now)
        mark = Mark(TOPICS[side], 0, offset, offset + 1, row.at, streaming=True)
        self.judge.apply(mark, self.now)
        self._evaluate()

    def _heartbeat(self, side):
        """A heartbeat row: it stands in the log, behind everything committed before."""
        db, at = self.sides[side], self.now
        db.free_at = max(db.free_at, self.now + 5000)

        def heard():
            end = len(db.appended)
            self.judge.apply(Barrier(TOPICS[side], 0, end, at, exact=True), self.now)

        self.at(db.free_at, lambda: self._read_later(side, heard))

    def _look(self):
        """Readings of both replicators, then judge."""
        for replicator in self.replicators:
            end = len(self.sides[replicator.source].appended)
            self.judge.read(Reading(TOPICS[replicator.source], 0, replicator.position, end,
                                    self.now, self.now + 1000))  # fmt: skip
        self._evaluate()

    def _evaluate(self):
        self.judge.evaluate(self.now)
        for finding in self.judge.take_findings():
            self.findings[finding.key, finding.detected_us, finding.since_us] = finding

    def _restart(self):
        """Another worker goes on from the changelog."""
        self._evaluate()
        self._kept |= dict(self.judge.take_dirty())
        self.judge = self.new_judge()
        self.judge.load(dict(self._kept), self.now)

    # -- truth

    @property
    def trusting(self):
        """Both fences are believed. Late writes over newer ones look like early commits."""
        return not any(pair.demoted for pair in self.judge.rows.pairs.values())

    def differing(self):
        a, b = (side.rows for side in self.sides)
        return {key for key in a | b if a.get(key) != b.get(key)}

    def found(self):
        return {int(f.key) for f in self.findings.values() if not f.void}

    def open(self):
        newest = {f.key: f for f in sorted(self.findings.values(), key=lambda f: f.detected_us)}
        return {int(f.key) for f in newest.values() if f.resolved_us is None and not f.void}
