"""How one event changes a key's state: duplicates, restarts after a fault, the ring, carried columns.

`figwatch.validators.judge` calls `apply_source` and `apply_target`; `figwatch.validators.convergence`
is told which source versions a target version shows.
"""

import enum

from figwatch.validators.change import Change, Moved, Op, Side, Snapshot, Truncate
from figwatch.validators.columns import complete
from figwatch.validators.outcome import Reason
from figwatch.validators.state import Entry, KeyState, Source, Target, Track

MAX_AHEAD = 8
"""Target versions remembered for measuring while the source's events are still unread."""


class Effect(enum.Enum):
    """What an event did."""

    NEW = enum.auto()
    """The row has a new version."""
    SAME = enum.auto()
    """A new event, the mapped columns did not change."""
    DUPLICATE = enum.auto()
    """Emitted again by the connector: no state changes but the offset of its version."""
    NOTHING = enum.auto()
    """A tombstone behind its delete."""


def apply_source(
    state: KeyState, change: Change, stream: int, taint: int, ring_size: int
) -> Effect:
    """Apply an event of the side that leads. `taint` is that of the event's stream."""
    source = state.source
    if source is None:
        source = state.source = Source(track=Track(), ring=[])
    track = source.track
    if _is_tombstone_of(change, track, source.ring[-1].fingerprint if source.ring else b""):
        return Effect.NOTHING
    if _is_duplicate(track, change):
        _emit_again(source, change, stream)
        return Effect.DUPLICATE
    faulty = bool(track.fault) or (track.stream == stream and 0 <= track.offset < taint)
    first = not source.ring and not faulty
    if faulty:
        source.ring, source.born, source.shown = [], False, -1
        track.carried = ()
    older_sketch = source.ring[-1].sketch if source.ring else b""
    fingerprint, sketch, unknown = _row(track, change, older_sketch)
    in_transaction = track.tx is not None and track.tx == change.tx
    _follow(track, change, stream)
    if first:
        # `d` as the first thing read says nothing of what stood before.
        source.born = change.op is Op.CREATE and change.snapshot is Snapshot.NONE
    last = source.ring[-1] if source.ring else None
    if last and not unknown and not last.unknown and last.fingerprint == fingerprint:
        if change.position is None or change.op is Op.READ:
            last.stream, last.offset = stream, change.offset  # read again: may be applied again
        return Effect.SAME
    if last and in_transaction:
        last.sample = False
    entry = Entry(
        fingerprint, change.commit_us, change.position, stream, change.offset,
        sample=_gives_sample(change), sketch=sketch, unknown=unknown,
    )  # fmt: skip
    _append(source, entry, ring_size)
    return Effect.NEW


def _append(source: Source, entry: Entry, ring_size: int) -> None:
    source.ring.append(entry)
    if len(source.ring) > ring_size:
        del source.ring[0]
        source.born = False
        source.shown = max(source.shown - 1, -1)


def apply_target(state: KeyState, change: Change, stream: int, taint: int, now_us: int) -> Effect:
    """Apply an event of the side that follows."""
    target = state.target
    if target is None:
        target = state.target = Target(track=Track(), ahead=[])
    track = target.track
    if _is_tombstone_of(change, track, target.fingerprint if track.offset >= 0 else b""):
        return Effect.NOTHING
    if _is_duplicate(track, change):
        track.emitted, track.emitted_offset = change.position, change.offset
        return Effect.DUPLICATE
    if track.fault or (track.stream == stream and 0 <= track.offset < taint):
        track.carried = ()
        target.sketch = b""
    fresh = track.offset < 0 or bool(track.fault)
    fingerprint, sketch, unknown = _row(track, change, target.sketch)
    _follow(track, change, stream)
    same = not fresh and not unknown and not target.unknown and target.fingerprint == fingerprint
    target.touched_us = max(target.touched_us, change.commit_us) if same else change.commit_us
    if same:
        # The value has stood all the time, so proofs begun since it was first read still hold.
        return Effect.SAME
    target.fingerprint, target.sketch, target.unknown = fingerprint, sketch, unknown
    target.commit_us, target.read_us = change.commit_us, now_us
    return Effect.NEW


def truncate_source(state: KeyState, truncate: Truncate, stream: int, ring_size: int) -> None:
    """The source's table was emptied: the key is absent from there on."""
    source = state.source
    if source is None or not source.ring or source.ring[-1].fingerprint is None:
        return
    if not _later(source.track, truncate):
        entry = Entry(None, truncate.commit_us, None, stream, truncate.offset, sample=False)
        _append(source, entry, ring_size)
        source.track.carried = ()


