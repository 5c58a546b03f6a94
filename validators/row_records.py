"""What the logs say of rows, applied to keys: changes, moved columns, truncates, malformed records.

`figwatch.validators.history` changes a key, `figwatch.validators.convergence` measures,
`figwatch.validators.settling` judges it.
"""

from figwatch.validators import fence_trust, history, order, truncation
from figwatch.validators.books import Books
from figwatch.validators.change import Change, Malformed, Moved, Op, Side, Snapshot, Truncate
from figwatch.validators.convergence import forget_coalesced, source_explains, target_shows
from figwatch.validators.history import Effect
from figwatch.validators.key_table import KeyTable, table_key
from figwatch.validators.outcome import Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.settling import Settling
from figwatch.validators.state import KeyState, Source, Target
from figwatch.validators.stream import Stream
from figwatch.validators.surroundings import Surroundings

MAX_PARKED = 10_000
"""Moved columns that wait for their row; beyond it the oldest is dropped and its row is unknown."""


class RowRecords:
    """Applies records of rows; one already applied (raw offset not beyond) changes nothing."""

    def __init__(
        self, around: Surroundings, table: KeyTable, books: Books, settling: Settling
    ) -> None:
        self._around, self._table, self._books = around, table, books
        self._settling = settling
        self.truncates: dict[str, list[Truncate | None]] = {}
        """The last one of each side of a pair."""
        self.moved: list[Moved] = []
        """Long values on their way to the partition of their row's new key."""
        self._parked: dict[tuple[str, Side, bytes], Moved] = {}

    def change(self, change: Change, now_us: int) -> None:
        """Apply a row event."""
        pair = self._around.pairs.get(change.pair)
        if pair is None:  # a pair that the configuration no longer has
            return
        index, stream = self._around.place(change.topic, change.partition)
        if not stream.first_sight(change.offset, change.pair, change.key):
            return
        key = table_key(change.pair, change.key)
        state = self._table.get(key)
        if change.side is Side.SOURCE:
            effect = self._source_change(pair, state, change, index, stream, now_us)
        else:
            effect = self._target_change(pair, state, change, index, stream, now_us)
        if effect is Effect.NOTHING:
            return
        if effect is Effect.DUPLICATE:
            self._books.duplicate(pair, change)
        else:
            if _is_timed(change):
                kept = stream.kept
                kept.new_offset, kept.new_us = change.offset, change.commit_us
                kept.log_append_us = kept.log_append_us or change.append_us
            self._books.counted(pair, change)
            self._after_truncate(pair, state, change, now_us)
            if change.unknown and change.moved is not None:
                parked = self._parked.pop((change.pair, change.side, change.key), None)
                if parked is not None:
                    history.move_in(state, parked)
        self._settling.settle(key, pair, state, now_us)

    def _source_change(
        self, pair: Pair, state: KeyState, change: Change, index: int, stream: Stream, now_us: int
    ) -> Effect:
        source = state.source
        leaving = _leaving(change, source, index, stream)
        lost = source is not None and bool(source.track.fault)
        if source is not None and source.ring:
            pair.spread = pair.spread or source.track.stream not in {-1, index}
            if state.verdict == Verdict.CONSISTENT and pair.given_up(source, state.target):
                forget_coalesced(source)
        effect = history.apply_source(state, change, index, stream.kept.taint, pair.rules.ring_size)
        if effect in {Effect.NEW, Effect.SAME} and state.source is not None:
            self.moved += leaving
            if effect is Effect.SAME:
                key = table_key(change.pair, change.key)
                fence_trust.written_again(pair, key, index, change.offset)
            self._hold_times(pair, stream, change, lost=lost)
            clocks_us = pair.rules.clocks_us
            shown = state.source.shown
            samples = source_explains(state.source, state.target, clocks_us)
            self._books.converged(pair, samples, now_us)
            if pair.legs and samples:
                _tell_legs(pair, change.key, state.source, shown, samples)
        return effect

    def _target_change(
        self, pair: Pair, state: KeyState, change: Change, index: int, stream: Stream, now_us: int
    ) -> Effect:
        leaving = _leaving(change, state.target, index, stream)
        lost = state.target is not None and bool(state.target.track.fault)
        effect = history.apply_target(state, change, index, stream.kept.taint, now_us)
        if effect in {Effect.NEW, Effect.SAME} and state.target is not None:
            self.moved += leaving
            if self._hold_times(pair, stream, change, lost=lost):
                self._untruthful(stream, change.commit_us, now_us)
            shown = state.source.shown if state.source is not None else -1
            samples = target_shows(
                state.source, state.target, change.commit_us, timed=_is_timed(change),
                new=effect is Effect.NEW, clocks_us=pair.rules.clocks_us,
            )  # fmt: skip
            self._books.converged(pair, samples, now_us)
            if pair.legs and samples and state.source is not None:
                _tell_legs(pair, change.key, state.source, shown, samples)
            # What leaves the row as it was shows nothing that did not stand there already.
            if effect is Effect.NEW and _is_timed(change):
                key = table_key(change.pair, change.key)
                fence_trust.suspect(pair, key, state, shown, change.commit_us, now_us)
        return effect

    def _hold_times(self, pair: Pair, stream: Stream, change: Change, *, lost: bool) -> bool:
        """Hold an event's commit time against its log's order and its stream's watermark.

        Returns whether it is late: the log is in order, so a heartbeat ran ahead of it. Times that
        fall along the log are those of statements (MySQL), or figwatch could not read the event
        when it was first emitted. They prove nothing wrong: a statement's time is not later than
        its commit's, so the watermark is not ahead of the log.
        """
        kept = stream.kept
        if not _is_timed(change):
            return False
        falls = change.commit_us < kept.latest_us - pair.rules.disorder_us
        kept.latest_us = max(kept.latest_us, change.commit_us)
        if falls and not (lost or kept.base > 0 or kept.taint > 0):
            self._books.alarm(pair, "time_regression")
        return not falls and change.commit_us < kept.watermark_us

    def _untruthful(self, stream: Stream, commit_us: int, now_us: int) -> None:
        """A target event from before the watermark: a heartbeat ran ahead of the log. Findings
        since are void, the grace is raised by what it was short of.
        """
        kept = stream.kept
        kept.extra_grace_us += kept.watermark_us - commit_us
        kept.watermark_us = commit_us
        stream.dirty = self._around.stale = True
        pairs = [p for p in self._around.pairs.values() if stream in p.streams[Side.TARGET]]
        for pair in pairs:
            self._books.alarm(pair, "late_target_event")
        self._settling.withdraw_since(pairs, commit_us, now_us)

    def _after_truncate(self, pair: Pair, state: KeyState, change: Change, now_us: int) -> None:
        """An event read after a truncate that was committed before it (another partition)."""
        truncate = self.truncates.get(change.pair, [None, None])[change.side]
        side = state.target if change.side is Side.TARGET else state.source
        if truncate is None or side is None or truncation.came_after(side.track, truncate):
            return
        if change.side is Side.TARGET:
            truncation.truncate_target(state, truncate, now_us)
        elif state.source is not None:
            index = self._around.place(truncate.topic, truncate.partition)[0]
            truncation.empty_source(state, state.source, truncate, index, pair.rules.ring_size)

    def move_in(self, moved: Moved, now_us: int) -> None:
        """Give a moved row its long values, or park them until it comes."""
        pair = self._around.pairs.get(moved.pair)
        if pair is None:
            return
        key = table_key(moved.pair, moved.key)
        state = self._table.get(key)
        if history.move_in(state, moved):
            self._settling.settle(key, pair, state, now_us)
            return
        if len(self._parked) >= MAX_PARKED:
            del self._parked[next(iter(self._parked))]
        self._parked[moved.pair, moved.side, moved.key] = moved

    def truncate(self, truncate: Truncate, now_us: int) -> None:
        """Empty one side of a pair."""
        pair = self._around.pairs.get(truncate.pair)
        if pair is None:
            return
        index, stream = self._around.place(truncate.topic, truncate.partition)
        if not stream.first_sight(truncate.offset, truncate.pair, None):
            return
        last = self.truncates.setdefault(truncate.pair, [None, None])
        last[truncate.side] = truncate
        self._around.dirty = True
        for key in self._table.keys_of(pair.rules.name):
            state = self._table.get(key)
            if truncate.side is Side.SOURCE:
                truncation.truncate_source(state, truncate, index, pair.rules.ring_size)
            elif truncation.truncate_target(state, truncate, now_us) and state.target is not None:
                samples = target_shows(
                    state.source, state.target, truncate.commit_us, timed=True, new=True,
                    clocks_us=pair.rules.clocks_us,
                )  # fmt: skip
                self._books.converged(pair, samples, now_us)
            self._settling.settle(key, pair, state, now_us)

    def malformed(self, bad: Malformed, now_us: int) -> None:
        """A record that could not be read: its key, or its partition, is not known any more."""
        index, stream = self._around.place(bad.topic, bad.partition)
        if not stream.first_sight(bad.offset, bad.pair or "", bad.key):
            return
        self._books.malformed(bad)
        pair = self._around.pairs.get(bad.pair or "")
        if bad.key is None or pair is None:
            stream.taint(bad.offset + 1, Reason.MALFORMED_PARTITION)
            if bad.keyless:
                self._around.distrust_topic(bad.topic, Reason.MALFORMED_PARTITION)
            self._around.recheck_topic(bad.topic)
            return
        key = table_key(pair.rules.name, bad.key)
        state = self._table.get(key)
        history.malformed(state, index, bad.offset, source=bad.side is Side.SOURCE)
        self._settling.settle(key, pair, state, now_us)


