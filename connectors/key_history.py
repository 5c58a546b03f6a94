"""One key's records out of the raw topics, and what the judge makes of them: for `explain`.

The topics are read back from the newest `limits.explain_records_max` records of each, decoded, and
only what bears on the key is kept: its own records and the outbox events that tell of them, the
ends of each partition, where a snapshot ends, heartbeats. `figwatch.connectors.replay` judges that
with the rules of production.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from figwatch.connectors.capture import Line, RawReading, RawRecord
from figwatch.connectors.config.root import Config, PairConfig
from figwatch.connectors.kafka.admin import KafkaAdmin, Span
from figwatch.connectors.kafka.cluster import Where
from figwatch.connectors.kafka.reader import read_spans
from figwatch.connectors.outbox_decoder import Fact
from figwatch.connectors.outbox_definitions import table_topic
from figwatch.connectors.replay import Replay, Replayed
from figwatch.connectors.writes_decoder import WritesDecoder
from figwatch.validators.change import Change, Heartbeat, Malformed, Snapshot, Truncate
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, SagaEvent

HEARTBEAT_WAIT_SECONDS = 5.0
"""How long to wait for a heartbeat of the target that is younger than the reading: only then can
the reading prove anything."""
POLL_SECONDS = 0.25
HEARTBEATS_KEPT = 200
"""Newest heartbeats of a topic that are looked at."""


@dataclass(frozen=True)
class Version:
    """One event of the key, with the raw record it came in."""

    change: Change | Truncate | Malformed
    raw: RawRecord


@dataclass(frozen=True)
class History:
    """The events of `key` in the order in which they were appended, and the judgement of them.

    `partial` says that older records exist than were looked at; `left_out` counts versions beyond
    limits.explain_versions_max, the oldest.
    """

    key: bytes
    versions: tuple[Version, ...]
    replayed: Replayed
    scanned: int
    partial: bool
    left_out: int


class Lines:
    """A capture in memory, oldest first."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = sorted(lines, key=_at_us)

    def __iter__(self) -> Iterator[Line]:
        """The lines, as often as wanted."""
        return iter(self._lines)


def read_history(config: Config, pair: PairConfig, keys: tuple[bytes, ...]) -> History:
    """Read the topics of the pair and judge the key: the first of `keys` that has any event.

    A key typed by a person may mean several ("7" as a number or as text) where the configuration
    names no type.

    Raises:
        FigwatchError: Kafka does not answer, or a topic is missing.
    """
    return _Search(config, pair, keys).run()


