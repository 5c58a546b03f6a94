"""Where something stands in a record: `header:NAME`, `key`, `key:PATH`, `value:PATH`.

A path has dots between names; text on the way that holds JSON is looked into (the outbox router
writes payloads so). Used by `figwatch.connectors.saga_decoder` and what is decoded beside it.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import xxhash

from figwatch.connectors.debezium.avro import AvroReader, Role
from figwatch.connectors.debezium.documents import document_of
from figwatch.connectors.debezium.shapes import header_value
from figwatch.validators.canonical.json import json_text, parse_json
from figwatch.validators.outbox.definition import plain_number

Headers = Sequence[tuple[str, bytes | None]]
PARTS_MAX = 16
_EXAMPLE = "use header:NAME, key, key:PATH or value:PATH"


class RecordView:
    """One record, its key and value parsed when they are first asked for.

    Raises, on reading a field:
        MalformedError: key or value cannot be read.
        RegistryUnavailable: its Avro schema cannot be had now.
    """

    __slots__ = ("_avro", "_documents", "headers", "key", "value")

    def __init__(
        self, headers: Headers, key: bytes | None, value: bytes | None, avro: AvroReader
    ) -> None:
        self.headers, self.key, self.value = headers, key, value
        self._avro = avro
        self._documents: dict[Role, Any] = {}

    def document(self, role: Role) -> Any:
        """The parsed key or value."""
        if role not in self._documents:
            data = self.key if role is Role.KEY else self.value
            found = None if data is None else _parsed(data, self.headers, role, self._avro)
            self._documents[role] = found
        return self._documents[role]


def _parsed(data: bytes, headers: Headers, role: Role, avro: AvroReader) -> Any:
    if role is Role.KEY and data[:1] not in b'{["\0':
        return data.decode("utf-8", "replace")  # StringConverter
    return _opened(document_of(data, headers, role, avro).value)


def _opened(value: Any) -> Any:
    """JSON within text, as deep as a payload is encoded."""
    for _ in range(2):
        if not isinstance(value, str) or value[:1] not in '{["':
            return value
        try:
            value = parse_json(value)
        except ValueError:
            return value
    return value


Read = Callable[[RecordView], Any]


def check_expression(text: str) -> str:
    """The expression, if it is one.

    Raises:
        ValueError: it is none; the message says what can be.
    """
    reader_of(text)
    return text


def reader_of(text: str) -> Read:
    """What reads the field an expression names; absent is None.

    Raises:
        ValueError: it is no such expression.
    """
    where, _, rest = text.partition(":")
    parts = tuple(rest.split("."))
    if where == "header" and rest:
        return lambda view: _header(view, rest)
    if text == "key":
        return lambda view: view.document(Role.KEY)
    if where not in {"key", "value"} or not rest or "" in parts or len(parts) > PARTS_MAX:
        raise ValueError(f"`{text}` names no place in a record: {_EXAMPLE}")
    role = Role.KEY if where == "key" else Role.VALUE
    return lambda view: _at(view.document(role), parts)


def _header(view: RecordView, name: str) -> Any:
    return next((header_value(value) for other, value in view.headers if other == name), None)


def _at(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        value = _opened(value)
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def text_of(value: Any) -> str:
    """A scalar as text; "" for absent, empty or no scalar."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


COMPARED_MAX = 256
"""Characters of a value that is compared as it is; a longer one is compared by its hash."""


def comparable(value: Any) -> str | None:
    """A value as text that is equal where the values mean the same; None is null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else ""
    if isinstance(value, int | float | Decimal) or text:
        try:
            number = Decimal(str(value))
            if number.is_finite() and abs(number.adjusted()) < COMPARED_MAX:
                return plain_number(number)
        except InvalidOperation:
            pass
    text = text or (str(value) if isinstance(value, int | float) else "")
    if not isinstance(value, str | int | float):
        text = json_text(value)
    return text if len(text) <= COMPARED_MAX else xxhash.xxh3_128_hexdigest(text.encode())


_UNITS = ((100_000_000_000, 1_000_000), (100_000_000_000_000, 1000), (100_000_000_000_000_000, 1))
"""Below the first number (seconds until the year 5138) a time has that many microseconds a unit."""


def time_us(value: Any) -> int | None:
    """A time in microseconds since the epoch: ISO 8601, or a number whose size tells its unit
    (seconds, milliseconds, microseconds, nanoseconds). None for anything else.
    """
    if isinstance(value, str):
        try:
            found = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
        at = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
        return round(at.timestamp() * 1e6)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for below, factor in _UNITS:
        if abs(value) < below:
            return round(value * factor)
    return int(value // 1000)
