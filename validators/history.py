"""How one event changes a key's state: copies, restarts after a fault, ring, carried columns.

`figwatch.validators.row_records` calls `apply_source` and `apply_target`, and then tells
`figwatch.validators.convergence`, which finds the source versions that a target version shows.
`figwatch.validators.order` says what an event is, `figwatch.validators.truncation` empties a table.
"""

import enum

from figwatch.validators import order
from figwatch.validators.change import Change, Moved, Op, Side, Snapshot
from figwatch.validators.columns import Equal, compare, complete
from figwatch.validators.outcome import Reason
from figwatch.validators.state import Carried, Entry, KeyState, Source, Target, Track
from figwatch.validators.versions import last_match, prefix

MAX_DROPPED = 64
"""Versions pushed out of a ring unshown that are remembered for measuring; beyond it they give no
sample.
"""
NOWHERE = -1
"""Stream of a version that nothing proves done."""


class Effect(enum.Enum):
    """What an event did."""

    NEW = enum.auto()
    """The row has a new version."""
    SAME = enum.auto()
    """A new event, the mapped columns did not change."""
    DUPLICATE = enum.auto()
    """Emitted again by the connector: no state changes but the offset of its version."""
    NOTHING = enum.auto()
    """A tombstone behind its delete, or an event that this state has already taken in."""


def apply_source(
    state: KeyState, change: Change, stream: int, taint: int, ring_size: int
) -> Effect:
    """Apply an event of the side that leads. `taint` is that of the event's stream."""
    source = state.source
    if source is None:
        source = state.source = Source(track=Track(), ring=[])
    track = source.track
    faulty = order.is_faulty(track, stream, taint)
    present = source.ring[-1].fingerprint if source.ring else b""
    if order.is_applied(track, stream, change.offset):
        return Effect.NOTHING
    if order.is_tombstone_of(change, track, present, faulty=faulty):
        return Effect.NOTHING
    if order.is_duplicate(track, change.position, change.commit_us):
        known = in_ring(source, change.position, change.commit_us, change.fingerprint)
        order.doubt(track, change.position, change.commit_us, known=known)
        _fill_in(state, source, change, stream, ring_size)
        emit_again(source, change.position, stream, change.offset)
        return Effect.DUPLICATE
    first = not source.ring and not faulty
    if faulty:
        source.ring, source.born, source.shown, source.dropped, source.cut = [], False, -1, [], 0
        track.carried = ()
    older_sketch = source.ring[-1].sketch if source.ring else b""
    fingerprint, sketch, unknown = _row(track, change, older_sketch)
    in_transaction = track.tx is not None and track.tx == change.tx
    order.follow(track, change, stream)
    # `d` as the first thing read says nothing of what stood before.
    created = change.op is Op.CREATE and change.snapshot is Snapshot.NONE
    source.born = source.born or (first and created)
    last = source.ring[-1] if source.ring else None
    if last and not unknown and not last.unknown and last.fingerprint == fingerprint:
        _read_again(last, change, stream)
        return Effect.SAME
    if last and in_transaction:
        last.sample = False
    entry = Entry(
        fingerprint, change.commit_us, change.position, stream, change.offset,
        sample=_gives_sample(change), sketch=sketch, unknown=unknown,
    )  # fmt: skip
    source.ring.append(entry)
    bound(source, state.target, ring_size)
    return Effect.NEW


def _read_again(entry: Entry, change: Change, stream: int) -> None:
    """A row that was read again may be applied again."""
    if change.position is None or change.op is Op.READ:
        entry.stream, entry.offset = stream, change.offset


def bound(source: Source, target: Target | None, ring_size: int) -> None:
    """Drop the oldest version; where the target shows that one, the version behind it: while a
    replicator stands still, it must stay clear what its target waits for.
    """
    while len(source.ring) > ring_size:
        shown = last_match(source, target, len(source.ring) - 1)
        if shown == -1:  # the absence before the key's birth becomes a version to keep
            birth = source.ring[0]
            source.ring.insert(0, Entry(None, 0, None, birth.stream, birth.offset, sample=False))
            source.shown, source.born, shown = source.shown + 1, False, 0
        _drop(source, int(shown == 0))


def _drop(source: Source, index: int) -> None:
    dropped = source.ring.pop(index)
    source.born = False
    source.cut = max(source.cut - 1, index)
    if source.shown >= index:
        source.shown -= 1
    elif dropped.sample:
        if len(source.dropped) >= MAX_DROPPED:
            del source.dropped[0]
        source.dropped.append((prefix(dropped.fingerprint), dropped.commit_us))


def apply_target(state: KeyState, change: Change, stream: int, taint: int, now_us: int) -> Effect:
    """Apply an event of the side that follows."""
    target = state.target
    if target is None:
        target = state.target = Target(track=Track(), ahead=[])
    track = target.track
    faulty = order.is_faulty(track, stream, taint)
    present = target.fingerprint if track.offset >= 0 else b""
    if order.is_applied(track, stream, change.offset):
        return Effect.NOTHING
    if order.is_tombstone_of(change, track, present, faulty=faulty):
        return Effect.NOTHING
    if order.is_duplicate(track, change.position, change.commit_us):
        order.doubt(track, change.position, change.commit_us)
        order.emit(track, change.position, stream, change.offset)
        return Effect.DUPLICATE
    if faulty:
        track.carried = ()
        target.sketch = b""
    fresh = track.offset < 0 or faulty
    fingerprint, sketch, unknown = _row(track, change, target.sketch)
    order.follow(track, change, stream)
    same = not fresh and not unknown and not target.unknown and target.fingerprint == fingerprint
    target.touched_us = max(target.touched_us, change.commit_us) if same else change.commit_us
    if same:
        # An update's row stood all the time: proofs begun since it was first read still hold.
        # A row that is there already and is created, or read by a snapshot, may have gone and come
        # again in a stretch of the log that is lost.
        if change.op is not Op.UPDATE:
            target.read_us = now_us
        return Effect.SAME
    target.fingerprint, target.sketch, target.unknown = fingerprint, sketch, unknown
    target.commit_us, target.read_us = change.commit_us, now_us
    return Effect.NEW


