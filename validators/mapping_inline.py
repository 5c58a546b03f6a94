"""The common cases of a column (small integers, short texts, microseconds, short decimals), which
`mapping_compile` puts into generated code; each gives what `mapping_atoms` does, only sooner.
"""

import binascii
from typing import Any

from figwatch.validators import canonical
from figwatch.validators import canonical_times as times
from figwatch.validators.canonical_atoms import Atom
from figwatch.validators.canonical_kinds import Base, Kind
from figwatch.validators.canonical_wire import Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping import ColumnRule
from figwatch.validators.mapping_agreement import Agreement
from figwatch.validators.mapping_atoms import STAMPS, given_wire
from figwatch.validators.mapping_transforms import stages

DECIMALS_MAX = 4_096
"""Short decimals of a column whose atoms are kept."""
_INLINE_TEXT = {Base.TEXT, Base.NATURAL}
_INLINE_INT = {Base.INT, Base.DECIMAL, Base.NATURAL}


def inline(agreement: Agreement, side: Side, wire: Wire | None, text_limit: int) -> list[str]:
    """Branches of generated code for the common cases of a column; `v` is the raw value."""
    rule, kind = agreement.rule, agreement.kind
    if _has_work(rule, side) or agreement.folds:
        return []
    seen, given = given_wire(agreement, side, wire)
    encoding = given.encoding
    found = []
    if kind.base in _INLINE_INT and seen.base in _INLINE_INT:
        found.append("v.__class__ is int: a{i} = v")
    if kind.base in _INLINE_TEXT and encoding is None and seen.base in _INLINE_TEXT:
        found.append(f"v.__class__ is str and len(v) < {text_limit}: a{{i}} = v")
    stamp = kind.base in STAMPS and seen.base in STAMPS
    digits = 9 if kind.digits is None else kind.digits
    for unit, needed, factor in ((Encoding.US, 6, 1), (Encoding.MS, 3, 1_000)):
        if stamp and encoding is unit and digits >= needed:
            # years 1583 to 5138: no sentinel, no question of calendars
            multiply = f" * {factor}" if factor > 1 else ""
            low, high = (s * 1_000_000 // factor for s in (-12_212_553_600, 100_000_000_000))
            found.append(f"v.__class__ is int and {low} < v < {high}: a{{i}} = v{multiply}")
    if kind.base is Base.DATE and seen.base is Base.DATE and encoding is Encoding.DAYS:
        found.append(f"v.__class__ is int and {times.GREGORIAN_DAYS} <= v < 100000000: a{{i}} = v")
    return found


def _has_work(rule: ColumnRule, side: Side) -> bool:
    t = rule.transforms
    return bool(
        stages(rule, side, Kind(Base.NATURAL))
        or rule.path(side)
        or (side is Side.SOURCE and (t.has_constant or t.concat or t.values))
    )


def decimal_cell(
    agreement: Agreement, side: Side, wire: Wire | None, convert: canonical.Cell
) -> canonical.Cell | None:
    """The quick way for short base64 or Avro decimals of a fixed scale."""
    seen, given = given_wire(agreement, side, wire)
    scale = given.scale
    if agreement.kind.base is not Base.DECIMAL or seen.base is not Base.DECIMAL or scale is None:
        return None
    if _has_work(agreement.rule, side) or agreement.folds or not 0 <= scale <= 18:  # noqa: PLR2004
        return None
    if given.encoding is not Encoding.BASE64:
        return None
    digits: int = scale
    seen_before: dict[Any, tuple[Any, int]] = {}  # prices and rates repeat

    def quick(value: Any, flags: int) -> tuple[Any, int]:
        kind = value.__class__
        if kind is not str and kind is not bytes:
            return convert(value, flags)
        known = seen_before.get(value)
        if known is not None:
            return known
        atom = _short_decimal(value, digits)
        if atom is None:
            return convert(value, flags)
        made = atom, canonical.sketch_of(atom)
        if len(seen_before) < DECIMALS_MAX:
            seen_before[value] = made
        return made

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
