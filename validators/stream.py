"""What is known of one raw partition: how far it was applied, its watermark, its coverage, and the
readings of the replicator on it.

`figwatch.validators.pair` asks; `figwatch.validators.surroundings` tells.
"""

from bisect import bisect_left
from collections import deque

import msgspec

from figwatch.validators.change import Barrier, Mark, Reading
from figwatch.validators.outcome import Reason

MAX_READINGS = 256
"""Readings kept for a partition; beyond it every second one is forgotten, which only delays."""
BROKERS_APART_US = 1_000_000
"""Bound on the clocks of two Kafka brokers against each other."""
MAX_BARRIERS = 256
"""Heartbeats waiting for consumption to pass; beyond it every second one is forgotten."""


class Span(msgspec.Struct, array_like=True, gc=False):
    """The newest snapshot seen in the partition."""

    first_offset: int
    last_offset: int
    commit_us: int
    finished: bool


class Coverage(msgspec.Struct, array_like=True, gc=False):
    """The part of a stream's state that is kept in the changelog."""

    topic: str
    partition: int
    base: int = -1
    """First offset that figwatch read; -1 before anything is known."""
    next_offset: int = 0
    """Everything below has been applied, by a mark."""
    watermark_us: int = 0
    """Everything committed before it has been applied; 0: none yet."""
    taint: int = 0
    """Keys whose last good event stands below this offset are unknown, for `taint_reason`."""
    taint_reason: Reason = Reason.NONE
    streaming: bool = False
    """A log event was seen."""
    span: Span | None = None
    seen_offset: int = -1
    """Highest raw offset of a record applied here (a re-READ record is not beyond it)."""
    new_offset: int = -1
    """Raw offset of the last event that was no duplicate: it releases the emission frontier."""
    extra_grace_us: int = 0
    """Added to heartbeats after one was found to have run ahead of the log."""
    new_us: int = 0
    """Commit time of the event at `new_offset`."""
    latest_us: int = 0
    """Greatest commit time of a log event."""
    log_append_us: int = 0
    """Kafka's time of the first log event (0: none seen)."""
    seen: list[tuple[str, bytes | None]] = []
    """The (pair, key) applied of the record at `seen_offset`."""


