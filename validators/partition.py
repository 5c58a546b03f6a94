"""Everything that is judged in one partition of `<app>-changes`: rows, and what writes add to them.

Speaks like `figwatch.validators.judge.Judge`, which it holds, so that the worker and the replay
drive one thing. Sagas go to `figwatch.validators.sagas.judge`; a pair that is replicated both ways
is judged in both directions, and `figwatch.validators.writes.turning` says whose judgement counts.
"""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TypeVar

import msgspec

from figwatch.validators import layout
from figwatch.validators.change import (
    Change,
    Forwarded,
    Gap,
    Malformed,
    Reading,
    Record,
    Snapshot,
    SweepAnswer,
)
from figwatch.validators.finding import Finding
from figwatch.validators.judge import Judge
from figwatch.validators.outbox.decide import Ground
from figwatch.validators.outbox.definition import Definition as Outbox
from figwatch.validators.outbox.judge import OutboxJudge
from figwatch.validators.pair import PairRules
from figwatch.validators.sagas.definition import Definition
from figwatch.validators.sagas.judge import SagaJudge
from figwatch.validators.state import KeyState
from figwatch.validators.summary import Summary
from figwatch.validators.writes.mirror import SUFFIX, is_mirror, mirrored, mirrored_rules
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, SagaEvent, Trip, Turn
from figwatch.validators.writes.turning import PREFIX as TURN
from figwatch.validators.writes.turning import Turning, pack_turn, unpack_turn
from figwatch.validators.writes.turning_summary import combined

NEVER_US = 1 << 62


