"""The words that travel from the decoder to the judge: one Struct for each fact of a change stream.

Every record here is a frozen msgspec Struct with a compact array form, because the same values go
through `<app>-changes` (see `encode` and `decode_record`), through a replay and through the
simulator. Times are microseconds since the epoch. `figwatch.validators.judge` consumes them.
"""

import enum
from typing import TypeAlias

import msgspec

from figwatch.validators.writes.records import OutboxChange, OutboxEvent, SagaEvent, Trip, Turn


class Side(enum.IntEnum):
    """The part a system plays in a pair."""

    SOURCE = 0
    """Owns the data now."""
    TARGET = 1
    """Must follow."""


class Op(enum.IntEnum):
    """What happened to a row."""

    CREATE = 0
    """Debezium `c`: the row did not exist before."""
    UPDATE = 1
    """Debezium `u`, or an upsert of unknown kind from a flattened stream."""
    DELETE = 2
    """Debezium `d`."""
    READ = 3
    """Debezium `r`: read by a snapshot, its time is no commit time."""
    TOMBSTONE = 4
    """A null value: nothing after a delete, a delete when it stands alone."""


class Snapshot(enum.IntEnum):
    """Where a row event came from."""

    NONE = 0
    """The log: a real commit."""
    ROW = 1
    """An initial or blocking snapshot."""
    LAST = 2
    """The last row of such a snapshot: the connector streams from here."""
    INCREMENTAL = 3
    """A window of an incremental snapshot, in order with the log for its key."""


