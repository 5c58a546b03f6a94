"""What emptying a whole table does to a key, wherever the truncate was read.

`figwatch.validators.row_records` calls it for every key of the pair, and again for an event read
behind a truncate that was committed before it. `figwatch.validators.order` tells copies.
"""

from figwatch.validators import history, order
from figwatch.validators.change import Truncate
from figwatch.validators.outcome import Reason
from figwatch.validators.state import Entry, KeyState, Source, Track
from figwatch.validators.statement_time import is_whole_second


def truncate_source(state: KeyState, truncate: Truncate, stream: int, ring_size: int) -> None:
    """The source's table was emptied, or the connector says so again."""
    source = state.source
    if source is None or not source.ring:
        return
    if order.is_duplicate(source.track, truncate.position, truncate.commit_us):
        known = history.in_ring(source, truncate.position, truncate.commit_us, None)
        order.doubt(source.track, truncate.position, truncate.commit_us, known=known)
        history.emit_again(source, truncate.position, stream, truncate.offset)
        return
    empty_source(state, source, truncate, stream, ring_size)
    if source.track.stream == stream:
        source.track.offset = max(source.track.offset, truncate.offset)


def empty_source(
    state: KeyState, source: Source, truncate: Truncate, stream: int, ring_size: int
) -> None:
    """Make the key absent from the truncate on, unless its last event came after it."""
    if source.ring[-1].fingerprint is None or _later(source.track, truncate):
        return
    if is_undecided(source.track, truncate):
        source.track.fault = source.track.fault or Reason.COPY_OR_NEW
        return
    commit_us, position, offset = truncate.commit_us, truncate.position, truncate.offset
    source.ring.append(Entry(None, commit_us, position, stream, offset, sample=False))
    history.bound(source, state.target, ring_size)
    track = source.track
    track.carried, track.seen_us = (), commit_us
    if position is not None:
        track.position, track.commit_us = position, commit_us
    order.emit(track, track.position, stream, offset)


def truncate_target(state: KeyState, truncate: Truncate, now_us: int) -> bool:
    """The target's table was emptied. Returns whether that took this row away."""
    target = state.target
    if target is None or target.fingerprint is None:
        return False
    if _later(target.track, truncate):
        order.doubt(target.track, truncate.position, truncate.commit_us)
        return False
    if is_undecided(target.track, truncate):
        target.track.fault = target.track.fault or Reason.COPY_OR_NEW
        return False
    target.fingerprint, target.sketch, target.unknown = None, b"", ()
    target.commit_us = target.touched_us = truncate.commit_us
    target.read_us = now_us
    target.track.carried = ()
    return True


def is_undecided(track: Track, truncate: Truncate) -> bool:
    """Whether position and time contradict each other on which was first, the key's last event or
    a truncate, and the times are whole seconds: either a statement began long before its commit,
    or the database was restored to lower positions.
    """
    if track.position is None or truncate.position is None:
        return False
    if not (is_whole_second(track.commit_us) and is_whole_second(truncate.commit_us)):
        return False
    if track.commit_us == truncate.commit_us:
        return False
    return (track.position > truncate.position) is (track.commit_us < truncate.commit_us)


def came_after(track: Track, truncate: Truncate) -> bool:
    """Whether an event that was read behind a truncate is later than it: by position OR by commit
    time, because positions may start lower and statements' times may fall.
    """
    if track.position is None or truncate.position is None:
        return track.seen_us > truncate.commit_us
    return track.position > truncate.position or track.commit_us > truncate.commit_us


def _later(track: Track, truncate: Truncate) -> bool:
    """Whether the key's last event is later than a truncate that was read behind it (it may share
    its transaction): by position AND by commit time, for the same reason.
    """
    if track.position is None or truncate.position is None:
        return track.seen_us > truncate.commit_us
    return track.position > truncate.position and track.commit_us >= truncate.commit_us
