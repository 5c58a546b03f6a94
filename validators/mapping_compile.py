"""A side's half of a pair's mapping as two generated functions: row → fingerprint, row → key.

Generated code keeps the common cases (small integers, short texts, microseconds) inline and calls
a closure of `canonical.cell` for everything else; both give the same bytes. The sources of a row
are attributes `f0`, `f1`, ... of a Struct that the decoder makes from the names in `fields`.
"""

import binascii
import dataclasses
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import xxhash

from figwatch.validators import canonical
from figwatch.validators import canonical_times as times
from figwatch.validators.canonical import (
    MissingColumnError,
    Placeholder,
    Special,
    UnknownValueError,
)
from figwatch.validators.canonical_kinds import TIMES, Base, Kind
from figwatch.validators.canonical_numbers import BadValueError
from figwatch.validators.canonical_values import (
    PLAIN,
    Atom,
    Encoding,
    Wire,
    finisher,
    reader,
    unit_of,
)
from figwatch.validators.change import Side
from figwatch.validators.mapping import ColumnRule
from figwatch.validators.mapping_agreement import Agreement
from figwatch.validators.mapping_transforms import literal, member, spelled, stages

Fingerprinted = tuple[bytes, bytes, tuple[int, ...], tuple[tuple[int, bytes], ...]]
"""Fingerprint, sketch, unknown columns, carried digests."""
RowFunction = Callable[[Any, int], Fingerprinted]
KeyFunction = Callable[[Any], bytes]
AtomOf = Callable[[Any, int], Atom]
Wires = Mapping[str, Wire]

DECIMALS_MAX = 4_096
"""Short decimals of a column whose atoms are kept."""
_INLINE_TEXT = {Base.TEXT, Base.NATURAL}
_INLINE_INT = {Base.INT, Base.DECIMAL, Base.NATURAL}
_TEXTS = {Base.TEXT, Base.CHAR}
_STAMPS = {Base.TIMESTAMP, Base.TIMESTAMPTZ}
_DATED = {*TIMES, Base.DATE}


def atom_reader(  # noqa: C901  # the steps of one value, in their order
    agreement: Agreement, side: Side, wire: Wire | None, placeholder: Placeholder
) -> AtomOf:
    """Raw value of one column (for `concat` a list) and event flags → its atom.

    The function raises UnknownValueError, MissingColumnError, BadValueError.
    """
    rule, kind = agreement.rule, agreement.kind
    read = _logical_reader(agreement, side, wire)
    pipeline = stages(rule, side, kind)
    finish = finisher(kind)
    t = rule.transforms
    nothing = finish(literal(t.null_as, kind)) if t.has_null_as else None
    values = {name: literal(value, kind) for name, value in t.values} if side is Side.SOURCE else {}
    silent = (wire or PLAIN).silent_null or _silent_by_type(agreement, side, wire)
    folds = agreement.folds if rule.null_default and not t.has_null_as else set()
    path = rule.path(side)
    old = kind.base in _STAMPS or kind.base is Base.DATE

    def atom(raw: Any, flags: int) -> Atom:  # noqa: C901  # likewise
        if raw is None:
            if silent and flags & canonical.SILENT:
                raise UnknownValueError
            return nothing
        if raw is msgspec.UNSET:
            raise MissingColumnError(f"column `{rule.columns(side)[0]}` is not in the record")
        if placeholder.stands_for(raw):
            raise UnknownValueError
        if path:
            raw = member(raw, path)
            if raw is None:
                return nothing
        if values and (name := spelled(raw)) in values:
            value = values[name]
        else:
            value = read(raw)
            if old and flags & canonical.OLD and _is_old(value, kind):
                raise UnknownValueError
            for stage in pipeline:
                value = stage(value)
                if value is None:
                    break
        found = finish(value)
        if folds and canonical.encode(found) in folds:
            return None
        return nothing if found is None else found

    return atom