def move_in(state: KeyState, moved: Moved) -> bool:
    """Complete the row under its new key with the long values it had under the old one.

    Later versions in which those columns are still unknown have not changed them, and are
    completed too. Returns False while the row of that move has not been read.
    """
    side = state.source if moved.side is Side.SOURCE else state.target
    if side is None or moved.position is None or side.track.moved != moved.position:
        return False
    versions: list[Entry | Target] = [side] if isinstance(side, Target) else [
        entry
        for entry in side.ring
        if entry.position is not None and entry.position >= moved.position
    ]  # fmt: skip
    used: Carried = ()
    for row in versions:
        if row.fingerprint is not None and row.unknown:
            row.fingerprint, row.sketch, row.unknown, used = complete(
                row.fingerprint, row.sketch, row.unknown, moved.carried, moved.sketch
            )
    side.track.carried += used
    side.track.moved = None
    return True


def malformed(state: KeyState, stream: int, offset: int, *, source: bool) -> None:
    """An event of this key could not be read: its state is unknown until the next good one."""
    if source:
        state.source = state.source or Source(track=Track(), ring=[])
        track = state.source.track
    else:
        state.target = state.target or Target(track=Track(), ahead=[])
        track = state.target.track
    if not order.is_applied(track, stream, offset):
        track.fault, track.carried = Reason.MALFORMED, ()
        track.emitted_stream, track.emitted_offset = stream, offset


def in_ring(
    source: Source, position: tuple[int, ...] | None, commit_us: int, fingerprint: bytes | None
) -> bool:
    """Whether an event is known, so that this one is its copy."""
    return any(
        (entry.position, entry.commit_us, entry.fingerprint) == (position, commit_us, fingerprint)
        for entry in source.ring
    )


def emit_again(source: Source, position: tuple[int, ...] | None, stream: int, offset: int) -> None:
    """A duplicate moves the offset of its version, because the replicator may be applying the
    second copy; and it puts the key's emission frontier back. The versions behind it move along:
    their copies will follow, but for a snapshot's row, which stands for what is copied here.
    """
    order.emit(source.track, position, stream, offset)
    for entry in source.ring[max(_place(source, position), 0) :]:
        # Between two partitions nobody can tell which of the copies is the last.
        entry.stream = stream if entry.stream == stream else NOWHERE
        entry.offset = offset


def _fill_in(state: KeyState, source: Source, change: Change, stream: int, ring_size: int) -> None:
    """Take in a version that was skipped: a snapshot asked for while the connector had a backlog
    shows the newest row first, and the replicator applies what led to it afterwards.
    """
    i = _place(source, change.position)
    if i < 0:
        source.born = False  # older than all that is known, or nothing is
        return
    entry, fingerprint = source.ring[i], change.fingerprint
    row = (fingerprint, change.sketch, change.unknown)
    if entry.position == change.position:
        return
    if compare(entry.fingerprint, entry.sketch, entry.unknown, *row) is not Equal.NO:
        return
    skipped = Entry(
        fingerprint, change.commit_us, change.position, stream, change.offset, sample=False,
        sketch=change.sketch, unknown=change.unknown,
    )  # fmt: skip
    source.ring.insert(i + 1, skipped)
    source.shown += source.shown > i
    source.cut += source.cut > i
    bound(source, state.target, ring_size)


def _place(source: Source, position: tuple[int, ...] | None) -> int:
    """Index of the last version that is not beyond a position; -1: none."""
    place = -1
    for i, entry in enumerate(source.ring):
        if position is not None and entry.position is not None and entry.position <= position:
            place = i
    return place


def _row(
    track: Track, change: Change, older_sketch: bytes
) -> tuple[bytes | None, bytes, tuple[int, ...]]:
    """Complete the event's row with the columns carried forward, and carry on."""
    if change.fingerprint is None or not change.unknown:
        track.carried, track.moved = change.carried, None
        return change.fingerprint, change.sketch, ()
    fingerprint, sketch, unknown, used = complete(
        change.fingerprint, change.sketch, change.unknown, track.carried, older_sketch
    )
    track.carried = change.carried + used
    if not unknown:
        track.moved = None
    elif change.op is Op.CREATE and change.moved is not None:
        track.moved = change.position
    return fingerprint, sketch, unknown


def _gives_sample(change: Change) -> bool:
    """No sample for what has no commit time of its own, and one for the two halves of a move."""
    timed = change.op in (Op.CREATE, Op.UPDATE, Op.DELETE) and change.snapshot is Snapshot.NONE
    return timed and not (change.op is Op.DELETE and change.moved is not None)
