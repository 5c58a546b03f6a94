"""The common cases of a column (small integers, short texts, microseconds, nulls, values seen
before), which `mapping.compile` puts into generated code; each gives what `mapping.atoms` does,
only sooner.
"""

import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

import xxhash

from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical import times
from figwatch.validators.canonical.atoms import Atom
from figwatch.validators.canonical.kinds import TIMES, Base, Kind
from figwatch.validators.canonical.wire import Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import STAMPS, given_wire, silent_null
from figwatch.validators.mapping.rules import ColumnRule
from figwatch.validators.mapping.transforms import stages

KNOWN_MAX = 4_096
"""Values of a column that are remembered with their sketch; one with more is not remembered."""
KNOWN_LENGTH_MAX = 64
"""Longest value that is remembered."""
_INLINE_TEXT = {Base.TEXT, Base.NATURAL}
_INLINE_INT = {Base.INT, Base.DECIMAL, Base.NATURAL}
_INLINE_BOOL = {Base.BOOL, Base.NATURAL}
_INT_SKETCH = f"{{a}} % {canonical.SKETCH_PRIME} or {canonical.SKETCH_PRIME}"
_SECONDS = (-12_212_553_600, 100_000_000_000)
"""Years 1583 to 5138: no infinity among them, no question of calendars."""


class Case(NamedTuple):
    """One case: expressions in which `{a}` is the raw value."""

    test: str
    atom: str
    sketch: str
    of: type
    """Raw values of this class, to ask for the likely case first."""
    low: int = -(1 << 63)
    """Of integers: the least and the greatest that the test lets through."""
    high: int = (1 << 63) - 1
    factor: int = 1


def text_limit(text_min: int) -> int:
    """Encoded texts below this length are neither long columns nor placeholders."""
    return min(canonical.LONG_BYTES_MIN - 1, text_min)


def cases(agreement: Agreement, side: Side, wire: Wire | None, text_min: int) -> list[Case]:
    """The common cases of a column. Texts below `text_min` are never a placeholder."""
    rule, kind = agreement.rule, agreement.kind
    if has_work(rule, side) or agreement.folds:
        return []
    seen, given = given_wire(agreement, side, wire)
    found = []
    if kind.base in _INLINE_INT and seen.base in _INLINE_INT:
        found.append(Case("type({a}) is int", "{a}", _INT_SKETCH, int))
    if kind.base in _INLINE_TEXT and given.encoding is None and seen.base in _INLINE_TEXT:
        short = f"type({{a}}) is str and len(b := {{a}}.encode()) < {text_limit(text_min)}"
        found.append(Case(short, "{a}", "xxh32(b) & 65535 or 1", str))
    if kind.base in _INLINE_BOOL and seen.base in _INLINE_BOOL:
        prime = str(canonical.SKETCH_PRIME)
        found.append(Case("{a} is True", "1", "1", bool))
        found.append(Case("{a} is False", "0", prime, bool))
    if kind.base in STAMPS and seen.base in STAMPS:
        found += _stamps(kind, given.encoding)
    if kind.base is Base.DATE and seen.base is Base.DATE and given.encoding is Encoding.DAYS:
        modern = f"type({{a}}) is int and {times.GREGORIAN_DAYS} <= {{a}} < 100000000"
        found.append(Case(modern, "{a}", _INT_SKETCH, int, times.GREGORIAN_DAYS, 99_999_999))
    if found and not rule.transforms.has_null_as and not silent_null(agreement, side, wire):
        found.append(Case("{a} is None", "None", str(canonical.NULL_SKETCH), type(None)))
    return found


