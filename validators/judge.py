"""One judge for each internal partition: applies what the decoder says, keeps each key's state,
asks the rules, opens and closes findings. Pure: `now_us` comes in with every call.

`figwatch.validators.history` changes a key, `figwatch.validators.rules` judges it,
`figwatch.validators.ledger` turns judgements into counts and findings.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from figwatch.validators import fence_trust, history
from figwatch.validators.change import (
    Barrier,
    Change,
    Gap,
    Malformed,
    Mark,
    Moved,
    Op,
    Reading,
    Record,
    Side,
    Snapshot,
    Suspect,
    SweepAnswer,
    SweepEnd,
    Topology,
    Truncate,
)
from figwatch.validators.convergence import forget_coalesced, source_explains, target_shows
from figwatch.validators.finding import Finding
from figwatch.validators.history import Effect
from figwatch.validators.ledger import Ledger, LedgerState
from figwatch.validators.outcome import Judgement, Reason, Verdict
from figwatch.validators.packing import pack, unpack
from figwatch.validators.pair import Epoch, Pair, PairRules
from figwatch.validators.resting import Resting, may_rest, share
from figwatch.validators.rules import assess
from figwatch.validators.state import KeyState, Source, Target
from figwatch.validators.stream import Coverage, Stream
from figwatch.validators.summary import Summary
from figwatch.validators.sweep_settlement import (
    Pending,
    Settlement,
    answer_of,
    equal_sighting,
    known_before,
    settle,
    sighting,
)

MAX_PARKED = 10_000
"""Moved columns that wait for their row; beyond it the oldest is dropped and its row is unknown."""

MAX_SUSPECTS = 10_000
"""A sweep's suspects that wait for the streams; beyond it the oldest is left to the next sweep."""

META = b"\0meta"
"""Key of the partition's own record in the join table; pair names start with a letter."""


class Meta(msgspec.Struct, array_like=True, gc=False):
    """What the partition keeps besides its keys."""

    streams: list[Coverage]
    expected: dict[str, int]
    epochs: dict[str, list[Epoch | None]]
    truncates: dict[str, list[Truncate | None]]
    demoted: list[str]
    ledger: LedgerState
    spread: list[str] = []


_META_ENCODER = msgspec.msgpack.Encoder()
_META_DECODER = msgspec.msgpack.Decoder(Meta)


