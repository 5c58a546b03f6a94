"""What an event's place in its log says of it: already taken in, a copy, or after something lost.

A `Track` remembers the last events of one key on one side. `figwatch.validators.history` asks
before it changes a key, and then has the track follow.
"""

from figwatch.validators.change import Change, Op, Snapshot
from figwatch.validators.outcome import Reason
from figwatch.validators.state import Track
from figwatch.validators.statement_time import is_whole_second


def is_faulty(track: Track, stream: int, taint: int) -> bool:
    """Whether something of this key may be missing between its last good event and the next: also
    where that stands in another partition, because partitions were added.
    """
    if track.fault or track.stream not in {-1, stream}:
        return True
    return track.stream == stream and 0 <= track.offset < taint


def is_applied(track: Track, stream: int, offset: int) -> bool:
    """Keys may be written to the changelog a moment before their partition's own record: after a
    crash in between their last events are read again.
    """
    return track.emitted_stream == stream and offset <= track.emitted_offset


def is_tombstone_of(change: Change, track: Track, present: bytes | None, *, faulty: bool) -> bool:
    """A tombstone stands alone only if its delete was not just seen, be it for the second time,
    nor lost: where events have positions every delete has one, and the lost one may have been an
    old one emitted again.
    """
    if change.op is not Op.TOMBSTONE:
        return False
    lost = faulty and track.position is not None
    return present is None or track.emitted != track.position or lost


def is_duplicate(track: Track, position: tuple[int, ...] | None, commit_us: int) -> bool:
    """Not beyond the key's last event by position AND by commit time: position alone is not
    enough, because LSNs start lower after an upgrade or a restore.
    """
    if position is None or track.position is None:
        return False
    return position <= track.position and commit_us <= track.commit_us


def doubt(
    track: Track, position: tuple[int, ...] | None, commit_us: int, *, known: bool = False
) -> None:
    """Where times are whole seconds, what looks like a copy of an older event may be a new one: a
    restored database goes on within the second of the key's last event, at a lower position. A
    connector that goes back comes to that last event again; its copy settles the doubt.
    """
    if (position, commit_us) == (track.position, track.commit_us):
        track.fault = Reason.NONE if track.fault is Reason.COPY_OR_NEW else track.fault
    elif not known and not track.fault and is_whole_second(commit_us):
        track.fault = Reason.COPY_OR_NEW


def emit(track: Track, position: tuple[int, ...] | None, stream: int, offset: int) -> None:
    """Move the key's emission frontier, be it back."""
    track.emitted, track.emitted_stream, track.emitted_offset = position, stream, offset


def follow(track: Track, change: Change, stream: int) -> None:
    """Make an event the last one of its key."""
    before = track.position
    track.fault = Reason.NONE
    track.tx = change.tx
    track.seen_us = change.commit_us
    track.stream, track.offset = stream, change.offset
    track.snapshot = change.snapshot in (Snapshot.ROW, Snapshot.LAST)
    if change.position is not None:
        track.position, track.commit_us = change.position, change.commit_us
    # A snapshot's row says nothing of copies that are still to be emitted.
    back = change.op is Op.READ and track.emitted is not None and track.emitted != before
    emit(track, track.emitted if back else track.position, stream, change.offset)
