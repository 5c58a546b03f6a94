"""The shapes in which a row event arrives besides the plain envelope: flattened, outbox,
CloudEvents; and the records that are no rows. All become an `Event`.

`connectors.debezium.route` tries the plain envelope first and comes here for the rest.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.source import Source
from figwatch.validators.canonical.json import parse_json

OPS = frozenset("cudrtm")
_ENVELOPE_FIELDS = frozenset({"before", "after", "source"})


class UnknownShapeError(ValueError):
    """A document that is none of the shapes; the message says what is missing."""


class Ignored(enum.StrEnum):
    """Records that are no row events, by the name under which they are counted."""

    MESSAGE = "message"
    """A logical decoding message (`m`)."""
    SCHEMA_CHANGE = "schema_change"
    """DDL."""
    TRANSACTION = "transaction"
    """BEGIN or END."""
    OTHER_TOPIC = "other_topic"
    """A topic that feeds no pair: signals, unmapped tables."""
    OTHER_TABLE = "other_table"
    """A row of a table that feeds no pair, in a topic that carries several."""
    NULL_RECORD = "null_record"
    """Neither key nor value: the tombstone of a table without key; a heartbeat without value."""
    HEARTBEAT_SNAPSHOT = "heartbeat_snapshot"
    """A heartbeat row read by a snapshot, which proves nothing."""
    OUTBOX_DELETE = "outbox_delete"
    """An outbox event without payload."""
    FILTERED = "filtered"
    """A new row outside the pair's filter."""
    REPEATED_TOMBSTONE = "repeated_tombstone"
    """A tombstone behind its delete whose key names no mapped column."""


@dataclasses.dataclass(slots=True)
class Event:
    """A row event as mappings of raw values. `before` counts for deletes without a usable key."""

    op: str
    after: Mapping[str, Any] | None
    before: Mapping[str, Any] | None = None
    source: Source = dataclasses.field(default_factory=Source)
    transaction: Any = None
    member: str | None = "after"
    """Where the row's schema stands in the record's; None: it is the record's."""
    inner_schema: Any = None
    """The Connect schema that a CloudEvent carries inside."""
    flattened: bool = False
    """Without a commit time of its own, the append time stands in."""


def event_of(  # noqa: PLR0911  # one return for each shape
    document: Any, headers: Headers
) -> Event | Ignored:
    """The event of a decoded value.

    Raises:
        UnknownShapeError: it is none of them.
    """
    if isinstance(document, str | bytes):
        return _outbox(document, headers)
    if not isinstance(document, dict):
        raise UnknownShapeError("the value is no JSON object")
    document = _unwrapped(document)
    if not isinstance(document, dict):
        raise UnknownShapeError("the payload is no JSON object")
    if _op(document.get("op")) and _ENVELOPE_FIELDS & document.keys():
        return _envelope(document)
    if document.get("op") == "m":
        return Ignored.MESSAGE
    if "specversion" in document and "data" in document:
        return _cloud_event(document)
    if "ddl" in document or "tableChanges" in document or "historyRecord" in document:
        return Ignored.SCHEMA_CHANGE
    if document.get("status") in ("BEGIN", "END") and "id" in document and "ts_ms" in document:
        return Ignored.TRANSACTION
    return _flattened(document, headers)


def _op(value: Any) -> bool:
    return isinstance(value, str) and value in OPS


def _envelope(document: dict[str, Any]) -> Event | Ignored:
    if document["op"] == "m":
        return Ignored.MESSAGE
    return Event(
        document["op"],
        _mapping(document.get("after")),
        _mapping(document.get("before")),
        source_of(document.get("source")),
        document.get("transaction"),
    )


def _mapping(value: Any) -> Mapping[str, Any] | None:
    if isinstance(value, str):  # MongoDB's document
        value = parse_json(value)
    if value is None or isinstance(value, dict):
        return value
    raise UnknownShapeError("before or after is no object")


def source_of(block: Any) -> Source:
    """The Source of a `source` block; anything else is an empty one."""
    if not isinstance(block, dict):
        return Source()
    return Source(**{name: block[name] for name in sources.FIELDS if name in block})


# -- CloudEvents