class Change(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """One row event of one pair, reduced to what the verdict needs; it carries no row values.

    `fingerprint` is 16 bytes, or None when the row does not exist after the event. It is the hash
    of the short canonical values plus (mod 2**128) one digest for each long value. The digests of
    the long values stand in `carried`, so that the judge can complete a later event in which such
    a column is unknown (unchanged TOAST): there `unknown` names the columns and `fingerprint` is
    the sum without them. `sketch` has two bytes for each mapped column, in order.

    `position` orders the events of ONE KEY in the database's own log and is None where the record
    has none (incremental snapshots, flattened records): PostgreSQL (lsn, 0 for `d` else 1),
    MySQL (file number, pos, row, 0 or 1). `tx` identifies the transaction, when known.
    `moved` is the other key of a primary-key change: the new one on the delete, the old one on
    the create. `origin` is the replication origin of the session that wrote it ("": none).
    """

    pair: str
    side: Side
    key: bytes
    op: Op
    fingerprint: bytes | None
    sketch: bytes
    commit_us: int
    position: tuple[int, ...] | None
    tx: int | None
    topic: str
    partition: int
    offset: int
    append_us: int
    snapshot: Snapshot = Snapshot.NONE
    unknown: tuple[int, ...] = ()
    carried: tuple[tuple[int, bytes], ...] = ()
    moved: bytes | None = None
    origin: str = ""


class Truncate(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """The whole table of one side was emptied."""

    pair: str
    side: Side
    commit_us: int
    position: tuple[int, ...] | None
    topic: str
    partition: int
    offset: int
    append_us: int


class Malformed(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """A record that could not be decoded. `key` is the canonical key where it could be read.

    `reason` is a stable word for metrics (few values); `detail` is for people and holds no values.
    """

    pair: str | None
    side: Side
    key: bytes | None
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    append_us: int
    keyless: bool = False
    """It has no key at all: it may have been a truncate, of every partition's rows."""


class Gap(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    """Offsets from `first` to `end` (exclusive) of a raw partition no longer exist."""

    topic: str
    partition: int
    first: int
    end: int
    distrust: bool = False
    """They exist, and may have been applied: what was made of them compares with nothing made
    since, because a schema changed how columns are compared."""


class SnapshotSpan(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The snapshot rows seen in one stretch of a raw partition (not incremental ones)."""

    first_offset: int
    last_offset: int
    commit_us: int
    """Commit time on its first row; the rows of one snapshot share it."""
    finished: bool
    """Its `last` row was seen, or a log event after it."""
    append_us: int = 0
    """Kafka's time of its first row (0: not told)."""


class Mark(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    """Behind the data it covers: how far a raw partition has been consumed, and what that proves.

    `start_offset` is the first offset this stretch covers, so that a reader knows where reading
    began. `commit_us` is the greatest commit time of a log event in the stretch (None: no such
    event). `streaming` says that a log event was seen in it.
    """

    topic: str
    partition: int
    start_offset: int
    next_offset: int
    commit_us: int | None
    streaming: bool
    snapshot: SnapshotSpan | None = None


class Barrier(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    """A heartbeat: once consumption of the partition passes `end_offset`, its watermark is
    `commit_us`. `end_offset` was asked for after the heartbeat had been read.
    """

    topic: str
    partition: int
    end_offset: int
    commit_us: int
    exact: bool = False
    """A heartbeat row: it stands in the log, in order with the data."""


class Moved(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    """Long values carried from the old key of a primary-key change to the new one."""

    pair: str
    side: Side
    key: bytes
    position: tuple[int, ...] | None
    commit_us: int
    carried: tuple[tuple[int, bytes], ...]
    sketch: bytes
    topic: str
    partition: int
    offset: int


class Reading(msgspec.Struct, frozen=True, array_like=True, tag=7, gc=False):
    """One look at the replicator: committed offset, THEN end offset, then the time of the answer.

    `committed` is the offset it will read next, None where no group is configured or it has
    committed nothing. `end_only`: the replicator was not asked at all.
    """

    topic: str
    partition: int
    committed: int | None
    end_offset: int
    requested_us: int
    answered_us: int
    end_only: bool = False


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag=8, gc=False):
    """A connector's sign of life. `exact`: a captured heartbeat row, whose commit time proves
    itself; otherwise the connector's clock, which proves only that time minus a grace.
    """

    side: str
    commit_us: int
    exact: bool
    topic: str
    partition: int
    offset: int
    append_us: int


class Topology(msgspec.Struct, frozen=True, array_like=True, tag=9, gc=False):
    """How many partitions a raw topic has. No watermark exists before this is known, and it must
    come before the first data of a partition that was added.
    """

    topic: str
    partitions: int


class Suspect(msgspec.Struct, frozen=True, array_like=True, tag=10, gc=False):
    """What a sweep saw of one key in both tables: routed like a change of that key.

    Both rows stood still from `still_us` to `read_us` (figwatch's clock, the start of the first
    and of the last look). Equal fingerprints: a key that was unknown or a finding of an earlier
    sweep is told to be equal. `validators.sweep.settlement` settles it.
    """

    pair: str
    key: bytes
    source: bytes | None
    """Fingerprint of the source's row, None when there is none."""
    target: bytes | None
    source_sketch: bytes
    target_sketch: bytes
    still_us: int
    read_us: int
    sweep: str = ""
    """The sweep that wants to hear how it was settled (empty: none does)."""


class SweepEnd(msgspec.Struct, frozen=True, array_like=True, tag=11, gc=False):
    """Where the sweep of a pair stands: told to every internal partition, once before its first
    look (`ended_us` 0: whatever stands before this in the partition was committed before that
    look) and then behind its suspects.

    `whole`: every row of both tables was looked at between `began_us` and `ended_us` (figwatch's
    clock), and every key that is not among `doubted` was equal in both. `clean_us`: each row has
    been looked at since then and was equal (0: that cannot be said).
    """

    pair: str
    sweep: str
    began_us: int
    ended_us: int
    whole: bool
    differences: int
    source_rows: int
    target_rows: int
    clean_us: int
    ranges: int = 1
    ranges_clean: int = 0
    doubted: tuple[bytes, ...] | None = ()
    """Keys of this partition that were not shown to be equal; None: they are not all known."""
    ages_us: tuple[int, ...] = ()
    """`clean_us` of each range, in the order of the keys; neighbours share one where there are more
    than `sweep.ranges.AGES_MAX`."""


class SweepAnswer(msgspec.Struct, frozen=True, array_like=True, tag=12, gc=False):
    """How a judge settled a suspect; travels in `<app>-sweeps`, back to the sweep.

    `settlement` is the name of a `sweep.settlement.Settlement`; `verdict` of the key's verdict,
    `kind` of its finding's kind (empty: none).
    """

    sweep: str
    pair: str
    key: bytes
    settlement: str
    verdict: str
    kind: str


Record: TypeAlias = (
    Change
    | Truncate
    | Malformed
    | Gap
    | Mark
    | Barrier
    | Moved
    | Topology
    | Suspect
    | SweepEnd
    | SagaEvent
    | OutboxChange
    | OutboxEvent
    | Trip
    | Turn
)
"""What travels in `<app>-changes`."""

Forwarded: TypeAlias = Moved | Trip
"""What a judge sends on to the partition of another key; routed by (pair, key) like any change."""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Record)
_ANSWER_DECODER = msgspec.msgpack.Decoder(SweepAnswer)

encode = _ENCODER.encode
decode_record = _DECODER.decode
decode_answer = _ANSWER_DECODER.decode