class Judge:
    """State of one partition of `<app>-changes`."""

    def __init__(self, pairs: tuple[PairRules, ...], partition: int = 0) -> None:
        self.partition = partition
        self.streams: list[Stream] = []
        self.pairs = {rules.name: Pair(rules, self.streams) for rules in pairs}
        self.ledger = Ledger(self.pairs, partition)
        self._index: dict[tuple[str, int], int] = {}
        self._expected: dict[str, int] = {}
        self._truncates: dict[str, list[Truncate | None]] = {}
        self._keys: dict[bytes, bytes] = {}
        self._unsettled: dict[bytes, KeyState] = {}
        self._resting_keys: set[bytes] = set()
        """Those of the packed keys that are not consistent."""
        self._resting = {rules.name: Resting() for rules in pairs}
        self._dirty: set[bytes] = set()
        self._meta_dirty = False
        self._recheck: set[str] = set()
        self._parked: dict[tuple[str, Side, bytes], Moved] = {}
        self._moved: list[Moved] = []
        self._suspects: dict[bytes, Pending] = {}
        self._answers: list[SweepAnswer] = []
        self._sweeps: dict[str, tuple[str, dict[int, int]]] = {}
        self._stale = True
        self._appliers: dict[type, Callable[[Any, int], None]] = {
            Change: self._change,
            Mark: self._mark,
            Barrier: self._barrier,
            Malformed: self._malformed,
            Truncate: self._truncate,
            Gap: self._gap,
            Moved: self._move_in,
            Topology: self._topology,
            Suspect: self._suspect,
            SweepEnd: self._sweep_end,
        }

    # -- records ------------------------------------------------------------------------------

    def apply(self, record: Record, now_us: int) -> None:
        """Apply one record; one already applied (raw offset not beyond) changes nothing."""
        self._appliers[type(record)](record, now_us)

    def _change(self, change: Change, now_us: int) -> None:
        pair = self.pairs.get(change.pair)
        if pair is None:  # a pair that the configuration no longer has
            return
        index, stream = self._stream(change.topic, change.partition)
        if not stream.first_sight(change.offset, change.pair, change.key):
            return
        key = table_key(change.pair, change.key)
        state = self._get(key)
        if change.side is Side.SOURCE:
            effect = self._source_change(pair, state, change, index, stream, now_us)
        else:
            effect = self._target_change(pair, state, change, index, stream, now_us)
        if effect is Effect.NOTHING:
            return
        if effect is Effect.DUPLICATE:
            self.ledger.duplicate(pair, change)
        else:
            if _is_timed(change):
                kept = stream.kept
                kept.new_offset, kept.new_us = change.offset, change.commit_us
                kept.log_append_us = kept.log_append_us or change.append_us
            self.ledger.counted(pair, change)
            self._after_truncate(pair, state, change, now_us)
            if change.unknown and change.moved is not None:
                parked = self._parked.pop((change.pair, change.side, change.key), None)
                if parked is not None:
                    history.move_in(state, parked)
        self._settle(key, pair, state, now_us)

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
            self._moved += leaving
            if effect is Effect.SAME:
                key = table_key(change.pair, change.key)
                fence_trust.written_again(pair, key, index, change.offset)
            self._hold_times(pair, stream, change, lost=lost)
            clocks_us = pair.rules.clocks_us
            samples = source_explains(state.source, state.target, clocks_us)
            self.ledger.converged(pair, samples, now_us)
        return effect

    def _target_change(
        self, pair: Pair, state: KeyState, change: Change, index: int, stream: Stream, now_us: int
    ) -> Effect:
        leaving = _leaving(change, state.target, index, stream)
        lost = state.target is not None and bool(state.target.track.fault)
        effect = history.apply_target(state, change, index, stream.kept.taint, now_us)
        if effect in {Effect.NEW, Effect.SAME} and state.target is not None:
            self._moved += leaving
            if self._hold_times(pair, stream, change, lost=lost):
                self._untruthful(stream, change.commit_us, now_us)
            shown = state.source.shown if state.source is not None else -1
            samples = target_shows(
                state.source, state.target, change.commit_us, timed=_is_timed(change),
                new=effect is Effect.NEW, clocks_us=pair.rules.clocks_us,
            )  # fmt: skip
            self.ledger.converged(pair, samples, now_us)
            if _is_timed(change):
                key = table_key(change.pair, change.key)
                fence_trust.suspect(pair, key, state, shown, change.commit_us, now_us)
        return effect

    def _watch_fence(self) -> None:
        for pair in self.pairs.values():
            if not pair.suspicions:
                continue
            trusted = not pair.demoted
            for _ in range(fence_trust.convict(pair, self._get)):
                self.ledger.alarm(pair, "written_after_commit")
            if trusted and pair.demoted:
                self.ledger.alarm(pair, "fence_demoted")
                self._recheck.add(pair.rules.name)

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
            self.ledger.alarm(pair, "time_regression")
        return not falls and change.commit_us < kept.watermark_us

    def _untruthful(self, stream: Stream, commit_us: int, now_us: int) -> None:
        """A target event from before the watermark: a heartbeat ran ahead of the log. Findings
        since are void, the grace is raised by what it was short of.
        """
        kept = stream.kept
        kept.extra_grace_us += kept.watermark_us - commit_us
        kept.watermark_us = commit_us
        stream.dirty = self._stale = True
        pairs = [p for p in self.pairs.values() if stream in p.streams[Side.TARGET]]
        for pair in pairs:
            self.ledger.alarm(pair, "late_target_event")
            self.ledger.withdraw_resolved(pair, commit_us - pair.rules.skew_us)
        for key in [*self._unsettled, *self._resting_keys]:
            pair, finding = self._pair_of(key), self._peek(key).finding
            since_us = commit_us - pair.rules.skew_us
            if finding is not None and finding.detected_us >= since_us and pair in pairs:
                state = self._get(key)
                self.ledger.withdraw(pair, key, state, now_us)
                self._settle(key, pair, state, now_us)

    def _after_truncate(self, pair: Pair, state: KeyState, change: Change, now_us: int) -> None:
        """An event read after a truncate that was committed before it (another partition)."""
        truncate = self._truncates.get(change.pair, [None, None])[change.side]
        side = state.target if change.side is Side.TARGET else state.source
        if truncate is None or side is None or history.came_after(side.track, truncate):
            return
        if change.side is Side.TARGET:
            history.truncate_target(state, truncate, now_us)
        elif state.source is not None:
            index = self._index[truncate.topic, truncate.partition]
            history.empty_source(state, state.source, truncate, index, pair.rules.ring_size)

    def _move_in(self, moved: Moved, now_us: int) -> None:
        pair = self.pairs.get(moved.pair)
        if pair is None:
            return
        key = table_key(moved.pair, moved.key)
        state = self._get(key)
        if history.move_in(state, moved):
            self._settle(key, pair, state, now_us)
            return
        if len(self._parked) >= MAX_PARKED:
            del self._parked[next(iter(self._parked))]
        self._parked[moved.pair, moved.side, moved.key] = moved

    def _truncate(self, truncate: Truncate, now_us: int) -> None:
        pair = self.pairs.get(truncate.pair)
        if pair is None:
            return
        index, stream = self._stream(truncate.topic, truncate.partition)
        if not stream.first_sight(truncate.offset, truncate.pair, None):
            return
        last = self._truncates.setdefault(truncate.pair, [None, None])
        last[truncate.side] = truncate
        self._meta_dirty = True
        for key in [k for k in self._keys if self._pair_of(k) is pair]:
            state = self._get(key)
            if truncate.side is Side.SOURCE:
                history.truncate_source(state, truncate, index, pair.rules.ring_size)
            elif history.truncate_target(state, truncate, now_us) and state.target is not None:
                samples = target_shows(
                    state.source, state.target, truncate.commit_us, timed=True, new=True,
                    clocks_us=pair.rules.clocks_us,
                )  # fmt: skip
                self.ledger.converged(pair, samples, now_us)
            self._settle(key, pair, state, now_us)

    def _malformed(self, bad: Malformed, now_us: int) -> None:
        index, stream = self._stream(bad.topic, bad.partition)
        if not stream.first_sight(bad.offset, bad.pair or "", bad.key):
            return
        self.ledger.malformed(bad)
        pair = self.pairs.get(bad.pair or "")
        if bad.key is None or pair is None:
            stream.taint(bad.offset + 1, Reason.MALFORMED_PARTITION)
            self._recheck_topic(bad.topic)
            return
        key = table_key(pair.rules.name, bad.key)
        state = self._get(key)
        history.malformed(state, index, bad.offset, source=bad.side is Side.SOURCE)
        self._settle(key, pair, state, now_us)

    def _gap(self, gap: Gap, now_us: int) -> None:
        del now_us
        _, stream = self._stream(gap.topic, gap.partition)
        if gap.distrust:
            stream.taint(gap.end, Reason.SCHEMA_CHANGED)
            self._recheck_topic(gap.topic)
        elif gap.end > stream.kept.next_offset:
            stream.taint(gap.end, Reason.GAP)
            self._recheck_topic(gap.topic)

    def _mark(self, mark: Mark, now_us: int) -> None:
        _, stream = self._stream(mark.topic, mark.partition)
        log_us = 0
        if mark.snapshot is not None:
            firsts = (s.kept.log_append_us for s in self.streams if s.kept.topic == mark.topic)
            log_us = min((us for us in firsts if us), default=0)
        known = stream.history_from()
        began = stream.mark(mark, self._disorder_us(mark.topic), log_us)
        if known < 0 <= stream.history_from():
            self._recheck_topic(mark.topic)
        self._stale = True
        for pair in self.pairs.values():
            for side in Side:
                if mark.topic in pair.rules.topics(side):
                    self._epoch(pair, side, mark if began else None)
            if mark.snapshot is not None and mark.topic in pair.rules.target_topics:
                pair.absent = now_us, max(pair.absent[1], mark.snapshot.commit_us)

    def _epoch(self, pair: Pair, side: Side, began: Mark | None) -> None:
        epoch = pair.epochs[side]
        if began is not None and began.snapshot is not None:
            commit_us = began.snapshot.commit_us
            if epoch is None or commit_us > epoch.commit_us:
                pair.epochs[side] = epoch = Epoch(commit_us)
                self._recheck.add(pair.rules.name)
        if epoch is not None and not epoch.finished:
            spans = [s.kept.span for s in pair.streams[side] if s.kept.span is not None]
            if any(s.finished and s.commit_us >= epoch.commit_us for s in spans):
                epoch.finished = True
                self._recheck.add(pair.rules.name)

    def _barrier(self, barrier: Barrier, now_us: int) -> None:
        del now_us
        self._stream(barrier.topic, barrier.partition)[1].barrier(barrier)
        self._stale = True

    def _topology(self, topology: Topology, now_us: int) -> None:
        del now_us
        before = self._expected.get(topology.topic, 0)
        if topology.partitions <= before:
            return  # partitions are never taken away: told late by a worker that asked earlier
        self._meta_dirty = True
        self._expected[topology.topic] = topology.partitions
        for pair in self.pairs.values():
            if before and topology.topic in pair.rules.source_topics:
                pair.spread = True
        self._stale = True

    def read(self, reading: Reading) -> None:
        """Take one reading of the replicator (live: handed to every judge of the worker)."""
        _, stream = self._stream(reading.topic, reading.partition)
        stream.read(reading)
        self._stale = True

    def _suspect(self, suspect: Suspect, now_us: int) -> None:
        if suspect.pair not in self.pairs:
            return
        key = table_key(suspect.pair, suspect.key)
        if key not in self._suspects and len(self._suspects) >= MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]
        self._suspects[key] = Pending(suspect)
        self._settle_suspect(key, now_us)

    def _settle_suspect(self, key: bytes, now_us: int) -> None:
        pair, state, pending = self._pair_of(key), self._get(key), self._suspects[key]
        if self._stale:
            self._refresh()
        outcome = settle(pending, state, pair)
        if outcome is Settlement.WAITING:
            return
        del self._suspects[key]
        if outcome in (Settlement.FINDING, Settlement.EQUAL):
            state.swept = sighting(pending.suspect, state, pair)
            self._settle(key, pair, state, now_us)
        if pending.suspect.sweep:
            self._answers.append(answer_of(pending.suspect, outcome, state))

    def _sweep_end(self, end: SweepEnd, now_us: int) -> None:
        """A sweep begins, or has come to its end: whatever was unknown when it began, or rests on
        an earlier sweep, and was equal in both tables gets its state from that.
        """
        pair = self.pairs.get(end.pair)
        if pair is None:
            return
        if not end.ended_us:
            applied = {index: s.applied_to for index, s in enumerate(self.streams)}
            self._sweeps[end.pair] = end.sweep, applied
            return
        self.ledger.swept(pair, end)
        self._meta_dirty = True
        sweep, applied = self._sweeps.get(end.pair, ("", {}))
        if (
            not end.whole or end.doubted is None or sweep != end.sweep
        ):  # its beginning was another worker's
            return
        taints = [s.kept.taint > applied.get(index, 0) for index, s in enumerate(self.streams)]
        if any(taints):  # lost while it swept: the next one will tell
            return
        doubted = {table_key(end.pair, key) for key in end.doubted}
        for key in [*self._unsettled, *self._resting_keys]:
            state = self._peek(key)
            untold = state.verdict == Verdict.UNKNOWN or state.swept is not None
            if key in doubted or not untold or self._pair_of(key) is not pair:
                continue
            if known_before(state, applied):
                seen = equal_sighting(end, key[key.index(b"\0") + 1 :])
                self._suspects[key] = Pending(seen)
                self._settle_suspect(key, now_us)

    # -- judging ------------------------------------------------------------------------------

    def evaluate(self, now_us: int) -> None:
        """Judge again every key that time, marks or readings can have settled."""
        self._refresh()
        self._watch_fence()
        for key in list(self._suspects):
            self._settle_suspect(key, now_us)
        for key, state in list(self._unsettled.items()):
            pair = self._pair_of(key)
            if state.verdict != Verdict.DIVERGENT:
                self._settle(key, pair, state, now_us, again=True)
            elif may_rest(state, pair):
                self._rest(key, pair, state)
        for pair in self.pairs.values():
            if self.ledger.room_for_withheld(pair):
                self._list_withheld(pair)
        for name in self._recheck:
            pair = self.pairs[name]
            for key in [k for k in self._keys if self._pair_of(k) is pair]:
                self._settle(key, pair, self._get(key), now_us, again=True)
        self._recheck.clear()

    def settle(self, key: bytes, now_us: int, judgement: Judgement | None = None) -> None:
        """Judge a key of the join table now, or book a judgement that was made elsewhere."""
        self._settle(key, self._pair_of(key), self._get(key), now_us, judgement)

    def _list_withheld(self, pair: Pair) -> None:
        for key in [*self._unsettled, *self._resting_keys]:
            finding = self._peek(key).finding
            if self._pair_of(key) is pair and finding is not None and not finding.listed:
                self.ledger.list_withheld(pair, key, self._get(key))
                self._keys[key] = b""
                self._dirty.add(key)

    def _settle(
        self, key: bytes, pair: Pair, state: KeyState, now_us: int,
        given: Judgement | None = None, *, again: bool = False,
    ) -> None:  # fmt: skip
        """Judge a key; `again`: nothing has changed but what is known of its surroundings."""
        if self._stale:
            self._refresh()
        before = _said(state) if again else None
        found = given if given is not None else assess(state, pair)
        if found.verdict is Verdict.DIVERGENT and given is None and state.finding is None:
            found = found if pair.may_open(key, state) else _left_to_others(found)
        self.ledger.settle(pair, key, state, found, now_us)
        if state.verdict == Verdict.CONSISTENT or may_rest(state, pair):
            self._rest(key, pair, state)
            return
        if key not in self._unsettled or before != _said(state):
            self._keys[key] = b""  # unlike the changelog from now on
            self._dirty.add(key)
        self._unsettled[key] = state

    def _rest(self, key: bytes, pair: Pair, state: KeyState) -> None:
        """Pack a key that only its own next event, or a look at the whole pair, can change."""
        packed = pack(state)
        self._unsettled.pop(key, None)
        # Judged again and still the same: the changelog has it already.
        if packed != self._keys.get(key):
            self._keys[key] = packed
            self._dirty.add(key)
        if state.verdict != Verdict.CONSISTENT:
            self._resting_keys.add(key)
            self._resting[pair.rules.name].add(share(state))

    def _refresh(self) -> None:
        for pair in self.pairs.values():
            pair.refresh(self._expected)
        self._stale = False

    def _peek(self, key: bytes) -> KeyState:
        """State of a key, to look at."""
        state = self._unsettled.get(key)
        if state is None:
            packed = self._keys.get(key)
            state = unpack(packed) if packed else KeyState()
        return state

    def _get(self, key: bytes) -> KeyState:
        """State of a key, to change: one that rests wakes."""
        state = self._peek(key)
        if key in self._resting_keys:
            self._resting_keys.discard(key)
            self._resting[self._pair_of(key).rules.name].add(share(state), -1)
            self._unsettled[key] = state
        return state

    def _pair_of(self, key: bytes) -> Pair:
        return self.pairs[key[: key.index(b"\0")].decode()]

    def _stream(self, topic: str, partition: int) -> tuple[int, Stream]:
        index = self._index.get((topic, partition))
        if index is None:
            index = self._add_stream(Coverage(topic, partition))
        return index, self.streams[index]

    def _add_stream(self, coverage: Coverage) -> int:
        index = len(self.streams)
        self.streams.append(Stream(coverage))
        self._index[coverage.topic, coverage.partition] = index
        for pair in self.pairs.values():
            for side in Side:
                if coverage.topic in pair.rules.topics(side):
                    pair.add_stream(side, index)
        self._stale = True
        return index

    def _disorder_us(self, topic: str) -> int:
        of_topic = (p.rules for p in self.pairs.values())
        return max(
            (r.disorder_us for r in of_topic if topic in r.source_topics + r.target_topics),
            default=0,
        )

    def _recheck_topic(self, topic: str) -> None:
        for name, pair in self.pairs.items():
            if topic in pair.rules.source_topics + pair.rules.target_topics:
                self._recheck.add(name)

    # -- what leaves --------------------------------------------------------------------------

    def take_findings(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        return self.ledger.take_findings()

    def take_moved(self) -> list[Moved]:
        """Records for `<app>-changes`, to be routed by (pair, key) like any change."""
        moved, self._moved = self._moved, []
        return moved

    def take_answers(self) -> list[SweepAnswer]:
        """What a sweep wants to hear of its suspects, settled since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def take_dirty(self) -> Iterator[tuple[bytes, bytes]]:
        """Packed state changed since the last call, the partition's own record last."""
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            state = self._unsettled.get(key)
            yield key, pack(state) if state is not None else self._keys[key]
        if dirty or self._meta_dirty or any(s.dirty for s in self.streams):
            self._meta_dirty = False
            for stream in self.streams:
                stream.dirty = False
            yield META, _META_ENCODER.encode(self._meta())

    def _meta(self) -> Meta:
        return Meta(
            streams=[s.kept for s in self.streams],
            expected=self._expected,
            epochs={name: pair.epochs for name, pair in self.pairs.items()},
            truncates=self._truncates,
            demoted=[name for name, pair in self.pairs.items() if pair.demoted],
            ledger=self.ledger.state,
            spread=[name for name, pair in self.pairs.items() if pair.spread],
        )

    def load(self, items: Iterable[tuple[bytes, bytes]], now_us: int) -> None:
        """Restore from changelog records. Proofs start afresh: nothing read before `now_us`
        counts as read before a reading, because its requests were another process's.
        """
        states = dict(items)
        packed_meta = states.pop(META, None)
        if packed_meta is not None:
            meta = _META_DECODER.decode(packed_meta)
            for coverage in meta.streams:
                self._add_stream(coverage)
            self._expected = meta.expected
            self._truncates = meta.truncates
            self.ledger.state = meta.ledger
            for name, pair in self.pairs.items():
                pair.epochs = meta.epochs.get(name, [None, None])
                pair.demoted, pair.spread = name in meta.demoted, name in meta.spread
                self._recheck.add(name)  # what was to be judged again may not have been
        for pair in self.pairs.values():
            pair.floor_us = now_us
        self._refresh()
        for key, packed in states.items():
            name = key[: key.find(b"\0")].decode()
            if name not in self.pairs or not packed:
                continue
            self._keys[key] = packed
            state = unpack(packed)
            self.ledger.restored(self.pairs[name], state)
            if may_rest(state, self.pairs[name]):
                self._resting_keys.add(key)
                self._resting[name].add(share(state))
            elif state.verdict != Verdict.CONSISTENT:
                self._unsettled[key] = state

    def summary(self, now_us: int, worker: str = "") -> Summary:
        """Mergeable counts of this partition at `now_us`."""
        self._refresh()
        unsettled = ((self._pair_of(k), s) for k, s in self._unsettled.items())
        summary = self.ledger.summary(unsettled, self.streams, now_us, worker)
        for name, resting in self._resting.items():
            resting.add_to(summary.pairs[name])
        return summary

    def keys_of(self, pair: str) -> list[bytes]:
        """Every key that was seen of a pair."""
        prefix = table_key(pair, b"")
        return [key[len(prefix) :] for key in self._keys if key.startswith(prefix)]

    def unsettled(self, prefix: bytes) -> Iterator[tuple[bytes, KeyState]]:
        """Keys of the join table with this prefix that are not consistent."""
        found = [k for k in (*self._unsettled, *self._resting_keys) if k.startswith(prefix)]
        return ((key, self._get(key)) for key in found)

    def place(self, topic: str, partition: int) -> tuple[int, Stream]:
        """The raw partition's number in this judge, and what is known of it."""
        return self._stream(topic, partition)

    def watermark_us(self, topics: tuple[str, ...]) -> int:
        """Everything in these topics committed before it was applied; 0: that is not known."""
        streams = [s for s in self.streams if s.kept.topic in topics]
        heard = all(topic in self._expected for topic in topics)
        if not heard or len(streams) < sum(self._expected[topic] for topic in topics):
            return 0
        return max(0, min((s.kept.watermark_us for s in streams), default=0))

    def state_of(self, pair: str, key: bytes) -> KeyState | None:
        """State of one key, for `explain`."""
        name = table_key(pair, key)
        return self._peek(name) if name in self._keys else None


def _leaving(
    change: Change, row: Source | Target | None, index: int, stream: Stream
) -> list[Moved]:
    """Long values that go with a moved row to its new key, which may live in another partition;
    asked before the delete is applied. None where an event between may have changed them.
    """
    if change.op is not Op.DELETE or change.moved is None or row is None:
        return []
    if not row.track.carried or history.is_faulty(row.track, index, stream.kept.taint):
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


def _left_to_others(found: Judgement) -> Judgement:
    """What a direction says of a divergence that is not for it to call one."""
    return Judgement(Verdict.IN_FLIGHT, "other_direction", since_us=found.since_us)


def _said(state: KeyState) -> tuple[object, ...]:
    """What judging may change, to know whether it did."""
    finding = state.finding
    opened = finding and (finding.kind, finding.columns, finding.detected_us, finding.listed)
    return state.verdict, state.reason, state.since_us, state.foreign, opened


def _is_timed(change: Change) -> bool:
    """Whether it has a commit time: an event of the log, not a snapshot's read."""
    return change.snapshot is Snapshot.NONE and change.op is not Op.TOMBSTONE


def table_key(pair: str, key: bytes) -> bytes:
    """Key of the join table: pair names hold no zero byte."""
    return b"%b\0%b" % (pair.encode(), key)
