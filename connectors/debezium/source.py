"""The `source` block of an event: when it was committed, where in the log, in which transaction.

Works on any object with the attributes of `Source`, so that JSON and Avro share it.
"""

import re
from typing import Annotated, Any

import msgspec
import xxhash

from figwatch.validators.change import Op, Snapshot

FIELDS = (
    "ts_ms",
    "ts_us",
    "ts_ns",
    "snapshot",
    "lsn",
    "txId",
    "file",
    "pos",
    "row",
    "gtid",
    "origin",
)
_BINLOG = re.compile(r".*?(\d{1,18})")
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1
_INTEGER = re.compile(r"-?\d{1,19}")


class Source(msgspec.Struct, gc=False):
    """What is needed of `source`. Every field may be absent: older releases, filtered fields."""

    ts_ms: Any = None
    ts_us: Any = None
    ts_ns: Any = None
    snapshot: Any = msgspec.UNSET
    lsn: Any = None
    txId: Any = None  # noqa: N815  # Debezium's name
    file: Any = None
    pos: Any = None
    row: Any = None
    gtid: Any = None
    origin: Any = None


_Number = Annotated[int, msgspec.Meta(ge=0, le=_GREATEST)]


class LogSource(msgspec.Struct, gc=False):
    """The usual source of PostgreSQL's log, in the order in which it is written; a source that
    lacks one of these is decoded as a `Source`.
    """

    snapshot: Any
    ts_us: Annotated[int, msgspec.Meta(ge=1, le=_GREATEST)]
    txId: _Number  # noqa: N815  # Debezium's name
    lsn: _Number
    origin: Any = None


class LogEntry(msgspec.Struct, gc=False):
    """The same where any of it may be null: Avro, whose schema says only that it may be there."""

    snapshot: Any
    ts_us: Annotated[int, msgspec.Meta(ge=1, le=_GREATEST)] | None
    txId: _Number | None  # noqa: N815  # Debezium's name
    lsn: _Number | None
    origin: Any = None


LOG_FIELDS = LogEntry.__struct_fields__


def is_log(source: Any) -> bool:
    """Whether a source would be read as a LogSource."""
    numbers = (source.ts_us, source.txId, source.lsn)
    return all(n.__class__ is int and 0 <= n <= _GREATEST for n in numbers) and source.ts_us > 0


_SNAPSHOTS = {
    None: Snapshot.NONE,
    msgspec.UNSET: Snapshot.NONE,
    "false": Snapshot.NONE,
    False: Snapshot.NONE,
    "": Snapshot.NONE,
    "last": Snapshot.LAST,
    "incremental": Snapshot.INCREMENTAL,
}


class Nulls:
    """What the records of one connector tell of its converter: does it write null as null?

    `source.snapshot` is null in the log and has the DEFAULT "false": where that is written, every
    other null of a column with a DEFAULT is written as the DEFAULT, too. A snapshot's rows do not
    tell, so that it is remembered.
    """

    def __init__(self) -> None:
        self._kept = False
        self.replaced = False
        """An event of the log had the DEFAULT in place of null: set by who saw it."""

    def kept(self, snapshot: Any) -> bool:
        """Whether the nulls of an event are as they were in the database."""
        if snapshot is None:
            self._kept = True
            return True
        return self._kept and not self.replaced

    def note(self, snapshot: Any) -> None:
        """Take the `source.snapshot` of an event that is not decoded."""
        if snapshot == "false":
            self.replaced = True
        self.kept(snapshot)


def integer(value: Any) -> int | None:
    """An integer of 64 bits that may stand as text (CloudEvents, added fields); None for anything
    else.
    """
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if value.__class__ is int and _LEAST <= value <= _GREATEST:
        return value
    return None


def commit_us(source: Source) -> int | None:
    """Commit time in microseconds at the best precision there is.

    A value of 0 stands for absent where a converter wrote a DEFAULT over null.
    """
    micros = integer(source.ts_us)
    if micros:
        return micros
    nanos = integer(source.ts_ns)
    if nanos:
        return nanos // 1_000
    millis = integer(source.ts_ms)
    return None if millis is None or abs(millis) > _GREATEST // 1_000 else millis * 1_000


def emitted_us(document: Any) -> int:
    """When the connector made a record, by its own clock, in microseconds: the envelope's time, or
    the one that a flattened record was given; 0 where it does not say.
    """
    inner = document.get("payload", document) if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        return 0
    flat = "source" not in inner
    micros = integer(inner.get("__ts_us" if flat else "ts_us"))
    millis = integer(inner.get("__ts_ms" if flat else "ts_ms"))
    return micros or (millis or 0) * 1000


def snapshot_of(source: Source, op: Op) -> Snapshot:
    """Where the event came from; a read whose record does not say so is a snapshot's row."""
    value = source.snapshot
    if value.__class__ is str:
        value = value.lower()
    try:
        found = _SNAPSHOTS.get(value, Snapshot.ROW)
    except TypeError:  # an unhashable value: not Debezium's
        found = Snapshot.NONE
    return Snapshot.ROW if found is Snapshot.NONE and op is Op.READ else found


def position(source: Source, op: Op) -> tuple[int, ...] | None:
    """PostgreSQL: (lsn, 0 for a delete else 1). MySQL: (file number, pos, row, 0 or 1)."""
    order = 0 if op is Op.DELETE else 1
    lsn = integer(source.lsn)
    if lsn is not None:
        return (lsn, order)
    pos = integer(source.pos)
    if pos is None or not isinstance(source.file, str):
        return None
    number = _BINLOG.fullmatch(source.file)
    if number is None:
        return None
    return (int(number[1]), pos, integer(source.row) or 0, order)


def origin_of(source: Any) -> str:
    """PostgreSQL's replication origin of the writing session; "" where it has none, as usual."""
    return source.origin if source.origin.__class__ is str else ""


def transaction_of(source: Source, transaction: Any) -> int | None:
    """PostgreSQL's transaction id, or 63 bits that stand for a GTID."""
    number = integer(source.txId)
    if number is not None:
        return number
    name = transaction.get("id") if isinstance(transaction, dict) else None
    if not isinstance(name, str):
        name = source.gtid
    if not isinstance(name, str) or not name:
        return None
    head = integer(name.partition(":")[0])  # PostgreSQL: `txid:lsn`, the lsn differs per event
    return xxhash.xxh3_64_intdigest(name.encode()) >> 1 if head is None else head