class _Search:
    def __init__(self, config: Config, pair: PairConfig, keys: tuple[bytes, ...]) -> None:
        data = [*config.source_topics(pair), *config.target_topics(pair)]
        self._config = config.model_copy(
            update={
                "pairs": [pair],
                "sagas": [],
                "outboxes": [box for box in config.outboxes if table_topic(config, box) in data],
                # Records of other keys are left out on purpose: their offsets are no gaps.
                "sides": {
                    name: side.model_copy(update={"offset_gaps": "ignore"})
                    for name, side in config.sides.items()
                },
            }
        )
        self._keys, self._seen_keys = keys, set[bytes]()
        self._admin = KafkaAdmin(config.kafka, config.limits.kafka_timeout_seconds)
        self._decoder = WritesDecoder(self._config)
        self._source_topics = config.source_topics(pair)
        self._data = data
        self._events = {box.topic for box in self._config.outboxes} - set(data)
        present = self._admin.topics()
        self._partitions = {
            name: present[name]
            for name in [*self._data, *self._events, *self._heartbeat_topics()]
            if name in present
        }
        self._told: dict[bytes, list[RawRecord]] = {}
        self._aggregates: set[bytes] = set()
        """Events by aggregate, and the aggregates that the key's rows belong to."""
        self._kept: dict[tuple[str, int, int], RawRecord] = {}
        self._last: dict[Where, RawRecord] = {}
        self._in_snapshot: dict[Where, bool] = {}
        self._versions: list[Version] = []
        self._left_out = 0
        self._scanned = 0
        self._target_beat_us = 0

    def run(self) -> History:
        spans = self._admin.spans(self._partitions)
        readings = self._readings(spans)
        asked_us = readings[0].answered_us if readings else 0
        wanted = {where: self._newest(where, span) for where, span in spans.items()}
        self._read(wanted)
        self._wait_for_heartbeat(spans, asked_us)
        told = [raw for aggregate in self._aggregates for raw in self._told.get(aggregate, ())]
        lines: list[Line] = [*self._kept.values(), *readings, *told]
        lines += [last for last in self._last.values() if _where3(last) not in self._kept]
        key = next((key for key in self._keys if key in self._seen_keys), self._keys[0])
        return History(
            key,
            tuple(self._versions),
            Replay(self._config, Lines(lines)).run(),
            self._scanned,
            any(wanted[w].begin > spans[w].begin for w in wanted if w[0] in self._data),
            self._left_out,
        )

    def _heartbeat_topics(self) -> list[str]:
        names = []
        for side in self._config.sides.values():
            table = side.heartbeat_table
            names += [side.heartbeat_topic, f"{side.topic_prefix}.{table}" if table else None]
        return [name for name in names if name]

    def _newest(self, where: Where, span: Span) -> Span:
        most = HEARTBEATS_KEPT
        if where[0] in self._data or where[0] in self._events:
            partitions = max(1, self._partitions[where[0]])
            most = max(1, self._config.limits.explain_records_max // partitions)
        return Span(max(span.begin, span.end - most), span.end)

    def _readings(self, spans: Mapping[Where, Span]) -> list[RawReading]:
        """What the replicator has committed, then the ends, then the time of the answer."""
        group = self._config.sides[self._config.target_side].consumer_group
        source = {n: self._partitions[n] for n in self._source_topics if n in self._partitions}
        committed = self._admin.committed(group, source) if group else {}
        ends = self._admin.spans(source)
        answered_us = time.time_ns() // 1000
        return [
            RawReading(*where, group, committed.get(where), ends[where].end, answered_us)
            for where in spans
            if where in ends
        ]

    def _read(self, spans: Mapping[Where, Span]) -> None:
        kafka, limits = self._config.kafka, self._config.limits
        for raw in read_spans(kafka, spans, limits.kafka_timeout_seconds):
            self._scanned += raw.topic in self._data
            self._look_at(raw)

    def _look_at(self, raw: RawRecord) -> None:
        if raw.topic in self._events:
            self._look_at_event(raw)
            return
        where = (raw.topic, raw.partition)
        if raw.topic not in self._data or where not in self._last:
            self._kept[_where3(raw)] = raw
        self._last[where] = raw
        concerned = False
        for record in self._decode(raw):
            if isinstance(record, OutboxChange):  # behind the pair's own change
                self._aggregates |= {record.aggregate} if concerned else set()
            elif not isinstance(record, SagaEvent | OutboxEvent):
                concerned |= self._look_at_fact(record, raw)
        self._leave_out()

    def _look_at_fact(
        self, record: Change | Truncate | Malformed | Heartbeat, raw: RawRecord
    ) -> bool:
        """Returns whether it bears on the key."""
        if isinstance(record, Heartbeat):
            if record.side == self._config.target_side:
                self._target_beat_us = max(self._target_beat_us, record.commit_us)
            return False
        if self._concerns(record):
            self._kept[_where3(raw)] = raw
            if not isinstance(record, Change) or record.key in self._keys:
                self._versions.append(Version(record, raw))
            if not isinstance(record, Truncate) and record.key is not None:
                self._seen_keys.add(record.key)
            return True
        if isinstance(record, Change) and self._ends_snapshot((raw.topic, raw.partition), record):
            self._kept[_where3(raw)] = raw
        return False

    def _leave_out(self) -> None:
        """The oldest versions beyond the limit."""
        over = len(self._versions) - self._config.limits.explain_versions_max
        if over > 0:
            self._versions.sort(key=lambda version: version.raw.append_us)
            del self._versions[:over]
            self._left_out += over

    def _decode(self, raw: RawRecord) -> Iterable[Fact]:
        return self._decoder.decode(
            raw.topic, raw.partition, raw.offset, raw.append_us, raw.headers, raw.key, raw.value
        )

    def _look_at_event(self, raw: RawRecord) -> None:
        for record in self._decode(raw):
            if isinstance(record, OutboxEvent):
                self._told.setdefault(record.aggregate, []).append(raw)

    def _concerns(self, record: Change | Truncate | Malformed) -> bool:
        if isinstance(record, Truncate):
            return True
        if isinstance(record, Malformed):
            return record.key is None or record.key in self._keys
        return record.key in self._keys or record.moved in self._keys

    def _ends_snapshot(self, where: Where, change: Change) -> bool:
        """The last row of a snapshot, and the first event of the log after one."""
        in_log = change.snapshot is Snapshot.NONE
        was_in_log = self._in_snapshot.get(where) is False
        self._in_snapshot[where] = not in_log
        return change.snapshot is Snapshot.LAST or (in_log and not was_in_log)

    def _wait_for_heartbeat(self, spans: Mapping[Where, Span], asked_us: int) -> None:
        beats = {n: c for n, c in self._partitions.items() if n not in self._data}
        read = {where: span.end for where, span in spans.items()}
        deadline = time.monotonic() + (HEARTBEAT_WAIT_SECONDS if beats else 0)
        while self._target_beat_us <= asked_us and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            # The data first: a heartbeat says that everything before it is there.
            for names in (beats, {n: c for n, c in self._partitions.items() if n in self._data}):
                now = self._admin.spans(names)
                self._read({where: Span(read[where], span.end) for where, span in now.items()})
                read |= {where: span.end for where, span in now.items()}


def _where3(raw: RawRecord) -> tuple[str, int, int]:
    return raw.topic, raw.partition, raw.offset


def _at_us(line: Line) -> int:
    return line.append_us if isinstance(line, RawRecord) else line.answered_us
