"""A history of one pair in the order in which figwatch reads it: the words of the verdict tests.

Every step goes through the production `Judge`. Offsets, log positions and transactions are counted
up; every step takes a millisecond of figwatch's clock and a commit happens ten after the last one,
unless `at` (milliseconds) says otherwise. Values are texts such as "A" or "A,long"; the part behind
the comma is a long column, "?" there means that the event does not carry it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Self

from figwatch.validators import change as c
from figwatch.validators.change import Op, Side, Snapshot
from figwatch.validators.finding import Finding
from figwatch.validators.judge import Judge
from figwatch.validators.outcome import Reason, Verdict
from figwatch.validators.pair import PairRules
from figwatch.validators.rules import assess
from figwatch.validators.state import KeyState
from figwatch.validators.summary import PairSummary

BASE_US = 1_000_000_000_000
TOPICS = ("mono.items", "inv.stock")


def row(value: str | None) -> dict[str, Any]:
    """The fields of a Change that say what a row holds."""
    if value is None:
        return {"fingerprint": None, "sketch": b""}
    short, _, long = value.partition(",")
    digest, known = _hash(f"long {long}"), long != "?"
    total = int.from_bytes(_hash(short), "big") + known * int.from_bytes(digest, "big")
    return {
        "fingerprint": (total % (1 << 128)).to_bytes(16, "big"),
        "sketch": _hash(short)[:2] + (digest[:2] if known else b"\0\0"),
        "unknown": () if known else (1,),
        "carried": ((1, digest),) if known else (),
    }


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass
class Timeline:
    """One pair on one judge."""

    partitions: int = 1
    base: int = 0
    """First offset that figwatch reads."""
    rules: dict[str, Any] = field(default_factory=dict)
    pairs: tuple[str, ...] = ("stock",)
    heard: bool = True

    def __post_init__(self) -> None:
        self.judge = self.new_judge()
        self.now_us = BASE_US
        self.log: list[c.Record] = []
        self.events: tuple[list[c.Change], list[c.Change]] = ([], [])
        self.ends: dict[tuple[str, int], int] = {}
        self.found: dict[tuple[str, bytes, int], Finding] = {}
        self._lsn = 100
        self._stored: dict[bytes, bytes] = {}
        self._exists: set[tuple[Side, str]] = set()
        for topic in TOPICS:
            self.apply(c.Topology(topic, self.partitions))
            for partition in range(self.partitions):
                self.ends[topic, partition] = self.base
                if self.heard:
                    self.apply(
                        c.Mark(topic, partition, self.base, self.base, None, streaming=False)
                    )

    def new_judge(self) -> Judge:
        rules = {"fenced": True, "disorder_us": 0} | self.rules
        columns = ("short", "long")
        return Judge(
            tuple(PairRules(p, TOPICS[:1], TOPICS[1:], columns, **rules) for p in self.pairs)
        )

    # -- what figwatch reads --------------------------------------------------------------------

    def apply(self, record: c.Record) -> Self:
        self.log.append(record)
        self.now_us += 1_000
        self.judge.apply(record, self.now_us)
        return self.evaluate()

    def evaluate(self) -> Self:
        for moved in self.judge.take_moved():
            self.judge.apply(moved, self.now_us)
        self.judge.evaluate(self.now_us)
        for finding in self.judge.take_findings():
            self.found[finding.pair, finding.key, finding.detected_us] = finding
        return self

    def source(self, value: str | None, **how: Any) -> Self:
        return self.change(Side.SOURCE, value, **how)

    def target(self, value: str | None, **how: Any) -> Self:
        return self.change(Side.TARGET, value, **how)

    def change(
        self, side: Side, value: str | None, *, key: str = "k", op: Op | None = None,
        at: float | None = None, lsn: int | None = None, tx: int | None = None,
        partition: int = 0, snapshot: Snapshot = Snapshot.NONE, moved: str | None = None,
        mark: bool = True, position: bool = True,
    ) -> Self:  # fmt: skip
        """One row event, and a mark behind it."""
        commit_us = self.at_us(at) if at is not None else self.now_us + 10_000
        self._lsn += 10
        lsn = self._lsn if lsn is None else lsn
        if op is None:
            op = Op.DELETE if value is None else Op.UPDATE
            op = Op.CREATE if op is Op.UPDATE and (side, key) not in self._exists else op
        op, snapshot = Op(op), Snapshot(snapshot)
        (self._exists.discard if value is None else self._exists.add)((side, key))
        events = [
            c.Change(
                pair=pair, side=side, key=key.encode(), op=op, commit_us=commit_us,
                position=(lsn, int(op is not Op.DELETE)) if position else None,
                tx=self._lsn if tx is None else tx,
                topic=TOPICS[side], partition=partition, offset=0, append_us=commit_us,
                snapshot=snapshot, moved=moved.encode() if moved else None, **row(value),
            )
            for pair in self.pairs
        ]  # fmt: skip
        return self.emit(events, mark=mark)

    def emit(self, events: list[c.Change], *, mark: bool = True) -> Self:
        """Give events the next offset of their partition and read them."""
        first = events[0]
        offset = self._next(first.side, first.partition)
        self.now_us = max(self.now_us, first.commit_us)
        for event in events:
            placed = c.msgspec.structs.replace(event, offset=offset)
            self.events[event.side].append(placed)
            self.apply(placed)
        return self.mark(placed) if mark else self

    def again(self, n: int, side: Side = Side.SOURCE, **how: Any) -> Self:
        """Debezium emits the n-th event of a side again, at a new offset."""
        return self.emit([c.msgspec.structs.replace(self.events[side][n], **how)])

    def mark(self, event: c.Change) -> Self:
        timed = event.snapshot is Snapshot.NONE
        span = None
        if event.snapshot in {Snapshot.ROW, Snapshot.LAST}:
            last = event.snapshot is Snapshot.LAST
            span = c.SnapshotSpan(event.offset, event.offset, event.commit_us, last)
        commit_us = event.commit_us if timed else None
        return self._mark(event.side, event.partition, event.offset, commit_us, span)

    def _mark(
        self, side: Side, partition: int, offset: int,
        commit_us: int | None = None, span: c.SnapshotSpan | None = None,
    ) -> Self:  # fmt: skip
        streaming = commit_us is not None
        return self.apply(
            c.Mark(TOPICS[side], partition, offset, offset + 1, commit_us, streaming, span)
        )

    def _next(self, side: Side, partition: int = 0) -> int:
        offset = self.ends[TOPICS[side], partition]
        self.ends[TOPICS[side], partition] = offset + 1
        return offset

    def unread(self, count: int = 1, side: Side = Side.SOURCE, partition: int = 0) -> Self:
        """Records that stand in the topic while figwatch has not read them."""
        self.ends[TOPICS[side], partition] += count
        return self

    def tombstone(self, key: str = "k", side: Side = Side.SOURCE) -> Self:
        offset, pair = self._next(side), self.pairs[0]
        self.apply(
            c.Change(
                pair, side, key.encode(), Op.TOMBSTONE, None, b"", self.now_us, None, None,
                TOPICS[side], 0, offset, self.now_us,
            )
        )  # fmt: skip
        return self._mark(side, 0, offset)

    def malformed(
        self, key: str | None = "k", side: Side = Side.SOURCE, *, keyless: bool = False
    ) -> Self:
        offset = self._next(side)
        pair = self.pairs[0] if key else None
        bad_key = key.encode() if key else None
        where = (TOPICS[side], 0, offset, self.now_us)
        self.apply(c.Malformed(pair, side, bad_key, "bad_json", "", *where, keyless))
        return self._mark(side, 0, offset)

    def gap(self, count: int = 1, side: Side = Side.SOURCE, partition: int = 0) -> Self:
        first = self.ends[TOPICS[side], partition]
        self.ends[TOPICS[side], partition] = first + count
        return self.apply(c.Gap(TOPICS[side], partition, first, first + count))

    def truncate(self, side: Side = Side.SOURCE, *, partition: int = 0, **how: Any) -> Self:
        self._lsn += 10
        commit_us = self.at_us(how["at"]) if "at" in how else self.now_us + 10_000
        self.now_us = max(self.now_us, commit_us)
        lsn = how.get("lsn", self._lsn)
        offset = self._next(side, partition)
        where = (TOPICS[side], partition, offset, commit_us)
        self.apply(c.Truncate(self.pairs[0], side, commit_us, (lsn, 1), *where))
        self._exists = {(s, k) for s, k in self._exists if s is not side}
        return self._mark(side, partition, offset, commit_us)

    def topology(self, partitions: int, side: Side = Side.SOURCE) -> Self:
        """Partitions were added."""
        for partition in range(self.partitions, partitions):
            self.ends[TOPICS[side], partition] = 0
        self.apply(c.Topology(TOPICS[side], partitions))
        for partition in range(self.partitions, partitions):
            self.apply(c.Mark(TOPICS[side], partition, 0, 0, None, streaming=False))
        return self

    # -- readings and time ----------------------------------------------------------------------

    def reading(
        self, committed: int | None = -1, end: int | None = None, partition: int = 0,
        *, end_only: bool = False, answer_ms: float = 1.0,
    ) -> Self:  # fmt: skip
        """A reading of a source partition, requested now; by default all is committed."""
        self.now_us += 1_000
        end = self.ends[TOPICS[0], partition] if end is None else end
        committed = end if committed == -1 else committed
        answered_us = self.now_us + round(answer_ms * 1_000)
        self.judge.read(
            c.Reading(TOPICS[0], partition, committed, end, self.now_us, answered_us, end_only)
        )
        self.now_us = answered_us
        return self.evaluate()

    def beat(self, at: float | None = None, side: Side | None = None) -> Self:
        """Heartbeats of both sides (or one), committed now or `at`."""
        commit_us = self.at_us(at) if at is not None else self.now_us + 1_000
        for one in Side if side is None else (side,):
            for partition in range(self.partitions):
                end = self.ends[TOPICS[one], partition]
                self.apply(c.Barrier(TOPICS[one], partition, end, commit_us))
        return self

    def wait(self, ms: float) -> Self:
        self.now_us += round(ms * 1_000)
        return self

    def settle(self) -> Self:
        """All that can prove anything: time passes, readings of every partition, heartbeats."""
        self.wait(2_000)
        for partition in range(self.partitions):
            self.reading(partition=partition)
        return self.wait(2_000).beat()

    def at_us(self, ms: float) -> int:
        return BASE_US + round(ms * 1_000)

    # -- failures of figwatch itself ------------------------------------------------------------

    def restart(self) -> Self:
        """Another worker takes over from the changelog."""
        self._stored |= dict(self.judge.take_dirty())
        self.judge = self.new_judge()
        self.judge.load(dict(self._stored), self.now_us)
        return self.evaluate()

    def reread(self, start: int = 0, end: int | None = None) -> Self:
        """Figwatch reads records again that it has read before."""
        for record in self.log[start:end]:
            self.now_us += 1_000
            self.judge.apply(record, self.now_us)
        return self.evaluate()

    # -- what it says ---------------------------------------------------------------------------

    def state(self, key: str = "k", pair: str = "stock") -> KeyState:
        state = self.judge.state_of(pair, key.encode())
        assert state is not None, f"{key} was never seen"
        return state

    def verdict(self, key: str = "k", pair: str = "stock") -> Verdict:
        return Verdict(self.state(key, pair).verdict)

    def reason(self, key: str = "k") -> Reason:
        return Reason(self.state(key).reason)

    def rule(self, key: str = "k") -> str:
        return assess(self.state(key), self.judge.pairs["stock"]).rule

    def findings(self) -> list[Finding]:
        return list(self.found.values())

    def finding(self) -> Finding:
        (finding,) = self.found.values()
        return finding

    def books(self, pair: str = "stock") -> PairSummary:
        return self.judge.summary(self.now_us).pairs[pair]

    def samples(self) -> int:
        return self.books().convergence.count
