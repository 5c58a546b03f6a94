"""What one partition says of writes that come round, and how such summaries merge.

Part of `figwatch.validators.summary.PairSummary`; made by `figwatch.validators.writes.echoes`,
judged by `figwatch.validators.stages.writes`.
"""

import msgspec

LOOPS_LISTED_MAX = 20
"""Keys listed that loop or did so, for each pair and partition; the counts go on."""


class Loop(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A key whose value went round between the sides without a write from outside."""

    key: bytes
    hops: int
    """Copies so far."""
    since_us: int
    """The write from which it is known."""
    last_us: int
    evidence: str
    """`origin`: every copy named its replicator; `values`: the same value came back each time."""


class EchoSummary(msgspec.Struct, array_like=True, gc=False):
    """Writes of one pair that is judged both ways, by how they came about."""

    counts: dict[str, int] = {}
    """`outside`, `arrival` (the first copy), `echo` (any further one), `loop` (keys that began to),
    `reverted` (an echo that replaced a newer write of the side's own users), `unfollowed`."""
    loops: list[Loop] = []
    newest_loop_us: int = 0
    """Last copy of any loop (0: there was none)."""
    looping: int = 0
    """Keys that go round now."""
    known_us: int = 0
    """Writes from before were followed (0: nothing is known)."""


def merge_echoes(into: EchoSummary, other: EchoSummary) -> None:
    """Add another partition's summary to the first."""
    for what, count in other.counts.items():
        into.counts[what] = into.counts.get(what, 0) + count
    loops = sorted([*into.loops, *other.loops], key=lambda loop: loop.last_us)
    into.loops = loops[-LOOPS_LISTED_MAX:]
    into.newest_loop_us = max(into.newest_loop_us, other.newest_loop_us)
    into.looping += other.looping
    into.known_us = min(into.known_us, other.known_us)
