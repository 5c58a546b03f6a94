"""From decoded batches of a raw partition to the marks that may be sent: pure.

`observe` sums up one batch as a `Mark`, `Progress` puts the marks of delivered batches together
so that they never claim more than what every internal partition has, and `scattered` says to
which internal partitions a record goes. `figwatch.streams.decode_agent` does the sending; the
simulator runs the same code.
"""

from collections import deque
from collections.abc import Iterable
from typing import TypeAlias

import msgspec
import xxhash

from figwatch.validators.change import (
    Change,
    Gap,
    Heartbeat,
    Malformed,
    Mark,
    Op,
    Snapshot,
    SnapshotSpan,
    Truncate,
)
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, SagaEvent, Written

Decoded: TypeAlias = Change | Truncate | Malformed | Heartbeat | Gap | Written


def partition_of(pair: str, key: bytes, partitions: int) -> int:
    """Internal partition of a key: the same for both sides, on every machine."""
    return xxhash.xxh3_64_intdigest(pair.encode() + b"\0" + key) % partitions


def destination(record: Decoded, partitions: int) -> int | None:
    """Internal partition of a record; None when every one must know."""
    if isinstance(record, Change):
        return partition_of(record.pair, record.key, partitions)
    if isinstance(record, SagaEvent):
        return partition_of(record.saga, record.instance, partitions)
    if isinstance(record, OutboxChange | OutboxEvent):
        return partition_of(f"\0{record.outbox}", record.aggregate, partitions)
    if isinstance(record, Malformed) and record.pair is not None and record.key is not None:
        return partition_of(record.pair, record.key, partitions)
    return None


def observe(
    topic: str, partition: int, first: int, end: int, records: Iterable[Decoded]
) -> tuple[Mark, ...]:
    """Sum up what offsets `first` to `end` (exclusive) held: one mark, two around a new snapshot.

    Only log events move a watermark: a snapshot row, an incremental one too, carries the time of
    its reading, and a tombstone none.
    """
    done: list[Mark] = []
    commit_us, streaming, span = 0, False, None
    for record in records:
        if isinstance(record, SagaEvent | OutboxChange) and record.committed:
            commit_us = max(commit_us, record.at_us)
        if isinstance(record, Change):  # nearly always, and asked of every record
            if record.op is _READ and record.snapshot in _ROWS:
                if streaming or (span is not None and span.finished):
                    stop = record.offset
                    done.append(
                        Mark(topic, partition, first, stop, commit_us or None, streaming, span)
                    )
                    first, commit_us, streaming, span = stop, 0, False, None
                span = _span(span, record)
                continue
            if record.snapshot is not _LOG or record.op is _READ or record.op is _TOMBSTONE:
                continue
        elif not isinstance(record, Truncate):
            continue
        if span is not None and not span.finished:
            span = msgspec.structs.replace(span, finished=True)
        streaming = True
        if record.commit_us > commit_us:  # noqa: PLR1730  # `max` costs three times as much
            commit_us = record.commit_us
    return (*done, Mark(topic, partition, first, end, commit_us or None, streaming, span))


_ROWS = frozenset({Snapshot.ROW, Snapshot.LAST})
# looking a member up in its enum costs more than the comparison
_LOG, _READ, _TOMBSTONE = Snapshot.NONE, Op.READ, Op.TOMBSTONE


def _span(span: SnapshotSpan | None, row: Change) -> SnapshotSpan:
    finished = row.snapshot is Snapshot.LAST
    if span is None:
        return SnapshotSpan(row.offset, row.offset, row.commit_us, finished, row.append_us)
    return SnapshotSpan(span.first_offset, row.offset, span.commit_us, finished, span.append_us)


def merge(first: Mark, second: Mark) -> Mark | None:
    """Join two marks of neighbouring stretches; None where one mark cannot say both.

    That is where a snapshot begins after log events or after another snapshot: the reader needs
    to see the first stretch end to know that the snapshot is a new one.
    """
    old, new = first.snapshot, second.snapshot
    if new is not None and (first.streaming or (old is not None and old.finished)):
        return None
    span = new or old
    if old is not None and new is not None:
        span = SnapshotSpan(
            old.first_offset, new.last_offset, old.commit_us, new.finished, old.append_us
        )
    if span is not None and second.streaming and not span.finished:
        span = msgspec.structs.replace(span, finished=True)
    times = [us for us in (first.commit_us, second.commit_us) if us is not None]
    return Mark(
        first.topic,
        first.partition,
        first.start_offset,
        max(first.next_offset, second.next_offset),
        max(times, default=None),
        streaming=first.streaming or second.streaming,
        snapshot=span,
    )


class Batch:
    """One input batch on its way: its marks count once it, and all before it, were delivered."""

    __slots__ = ("delivered", "marks")

    def __init__(self, marks: tuple[Mark, ...]) -> None:
        self.marks = marks
        self.delivered = False


class Progress:
    """Marks of one raw partition: those on their way, those that may be told."""

    def __init__(self, topic: str, partition: int, position: int) -> None:
        self.next_offset = position
        """Behind the last batch that was taken."""
        self.told_offset = -1
        """Behind the last mark that was told; -1: none, not even where reading begins."""
        self._way: deque[Batch] = deque()
        self._ready: list[Mark] = [
            Mark(topic, partition, position, position, None, streaming=False)
        ]

    def take(self, marks: tuple[Mark, ...]) -> Batch:
        """Remember a batch that is being delivered."""
        batch = Batch(marks)
        self._way.append(batch)
        self.next_offset = marks[-1].next_offset
        return batch

    def delivered(self, batch: Batch) -> None:
        """Note that every record of a batch was acknowledged; batches may finish in any order."""
        batch.delivered = True
        while self._way and self._way[0].delivered:
            for mark in self._way.popleft().marks:
                merged = merge(self._ready[-1], mark) if self._ready else None
                if merged is None:
                    self._ready.append(mark)
                else:
                    self._ready[-1] = merged

    def tell(self) -> list[Mark]:
        """Take the marks that may be sent now."""
        ready, self._ready = self._ready, []
        if ready:
            self.told_offset = ready[-1].next_offset
        return ready
