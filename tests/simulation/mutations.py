"""Each condition of the verdict rules, disabled: what tests plant to see that somebody notices.

`plant(name, monkeypatch)` disables one. The unit tests show each condition's shortest
counterexample, `test_mutations.py` that the simulator or the exhaustive search notices too.
"""

from collections.abc import Callable
from typing import Any

import pytest

from figwatch.streams import stretch
from figwatch.validators import (
    books,
    columns,
    convergence,
    fence_trust,
    history,
    ledger,
    order,
    pair,
    row_records,
    rules,
    stream,
    surroundings,
    truncation,
    versions,
)
from figwatch.validators.change import Op
from figwatch.validators.columns import Equal
from figwatch.validators.outcome import Reason

Plant = Callable[[pytest.MonkeyPatch], None]
MUTATIONS: dict[str, Plant] = {}


def plant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable one condition until the test is over."""
    MUTATIONS[name](monkeypatch)


def _mutation(act: Plant) -> Plant:
    MUTATIONS[act.__name__.strip("_")] = act
    return act


def _always(owner: Any, name: str, value: Any) -> Plant:
    def act(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(owner, name, lambda *_args, **_named: value)

    return act


# -- J: the target's value may be judged ---------------------------------------------------------
MUTATIONS["judged_before_the_source_is_applied"] = _always(pair.Pair, "_covered", value=True)


@_mutation
def judged_inside_the_targets_transaction(monkeypatch):
    real = pair.Pair.judged

    def judged(self, source, target):
        touched = target.touched_us if target is not None else 0
        before = self.watermarks[1]
        self.watermarks[1] = max(before, touched + 1)
        try:
            return real(self, source, target)
        finally:
            self.watermarks[1] = before

    monkeypatch.setattr(pair.Pair, "judged", judged)


MUTATIONS["statement_times_believed"] = _always(pair, "is_whole_second", value=False)


@_mutation
def one_partition_is_enough(monkeypatch):
    def where_to_look(self, source):
        if source is not None and source.track.stream >= 0:
            return [source.track.stream]
        return self._sources[:1]

    monkeypatch.setattr(pair.Pair, "_where_to_look", where_to_look)


# -- F: the replicator is done -------------------------------------------------------------------
MUTATIONS["readings_from_before_the_target_was_read"] = _always(pair.Pair, "_asked_after", True)  # noqa: FBT003
MUTATIONS["rewinds_ignored"] = _always(pair.Pair, "_behind_again", False)  # noqa: FBT003
MUTATIONS["emission_frontier_ignored"] = _always(pair.Pair, "_emitted", True)  # noqa: FBT003


@_mutation
def committed_offset_ignored(monkeypatch):
    monkeypatch.setattr(pair, "_beyond", lambda reading, _offset: reading.committed is not None)


@_mutation
def committed_up_to_is_enough(monkeypatch):
    monkeypatch.setattr(pair, "_beyond", lambda reading, offset: (reading.committed or 0) >= offset)


@_mutation
def readings_not_covered(monkeypatch):
    def advance(self):
        while self._waiting:
            reading = self._waiting.popleft()
            self.covered_us = max(self.covered_us, reading.requested_us)
            self._covered.append(reading)
            self._answers.append(reading.answered_us)
        real(self)

    real = stream.Stream._advance
    monkeypatch.setattr(stream.Stream, "_advance", advance)


@_mutation
def targets_watermark_ignored(monkeypatch):
    real = stream.Stream.ripe
    monkeypatch.setattr(
        stream.Stream, "ripe", lambda self, _watermark, _skew: real(self, 1 << 60, 0)
    )


@_mutation
def clock_skew_ignored(monkeypatch):
    real = stream.Stream.ripe
    monkeypatch.setattr(
        stream.Stream, "ripe", lambda self, watermark, _skew: real(self, watermark, 0)
    )


@_mutation
def any_event_releases_the_frontier(monkeypatch):
    def emitted(self, track, entry):
        if track.emitted is None or entry.position is None or track.emitted >= entry.position:
            return True
        return self._all[entry.stream].kept.new_offset > track.emitted_offset

    monkeypatch.setattr(pair.Pair, "_emitted", emitted)


# -- the state of a key --------------------------------------------------------------------------
@_mutation
def copies_keep_their_first_offset(monkeypatch):
    def emit_again(source, position, stream, offset):
        order.emit(source.track, position, stream, offset)

    monkeypatch.setattr(history, "emit_again", emit_again)


@_mutation
def only_the_copied_version_moves(monkeypatch):
    def emit_again(source, position, stream, offset):
        order.emit(source.track, position, stream, offset)
        for entry in reversed(source.ring):
            if entry.position is not None and entry.position <= position:
                entry.stream, entry.offset = stream, offset
                return

    monkeypatch.setattr(history, "emit_again", emit_again)


@_mutation
def skipped_versions_left_out(monkeypatch):
    monkeypatch.setattr(history, "_fill_in", lambda *_: None)


@_mutation
def duplicates_by_position_alone(monkeypatch):
    def duplicate(track, position, _commit_us):
        return None not in {position, track.position} and position <= track.position

    monkeypatch.setattr(order, "is_duplicate", duplicate)


@_mutation
def marks_before_their_data(monkeypatch):
    real = stretch.Progress.take

    def take(self, marks):
        batch = real(self, marks)
        self.delivered(batch)
        return batch

    monkeypatch.setattr(stretch.Progress, "take", take)


@_mutation
def whole_seconds_tell_copies(monkeypatch):
    monkeypatch.setattr(order, "doubt", lambda *_args, **_named: None)


@_mutation
def rows_made_again_have_stood(monkeypatch):
    real = history.apply_target

    def apply_target(state, change, *rest):
        before = state.target.read_us if state.target is not None else 0
        effect = real(state, change, *rest)
        if effect is history.Effect.SAME:
            state.target.read_us = before
        return effect

    monkeypatch.setattr(history, "apply_target", apply_target)


@_mutation
def whole_seconds_order_truncates(monkeypatch):
    monkeypatch.setattr(truncation, "is_undecided", lambda *_: False)


@_mutation
def duplicates_by_time_alone(monkeypatch):
    def duplicate(track, position, commit_us):
        return None not in {position, track.position} and commit_us <= track.commit_us

    monkeypatch.setattr(order, "is_duplicate", duplicate)


@_mutation
def every_first_event_is_a_birth(monkeypatch):
    real = history.apply_source

    def apply(state, change, stream, taint, ring_size):
        first = state.source is None
        effect = real(state, change, stream, taint, ring_size)
        if first and state.source is not None:
            state.source.born = True
        return effect

    monkeypatch.setattr(history, "apply_source", apply)


@_mutation
def overflow_keeps_the_ring_complete(monkeypatch):
    real = history.bound

    def bound(source, target, ring_size):
        born = source.born
        real(source, target, ring_size)
        source.born = born

    monkeypatch.setattr(history, "bound", bound)


@_mutation
def full_rings_forget_what_is_shown(monkeypatch):
    monkeypatch.setattr(history, "last_match", lambda *_: None)


@_mutation
def holes_in_a_ring_ignored(monkeypatch):
    real = history._drop

    def drop(source, index):
        real(source, index)
        source.cut = 0

    monkeypatch.setattr(history, "_drop", drop)


@_mutation
def losses_ignored(monkeypatch):
    """Of gaps and of malformed records without a key."""
    monkeypatch.setattr(stream.Stream, "taint", lambda *_: None)


@_mutation
def ring_survives_a_loss(monkeypatch):
    monkeypatch.setattr(order, "is_faulty", lambda *_: False)


@_mutation
def malformed_records_ignored(monkeypatch):
    monkeypatch.setattr(history, "malformed", lambda *_args, **_named: None)


@_mutation
def history_before_the_first_record_ignored(monkeypatch):
    monkeypatch.setattr(pair.Pair, "before_history", lambda *_: True)


@_mutation
def only_the_first_record_counts_as_lost(monkeypatch):
    def before_history(self, source, target):
        bases = ((i, self._all[i].kept.base) for i in self._streams_of(source))
        return all(base <= 0 or self.passed(i, base - 1, target) for i, base in bases)

    monkeypatch.setattr(pair.Pair, "before_history", before_history)


@_mutation
def the_first_record_was_no_copy(monkeypatch):
    def before_history(self, source, target):
        kept = [self._all[i].kept for i in self._streams_of(source)]
        lost = [(i, max(k.base, k.taint)) for i, k in zip(self._streams_of(source), kept)]  # noqa: B905
        return all(n <= 0 or self.passed(i, n - 1, target) for i, n in lost)

    monkeypatch.setattr(pair.Pair, "before_history", before_history)


@_mutation
def snapshots_release_the_frontier(monkeypatch):
    real = order.follow

    def follow(track, change, stream):
        real(track, change, stream)
        track.emitted = track.position

    monkeypatch.setattr(order, "follow", follow)


@_mutation
def absence_needs_no_beginning(monkeypatch):
    monkeypatch.setattr(stream.Stream, "history_from", lambda _self: 0)


@_mutation
def running_snapshots_ignored(monkeypatch):
    monkeypatch.setattr(pair.Pair, "past_snapshot", lambda *_: True)


@_mutation
def new_snapshots_ignored(monkeypatch):
    monkeypatch.setattr(surroundings.Surroundings, "_epoch", lambda *_: None)


@_mutation
def every_tombstone_stands_alone(monkeypatch):
    monkeypatch.setattr(order, "is_tombstone_of", lambda *_args, **_named: False)


@_mutation
def tombstones_of_lost_deletes_count(monkeypatch):
    real = order.is_tombstone_of
    monkeypatch.setattr(order, "is_tombstone_of", lambda *args, **_named: real(*args, faulty=False))


@_mutation
def truncates_are_emitted_once(monkeypatch):
    real = truncation.truncate_source

    def truncate(state, truncate, stream, ring_size):
        offsets = [e.offset for e in state.source.ring] if state.source is not None else []
        real(state, truncate, stream, ring_size)
        if state.source is not None and len(state.source.ring) == len(offsets):
            for entry, offset in zip(state.source.ring, offsets, strict=True):
                entry.offset = offset

    monkeypatch.setattr(truncation, "truncate_source", truncate)


@_mutation
def transactions_leave_one_version(monkeypatch):
    real = history.apply_source

    def apply(state, change, stream, taint, ring_size):
        source = state.source
        inside = source is not None and source.ring and source.track.tx == change.tx
        before = len(source.ring) if source is not None else 0
        effect = real(state, change, stream, taint, ring_size)
        if inside and len(state.source.ring) > before:
            del state.source.ring[-2]
        return effect

    monkeypatch.setattr(history, "apply_source", apply)


@_mutation
def unknown_columns_equal(monkeypatch):
    real = columns.compare
    monkeypatch.setattr(
        versions, "compare", lambda *a: Equal.YES if (e := real(*a)) is Equal.MAYBE else e
    )


@_mutation
def unknown_columns_different(monkeypatch):
    real = columns.compare
    monkeypatch.setattr(
        versions, "compare", lambda *a: Equal.NO if (e := real(*a)) is Equal.MAYBE else e
    )


@_mutation
def nothing_carried_forward(monkeypatch):
    monkeypatch.setattr(history, "complete", lambda p, s, u, _c, _o: (p, s, u, ()))


@_mutation
def moves_forget_long_values(monkeypatch):
    monkeypatch.setattr(row_records, "_leaving", lambda *_: [])


# -- the verdict ---------------------------------------------------------------------------------
@_mutation
def first_equal_version_shown(monkeypatch):
    real = rules.last_match

    def first(source, target, before):
        for i, entry in enumerate(source.ring[:before]):
            if rules.match(entry, target) is not Equal.NO:
                return i
        return real(source, target, before)

    monkeypatch.setattr(rules, "last_match", first)


@_mutation
def absence_before_birth_ignored(monkeypatch):
    real = rules.last_match

    def last(source, target, before):
        shown = real(source, target, before)
        return None if shown == -1 else shown

    monkeypatch.setattr(rules, "last_match", last)


@_mutation
def incomplete_rings_need_no_fence(monkeypatch):
    monkeypatch.setattr(rules, "_complete", lambda *_: True)


@_mutation
def foreign_values_need_not_stand(monkeypatch):
    monkeypatch.setattr(rules, "_foreign_since_us", lambda *_: -(1 << 60))


@_mutation
def overdue_is_divergent(monkeypatch):
    """The first text of the rules: what takes too long is lost."""
    monkeypatch.setattr(
        pair.Pair, "done",
        lambda self, _source, entry, _target: (
            next((s.latest for s in self._all if s.latest), None)
            if self.watermarks[1] - entry.commit_us > self.rules.objective_us else None
        ),
    )  # fmt: skip


@_mutation
def a_later_change_is_proof_enough(monkeypatch):
    """The inference that the design forbids: a newer change of the partition is committed."""
    monkeypatch.setattr(
        pair.Pair, "passed",
        lambda self, index, offset, _target: (
            latest
            if (latest := self._all[index].latest) and (latest.committed or 0) > offset + 1
            else None
        ),
    )  # fmt: skip


@_mutation
def side_faults_ignored(monkeypatch):
    monkeypatch.setattr(pair.Pair, "side_fault", lambda *_args, **_named: Reason.NONE)


# -- assumptions and their detectors -------------------------------------------------------------
@_mutation
def late_target_events_unnoticed(monkeypatch):
    monkeypatch.setattr(row_records.RowRecords, "_untruthful", lambda *_: None)


@_mutation
def falling_times_unnoticed(monkeypatch):
    real = books.Books.alarm
    monkeypatch.setattr(
        books.Books, "alarm",
        lambda self, pair, name: None if name == "time_regression" else real(self, pair, name),
    )  # fmt: skip


@_mutation
def early_commits_unnoticed(monkeypatch):
    monkeypatch.setattr(fence_trust, "suspect", lambda *_: None)


@_mutation
def every_repair_demotes(monkeypatch):
    real = fence_trust.convict

    def convict(pair, state_of):
        late = real(pair, state_of)
        pair.demoted = late > 0 or pair.demoted
        return late

    monkeypatch.setattr(fence_trust, "convict", convict)


@_mutation
def every_late_write_convicts(monkeypatch):
    monkeypatch.setattr(fence_trust, "_explained", lambda *_: False)


# -- measurements --------------------------------------------------------------------------------
@_mutation
def repeats_shown_at_once(monkeypatch):
    """What is equal now closes the books on everything before."""

    def rest(source, target):
        source.shown = len(source.ring) - 1
        target.ahead.clear()

    monkeypatch.setattr(ledger, "rest", rest)


@_mutation
def written_again_shows_the_next(monkeypatch):
    real = convergence.show
    monkeypatch.setattr(
        convergence,
        "show",
        lambda *args, **named: real(*args, **named | {"clocks_us": 1 << 60}),
    )


@_mutation
def hot_keys_lose_samples(monkeypatch):
    real = history.bound

    def bound(source, target, ring_size):
        real(source, target, ring_size)
        source.dropped = []

    monkeypatch.setattr(history, "bound", bound)


@_mutation
def transactions_give_every_sample(monkeypatch):
    real = order.follow

    def follow(track, change, stream):
        real(track, change, stream)
        track.tx = None

    monkeypatch.setattr(order, "follow", follow)


@_mutation
def snapshot_rows_give_samples(monkeypatch):
    monkeypatch.setattr(history, "_gives_sample", lambda change: change.op is not Op.TOMBSTONE)


# -- failures of figwatch itself -----------------------------------------------------------------
@_mutation
def read_again_is_emitted_again(monkeypatch):
    monkeypatch.setattr(stream.Stream, "first_sight", lambda *_: True)


@_mutation
def proofs_survive_a_restart(monkeypatch):
    monkeypatch.setattr(pair.Pair, "read_us", lambda _self, t: t.read_us if t is not None else 0)