class Stream:
    """Coverage of one raw partition plus the readings and barriers not yet used."""

    def __init__(self, coverage: Coverage) -> None:
        self.kept = coverage
        self.dirty = True
        self.latest: Reading | None = None
        self.rewound_us = 0
        """Answer time of the last reading whose committed offset was below the one before."""
        self.covered_us = -1
        """Latest request time of a reading up to whose end offset everything is applied."""
        self.asked = False
        """A reading of this partition was taken."""
        self._waiting: deque[Reading] = deque()
        self._covered: list[Reading] = []
        self._answers: list[int] = []
        self._barriers: deque[Barrier] = deque()

    def first_sight(self, offset: int, pair: str, key: bytes | None) -> bool:
        """Return whether this record of (pair, key) has not been applied before."""
        kept = self.kept
        if offset < kept.next_offset or offset < kept.seen_offset:
            return False
        if offset > kept.seen_offset:
            kept.seen_offset = offset
            kept.seen = [(pair, key)]
            return True
        if (pair, key) in kept.seen:
            return False
        kept.seen.append((pair, key))
        return True

    def is_new(self, offset: int, pair: str, key: bytes | None) -> bool:
        """What `first_sight` would say, without taking note of it."""
        kept = self.kept
        if offset < kept.next_offset or offset < kept.seen_offset:
            return False
        return offset > kept.seen_offset or (pair, key) not in kept.seen

    def mark(self, mark: Mark, disorder_us: int, log_append_us: int = 0) -> bool:
        """Move forward to a mark; returns whether it says a NEW snapshot has begun.

        `log_append_us` is Kafka's time of the first log event in any partition of the topic.
        """
        kept = self.kept
        if kept.base < 0:
            kept.base = mark.start_offset
        if mark.next_offset <= kept.next_offset and kept.next_offset:
            return False
        self.dirty = True
        began = self._snapshot(mark, log_append_us)
        kept.next_offset = mark.next_offset
        if mark.streaming:
            kept.streaming = True
        if mark.commit_us is not None:
            kept.latest_us = max(kept.latest_us, mark.commit_us)
            kept.watermark_us = max(kept.watermark_us, mark.commit_us - disorder_us)
        self._advance()
        return began

    def _snapshot(self, mark: Mark, log_append_us: int) -> bool:
        kept, seen = self.kept, mark.snapshot
        if seen is None:
            if kept.span is not None and mark.streaming:
                kept.span.finished = True
            return False
        old = kept.span
        if old is not None and old.commit_us == seen.commit_us:
            old.last_offset = seen.last_offset
            old.finished = old.finished or seen.finished
            return False
        began = kept.streaming or (old is not None and old.finished)
        # A connector emits one thing after the other, so a row that was appended after another
        # partition's log event is none of the initial snapshot.
        began = began or 0 < log_append_us < seen.append_us - BROKERS_APART_US
        if old is not None and not began:  # MySQL gives each row its own time
            old.last_offset, old.finished = seen.last_offset, seen.finished
            return False
        kept.span = Span(seen.first_offset, seen.last_offset, seen.commit_us, seen.finished)
        return began

    def barrier(self, barrier: Barrier) -> None:
        """Remember a heartbeat until consumption passes its end offset."""
        if len(self._barriers) >= MAX_BARRIERS:
            self._barriers = deque(list(self._barriers)[1::2])
        self._barriers.append(barrier)
        self._advance()

    def read(self, reading: Reading) -> None:
        """Take a reading; useful once everything up to its end offset is applied."""
        if reading.end_only:
            self._wait(reading)
            return
        if self.latest is not None and reading.answered_us < self.latest.answered_us:
            # Answers are searched in order; a later time only asks for more.
            reading = msgspec.structs.replace(reading, answered_us=self.latest.answered_us)
        before = self.latest.committed if self.latest is not None else None
        if before is not None and reading.committed is not None and reading.committed < before:
            self.rewound_us = reading.answered_us
        self.latest = reading
        self._wait(reading)

    def _wait(self, reading: Reading) -> None:
        self.asked = True
        if len(self._waiting) >= MAX_READINGS:
            self._waiting = deque(list(self._waiting)[1::2])
        self._waiting.append(reading)
        self._advance()

    def _advance(self) -> None:
        kept = self.kept
        while self._barriers and self._barriers[0].end_offset <= kept.next_offset:
            barrier = self._barriers.popleft()
            if barrier.exact:
                kept.latest_us = max(kept.latest_us, barrier.commit_us)
            proved = barrier.commit_us - kept.extra_grace_us
            if proved > kept.watermark_us:
                kept.watermark_us = proved
                self.dirty = True
        while self._waiting and self._waiting[0].end_offset <= kept.next_offset:
            reading = self._waiting.popleft()
            self.covered_us = max(self.covered_us, reading.requested_us)
            if not reading.end_only:
                self._covered.append(reading)
                self._answers.append(reading.answered_us)
        if len(self._covered) > MAX_READINGS:
            del self._covered[1:-1:2]
            self._answers = [r.answered_us for r in self._covered]

    def ripe(self, target_watermark_us: int, skew_us: int) -> Reading | None:
        """Return the newest covered reading whose answer the target's watermark has passed.

        Whatever the replicator had committed by then has been read. Times in microseconds.
        """
        i = bisect_left(self._answers, target_watermark_us - skew_us)
        return self._covered[i - 1] if i else None

    def forget(self, answered_us: int) -> None:
        """Drop covered readings answered before `answered_us`, the newest of them excepted."""
        i = bisect_left(self._answers, answered_us) - 1
        if i > 0:
            del self._covered[:i], self._answers[:i]

    def restart_readings(self) -> None:
        """Forget every reading: after a restore, proofs start afresh."""
        self.latest, self.covered_us = None, -1
        self._waiting.clear()
        self._covered.clear()
        self._answers.clear()

    def taint(self, offset: int, reason: Reason) -> None:
        """From here back the keys of this partition are unknown until their next good event."""
        if offset > self.kept.taint:
            self.kept.taint, self.kept.taint_reason = offset, reason
            self.dirty = True

    @property
    def applied_to(self) -> int:
        """Offset behind all that was applied or is known to be lost, marked or not."""
        return max(self.kept.next_offset, self.kept.seen_offset + 1, self.kept.taint)

    def history_from(self) -> int:
        """First offset from which the history of a key that was never seen is known, or -1.

        Either the partition was read from its beginning without loss, or a finished snapshot
        began after the loss.
        """
        kept = self.kept
        lost = max(kept.base, kept.taint)
        if kept.base < 0:
            return -1
        if lost == 0:
            return 0
        span = kept.span
        # A snapshot whose first row stands right behind the loss may have begun before it.
        return lost if span is not None and span.finished and span.first_offset > lost else -1
