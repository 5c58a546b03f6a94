"""From a logical value (`canonical.values`) to its atom: what is encoded and hashed.

`finisher(kind)` knows how values of a kind compare. Rows and fingerprints: `canonical.rows`.
"""

from collections.abc import Callable
from typing import Any

from figwatch.validators.canonical import numbers, times
from figwatch.validators.canonical.json import json_text
from figwatch.validators.canonical.kinds import NATURAL, NUMBERS, Base, Kind

Atom = Any
"""None, int, str, bytes, or a list or tuple of atoms; equal values have equal atoms."""


def finisher(kind: Kind) -> Callable[[Any], Atom]:
    """What turns a logical value (None included) into its atom."""
    make = _FINISHERS.get(kind.base)
    return _natural_atom if make is None else make(kind)


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
