"""The shortest form of a key: that of nearly every key at rest, whose sides agree and of which
nothing more is to be told.

All that has its usual value is left out, and so is what follows from the rest: the target's row is
the source's newest version, both tracks end at it, it was emitted once. Older versions are told by
their distance from the newest, one behind the other. A key of which any of this is not so has no
such form (`plain` returns None): `figwatch.validators.packing` has one for every key.
"""

from collections.abc import Iterator
from operator import add, sub

import msgspec

from figwatch.validators.outcome import Reason, Verdict
from figwatch.validators.state import Carried, Entry, KeyState, Source, Target, Track

_SAMPLE, _BORN, _SOURCE_READ, _TARGET_READ, _FLAGS = 1, 2, 4, 8, 4
"""Bits of `Plain.flags`, and how many; above them: which older versions give a sample."""


class Plain(msgspec.Struct, array_like=True, gc=False):
    """Of the source's newest version what an `Entry` says of it, of the target how it differs."""

    fingerprint: bytes | None
    sketch: bytes
    commit_us: int
    position: tuple[int, ...] | None
    stream: int
    offset: int
    tx: int | None
    flags: int
    target_position: tuple[int, ...] | None
    target_stream: int
    target_offset: int
    target_tx: int | None
    target_after_us: int
    """From the source's commit to the target's."""
    read_after_us: int
    """From the target's commit to when figwatch read it."""
    carried: Carried
    target_carried: Carried | None
    """None: as the source's."""
    older: list[bytes | None]
    """Fingerprints, the oldest first,"""
    before: list[int]
    """and of each of them commit, offset and position, as distances to the newest."""


def plain(state: KeyState) -> Plain | None:
    """Return the shortest form, or None: it has none."""
    source, target = state.source, state.target
    if source is None or target is None or not _is_quiet(state) or not _agree(source, target):
        return None
    row, ours, theirs = source.ring[-1], source.track, target.track
    flags = row.sample * _SAMPLE + source.born * _BORN
    flags += ours.snapshot * _SOURCE_READ + theirs.snapshot * _TARGET_READ
    older: list[bytes | None] = []
    before: list[int] = []
    position = row.position or ()
    for i, entry in enumerate(source.ring[:-1]):
        if entry.stream != row.stream or entry.sketch or entry.unknown:
            return None
        if not entry.position or len(entry.position) != len(position):
            return None
        flags += entry.sample << (_FLAGS + i)
        older.append(entry.fingerprint)
        before += (entry.commit_us - row.commit_us, entry.offset - row.offset)
        before += map(sub, entry.position, position)
    return Plain(
        row.fingerprint, row.sketch, row.commit_us, row.position, row.stream, row.offset,
        ours.tx, flags, theirs.position, theirs.stream, theirs.offset, theirs.tx,
        target.commit_us - row.commit_us, target.read_us - target.commit_us,
        ours.carried, None if theirs.carried == ours.carried else theirs.carried, older, before,
    )  # fmt: skip


def _agree(source: Source, target: Target) -> bool:
    """Whether the target shows the source's newest version, and both tracks end there."""
    if not source.ring:
        return False
    row, track = source.ring[-1], source.track
    return (
        source.shown == len(source.ring) - 1
        and target.fingerprint == row.fingerprint
        and target.sketch == row.sketch
        and target.touched_us == target.commit_us
        and track.position == row.position
        and track.stream == row.stream
        and track.offset == row.offset
        and _is_quiet_track(track, row.commit_us)
        and _is_quiet_track(target.track, target.commit_us)
        and not (row.unknown or target.unknown or target.ahead or source.dropped or source.cut)
    )


def _is_quiet(state: KeyState) -> bool:
    """Whether there is nothing to tell but the two rows."""
    return (
        state.verdict == Verdict.CONSISTENT
        and state.finding is None
        and state.past is None
        and state.swept is None
        and not (state.reason or state.since_us or state.foreign)
    )


def _is_quiet_track(track: Track, commit_us: int) -> bool:
    """Whether its last event was its only emission, and committed then."""
    return (
        track.commit_us == commit_us
        and track.seen_us == commit_us
        and track.emitted_offset == track.offset
        and track.emitted_stream == track.stream
        and track.emitted == track.position
        and track.moved is None
        and not track.fault
    )


def whole(one: Plain) -> KeyState:
    """Return the state of a key."""
    commit_us = one.commit_us
    row = Entry(
        one.fingerprint, commit_us, one.position, one.stream, one.offset,
        sample=bool(one.flags & _SAMPLE), sketch=one.sketch,
    )  # fmt: skip
    ring = [*_older(one), row] if one.older else [row]
    track = _track(one.position, commit_us, one.tx, one.stream, one.offset)
    track.snapshot, track.carried = bool(one.flags & _SOURCE_READ), one.carried
    source = Source(track, ring, bool(one.flags & _BORN), len(ring) - 1, [])
    at_us = commit_us + one.target_after_us
    track = _track(one.target_position, at_us, one.target_tx, one.target_stream, one.target_offset)
    track.snapshot = bool(one.flags & _TARGET_READ)
    track.carried = one.carried if one.target_carried is None else one.target_carried
    target = Target(
        track, one.fingerprint, one.sketch, (), at_us, at_us, [], at_us + one.read_after_us
    )
    return KeyState(source, target, Verdict.CONSISTENT, Reason.NONE)


def _track(
    position: tuple[int, ...] | None, commit_us: int, tx: int | None, stream: int, offset: int
) -> Track:
    return Track(
        position, commit_us, commit_us, tx, stream, offset, position, offset,
        emitted_stream=stream,
    )  # fmt: skip


def _older(one: Plain) -> Iterator[Entry]:
    position, before, samples = one.position or (), one.before, one.flags >> _FLAGS
    at = 0
    for fingerprint in one.older:
        end = at + 2 + len(position)
        at_us, offset = one.commit_us + before[at], one.offset + before[at + 1]
        place = tuple(map(add, position, before[at + 2 : end]))
        yield Entry(fingerprint, at_us, place, one.stream, offset, sample=bool(samples & 1))
        at, samples = end, samples >> 1