def _cloud_event(document: dict[str, Any]) -> Event | Ignored:
    data, schema = document["data"], None
    if isinstance(data, str | bytes):
        data = parse_json(data)
    if isinstance(data, dict) and "payload" in data and set(data) <= {"schema", "payload"}:
        data, schema = data["payload"], data.get("schema")
    op = document.get("iodebeziumop")
    if not isinstance(data, dict) or not _op(op):
        raise UnknownShapeError("a CloudEvent without iodebeziumop, or whose data is no object")
    if op == "m":
        return Ignored.MESSAGE
    lowered = {name.lower(): name for name in ("txId", *sources.FIELDS)}
    block = {
        lowered[key.lower()]: value
        for name, value in document.items()
        if (key := name.removeprefix("iodebezium").replace("_", "")) != name
        and key.lower() in lowered
    }
    for name in ("ts_ms", "ts_us", "ts_ns"):
        block[name] = document.get("iodebezium" + name.replace("_", ""))
    block.setdefault("snapshot", "")  # nulls are left out: absence tells nothing
    transaction = {"id": document.get("iodebeziumtxid")}
    enveloped = bool({"before", "after"} & data.keys())
    return Event(
        str(op),
        _mapping(data.get("after")) if enveloped else data,
        _mapping(data.get("before")) if enveloped else None,
        source_of(block),
        transaction,
        "after" if enveloped else None,
        schema,
    )


# -- outbox


def _outbox(text: str | bytes, headers: Headers) -> Event | Ignored:
    """An event of the outbox router: its payload, a JSON text within JSON, is the row. Any other
    shape may be written as a text, too (StringConverter behind a JSON one).
    """
    row = parse_json(text)
    if isinstance(row, str):
        row = parse_json(row)
    if not isinstance(row, dict):
        raise UnknownShapeError("the value's text holds no JSON object")
    return event_of(_unwrapped(row), headers)


def _unwrapped(document: dict[str, Any]) -> Any:
    """What stands beside a schema, or alone, as `payload`."""
    if "payload" in document and document.keys() <= {"schema", "payload"}:
        return document["payload"]
    return document


# -- flattened

_ADDED = {
    "op": ("__op",),
    "deleted": ("__deleted",),
    **{
        name: (f"__source_{name}", f"__{name}")
        for name in sources.FIELDS
        if name not in {"ts_ms", "ts_us", "ts_ns"}
    },
    # `__ts_ms` is the connector's clock: the commit time is `__source_ts_ms`
    "ts_ms": ("__source_ts_ms",),
    "ts_us": ("__source_ts_us",),
    "ts_ns": ("__source_ts_ns",),
    "transaction": ("__transaction_id",),
}
_ADDED_AS = {
    spelling: (-rank, field)
    for field, names in _ADDED.items()
    for rank, spelling in enumerate(names)
}
"""Spelling → how good it is, and of which field."""


def _flattened(document: dict[str, Any], headers: Headers) -> Event:
    """A row as ExtractNewRecordState leaves it, with what `add.fields` or `add.headers` kept."""
    known: dict[str, Any] = {}
    for name, value in headers:
        if name in _ADDED_AS:
            known[name] = header_value(value)
    for name in _ADDED_AS.keys() & document.keys():
        known[name] = document[name]
    added: dict[str, Any] = {}
    for name in sorted(known, key=_ADDED_AS.__getitem__):  # the best spelling counts
        added[_ADDED_AS[name][1]] = known[name]
    op = added["op"] if _op(added.get("op")) else "u"
    if added.get("deleted") is True or added.get("deleted") == "true":
        op = "d"
    transaction = {"id": added.get("transaction")}
    return Event(
        str(op),
        None if op == "d" else document,
        document if op == "d" else None,
        source_of(added),
        transaction,
        None,
        flattened=True,
    )


def header_value(value: bytes | None) -> Any:
    """A header as SimpleHeaderConverter or JsonConverter wrote it; text where it is no JSON."""
    if value is None:
        return None
    try:
        parsed = parse_json(value)
    except ValueError:
        return value.decode("utf-8", "replace")
    if isinstance(parsed, dict) and set(parsed) == {"schema", "payload"}:
        return parsed["payload"]
    return parsed
