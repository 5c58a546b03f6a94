"""Concurrent writes on both sides of a pair that is replicated both ways, out of both rings.

Two versions are in conflict when each was written by its own side's users, within one convergence
window of the other, before the other had come over. What a ring no longer holds proves nothing:
no conflict is claimed on it. `figwatch.validators.turning` asks for every key that changed, once
both sides are known to beyond the window.
"""

from collections.abc import Iterator

import msgspec

from figwatch.validators.state import Entry, Source

LISTED_MAX = 20
"""Conflicts listed for each pair and partition; the counts go on."""
PENDING_MAX = 20_000
"""Changed keys that wait for the watermarks; beyond it they are counted as unjudged."""


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


def conflicts(
    key: bytes, source: Source | None, target: Source | None, window_us: int, clocks_us: int
) -> Iterator[Conflict]:
    """Conflicts among the versions that both rings hold: `source` of the configured source side,
    `target` of the other.
    """
    if source is None or target is None or not source.ring or not target.ring:
        return
    for ours in _own(source, target, window_us, clocks_us):
        for theirs in _own(target, source, window_us, clocks_us):
            near = abs(ours.commit_us - theirs.commit_us) <= window_us
            same = ours.fingerprint == theirs.fingerprint
            if near and not same and _apart(ours, theirs, target) and _apart(theirs, ours, source):
                yield _conflict(key, ours, theirs, source, target)


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


def _conflict(key: bytes, ours: Entry, theirs: Entry, source: Source, target: Source) -> Conflict:
    last, last_there = source.ring[-1].fingerprint, target.ring[-1].fingerprint
    winner = "none"
    if last == last_there:
        winner = "later"
        if last == ours.fingerprint:
            winner = "source"
        elif last == theirs.fingerprint:
            winner = "target"
    ours_came = any(e.fingerprint == ours.fingerprint for e in target.ring)
    theirs_came = any(e.fingerprint == theirs.fingerprint for e in source.ring)
    lost = (winner != "source" and not ours_came) or (winner != "target" and not theirs_came)
    return Conflict(key, ours.commit_us, theirs.commit_us, winner, lost)
