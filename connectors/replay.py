"""`figwatch replay`: the decoder and the judge over a capture, in one process, with no Kafka.

Time is the lines' own. The same production code as the worker's; only the transport differs.
`figwatch.validators.result` makes the public JSON of what comes out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figwatch.connectors.capture import Capture, Line, RawReading, RawRecord
from figwatch.connectors.config.pair_rules import pair_rules, two_way
from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.outbox_definitions import definitions as outbox_definitions
from figwatch.connectors.outbox_definitions import topics_of as outbox_topics
from figwatch.connectors.saga_definitions import definitions, topics_of
from figwatch.connectors.survey import Survey, Where
from figwatch.connectors.writes_decoder import WritesDecoder
from figwatch.validators.change import (
    Barrier,
    Change,
    Gap,
    Heartbeat,
    Malformed,
    Mark,
    Op,
    Reading,
    Snapshot,
    SnapshotSpan,
    Topology,
)
from figwatch.validators.finding import Finding
from figwatch.validators.judge import Judge
from figwatch.validators.outbox.legs import Adjustment
from figwatch.validators.outcome import Verdict
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.summary import Summary
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, SagaEvent

EVALUATE_EVERY_US = 10_000
"""Pending keys are judged again when the capture's time has moved by this much."""

SETTLE_US = 200_000
"""Connect's producer writes to several partitions side by side: data that a heartbeat covers may be
appended shortly after it."""
ROUNDED_US = 1_000
"""Lines tell milliseconds: an answer may have come that much later."""


@dataclass(frozen=True)
class Replayed:
    """Outcome of a replay: the newest state of every finding, and the books."""

    as_of_us: int
    findings: tuple[Finding, ...]
    summary: Summary
    judge: Judge
    decoder: Decoder
    adjustments: tuple[Adjustment, ...] = ()
    """The newest changes that met their outbox events."""

    def key_names(self, pair: str, key: bytes) -> Mapping[str, Any]:
        """Canonical key to the source's column names and values."""
        return self.decoder.decode_key(pair, key)

    def verdict(self, pair: str, key: Mapping[str, Any]) -> Verdict | None:
        """Verdict of a key by the source's column names; None when it was never seen."""
        state = self.judge.state_of(pair, self.decoder.encode_key(pair, key))
        return Verdict(state.verdict) if state is not None else None


def replay(config: Config, paths: Sequence[Path]) -> Replayed:
    """Judge a capture. Raises `FigwatchError` for a file that cannot be read as one."""
    return Replay(config, Capture(paths)).run()