class PartitionJudge:
    """State of one partition. Clock values are microseconds and only passed in."""

    def __init__(
        self,
        pairs: tuple[PairRules, ...],
        sagas: Sequence[Definition] = (),
        partition: int = 0,
        two_way: Mapping[str, bool] | None = None,
        outboxes: Sequence[Outbox] = (),
    ) -> None:
        """`two_way`: pairs that are replicated both ways, each with whether the replicator back
        has a consumer group to prove with.
        """
        both = two_way or {}
        mirrors = [mirrored_rules(p, fenced=both[p.name]) for p in pairs if p.name in both]
        self.rows = Judge((*pairs, *mirrors), partition)
        self.turnings = {name: Turning(self.rows, name) for name in both}
        self.sagas = SagaJudge(sagas, self.rows.watermark_us)
        self._layout_told = False
        """The changelog says of which version its layout is."""
        self.outboxes = OutboxJudge(outboxes, self._ground, self._leads)
        for name, pair in self.rows.pairs.items():
            pair.legs = self.outboxes.follow(name.removesuffix(SUFFIX), pair.rules.source_topics)
        self._row_topics = frozenset(t for p in pairs for t in p.source_topics + p.target_topics)

    # -- records ---------------------------------------------------------------------------------

    def apply(self, record: Record, now_us: int) -> None:
        """Apply one record; one already applied (raw offset not beyond) changes nothing."""
        if isinstance(record, SagaEvent):
            self._saga_event(record, now_us)
        elif isinstance(record, OutboxChange | OutboxEvent):
            self._outbox_record(record, now_us)
        elif isinstance(record, Malformed):
            self._malformed(record, now_us)
        elif isinstance(record, Gap):
            self._gap(record, now_us)
        elif isinstance(record, Trip):
            self.outboxes.trip(record)
        elif isinstance(record, Turn):
            if record.pair in self.turnings:
                self.turnings[record.pair].turn(record, now_us)
        else:
            self._row(record, now_us)

    def _row(self, record: Record, now_us: int) -> None:
        """Rows of a pair that is judged both ways are its mirror's, too."""
        if getattr(record, "pair", None) not in self.turnings:
            self.rows.apply(record, now_us)
            return
        written = record if isinstance(record, Change) and self._is_write(record) else None
        self.rows.apply(record, now_us)
        self.rows.apply(mirrored(record), now_us)
        if written is not None:
            self.turnings[written.pair].changed(written)

    def _is_write(self, change: Change) -> bool:
        """Whether a change was written, not read, and was not applied before."""
        if change.snapshot is not Snapshot.NONE:
            return False
        _, stream = self.rows.place(change.topic, change.partition)
        return stream.is_new(change.offset, change.pair, change.key)

    def _saga_event(self, event: SagaEvent, now_us: int) -> None:
        place, stream = self.rows.place(event.topic, event.partition)
        if stream.first_sight(event.offset, f"\0{event.saga}", event.instance):
            from_start = stream.kept.base == 0
            self.sagas.apply(event, place, now_us, from_start=from_start)

    def _outbox_record(self, record: OutboxChange | OutboxEvent, now_us: int) -> None:
        _, stream = self.rows.place(record.topic, record.partition)
        if stream.first_sight(record.offset, f"\0{record.outbox}", record.aggregate):
            self.outboxes.apply(record, now_us)

    def _ground(self, outbox: Outbox) -> Ground:
        """What the streams say of an outbox. Where they are not read from their beginning, or a
        snapshot came first, all that is told is what came after both were known.
        """
        topics = (outbox.table_topic, outbox.event_topic)
        table_us, events_us = (max(0, self.rows.watermark_us((topic,))) for topic in topics)
        kept = [stream.kept for stream in self.rows.streams if stream.kept.topic in topics]
        spans = [one.span for one in kept if one.span is not None]
        from_us = max((span.commit_us for span in spans), default=0)
        if spans:  # it lasts until the first event of the log
            logs = [one.log_append_us for one in kept if one.log_append_us]
            from_us = max(from_us, min(logs, default=NEVER_US))
        return Ground(table_us, events_us, from_us, any(one.base > 0 for one in kept))

    def _leads(self, pair: str, lead: int, at_us: int) -> bool:
        """Whether a side led a pair at an instant: figwatch keeps the newest turn only."""
        turning = self.turnings.get(pair)
        if turning is None or not turning.kept.at_us:
            return lead == 0
        kept = turning.kept
        return kept.lead == lead if at_us >= kept.at_us else kept.lead != lead

    def _malformed(self, bad: Malformed, now_us: int) -> None:
        """An unreadable record may have been any saga's; one of rows is the rows' business."""
        if bad.topic in self._row_topics:
            before = self.rows.place(bad.topic, bad.partition)[1].kept.seen_offset
            self._row(bad, now_us)
            new = bad.offset > before
        else:
            _, stream = self.rows.place(bad.topic, bad.partition)
            new = stream.first_sight(bad.offset, "", bad.key)
            if new:
                self.rows.ledger.books.malformed(bad)
        if new:
            self.sagas.lost(bad.topic, bad.append_us)
            self.outboxes.lost(bad.topic, bad.append_us)

    def _gap(self, gap: Gap, now_us: int) -> None:
        _, stream = self.rows.place(gap.topic, gap.partition)
        if gap.end > stream.kept.next_offset:
            self.sagas.lost(gap.topic, now_us)
            self.outboxes.lost(gap.topic, now_us)
        if gap.topic in self._row_topics:
            self.rows.apply(gap, now_us)

    def read(self, reading: Reading) -> None:
        """Take one reading of a replicator."""
        self.rows.read(reading)

    def evaluate(self, now_us: int) -> None:
        """Judge again whatever time, marks or readings can have settled."""
        self.rows.evaluate(now_us)
        for turning in self.turnings.values():
            turning.evaluate(now_us)
        self.sagas.evaluate(now_us)
        self.outboxes.evaluate(now_us)

    # -- what leaves -----------------------------------------------------------------------------

    def take_findings(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        return [_seen_outside(finding) for finding in self.rows.take_findings()]

    def take_moved(self) -> list[Forwarded]:
        """Records for `<app>-changes`, to be routed by (pair, key) like any change."""
        # The mirror's are made of these when they come.
        moved = [moved for moved in self.rows.take_moved() if not is_mirror(moved.pair)]
        return [*moved, *self.outboxes.take_trips()]

    def take_answers(self) -> list[SweepAnswer]:
        """What became of a sweep's suspects since the last call."""
        answers = self.rows.take_answers()
        return [_seen_outside(a) for a in answers if is_mirror(a.pair) is self._turned(a.pair)]

    def _turned(self, pair: str) -> bool:
        """Whether the other direction leads now."""
        turning = self.turnings.get(pair.removesuffix(SUFFIX))
        return turning is not None and turning.way == 1

    def take_dirty(self) -> Iterator[tuple[bytes, bytes | None]]:
        """State changed since the last call, the partition's own record last: where a crash cuts
        it off, what it covers is applied again.
        """
        told, self._layout_told = self._layout_told, True
        if not told:  # first: nothing of this version may stand without it
            yield layout.KEY, layout.RECORD
        yield from self.sagas.take_dirty()
        yield from self.outboxes.take_dirty()
        yield from (pack_turn(turning) for turning in self.turnings.values() if turning.is_dirty)
        yield from self.rows.take_dirty()

    def load(self, states: MutableMapping[bytes, bytes], now_us: int) -> None:
        """Restore from changelog records; takes `states` over.

        Raises:
            msgspec.DecodeError: of a version that this figwatch does not read.
        """
        self._layout_told = layout.check(states)
        self.sagas.load(states)
        self.outboxes.load(states)
        for name, turning in self.turnings.items():
            packed = states.pop(TURN + name.encode(), None)
            if packed is not None:
                unpack_turn(turning, packed)
        self.rows.load(states, now_us)

    def summary(self, now_us: int, worker: str = "") -> Summary:
        """Mergeable counts of this partition at `now_us`."""
        summary = self.rows.summary(now_us, worker)
        summary.sagas = self.sagas.summary()
        summary.outboxes = self.outboxes.summary()
        for name, turning in self.turnings.items():
            forward, back = summary.pairs[name], summary.pairs.pop(name + SUFFIX)
            summary.pairs[name] = combined(forward, back, turning.kept, turning.way)
            summary.pairs[name].conflicts = dict(turning.turmoil.counts)
            summary.pairs[name].conflicts_listed = list(turning.turmoil.listed)
            summary.pairs[name].echoes = turning.echoes.summary()
        return summary

    def state_of(self, pair: str, key: bytes) -> KeyState | None:
        """State of one key, for `explain`."""
        return self.rows.state_of(pair + SUFFIX if self._turned(pair) else pair, key)


_Named = TypeVar("_Named", Finding, SweepAnswer)


def _seen_outside(record: _Named) -> _Named:
    """A record under its pair's name, in whichever direction it was made."""
    if not is_mirror(record.pair):
        return record
    return msgspec.structs.replace(record, pair=record.pair.removesuffix(SUFFIX))
