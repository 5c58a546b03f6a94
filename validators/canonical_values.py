"""From a value as it arrives to its logical value, and from there to its atom.

`reader(kind, wire)` knows how the value is written (`Wire`: from the schema in the record or the
configuration), `finisher(kind)` how it compares. Between the two stand the transforms of
`mapping_transforms`. Rows and fingerprints: `canonical`.
"""

import dataclasses
import enum
import functools
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from figwatch.validators import canonical_numbers as numbers
from figwatch.validators import canonical_times as times
from figwatch.validators.canonical_kinds import NATURAL, NUMBERS, Base, Kind
from figwatch.validators.canonical_numbers import BadValueError

JSON_DEPTH_MAX = 200
JSON_TEXT_MAX = 64 * 1024 * 1024

Atom = Any
"""None, int, str, bytes, or a list or tuple of atoms; equal values have equal atoms."""
Reader = Callable[[Any], Any]


class Encoding(enum.StrEnum):
    """How a value is written, where its type alone does not say it."""

    BASE64 = "base64"
    HEX = "hex"
    STRING = "string"
    NUMBER = "number"
    MS = "ms"
    US = "us"
    NS = "ns"
    ISO = "iso"
    DAYS = "days"


ENCODINGS = {word.value: word for word in Encoding}
DIGITS = {Encoding.MS: 3, Encoding.US: 6, Encoding.NS: 9}
_TIME_ENCODINGS = frozenset({Encoding.MS, Encoding.US, Encoding.NS, Encoding.ISO})
ALLOWED: dict[Base, frozenset[Encoding]] = {
    Base.DECIMAL: frozenset({Encoding.BASE64, Encoding.STRING, Encoding.NUMBER}),
    Base.BYTES: frozenset({Encoding.BASE64, Encoding.HEX, Encoding.STRING}),
    Base.BITS: frozenset({Encoding.BASE64, Encoding.STRING, Encoding.NUMBER}),
    Base.DATE: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIMESTAMP: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIMESTAMPTZ: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIME: _TIME_ENCODINGS,
    Base.TIMETZ: _TIME_ENCODINGS,
    Base.INTERVAL: _TIME_ENCODINGS,
    **dict.fromkeys(
        (Base.INT, Base.UINT64, Base.FLOAT32, Base.FLOAT64, Base.BOOL),
        frozenset({Encoding.STRING, Encoding.NUMBER}),
    ),
    Base.UUID: frozenset({Encoding.STRING, Encoding.BASE64, Encoding.HEX}),
    Base.TEXT: frozenset({Encoding.STRING, Encoding.BASE64, Encoding.HEX}),
}
"""Encodings that make sense for a kind; those not named take none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wire:
    """How a field is written. `kind` is what its schema says it is; a Wire without one is a hint
    for records that carry no schema.

    `nullable_default` is set where the field may be null and has a default, which Connect's
    converters write in place of null (`replace.null.with.default`); `text` where the schema says
    that it is a string.
    """

    kind: Kind | None = None
    encoding: Encoding | None = None
    scale: int | None = None
    item: "Wire | None" = None
    text: bool = False
    silent_null: bool = False
    nullable_default: bool = False
    default: Any = None


PLAIN = Wire()


def reader(kind: Kind, wire: Wire = PLAIN) -> Reader:
    """What turns a value that is not null into its logical value: int or Decimal, str, bytes,
    days or nanoseconds, lists, parsed JSON.

    The reader raises BadValueError for a value that the kind cannot have.
    """
    make = _READERS.get(kind.base)
    return _natural if make is None else make(kind, wire)


def finisher(kind: Kind) -> Callable[[Any], Atom]:
    """What turns a logical value (None included) into its atom."""
    make = _FINISHERS.get(kind.base)
    return _natural_atom if make is None else make(kind)


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
    return functools.partial(as_bytes, encoding=wire.encoding)


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


def parse_json(text: str | bytes) -> Any:
    """JSON with exact numbers; of duplicate keys the last counts, as in PostgreSQL's jsonb.

    Raises:
        BadValueError: no JSON, or nested too deeply.
    """
    if len(text) > JSON_TEXT_MAX:
        raise BadValueError("a JSON document is too large")
    try:
        return JSON.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return _parse_long_numbers(text)
    except RecursionError:
        raise BadValueError("a JSON document is nested too deeply") from None


def _parse_long_numbers(text: str | bytes) -> Any:
    """Msgspec refuses integers beyond Python's 4300 digits; Decimal reads them."""
    try:
        return json.loads(text, parse_float=Decimal, parse_int=_exact, parse_constant=Decimal)
    except RecursionError:
        raise BadValueError("a JSON document is nested too deeply") from None
    except (ValueError, ArithmeticError):
        raise BadValueError("no JSON document") from None


