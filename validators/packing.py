"""The stored form of a key's state: what the join table, its changelog and the memory of a worker
hold for every key, and so as small as it can be made cheaply.

A version byte and a msgpack array. Keys at rest have a form of their own
(`figwatch.validators.packing_plain`); in that of the others nearly every number is written as its
distance from the source's newest version.
`figwatch.validators.key_table` packs a key when it settles.
"""

import msgspec

from figwatch.validators.packing_plain import Plain, plain, whole
from figwatch.validators.state import Entry, KeyState, Source, Target, Track

STATE_VERSION = 3
"""First byte of a packed state, the newest: the short form. Raise it with any change of the Structs
or of the folding.
"""

FOLDED_VERSION = 2
"""Of a key that has no short form."""

UNFOLDED_VERSION = 1
"""The first form: numbers as they are. Still read, and written anew when its key changes."""

_SAME: tuple[int, ...] = ()
"""In place of a position: that of the newest version, or of the track. No database has it."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(KeyState)
_PLAIN_DECODER = msgspec.msgpack.Decoder(Plain)
_VERSION = bytes([FOLDED_VERSION])
_PLAIN_VERSION = bytes([STATE_VERSION])


def pack(state: KeyState) -> bytes:
    """Return the stored form. `state` is folded for the moment of encoding, and left as it was."""
    short = plain(state)
    if short is not None:
        return _PLAIN_VERSION + _ENCODER.encode(short)
    source, target = state.source, state.target
    if source is None or not source.ring:
        return _VERSION + _ENCODER.encode(state)
    row = source.ring[-1]
    _fold_source(source, row, -1)
    if target is None:
        packed = _VERSION + _ENCODER.encode(state)
    else:
        _fold_target(target, row, -1)
        fingerprint, sketch = target.fingerprint, target.sketch
        if fingerprint is not None and fingerprint == row.fingerprint and sketch == row.sketch:
            # A target that shows the newest version, nearly every key's, shares its row.
            state.shared, target.fingerprint, target.sketch = True, None, b""
        packed = _VERSION + _ENCODER.encode(state)
        state.shared, target.fingerprint, target.sketch = False, fingerprint, sketch
        _fold_target(target, row, 1)
    _fold_source(source, row, 1)
    return packed


def unpack(data: bytes) -> KeyState:
    """Return the state.

    Raises:
        msgspec.DecodeError: a version that this figwatch does not read, or a damaged record.
    """
    version = data[0] if data else 0
    if version == STATE_VERSION:
        return whole(_PLAIN_DECODER.decode(memoryview(data)[1:]))
    if version not in {FOLDED_VERSION, UNFOLDED_VERSION}:
        readable = f"{UNFOLDED_VERSION} to {STATE_VERSION}"
        raise msgspec.DecodeError(f"state version {version}, this figwatch reads {readable}")
    state = _DECODER.decode(memoryview(data)[1:])
    source, target = state.source, state.target
    if source is None or not source.ring:
        return state
    row = source.ring[-1]
    if target is not None and state.shared:
        state.shared, target.fingerprint, target.sketch = False, row.fingerprint, row.sketch
    if version == FOLDED_VERSION:
        _fold_source(source, row, 1)
        if target is not None:
            _fold_target(target, row, 1)
    return state


def _fold_source(source: Source, row: Entry, sign: int) -> None:
    """Fold (`sign` -1) or unfold (1) what is told relative to the newest version."""
    for entry in source.ring:
        if entry is not row:
            entry.commit_us += sign * row.commit_us
            entry.offset += sign * row.offset
    _fold_track(source.track, row.commit_us, row.offset, row.position, sign)


def _fold_target(target: Target, row: Entry, sign: int) -> None:
    if sign > 0:
        target.commit_us += row.commit_us
    at_us = target.commit_us
    target.touched_us += sign * at_us
    target.read_us += sign * at_us
    _fold_track(target.track, at_us, 0, None, sign)
    if sign < 0:
        target.commit_us -= row.commit_us


def _fold_track(
    track: Track, at_us: int, offset: int, position: tuple[int, ...] | None, sign: int
) -> None:
    track.commit_us += sign * at_us
    track.seen_us += sign * at_us
    if sign < 0:
        track.emitted_offset -= track.offset
        track.emitted_stream -= track.stream
        track.offset -= offset
        track.emitted = _SAME if track.emitted == track.position else track.emitted
        track.position = _SAME if track.position == position else track.position
    else:
        track.offset += offset
        track.emitted_stream += track.stream
        track.emitted_offset += track.offset
        track.position = position if track.position == _SAME else track.position
        track.emitted = track.position if track.emitted == _SAME else track.emitted