def _logical_reader(agreement: Agreement, side: Side, wire: Wire | None) -> Callable[[Any], Any]:
    """Reads a raw value straight into the agreed kind; text of a decimal or a time is the one
    case in which it is read as what it is first.
    """
    kind = agreement.kind
    seen, given = _given(agreement, side, wire)
    if kind.base in _TEXTS and seen.base not in _READ_AS_TEXT:
        inner, finish = reader(seen, given), finisher(seen)
        return lambda raw: _text_of(finish(inner(raw)), seen)
    return reader(kind, given)


def written_as(agreement: Agreement, side: Side, wire: Wire | None) -> tuple[Kind, str | None]:
    """What a side's raw value is taken for, and its encoding; for people."""
    seen, given = _given(agreement, side, wire)
    return seen, None if given.encoding is None else str(given.encoding)


def _given(agreement: Agreement, side: Side, wire: Wire | None) -> tuple[Kind, Wire]:
    """What a side's raw value is, and how it is written, with the configuration's hints."""
    seen = agreement.read_kind(side, wire)
    given = wire or PLAIN
    encoding = given.encoding or agreement.rule.encoding(side)
    scale = given.scale if given.scale is not None else seen.scale
    item = given.item
    if seen.base is Base.ARRAY and item is None:
        item, encoding = Wire(encoding=encoding), None
    if encoding is None and agreement.kind.base in _DATED:
        if seen.base is Base.DATE:
            encoding = Encoding.DAYS
        elif seen.base in TIMES:
            encoding = Encoding(unit_of(seen, given))
    return seen, dataclasses.replace(given, encoding=encoding, scale=scale, item=item)


_READ_AS_TEXT = {Base.TEXT, Base.CHAR, Base.NATURAL, Base.JSON, Base.BYTES, Base.INT, Base.BOOL}


def _text_of(atom: Atom, kind: Kind) -> str | None:
    return None if atom is None else str(canonical.shown(atom, kind))


def _is_old(value: Any, kind: Kind) -> bool:
    if value is None or value.__class__ is float:
        return False
    limit = times.GREGORIAN_DAYS if kind.base is Base.DATE else times.GREGORIAN_NS
    return bool(value < limit)


def _silent_by_type(agreement: Agreement, side: Side, wire: Wire | None) -> bool:
    """Whether the column's type is one whose unchanged TOAST Debezium shows as null, where no
    schema says it: the configuration's or the catalogue's type then does.
    """
    kind = agreement.read_kind(side, wire)
    item = kind.item.base if kind.item is not None else None
    if kind.base is Base.DECIMAL:
        return kind.scale is None and (wire is None or not wire.text)
    if kind.base is Base.BYTES:
        return (wire is None or wire.text) and agreement.rule.encoding(side) is not Encoding.HEX
    if kind.base is Base.BITS:
        return kind.scale is None
    return item in {Base.TIMESTAMPTZ, Base.DECIMAL, Base.FLOAT64, Base.BOOL, Base.BYTES}


def _concat_reader(agreement: Agreement, wires: Wires, placeholder: Placeholder) -> AtomOf:
    """Several source columns joined; null ones are left out, as concat_ws does."""
    rule, kind = agreement.rule, agreement.kind
    t, pipeline = rule.transforms, stages(rule, Side.SOURCE, kind)
    read, finish = reader(kind), finisher(kind)
    parts_of = [(column, _speller(wires.get(column))) for column in rule.columns(Side.SOURCE)]

    def atom(raws: Any, _flags: int) -> Atom:
        parts = []
        for raw, (column, spell) in zip(raws, parts_of, strict=True):
            if raw is msgspec.UNSET:
                raise MissingColumnError(f"column `{column}` is not in the record")
            if placeholder.stands_for(raw):
                raise UnknownValueError
            if raw is not None:
                parts.append(spell(raw))
        value = read(t.separator.join(parts))
        for stage in pipeline:
            value = stage(value)
        return finish(value)

    return atom