def truncate_target(state: KeyState, truncate: Truncate, now_us: int) -> None:
    """The target's table was emptied."""
    target = state.target
    if target is None or target.fingerprint is None:
        return
    if not _later(target.track, truncate):
        commit_us = truncate.commit_us
        target.fingerprint, target.sketch, target.unknown = None, b"", ()
        target.commit_us = target.touched_us = commit_us
        target.read_us = now_us
        target.track.carried = ()


def _later(track: Track, truncate: Truncate) -> bool:
    """Whether the key's last event is later than the truncate (it may share its transaction)."""
    if track.seen_us != truncate.commit_us or not track.position or not truncate.position:
        return track.seen_us > truncate.commit_us
    return track.position > truncate.position


def move_in(state: KeyState, moved: Moved) -> bool:
    """Complete the row under its new key with the long values it had under the old one.

    Returns False while that row has not been read.
    """
    if moved.side is Side.SOURCE:
        source = state.source
        if source is None or not source.ring or source.ring[-1].position != moved.position:
            return False
        row: Entry | Target = source.ring[-1]
        track = source.track
    else:
        if state.target is None or state.target.track.position != moved.position:
            return False
        row, track = state.target, state.target.track
    if row.fingerprint is None or not row.unknown:
        return True
    row.fingerprint, row.sketch, row.unknown, used = complete(
        row.fingerprint, row.sketch, row.unknown, moved.carried, moved.sketch
    )
    track.carried += used
    return True


def malformed(state: KeyState, *, source: bool, offset: int) -> None:
    """An event of this key could not be read: its state is unknown until the next good one."""
    if source:
        state.source = state.source or Source(track=Track(), ring=[])
        track = state.source.track
    else:
        state.target = state.target or Target(track=Track(), ahead=[])
        track = state.target.track
    track.fault = Reason.MALFORMED
    track.carried = ()
    track.emitted_offset = max(track.emitted_offset, offset)


def _is_tombstone_of(change: Change, track: Track, present: bytes | None) -> bool:
    """A tombstone stands alone only if its delete was not just seen, be it for the second time."""
    return change.op is Op.TOMBSTONE and (present is None or track.emitted != track.position)


def _is_duplicate(track: Track, change: Change) -> bool:
    """Not beyond the key's last event by position AND by commit time: position alone is not
    enough, because LSNs start lower after an upgrade or a restore.
    """
    if change.position is None or track.position is None:
        return False
    return change.position <= track.position and change.commit_us <= track.commit_us


def _emit_again(source: Source, change: Change, stream: int) -> None:
    """A duplicate moves the offset of its version, because the replicator may be applying the
    second copy; and it puts the key's emission frontier back.
    """
    position = change.position
    source.track.emitted, source.track.emitted_offset = position, change.offset
    source.track.emitted_stream = stream
    if position is None:
        return
    for entry in reversed(source.ring):
        if entry.position is not None and entry.position <= position:
            entry.stream, entry.offset = stream, change.offset
            return


def _row(
    track: Track, change: Change, older_sketch: bytes
) -> tuple[bytes | None, bytes, tuple[int, ...]]:
    """Complete the event's row with the columns carried forward, and carry on."""
    if change.fingerprint is None:
        track.carried = ()
        return None, b"", ()
    if not change.unknown:
        track.carried = change.carried
        return change.fingerprint, change.sketch, ()
    fingerprint, sketch, unknown, used = complete(
        change.fingerprint, change.sketch, change.unknown, track.carried, older_sketch
    )
    track.carried = change.carried + used
    return fingerprint, sketch, unknown


def _follow(track: Track, change: Change, stream: int) -> None:
    track.fault = Reason.NONE
    track.tx = change.tx
    track.seen_us = change.commit_us
    track.stream, track.offset = stream, change.offset
    track.snapshot = change.snapshot in (Snapshot.ROW, Snapshot.LAST)
    if change.position is not None:
        track.position, track.commit_us = change.position, change.commit_us
    track.emitted, track.emitted_offset = track.position, change.offset
    track.emitted_stream = stream


def _gives_sample(change: Change) -> bool:
    """No sample for what has no commit time of its own, and one for the two halves of a move."""
    timed = change.op in (Op.CREATE, Op.UPDATE, Op.DELETE) and change.snapshot is Snapshot.NONE
    return timed and not (change.op is Op.DELETE and change.moved is not None)
