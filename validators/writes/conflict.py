"""Concurrent writes on both sides of a pair that is replicated both ways, out of both rings.

Two versions are in conflict when each was written by its own side's users, within one convergence
window of the other, before the other had come over. What a ring no longer holds proves nothing:
no conflict is claimed on it. `figwatch.validators.writes.turning` asks for every key that changed,
once both sides are known to beyond the window, and again while a version may still be on its way:
only one that its replicator is done with is lost, any other one is late.
"""

from collections.abc import Callable

import msgspec

from figwatch.validators.state import Entry, Source

LISTED_MAX = 20
"""Conflicts listed for each pair and partition; the counts go on."""
PENDING_MAX = 20_000
"""Changed keys that wait for the watermarks; beyond it they are counted as unjudged."""

Gone = Callable[[int, Entry], bool]
"""Whether a version (of the configured source: 0, of the other side: 1) can not come over any more.
"""


class Conflict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Two concurrent versions of one key. Sides by the configuration's roles."""

    key: bytes
    source_us: int
    target_us: int
    winner: str
    """`source` or `target`: its version stands on both sides; `later`: a later one does; `none`:
    the sides still differ."""
    lost: bool
    """A version that did not win never came to the other side: a lost update, not a late one."""
    late: bool = False
    """A version came over, but after more than a window."""


def conflicts(
    key: bytes,
    source: Source | None,
    target: Source | None,
    window_us: int,
    clocks_us: int,
    gone: Gone = lambda _side, _entry: True,
) -> tuple[list[Conflict], bool]:
    """Conflicts among the versions that both rings hold (`source` of the configured source side,
    `target` of the other), and whether some cannot be told yet.
    """
    if source is None or target is None or not source.ring or not target.ring:
        return [], False
    found, waiting = [], False
    for ours in _own(source, target, window_us, clocks_us):
        for theirs in _own(target, source, window_us, clocks_us):
            near = abs(ours.commit_us - theirs.commit_us) <= window_us
            same = ours.fingerprint == theirs.fingerprint
            if near and not same and _apart(ours, theirs, target) and _apart(theirs, ours, source):
                one = _conflict(key, ours, theirs, source, target, window_us, gone)
                found += [] if one is None else [one]
                waiting = waiting or one is None
    return found, waiting


def _own(mine: Source, other: Source, window_us: int, clocks_us: int) -> list[Entry]:
    """Versions that this side's users wrote: the other side did not have them before."""
    known_us = 0 if other.born else other.ring[0].commit_us
    return [
        entry
        for entry in mine.ring
        if not entry.unknown
        and entry.commit_us - window_us > known_us
        and not any(
            e.fingerprint == entry.fingerprint and e.commit_us <= entry.commit_us + clocks_us
            for e in other.ring
        )
    ]


def _apart(version: Entry, other: Entry, there: Source) -> bool:
    """The other version was written before this one had come to its side."""
    return not any(
        e.fingerprint == version.fingerprint and e.commit_us <= other.commit_us for e in there.ring
    )


def _conflict(
    key: bytes,
    ours: Entry,
    theirs: Entry,
    source: Source,
    target: Source,
    window_us: int,
    gone: Gone,
) -> Conflict | None:
    """None while a version that did not come over may still do so."""
    last, last_there = source.ring[-1].fingerprint, target.ring[-1].fingerprint
    winner = "none"
    if last == last_there:
        winner = "later"
        if last == ours.fingerprint:
            winner = "source"
        elif last == theirs.fingerprint:
            winner = "target"
    lost = late = False
    for side, version, there in ((0, ours, target), (1, theirs, source)):
        came_us = _came_us(version, there)
        if came_us is not None:
            late = late or came_us - version.commit_us > window_us
        elif not gone(side, version):
            return None
        elif winner != ("source", "target")[side]:
            lost = True
    return Conflict(key, ours.commit_us, theirs.commit_us, winner, lost, late)


def _came_us(version: Entry, there: Source) -> int | None:
    """When a version came to the other side."""
    times = (e.commit_us for e in there.ring if e.fingerprint == version.fingerprint)
    return next(times, None)