def _exact(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < 20 else Decimal(digits)  # noqa: PLR2004


JSON = msgspec.json.Decoder(float_hook=Decimal)


def json_text(value: Any) -> str:
    """One text for all JSON documents that mean the same."""
    parts: list[str] = []
    _write(value, parts, 0)
    return "".join(parts)


def _write(value: Any, parts: list[str], depth: int) -> None:
    if depth > JSON_DEPTH_MAX:
        raise BadValueError(f"a JSON document is nested deeper than {JSON_DEPTH_MAX}")
    if isinstance(value, dict):
        _write_object(value, parts, depth)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            parts.append("," if index else "[")
            _write(item, parts, depth + 1)
        parts.append("]" if value else "[]")
    elif value is None or isinstance(value, bool | str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, bytes):
        parts.append(json.dumps(value.hex()))
    else:
        parts.append(_number_text(value))


def _write_object(value: dict[Any, Any], parts: list[str], depth: int) -> None:
    names = sorted(value, key=str)
    for index, name in enumerate(names):
        parts.append(("," if index else "{") + json.dumps(str(name), ensure_ascii=False) + ":")
        _write(value[name], parts, depth + 1)
    parts.append("}" if names else "{}")


def _number_text(value: Any) -> str:
    atom = numbers.number_atom(numbers.number_of(value))
    if isinstance(atom, bytes):
        return atom.decode()
    return f"{atom[0]}e-{atom[1]}" if isinstance(atom, tuple) else str(atom)


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


# -- atoms


def _natural_atom(value: Any) -> Atom:
    if value is None or value.__class__ is str or value.__class__ is bytes:
        return value
    if isinstance(value, dict | list | tuple):
        return "j" + json_text(value)
    return numbers.number_atom(numbers.number_of(value))


def _number_finisher(_kind: Kind) -> Callable[[Any], Atom]:
    return lambda value: None if value is None else numbers.number_atom(value)


def _char_finisher(_kind: Kind) -> Callable[[Any], Atom]:
    return lambda value: None if value is None else value.rstrip(" ")


def _same_finisher(_kind: Kind) -> Callable[[Any], Atom]:
    return lambda value: value


def _json_finisher(_kind: Kind) -> Callable[[Any], Atom]:
    return lambda value: None if value is None else json_text(value)


def _date_finisher(_kind: Kind) -> Callable[[Any], Atom]:
    def finish(value: Any) -> Atom:
        return times.stamp_atom(value) if value.__class__ is float else value

    return finish


def _stamp_finisher(kind: Kind) -> Callable[[Any], Atom]:
    digits = kind.digits
    return lambda value: None if value is None else times.stamp_atom(times.cut(value, digits))


def _clock_finisher(kind: Kind) -> Callable[[Any], Atom]:
    wraps = kind.base is Base.TIMETZ or kind.lossy

    def finish(value: Any) -> Atom:
        if value is None:
            return None
        return times.stamp_atom(times.cut(value % times.DAY_NS if wraps else value, kind.digits))

    return finish


def _interval_finisher(kind: Kind) -> Callable[[Any], Atom]:
    def finish(value: Any) -> Atom:
        if value is None:
            return None
        if value.__class__ is int or kind.lossy:
            length = times.interval_length(value)
            return times.stamp_atom(times.cut(length, kind.digits))
        months, days, nanos = value
        if not months and not days:  # the same in either writing
            return times.stamp_atom(times.cut(nanos, kind.digits))
        return [months, days, times.stamp_atom(times.cut(nanos, kind.digits))]

    return finish


def _array_finisher(kind: Kind) -> Callable[[Any], Atom]:
    item = finisher(kind.item or NATURAL)
    return lambda value: None if value is None else [item(element) for element in value]


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
_FINISHERS: dict[Base, Callable[[Kind], Callable[[Any], Atom]]] = {
    **dict.fromkeys(NUMBERS, _number_finisher),
    Base.BOOL: _same_finisher,
    Base.BITS: _number_finisher,
    Base.TEXT: _same_finisher,
    Base.BYTES: _same_finisher,
    Base.UUID: _same_finisher,
    Base.CHAR: _char_finisher,
    Base.JSON: _json_finisher,
    Base.DATE: _date_finisher,
    Base.TIME: _clock_finisher,
    Base.TIMETZ: _clock_finisher,
    Base.TIMESTAMP: _stamp_finisher,
    Base.TIMESTAMPTZ: _stamp_finisher,
    Base.INTERVAL: _interval_finisher,
    Base.ARRAY: _array_finisher,
}
