"""Everything that is judged in one partition of `<app>-changes`: rows, and what writes add to them.

Speaks like `figwatch.validators.judge.Judge`, which it holds, so that the worker and the replay
drive one thing. Sagas go to `figwatch.validators.sagas.judge`.
"""

from collections.abc import Iterable, Iterator, Sequence

from figwatch.validators.change import Gap, Malformed, Moved, Reading, Record, SweepAnswer
from figwatch.validators.finding import Finding
from figwatch.validators.judge import Judge
from figwatch.validators.pair import PairRules
from figwatch.validators.sagas.definition import Definition
from figwatch.validators.sagas.judge import SagaJudge
from figwatch.validators.state import KeyState
from figwatch.validators.summary import Summary
from figwatch.validators.write_records import SagaEvent


class PartitionJudge:
    """State of one partition. Clock values are microseconds and only passed in."""

    def __init__(
        self, pairs: tuple[PairRules, ...], sagas: Sequence[Definition] = (), partition: int = 0
    ) -> None:
        self.rows = Judge(pairs, partition)
        self.sagas = SagaJudge(sagas, self.rows.watermark_us)
        self._row_topics = frozenset(t for p in pairs for t in p.source_topics + p.target_topics)

    # -- records ---------------------------------------------------------------------------------

    def apply(self, record: Record, now_us: int) -> None:
        """Apply one record; one already applied (raw offset not beyond) changes nothing."""
        if isinstance(record, SagaEvent):
            self._saga_event(record, now_us)
        elif isinstance(record, Malformed):
            self._malformed(record, now_us)
        elif isinstance(record, Gap):
            self._gap(record, now_us)
        else:
            self.rows.apply(record, now_us)

    def _saga_event(self, event: SagaEvent, now_us: int) -> None:
        place, stream = self.rows.place(event.topic, event.partition)
        if stream.first_sight(event.offset, f"\0{event.saga}", event.instance):
            from_start = stream.kept.base == 0
            self.sagas.apply(event, place, now_us, from_start=from_start)

    def _malformed(self, bad: Malformed, now_us: int) -> None:
        """An unreadable record may have been any saga's; one of rows is the rows' business."""
        if bad.topic in self._row_topics:
            before = self.rows.place(bad.topic, bad.partition)[1].kept.seen_offset
            self.rows.apply(bad, now_us)
            new = bad.offset > before
        else:
            _, stream = self.rows.place(bad.topic, bad.partition)
            new = stream.first_sight(bad.offset, "", bad.key)
            if new:
                self.rows.ledger.malformed(bad)
        if new:
            self.sagas.lost(bad.topic, bad.append_us)

    def _gap(self, gap: Gap, now_us: int) -> None:
        _, stream = self.rows.place(gap.topic, gap.partition)
        if gap.end > stream.kept.next_offset:
            self.sagas.lost(gap.topic, now_us)
        if gap.topic in self._row_topics:
            self.rows.apply(gap, now_us)

    def read(self, reading: Reading) -> None:
        """Take one reading of a replicator."""
        self.rows.read(reading)

    def evaluate(self, now_us: int) -> None:
        """Judge again whatever time, marks or readings can have settled."""
        self.rows.evaluate(now_us)
        self.sagas.evaluate(now_us)

    # -- what leaves -----------------------------------------------------------------------------

    def take_findings(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        return self.rows.take_findings()

    def take_moved(self) -> list[Moved]:
        """Records for `<app>-changes`, to be routed by (pair, key) like any change."""
        return self.rows.take_moved()

    def take_answers(self) -> list[SweepAnswer]:
        """What became of a sweep's suspects since the last call."""
        return self.rows.take_answers()

    def take_dirty(self) -> Iterator[tuple[bytes, bytes | None]]:
        """State changed since the last call, the partition's own record last: where a crash cuts
        it off, what it covers is applied again.
        """
        yield from self.sagas.take_dirty()
        yield from self.rows.take_dirty()

    def load(self, items: Iterable[tuple[bytes, bytes]], now_us: int) -> None:
        """Restore from changelog records."""
        states = dict(items)
        self.sagas.load(states)
        self.rows.load(states.items(), now_us)

    def summary(self, now_us: int, worker: str = "") -> Summary:
        """Mergeable counts of this partition at `now_us`."""
        summary = self.rows.summary(now_us, worker)
        summary.sagas = self.sagas.summary()
        return summary

    def state_of(self, pair: str, key: bytes) -> KeyState | None:
        """State of one key, for `explain`."""
        return self.rows.state_of(pair, key)