def _stamps(kind: Kind, encoding: Encoding | None) -> list[Case]:
    digits = 9 if kind.digits is None else kind.digits
    found = []
    for unit, needed, factor in ((Encoding.US, 6, 1), (Encoding.MS, 3, 1_000)):
        if encoding is unit and digits >= needed:
            low, high = (s * 1_000_000 // factor for s in _SECONDS)
            multiplied = f"{{a}} * {factor}" if factor > 1 else "{a}"
            test = f"type({{a}}) is int and {low} < {{a}} < {high}"
            found.append(Case(test, multiplied, _INT_SKETCH, int, low + 1, high - 1, factor))
    return found


def has_work(rule: ColumnRule, side: Side) -> bool:
    """Whether a value goes through more than its reader and finisher."""
    t = rule.transforms
    return bool(
        stages(rule, side, Kind(Base.NATURAL))
        or rule.path(side)
        or (side is Side.SOURCE and (t.has_constant or t.concat or t.values))
    )


class Known(NamedTuple):
    """What a column remembers. `learn` converts a value that is not among them, with the event's
    flags.
    """

    values: dict[Any, Any]
    """Raw value → sketch where texts are their own atoms, else → (atom, sketch)."""
    learn: canonical.Cell


def remembers(agreement: Agreement, side: Side) -> bool:
    """Whether the atom of a text depends on the text alone: flags count for old dates."""
    dated = agreement.kind.base in TIMES or agreement.kind.base is Base.DATE
    return not dated and not (side is Side.SOURCE and agreement.rule.transforms.concat)


def known_texts(limit: int, convert: canonical.Cell, full: Callable[[], None]) -> Known:
    """The memory of a column whose texts are their own atoms, if they are short: below `limit`
    bytes. `full` is told when there are too many.
    """
    values: dict[str, int] = {}
    sketch = xxhash.xxh32_intdigest

    def learn(value: str, flags: int) -> tuple[Any, int]:
        data = value.encode()
        if len(data) >= limit:
            return convert(value, flags)
        found = sketch(data) & 65535 or 1
        if len(values) < KNOWN_MAX:
            values[value] = found
        else:
            full()
        return value, found

    return Known(values, learn)


def known_values(convert: canonical.Cell, full: Callable[[], None]) -> Known:
    """The memory of any other column's texts and bytes."""
    values: dict[Any, tuple[Any, int]] = {}

    def learn(value: Any, flags: int) -> tuple[Any, int]:
        made = convert(value, flags)
        if made[0] is canonical.LONG_MARK or len(value) > KNOWN_LENGTH_MAX:
            return made
        if len(values) < KNOWN_MAX:
            values[value] = made
        else:
            full()
        return made

    return Known(values, learn)


def decimal_scale(agreement: Agreement, side: Side, wire: Wire | None) -> int | None:
    """The scale of a column whose values are Connect's decimals; None for any other."""
    seen, given = given_wire(agreement, side, wire)
    scale = given.scale
    if agreement.kind.base is not Base.DECIMAL or seen.base is not Base.DECIMAL or scale is None:
        return None
    if has_work(agreement.rule, side) or agreement.folds or not 0 <= scale <= 18:  # noqa: PLR2004
        return None
    return scale if given.encoding is Encoding.BASE64 else None


def decimal_cell(
    agreement: Agreement, side: Side, wire: Wire | None, convert: canonical.Cell
) -> canonical.Cell | None:
    """The quick way for short base64 or Avro decimals of a fixed scale."""
    digits = decimal_scale(agreement, side, wire)
    if digits is None:
        return None

    def quick(value: Any, flags: int) -> tuple[Any, int]:
        kind = value.__class__
        atom = _short_decimal(value, digits) if kind is str or kind is bytes else None
        return convert(value, flags) if atom is None else (atom, canonical.sketch_of(atom))

    return quick


def _short_decimal(value: str | bytes, scale: int) -> Atom:
    """The atom of a decimal of at most six bytes (15 digits); None for others."""
    if isinstance(value, str):
        if len(value) > 8:  # noqa: PLR2004
            return None
        try:
            value = binascii.a2b_base64(value, strict_mode=True)
        except ValueError:
            return None
    if len(value) > 6:  # noqa: PLR2004
        return None
    coefficient = int.from_bytes(value, "big", signed=True)
    while scale and not coefficient % 10:
        coefficient //= 10
        scale -= 1
    return (coefficient, scale) if scale else coefficient
