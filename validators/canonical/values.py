"""From a value as it arrives to its logical value.

`reader(kind, wire)` knows how the value is written (`Wire`: from the schema in the record or the
configuration). Behind it stand the transforms of `mapping.transforms` and then the finisher of
`canonical.atoms`.
"""

import functools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from figwatch.validators.canonical import numbers, times
from figwatch.validators.canonical.json import json_text, parse_json
from figwatch.validators.canonical.kinds import NATURAL, Base, Kind
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.wire import DIGITS, PLAIN, Encoding, Wire

Reader = Callable[[Any], Any]


def reader(kind: Kind, wire: Wire = PLAIN) -> Reader:
    """What turns a value that is not null into its logical value: int or Decimal, str, bytes,
    days or nanoseconds, lists, parsed JSON.

    The reader raises BadValueError for a value that the kind cannot have.
    """
    make = _READERS.get(kind.base)
    return _natural if make is None else make(kind, wire)


# -- numbers


def _number_reader(kind: Kind, wire: Wire) -> Reader:
    scale = wire.scale if wire.scale is not None else kind.scale
    base64 = wire.encoding is Encoding.BASE64
    bare = wire.kind is None and wire.encoding is None

    def read(value: Any) -> Any:
        if value.__class__ is dict:
            return _variable_scale(value)
        if value.__class__ is bytes:
            return numbers.unscaled(value, scale or 0)
        if value.__class__ is str and (base64 or (bare and _is_base64(value, scale))):
            return numbers.unscaled(numbers.from_base64(value), scale or 0)
        return numbers.number_of(value)

    return read


def _is_base64(text: str, scale: int | None) -> bool:
    """Whether an unannounced text of a decimal is Connect's default, base64.

    With a fixed scale above 0 plain text has a point, base64 never; without a fixed scale base64
    comes only inside {scale, value}. What stays open is an integer's text of scale 0.
    """
    if scale is None or text.lstrip("+-")[:3].upper() in {"NAN", "INF"}:
        return False
    if scale > 0:
        return "." not in text and text[:1] != "-"
    if text.lstrip("-").isdigit():
        if len(text) % 4 or text[:1] == "-":
            return False
        raise BadValueError("base64 or digits: set source_encoding or target_encoding")
    return "." not in text


def _variable_scale(value: dict[str, Any]) -> numbers.Number:
    scale, data = value.get("scale"), value.get("value")
    if isinstance(data, str):
        data = numbers.from_base64(data)
    if not isinstance(scale, int) or not isinstance(data, bytes):
        raise BadValueError("a decimal of variable scale needs {scale, value}")
    return numbers.unscaled(data, scale)


def _whole_reader(kind: Kind, wire: Wire) -> Reader:
    read = _number_reader(kind, wire)
    return lambda value: numbers.whole(read(value), kind)


def _float_reader(kind: Kind, wire: Wire) -> Reader:
    read = _number_reader(kind, wire)
    return lambda value: numbers.rounded_float(read(value), kind.base)


def _bool_reader(_kind: Kind, _wire: Wire) -> Reader:
    return numbers.bool_of


def _bits_reader(_kind: Kind, wire: Wire) -> Reader:
    def read(value: Any) -> int:
        spelled = value.__class__ is str and wire.encoding is not Encoding.BASE64
        if spelled and (wire.encoding is Encoding.STRING or not set(value) - {"0", "1"}):
            return numbers.bits_of(value)
        return numbers.bits_of(numbers.from_base64(value) if value.__class__ is str else value)

    return read


# -- text, bytes


def _text_reader(_kind: Kind, wire: Wire) -> Reader:
    decode = wire.encoding in {Encoding.BASE64, Encoding.HEX}

    def read(value: Any) -> str:
        if value.__class__ is str and not decode:
            return value
        if value.__class__ is str or value.__class__ is bytes:
            try:
                return as_bytes(value, wire.encoding).decode()
            except UnicodeDecodeError:
                raise BadValueError("bytes that are no UTF-8 text") from None
        return _spelled(value)

    return read


def _spelled(value: Any) -> str:
    """A value of another kind as text, as PostgreSQL's cast to text spells it."""
    if value.__class__ is bool:
        return "true" if value else "false"
    if value.__class__ is int or value.__class__ is Decimal:
        return format(Decimal(value), "f")
    if value.__class__ is float:
        return repr(value)
    return json_text(value)


