"""A topic into which a router writes several tables: each record goes the way of its own table.

What names the table is the event's `source` block, what a flattening kept of it, or, in the key,
ByLogicalTableRouter's `__dbz__physicalTableIdentifier`. `connectors.debezium.route` decodes.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

import msgspec

from figwatch.connectors.debezium.ahead import Record
from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.documents import document_of
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.plan import Feed
from figwatch.connectors.debezium.route import Decode, Route
from figwatch.connectors.debezium.rows import PARTITIONS_MAX, Decoded
from figwatch.connectors.debezium.shapes import Ignored, header_value
from figwatch.validators.canonical.wire import Wire
from figwatch.validators.change import Malformed

IDENTIFIER = "__dbz__physicalTableIdentifier"
"""ByLogicalTableRouter adds it to the key: the topic in which the record would have been."""
_SPELLINGS = ("__source_{}", "__{}", "iodebezium{}")
_PARTS = ("db", "schema", "table")
_NAMES = {spelling.format(part): part for part in _PARTS for spelling in _SPELLINGS}
_Some = dict.fromkeys(("source", IDENTIFIER, *_NAMES), Any)
_Named = TypedDict("_Named", _Some, total=False)  # type: ignore[misc]  # its names are made above
_Whole = TypedDict("_Whole", {**_Some, "payload": _Named | None}, total=False)  # type: ignore[misc]  # likewise
_JSON = msgspec.json.Decoder(_Whole)
"""Reads what names the table and skips the rest."""
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)
_NO_TABLE = (
    "the record does not name its table, and its topic carries several: keep the source block, or "
    "add.fields=source.schema,source.table (source.db) on the flattening transform"
)
_NO_DELETE = "a tombstone without its delete, and its topic carries several tables"

_Consumed = tuple[int, int, int, Headers, bytes | None, bytes | None]
"""As the arguments of `Route.decode`."""


class TableRoutes:
    """Stands in the place of a Route. `named` has the tables that are known by name; records of
    others take the way `rest` (None: they feed no pair), `whole` says what is no row.
    """

    def __init__(  # made in one place, the decoder
        self,
        prefix: str,
        named: Mapping[str, Route],
        rest: Route | None,
        whole: Route,
        avro: AvroReader,
        ignored: Counter[str],
    ) -> None:
        self._prefix = prefix + "."
        self._named, self._rest, self._whole = named, rest, whole
        self._avro = avro
        self._ignored = ignored
        self._last: dict[int, tuple[bytes | None, Route | None]] = {}

    @property
    def feeds(self) -> Sequence[Feed]:
        """What the topic feeds."""
        return self._whole.feeds

    def reset(self) -> None:
        """Forget all compiled plans: an agreement has changed."""
        for route in self._routes():
            route.reset()

    def decode(
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Decoded:
        """As `Route.decode`, by the record's table."""
        names = self._tables(headers, key, value)
        record = (partition, offset, append_us, headers, key, value)
        if names:
            route = self._route(names)
        elif value is None and self._last.get(partition, (b"", None))[0] == key:
            route = self._last[partition][1]  # the tombstone behind its delete
        else:
            return self._nameless(record)
        if len(self._last) >= PARTITIONS_MAX:
            self._last.clear()
        self._last[partition] = (key, route)
        if route is None:
            self._ignored[Ignored.OTHER_TABLE] += 1
            return ()
        return route.decode(*record)

    def ahead(self, _records: Sequence[Record]) -> Decode:
        """As `Route.ahead`; records of several tables are not read together."""
        return self.decode

    def learn(self, headers: Headers, key: bytes | None, value: bytes | None) -> None:
        """As `Route.learn`."""
        route = self._route(self._tables(headers, key, value))
        if route is not None:
            route.learn(headers, key, value)

    def example(
        self, headers: Headers, value: bytes | None
    ) -> tuple[Mapping[str, Any], Mapping[str, Wire]] | None:
        """As `Route.example`."""
        route = self._route(self._tables(headers, None, value))
        return None if route is None else route.example(headers, value)

    def _routes(self) -> Iterable[Route]:
        rest = () if self._rest is None else (self._rest,)
        return (*self._named.values(), *rest, self._whole)

    def _route(self, names: Sequence[str]) -> Route | None:
        return next((self._named[name] for name in names if name in self._named), self._rest)

    def _nameless(self, record: _Consumed) -> Decoded:
        """A record that names no table: a row is refused, because nobody knows whose it is."""
        found = self._whole.decode(*record)
        if all(isinstance(one, Malformed) for one in found):
            return found
        detail = _NO_DELETE if record[-1] is None else _NO_TABLE
        return self._whole.refuse(*record[:5], Reason.NO_TABLE, detail)

    def _tables(self, headers: Headers, key: bytes | None, value: bytes | None) -> tuple[str, ...]:
        """The table's possible names, the longest first; none where the record names none."""
        if value is not None and (parts := _parts(self._document(value, headers, Role.VALUE))):
            return _spelled(parts)
        if parts := {_NAMES[n]: header_value(v) for n, v in headers if n in _NAMES}:
            return _spelled(parts)
        if key:
            found = self._document(key, headers, Role.KEY).get(IDENTIFIER)
            if isinstance(found, str):
                return (found.removeprefix(self._prefix),)
        return ()

    def _document(self, data: bytes, headers: Headers, role: Role) -> Mapping[str, Any]:
        document: Any = None
        if data[:1] == b"{":
            with contextlib.suppress(*_UNREADABLE):
                document = _JSON.decode(data)
        if document is None:
            with contextlib.suppress(MalformedError):
                document = document_of(data, headers, role, self._avro).value
        if not isinstance(document, dict):
            return {}
        inner = document.get("payload")
        return inner if isinstance(inner, dict) else document


def _parts(document: Mapping[str, Any]) -> dict[str, Any]:
    block = document.get("source")
    if isinstance(block, dict):
        return {part: block[part] for part in _PARTS if part in block}
    return {part: document[name] for name, part in _NAMES.items() if name in document}


def _spelled(parts: Mapping[str, Any]) -> tuple[str, ...]:
    """`db.schema.table` (SQL Server), `schema.table`, `db.table` (MySQL), as topics are named."""
    db, schema, table = (parts.get(part) for part in _PARTS)
    if not table:
        return ()
    both = (f"{db}.{schema}.{table}",) if db and schema else ()
    return (*both, *(f"{first}.{table}" for first in (schema, db) if first))


class Told(NamedTuple):
    """A feed of a topic: the tables that the configuration names for it, and its pair's table."""

    feed: Feed
    tables: Sequence[str]
    table: str


def routes_of(
    told: Sequence[Told],
    prefix: str,
    make: Callable[[Sequence[Feed]], Route],
    avro: AvroReader,
    ignored: Counter[str],
) -> Route | TableRoutes:
    """The way of a topic's records: by their tables where the configuration names tables, or where
    pairs of several read it.
    """
    whole = make([one.feed for one in told])
    if not any(one.tables for one in told) and len({one.table for one in told}) == 1:
        return whole
    named: dict[str, list[Feed]] = {}
    for one in told:
        for table in one.tables or (one.table,):
            named.setdefault(table, []).append(one.feed)
    rest = [one.feed for one in told if not one.tables]
    routes = {table: make(feeds) for table, feeds in named.items()}
    return TableRoutes(prefix, routes, make(rest) if rest else None, whole, avro, ignored)