def _speller(wire: Wire | None) -> Callable[[Any], str]:
    """Reads a part of `concat` as its schema says, as text."""
    if wire is None or wire.kind is None or wire.kind.base in _READ_AS_TEXT:
        return spelled
    kind = wire.kind
    read, finish = reader(kind, wire), finisher(kind)
    return lambda raw: spelled(canonical.shown(finish(read(raw)), kind))


def wire_of(agreement: Agreement, side: Side, wires: Wires) -> Wire | None:
    """The schema's word on a rule's column; None for none, or where several make up the value."""
    columns = agreement.rule.columns(side)
    return wires.get(columns[0]) if len(columns) == 1 else None


def column_atom(agreement: Agreement, side: Side, wires: Wires, placeholder: Placeholder) -> AtomOf:
    """The right reader for a rule: constant, concat or one column."""
    t = agreement.rule.transforms
    if side is Side.SOURCE and t.has_constant:
        fixed = finisher(agreement.kind)(literal(t.constant, agreement.kind))
        return lambda _raw, _flags: fixed
    if side is Side.SOURCE and t.concat:
        return _concat_reader(agreement, wires, placeholder)
    return atom_reader(agreement, side, wire_of(agreement, side, wires), placeholder)


def _inline(agreement: Agreement, side: Side, wire: Wire | None, text_limit: int) -> list[str]:
    """Branches of generated code for the common cases of a column; `v` is the raw value."""
    rule, kind = agreement.rule, agreement.kind
    if _has_work(rule, side) or agreement.folds:
        return []
    seen, given = _given(agreement, side, wire)
    encoding = given.encoding
    found = []
    if kind.base in _INLINE_INT and seen.base in _INLINE_INT:
        found.append("v.__class__ is int: a{i} = v")
    if kind.base in _INLINE_TEXT and encoding is None and seen.base in _INLINE_TEXT:
        found.append(f"v.__class__ is str and len(v) < {text_limit}: a{{i}} = v")
    stamp = kind.base in _STAMPS and seen.base in _STAMPS
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


def compile_row(
    agreements: Sequence[Agreement],
    side: Side,
    fields: Mapping[str, int],
    wires: Wires,
    placeholder: Placeholder,
) -> RowFunction:
    """The row function of a side. `fields` gives each raw column its attribute number.

    The function raises MissingColumnError and BadValueError.
    """
    special: Special = []
    scope: dict[str, Any] = {
        "special": special,
        "completed": canonical.completed,
        "enc": canonical.encode,
        "xxh128": xxhash.xxh3_128_digest,
        "xxh32": xxhash.xxh32_intdigest,
        "pack": struct.Struct(f"<{len(agreements)}H").pack,
    }
    quick: list[str] = []
    slow: list[str] = []
    for i, agreement in enumerate(agreements):
        columns = agreement.rule.columns(side)
        wire = wire_of(agreement, side, wires)
        atom_of = column_atom(agreement, side, wires, placeholder)
        convert = canonical.cell(i, atom_of, special)
        scope[f"c{i}"] = _decimal_cell(agreement, side, wire, convert) or convert
        scope[f"d{i}"] = convert
        quick += _column_code(
            i, columns, fields, _inline(agreement, side, wire, placeholder.text_min)
        )
        slow += [f"    a{i}, s{i} = d{i}({_raw(agreement.rule, side, fields)}, flags)"]
    numbers = range(len(agreements))
    row = "".join(f"a{i}, " for i in numbers)
    end = [
        f"    h = xxh128(enc(({row})))",
        f"    k = pack({', '.join(f's{i}' for i in numbers)})",
        "    if special:",
        "        f, u, c = completed(h, special)",
        "        special.clear()",
        "        return f, k, u, c",
        "    return h, k, (), ()",
    ]
    guard = [
        "  except OverflowError:",  # an integer beyond 64 bits
        "    special.clear()",
        "    return slow_row(r, flags)",
        "  except BaseException:",
        "    special.clear()",
        "    raise",
    ]
    _define(scope, "slow_row", ["def slow_row(r, flags):", "  try:", *slow, *end, *guard[-3:]])
    row_of: RowFunction = _define(
        scope, "row", ["def row(r, flags):", "  try:", *quick, *end, *guard]
    )
    return row_of