def as_bytes(value: Any, encoding: Encoding | None) -> bytes:
    """Bytes from Connect's JSON (base64), hex text, or as they are (Avro)."""
    if value.__class__ is bytes:
        return value
    if value.__class__ is not str:
        raise BadValueError(f"bytes were expected, not {value.__class__.__name__}")
    if encoding is Encoding.STRING:
        return value.encode()
    if encoding is not Encoding.HEX:
        try:
            return numbers.from_base64(value)
        except BadValueError:
            if encoding is Encoding.BASE64:
                raise
    try:
        return bytes.fromhex(value.removeprefix("\\x"))
    except ValueError:
        raise BadValueError("no hexadecimal text") from None


def _bytes_reader(_kind: Kind, wire: Wire) -> Reader:
    if wire.encoding is not None:
        return functools.partial(as_bytes, encoding=wire.encoding)

    def read(value: Any) -> bytes:
        if value.__class__ is str and _HEX.fullmatch(value):
            if len(value) % BASE64_GROUP == 0:  # Debezium pads base64 to whole groups
                raise BadValueError("base64 or hex: set source_encoding or target_encoding")
            return bytes.fromhex(value)
        return as_bytes(value, None)

    return read


_HEX = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
BASE64_GROUP = 4


def _uuid_reader(_kind: Kind, wire: Wire) -> Reader:
    encoded = wire.encoding if wire.encoding in {Encoding.BASE64, Encoding.HEX} else None

    def read(value: Any) -> bytes:
        if encoded is not None or value.__class__ is bytes:
            data = as_bytes(value, encoded)
        else:
            try:
                data = bytes.fromhex(value.strip("{}").replace("-", ""))
            except (ValueError, AttributeError):
                raise BadValueError("no UUID") from None
        if len(data) != 16:  # noqa: PLR2004
            raise BadValueError("no UUID")
        return data

    return read


# -- JSON and arrays


def _json_reader(_kind: Kind, _wire: Wire) -> Reader:
    def read(value: Any) -> Any:
        if value.__class__ is str or value.__class__ is bytes:
            return parse_json(value)
        if value.__class__ is dict and "wkb" in value and {"x", "y"} <= value.keys():
            return {"x": value["x"], "y": value["y"], "srid": value.get("srid")}  # same point
        return value

    return read


def _array_reader(kind: Kind, wire: Wire) -> Reader:
    item = reader(kind.item or NATURAL, wire.item or PLAIN)

    def read(value: Any) -> list[Any]:
        if value.__class__ is str:
            value = parse_json(value)
        if value.__class__ is not list:
            raise BadValueError(f"an array was expected, not {value.__class__.__name__}")
        return [None if element is None else item(element) for element in value]

    return read


def _natural(value: Any) -> Any:
    return value


# -- dates and times


def unit_of(kind: Kind, wire: Wire) -> str:
    """The unit of a number: as announced, else Debezium's default (adaptive) for the kind."""
    if wire.encoding in DIGITS or wire.encoding is Encoding.DAYS:
        return str(wire.encoding)
    if kind.base is Base.DATE:
        return str(Encoding.DAYS)
    return "ms" if kind.digits is not None and kind.digits <= 3 else "us"  # noqa: PLR2004


def _time_reader(kind: Kind, wire: Wire) -> Reader:
    read: Callable[[object, str | None], Any] = {
        Base.DATE: times.date_of,
        Base.TIME: times.time_of,
        Base.TIMETZ: times.time_of,
        Base.INTERVAL: times.interval_of,
    }.get(kind.base, times.stamp_of)
    unit = unit_of(kind, wire)
    if wire.encoding is Encoding.STRING:  # a number as text
        return lambda value: read(numbers.number_of(value), unit)
    return lambda value: read(value, unit)


_READERS: dict[Base, Callable[[Kind, Wire], Reader]] = {
    Base.BOOL: _bool_reader,
    Base.INT: _whole_reader,
    Base.UINT64: _whole_reader,
    Base.DECIMAL: _number_reader,
    Base.FLOAT32: _float_reader,
    Base.FLOAT64: _float_reader,
    Base.TEXT: _text_reader,
    Base.CHAR: _text_reader,
    Base.BYTES: _bytes_reader,
    Base.UUID: _uuid_reader,
    Base.JSON: _json_reader,
    Base.BITS: _bits_reader,
    Base.ARRAY: _array_reader,
    **dict.fromkeys(
        (Base.DATE, Base.TIME, Base.TIMETZ, Base.TIMESTAMP, Base.TIMESTAMPTZ, Base.INTERVAL),
        _time_reader,
    ),
}
