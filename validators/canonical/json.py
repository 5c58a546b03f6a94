"""JSON documents with exact numbers, and the one text of all documents that mean the same."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from figwatch.validators.canonical import numbers
from figwatch.validators.canonical.numbers import BadValueError

JSON_DEPTH_MAX = 200
JSON_TEXT_MAX = 64 * 1024 * 1024


def parse_json(text: str | bytes) -> Any:
    """JSON with exact numbers; of duplicate keys the last counts, as in PostgreSQL's jsonb.

    Raises:
        BadValueError: no JSON, or nested too deeply.
    """
    if len(text) > JSON_TEXT_MAX:
        raise BadValueError("a JSON document is too large")
    try:
        return JSON.decode(text)
    except (msgspec.MsgspecError, UnicodeError, ArithmeticError):  # the last: 1e9999999999999999999
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