def _leaving(
    change: Change, row: Source | Target | None, index: int, stream: Stream
) -> list[Moved]:
    """Long values that go with a moved row to its new key, which may live in another partition;
    asked before the delete is applied. None where an event between may have changed them.
    """
    if change.op is not Op.DELETE or change.moved is None or row is None:
        return []
    if not row.track.carried or order.is_faulty(row.track, index, stream.kept.taint):
        return []
    sketch = row.ring[-1].sketch if isinstance(row, Source) else row.sketch
    # The create of a move has the position of its delete but for the last part (see Change).
    position = (*change.position[:-1], 1) if change.position else None
    return [
        Moved(
            change.pair,
            change.side,
            change.moved,
            position,
            change.commit_us,
            row.track.carried,
            sketch,
            change.topic,
            change.partition,
            change.offset,
        )
    ]


def _tell_legs(pair: Pair, key: bytes, source: Source, before: int, samples_us: list[int]) -> None:
    """The other side showed versions beyond the one at `before`: whoever leads, because only what
    published an event counts.
    """
    for legs in pair.legs:
        legs.shown(key, source, before, samples_us)


def _is_timed(change: Change) -> bool:
    """Whether it has a commit time: an event of the log, not a snapshot's read."""
    return change.snapshot is Snapshot.NONE and change.op is not Op.TOMBSTONE