def _raw(rule: ColumnRule, side: Side, fields: Mapping[str, int]) -> str:
    columns = rule.columns(side)
    if side is Side.SOURCE and rule.transforms.concat:
        return "[" + ", ".join(f"r.f{fields[column]}" for column in columns) + "]"
    return f"r.f{fields[columns[0]]}" if columns else "None"


def _column_code(
    i: int, columns: tuple[str, ...], fields: Mapping[str, int], inline: list[str]
) -> list[str]:
    if len(columns) != 1:
        raws = ", ".join(f"r.f{fields[column]}" for column in columns)
        return [f"    a{i}, s{i} = c{i}([{raws}], flags)"]
    lines = [f"    v = r.f{fields[columns[0]]}"]
    for number, branch in enumerate(inline):
        test, _, assign = branch.format(i=i).partition(": ")
        sketch = "xxh32(v.encode()) & 65535 or 1" if "is str" in test else f"a{i} % 65521 + 1"
        lines.append(f"    {'elif' if number else 'if'} {test}:")
        lines.append(f"        {assign}; s{i} = {sketch}")
    call = f"a{i}, s{i} = c{i}(v, flags)"
    return [*lines, "    else:", f"        {call}"] if inline else [*lines, f"    {call}"]


def _decimal_cell(
    agreement: Agreement, side: Side, wire: Wire | None, convert: canonical.Cell
) -> canonical.Cell | None:
    """The quick way for short base64 or Avro decimals of a fixed scale."""
    seen, given = _given(agreement, side, wire)
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


def compile_key(
    agreements: Sequence[Agreement],
    side: Side,
    fields: Mapping[str, int],
    wires: Wires,
    placeholder: Placeholder,
) -> KeyFunction:
    """The key function of a side; a null or unknown key column raises UnknownValueError."""
    scope: dict[str, Any] = {"enc": canonical.encode}
    lines = []
    for i, agreement in enumerate(agreements):
        wire = wire_of(agreement, side, wires)
        scope[f"c{i}"] = _key_cell(column_atom(agreement, side, wires, placeholder), agreement.kind)
        lines.append(f"    v = {_raw(agreement.rule, side, fields)}")
        inline = _inline(agreement, side, wire, placeholder.text_min)
        if agreement.kind.base in _DATED:
            inline = []
        for number, branch in enumerate(inline):
            test, _, assign = branch.format(i=i).partition(": ")
            lines += [f"    {'elif' if number else 'if'} {test}: {assign}"]
        lines.append(f"    else: a{i} = c{i}(v)" if inline else f"    a{i} = c{i}(v)")
    atoms = ", ".join(f"a{i}" for i in range(len(agreements)))
    raws = ", ".join(_raw(agreement.rule, side, fields) for agreement in agreements)
    cells = [scope[f"c{i}"] for i in range(len(agreements))]
    scope["slow"] = lambda raws: canonical.encode([c(v) for c, v in zip(cells, raws, strict=True)])
    guard = ["  except OverflowError:", f"    return slow([{raws}])"]
    lines = ["def key(r):", "  try:", *lines, f"    return enc([{atoms}])", *guard]
    key_of: KeyFunction = _define(scope, "key", lines)
    return key_of


def _key_cell(atom_of: AtomOf, kind: Kind) -> Callable[[Any], Atom]:
    def convert(value: Any) -> Atom:
        atom = atom_of(value, 0)
        if atom is None:
            raise UnknownValueError("a key column is null")
        return canonical.key_atom(atom, kind)

    return convert


def _define(scope: dict[str, Any], name: str, lines: list[str]) -> Any:
    # The text is made of column numbers only: no name of the user's is in it.
    exec(compile("\n".join(lines), f"<figwatch {name}>", "exec"), scope)  # noqa: S102
    return scope[name]


__all__ = [
    "BadValueError",
    "MissingColumnError",
    "UnknownValueError",
    "atom_reader",
    "compile_key",
    "compile_row",
]
