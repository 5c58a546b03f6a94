"""What is kept for one key: both sides' tracks, the source's version ring, the open finding.

`figwatch.validators.packing` gives them their stored form, `figwatch.validators.history` changes
them, `figwatch.validators.rules` only reads them.
"""

import msgspec

from figwatch.validators.outcome import Reason

Carried = tuple[tuple[int, bytes], ...]


class Entry(msgspec.Struct, array_like=True, gc=False):
    """One version of the source's row. `offset` is that of its LATEST emission: after a restart
    Debezium emits again, and the replicator may be applying the second copy.
    """

    fingerprint: bytes | None
    commit_us: int
    position: tuple[int, ...] | None
    stream: int
    offset: int
    sample: bool
    """Gives a convergence sample: no snapshot row, not inside a transaction, not half a move."""
    sketch: bytes = b""
    """Empty for an absent row, and dropped from older versions once the key is consistent."""
    unknown: tuple[int, ...] = ()


class Track(msgspec.Struct, array_like=True, gc=False):
    """The last events of one key on one side."""

    position: tuple[int, ...] | None = None
    """Of the last event that had one and was no duplicate."""
    commit_us: int = 0
    """Commit time of the event that gave `position`."""
    seen_us: int = 0
    """Commit (or snapshot) time of the last good event."""
    tx: int | None = None
    stream: int = -1
    offset: int = -1
    """Raw offset of the last good event (not a duplicate)."""
    emitted: tuple[int, ...] | None = None
    """Position of the last emission, duplicates included: the key's emission frontier."""
    emitted_offset: int = -1
    fault: Reason = Reason.NONE
    snapshot: bool = False
    """The last good event was a row of an initial snapshot."""
    carried: Carried = ()
    emitted_stream: int = -1
    """Stream of the last emission: not that of its version where partitions were added."""
    moved: tuple[int, ...] | None = None
    """Position of the create by which the row came here from another key, while its long values
    are still on their way (see `figwatch.validators.change.Moved`)."""


class Source(msgspec.Struct, array_like=True, gc=False):
    """The side that leads. `ring` is oldest first; `shown` indexes the last version that the
    target has shown (-1: none of them).
    """

    track: Track
    ring: list[Entry]
    born: bool = False
    """`ring[0]` is the key's first state: the row did not exist before, and nothing was dropped."""
    shown: int = -1
    dropped: list[tuple[bytes, int]] = []
    """Versions pushed out of the ring before the target showed them: (prefix, commit_us)."""
    cut: int = 0
    """From here on the ring has no hole; what stands before is kept because the target shows it."""


class Target(msgspec.Struct, array_like=True, gc=False):
    """The side that follows: its current version only."""

    track: Track
    fingerprint: bytes | None = None
    sketch: bytes = b""
    unknown: tuple[int, ...] = ()
    commit_us: int = 0
    """First commit of the present value."""
    touched_us: int = 0
    """Last commit that left the value as it is."""
    ahead: list[tuple[bytes | None, int]] = []
    """Versions read before the source's event that explains them: (fingerprint, commit_us)."""
    read_us: int = 0
    """When figwatch read the present value. Restored state is re-stamped: see `Judge.load`."""


class OpenFinding(msgspec.Struct, array_like=True, gc=False):
    """The part of an open finding that must survive a restart."""

    kind: int
    columns: tuple[int, ...]
    since_us: int
    detected_us: int
    evidence: int
    incomplete_history: bool
    reading_us: int
    """Answer time of the reading that proved it (0: none)."""
    committed: int
    """What the replicator had committed by that reading."""
    listed: bool = True
    """Told to the findings topic; False beyond `PairRules.findings_max`: only counted."""


class Past(msgspec.Struct, array_like=True, gc=False):
    """What a key's earlier findings leave behind."""

    times: int
    """How many there were."""
    first_detected_us: int
    first_evidence: int
    last_resolved_us: int


class Swept(msgspec.Struct, array_like=True, gc=False):
    """What a sweep settled of the key; it stands while the marks are those of its tracks, and an
    equal one also while nothing more was lost or became unreadable.
    """

    kind: int
    """A `Kind`; -1: both rows are equal."""
    columns: tuple[int, ...]
    since_us: int
    source_offset: int
    source_us: int
    target_offset: int
    target_us: int
    emitted: tuple[int, int] = (-1, -1)
    """Offsets of the last emission of source and target, an unreadable one included."""
    losses: int = 0
    """`Pair.losses` then."""


class KeyState(msgspec.Struct, array_like=True, gc=False):
    """Everything about one key of one pair."""

    source: Source | None = None
    target: Target | None = None
    verdict: int = -1
    """A `Verdict`; -1 before the first judgement."""
    reason: int = 0
    since_us: int = 0
    """Commit time from which the sides differ (0: they do not)."""
    foreign: bool = False
    """The target shows a value that is in no ring."""
    finding: OpenFinding | None = None
    shared: bool = False
    """Only in the packed form: the target's row is the source's newest version."""
    past: Past | None = None
    """Findings of this key that resolved (withdrawn ones do not count)."""
    swept: Swept | None = None