class Replay:
    """One pass over a capture."""

    def __init__(self, config: Config, capture: Iterable[Line]) -> None:
        self._config = config
        self._capture = capture
        self._decoder = WritesDecoder(config)
        rules = pair_rules(config)
        self._source_topics = {t for r in rules for t in r.source_topics}
        self._target_topics = {t for r in rules for t in r.target_topics}
        self._back_topics = {
            t for pair in config.pairs if pair.two_way for t in config.target_topics(pair)
        }
        self._row_topics = frozenset(self._source_topics | self._target_topics)
        self._saga_topics = {t: s for g in config.sagas for t, s in topics_of(config, g).items()}
        for box in config.outboxes:
            self._saga_topics |= outbox_topics(config, box)
        self._topics = self._row_topics | self._saga_topics.keys()
        self._survey = Survey(capture, self._topics)
        read = {topic for topic, _ in self._survey.readings}
        self._rules = pair_rules(config, readings=bool(read & self._source_topics))
        self._judge = self._new_judge()
        self._next: dict[Where, int] = {}
        self._waiting: dict[
            Where, tuple[int, bool]
        ] = {}  # heartbeats whose end offset is still to be read
        self._rows: set[str] = set()
        """Topics of heartbeat rows that the capture holds."""
        self._now_us = 0
        self._as_of_us = 0
        self._evaluated_us = 0
        self._answered_us = 0
        """Of readings that are still to be judged by: those of one answer are, all at once."""
        self._findings: dict[tuple[str, bytes, int], Finding] = {}

    def run(self) -> Replayed:
        """Feed every line, then judge once more at the end."""
        self._begin()
        for line in self._capture:
            self._line(line)
        return self._outcome()

    def _new_judge(self) -> PartitionJudge:
        both = two_way(self._config)
        return PartitionJudge(
            self._rules,
            definitions(self._config),
            two_way=both,
            outboxes=outbox_definitions(self._config),
        )

    def _line(self, line: Line) -> None:
        if isinstance(line, RawReading):
            if self._answered_us not in {0, line.answered_us}:
                self._evaluate()
            self._tick(line.answered_us)
            self._reading(line)
        else:
            if self._answered_us:
                self._evaluate()
            self._tick(line.append_us)
            self._record(line)

    def _outcome(self) -> Replayed:
        self._evaluate()
        summary = self._judge.summary(self._as_of_us)
        found = sorted(self._findings.values(), key=lambda f: (f.detected_us, f.pair, f.key))
        made = tuple(self._judge.outboxes.adjustments())
        return Replayed(
            self._as_of_us, tuple(found), summary, self._judge.rows, self._decoder.rows, made
        )

    def _begin(self) -> None:
        rows = self._decoder.rows.heartbeat_row_topics()
        # What the two sides' schemas have in common must be known before the first comparison.
        for line in self._capture:
            if isinstance(line, RawRecord):
                self._decoder.learn(line.topic, line.headers, line.key, line.value)
                if line.topic in rows:
                    self._rows.add(line.topic)
        self._announce()

    def _announce(self) -> None:
        for topic in sorted(self._topics):
            partitions = self._survey.partitions(topic)
            self._judge.apply(Topology(topic, len(partitions)), 0)
            for partition in partitions:
                first = self._survey.first_offset.get((topic, partition), 0)
                self._next[topic, partition] = first
                self._judge.apply(Mark(topic, partition, first, first, None, streaming=False), 0)

    def _tick(self, at_us: int) -> None:
        # Strictly rising, so that the file's order decides between lines of one millisecond.
        self._now_us = max(at_us, self._now_us + 1)
        self._as_of_us = max(self._as_of_us, at_us)
        if self._now_us - self._evaluated_us >= EVALUATE_EVERY_US:
            self._evaluate()

    def _evaluate(self) -> None:
        self._evaluated_us, self._answered_us = self._now_us, 0
        self._judge.evaluate(self._now_us)
        self._forward()
        self._publish(self._judge.take_findings())

    def _publish(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            self._findings[finding.pair, finding.key, finding.detected_us] = finding

    def _reading(self, line: RawReading) -> None:
        where = (line.topic, line.partition)
        if line.topic not in self._topics:
            return
        heartbeat = self._waiting.pop(where, None)
        if heartbeat is not None:
            self._judge.apply(Barrier(*where, line.end_offset, *heartbeat), self._now_us)
        if line.topic in self._source_topics or line.topic in self._back_topics:
            back = line.topic in self._back_topics
            side = self._config.source_side if back else self._config.target_side
            group = self._config.sides[side].consumer_group
            asked = group is not None and line.group == group
            self._judge.read(
                Reading(
                    *where,
                    line.committed if asked else None,
                    line.end_offset,
                    self._now_us,
                    line.answered_us + ROUNDED_US,
                    end_only=not asked,
                )
            )
        self._answered_us = line.answered_us

    def _record(self, raw: RawRecord) -> None:
        decoded = self._decoder.decode(
            raw.topic, raw.partition, raw.offset, raw.append_us, raw.headers, raw.key, raw.value
        )
        self._gap(raw)
        commit_us: int | None = None
        span: SnapshotSpan | None = None
        for record in decoded:
            if isinstance(record, Heartbeat):
                self._heartbeat(record)
                continue
            self._judge.apply(record, self._now_us)
            if isinstance(record, Malformed):
                continue
            if isinstance(record, Change) and _is_snapshot_row(record):
                finished = record.snapshot is Snapshot.LAST
                span = SnapshotSpan(
                    raw.offset, raw.offset, record.commit_us, finished, raw.append_us
                )
            elif isinstance(record, SagaEvent | OutboxChange | OutboxEvent):
                commit_us = record.at_us if record.committed else commit_us
            elif not isinstance(record, Change) or _is_log_event(record):
                commit_us = record.commit_us
        if raw.topic in self._topics:
            where = (raw.topic, raw.partition)
            self._next[where] = max(self._next.get(where, 0), raw.offset + 1)
            self._judge.apply(
                Mark(*where, raw.offset, self._next[where], commit_us, commit_us is not None, span),
                self._now_us,
            )
        self._forward()

    def _forward(self) -> None:
        for moved in self._judge.take_moved():
            self._judge.apply(moved, self._now_us)

    def _gap(self, raw: RawRecord) -> None:
        where = (raw.topic, raw.partition)
        expected = self._next.get(where)
        if expected is None or raw.offset <= expected:
            return
        side = self._config.source_side if raw.topic in self._source_topics else None
        side = side or self._saga_topics.get(raw.topic) or self._config.target_side
        if self._config.sides[side].offset_gaps == "suspect":
            self._judge.apply(Gap(*where, expected, raw.offset), self._now_us)

    def _heartbeat(self, heartbeat: Heartbeat) -> None:
        side = self._config.sides[heartbeat.side]
        if not heartbeat.exact and f"{side.topic_prefix}.{side.heartbeat_table}" in self._rows:
            return  # the connector's clock says nothing that its place in the log does not
        grace_us = 0 if heartbeat.exact else round(side.heartbeat_grace_seconds * 1e6)
        is_source = heartbeat.side == self._config.source_side
        proved_us = heartbeat.commit_us - grace_us
        sagas = {t for t, name in self._saga_topics.items() if name == heartbeat.side}
        for topic in sorted((self._source_topics if is_source else self._target_topics) | sagas):
            for partition in self._survey.partitions(topic):
                where = (topic, partition)
                if where in self._survey.readings:
                    beat = (proved_us, heartbeat.exact)
                    self._waiting[where] = max(beat, self._waiting.get(where, beat))
                else:
                    end = self._survey.end_offset(where, heartbeat.append_us + SETTLE_US)
                    barrier = Barrier(*where, end, proved_us, heartbeat.exact)
                    self._judge.apply(barrier, self._now_us)


def _is_snapshot_row(change: Change) -> bool:
    return change.op is Op.READ and change.snapshot in {Snapshot.ROW, Snapshot.LAST}


def _is_log_event(change: Change) -> bool:
    return change.snapshot is Snapshot.NONE and change.op in {Op.CREATE, Op.UPDATE, Op.DELETE}
