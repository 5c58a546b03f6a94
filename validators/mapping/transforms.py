"""The transforms of a mapped column, each a function from one logical value to the next.

`stages` puts a side's transforms in their fixed order; nulls pass by all but `null_as`. The order
is: value map, case and trim, pad, factor, time zone, rounding. `mapping.compile` is the caller.
"""

import datetime as dt
import decimal
import functools
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from figwatch.validators.canonical import numbers, times
from figwatch.validators.canonical.json import parse_json
from figwatch.validators.canonical.kinds import Base, Kind
from figwatch.validators.canonical.values import reader
from figwatch.validators.canonical.wire import Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.rules import ColumnRule, Literal

Stage = Callable[[Any], Any]


def stages(rule: ColumnRule, side: Side, kind: Kind) -> tuple[Stage, ...]:
    """The transforms of one side, in order, for values of `kind` that are not null."""
    t = rule.transforms
    found: list[Stage] = []
    if side is Side.SOURCE and t.split is not None:
        found.append(functools.partial(_part, separator=t.separator, index=t.split))
    if side is Side.SOURCE and t.factor is not None:
        found.append(functools.partial(_times, factor=Decimal(t.factor)))
    if t.trim:
        found.append(functools.partial(_on_text, change=str.strip))
    if t.case is not None:
        change = str.lower if t.case == "lower" else str.upper
        found.append(functools.partial(_on_text, change=change))
    if t.pad is not None:
        found.append(functools.partial(_pad, width=t.pad, fill=t.pad_with))
    zone = t.source_time_zone if side is Side.SOURCE else t.target_time_zone
    if zone is not None:
        found.append(functools.partial(_to_utc, zone=zoneinfo.ZoneInfo(zone)))
    if t.scale is not None:
        found.append(functools.partial(rounded, digits=t.scale))
    if t.tolerance is not None:
        found.append(functools.partial(nearest, step=Decimal(t.tolerance)))
    if kind.base in {Base.INT, Base.UINT64} and (t.factor or t.scale is not None):
        found.append(functools.partial(numbers.whole, kind=kind))
    return tuple(found)


def literal(value: Literal, kind: Kind) -> Any:
    """The logical value that a literal of the configuration means in a column of `kind`.

    Raises:
        BadValueError: the kind has no such value.
    """
    if value is None:
        return None
    if kind.base is Base.NATURAL:
        return Decimal(repr(value)) if isinstance(value, float) else value
    if kind.base is Base.BYTES and isinstance(value, str):
        return value.encode()
    if kind.base in {Base.JSON, Base.ARRAY} and isinstance(value, str):
        return parse_json(value)
    return reader(kind, Wire(encoding=Encoding.ISO if isinstance(value, str) else None))(value)


def spelled(raw: Any) -> str:
    """A raw value as the text by which a value map names it."""
    if raw.__class__ is bool:
        return "true" if raw else "false"
    return str(raw)


def member(document: Any, path: tuple[str, ...]) -> Any:
    """The member of a JSON document (text or parsed) at `path`; None where there is none."""
    if isinstance(document, str | bytes):
        document = parse_json(document)
    for name in path:
        if isinstance(document, dict):
            document = document.get(name)
        elif isinstance(document, list) and name.lstrip("-").isdigit():
            index = int(name)
            document = document[index] if -len(document) <= index < len(document) else None
        else:
            return None
    return document


def _on_text(value: Any, change: Callable[[str], str]) -> Any:
    return change(value) if value.__class__ is str else value


def _part(text: Any, separator: str, index: int) -> str | None:
    if text.__class__ is not str:
        raise numbers.BadValueError("split acts on text")
    parts = text.split(separator)
    return parts[index] if -len(parts) <= index < len(parts) else None


def _pad(text: Any, width: int, fill: str) -> str:
    return str(text).rjust(width, fill)


def _times(value: Any, factor: Decimal) -> Decimal:
    return numbers.EXACT.multiply(Decimal(numbers.number_of(value)), factor)


def rounded(value: Any, digits: int) -> numbers.Number:
    """Half away from zero, as PostgreSQL's round(numeric, digits)."""
    number = numbers.number_of(value)
    if number.__class__ is int and digits >= 0:
        return number
    exact = Decimal(number)
    if not exact.is_finite() or abs(exact.adjusted()) > numbers.EXPONENT_MAX:
        return exact
    return exact.quantize(Decimal((0, (1,), -digits)), decimal.ROUND_HALF_UP, numbers.EXACT)


def nearest(value: Any, step: Decimal) -> Decimal:
    """The nearest multiple of `step`, half to even."""
    number = Decimal(numbers.number_of(value))
    if not number.is_finite() or abs(number.adjusted()) > numbers.EXPONENT_MAX:
        return number
    digits = max(number.adjusted() - step.adjusted(), 0) + 28  # enough for an exact decision
    ratio = decimal.Context(prec=digits, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN).divide(
        number, step
    )
    count = ratio.quantize(Decimal(1), decimal.ROUND_HALF_EVEN, numbers.EXACT)
    return numbers.EXACT.multiply(count, step)


def _to_utc(nanos: Any, zone: zoneinfo.ZoneInfo) -> Any:
    """A local time as UTC; an hour that occurs twice is its first occurrence. Years beyond
    `datetime` use the zone's offset at the nearest year it knows.
    """
    if nanos.__class__ is float:
        return nanos
    if nanos.__class__ is not int:
        raise numbers.BadValueError("a time zone acts on timestamps: set the column's type")
    seconds = nanos // times.NS["s"]
    clamped = min(max(seconds, _SECONDS_MIN), _SECONDS_MAX)
    local = _NAIVE_EPOCH + dt.timedelta(seconds=clamped)
    offset = local.replace(tzinfo=zone).utcoffset() or dt.timedelta()
    return nanos - int(offset.total_seconds()) * times.NS["s"]


_NAIVE_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # a local time, its zone follows
_SECONDS_MIN = -62_135_000_000  # a week into year 1
_SECONDS_MAX = 253_402_000_000  # before the end of year 9999
