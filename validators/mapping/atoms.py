"""One column of a side: from its raw value, through the mapping's steps, to its atom.

The way of every value, step by step; `mapping.inline` and `mapping.compile` make the common ones
quick.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical import times
from figwatch.validators.canonical.atoms import Atom, finisher
from figwatch.validators.canonical.kinds import NUMBERS, TIMES, Base, Kind
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.rows import MissingColumnError, Placeholder, UnknownValueError
from figwatch.validators.canonical.values import reader, unit_of
from figwatch.validators.canonical.wire import PLAIN, Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.rules import NullDefault
from figwatch.validators.mapping.transforms import literal, member, spelled, stages

AtomOf = Callable[[Any, int], Atom]
Wires = Mapping[str, Wire]

_TEXTS = {Base.TEXT, Base.CHAR}
STAMPS = {Base.TIMESTAMP, Base.TIMESTAMPTZ}
DATED = {*TIMES, Base.DATE}


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
    silent = silent_null(agreement, side, wire)
    same = rule.null_default is NullDefault.SAME
    folds = agreement.folds if same and not t.has_null_as else set()
    path = rule.path(side)
    old = kind.base in STAMPS or kind.base is Base.DATE

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
    seen, given = given_wire(agreement, side, wire)
    if kind.base in _TEXTS and seen.base not in _READ_AS_TEXT:
        inner, finish = reader(seen, given), finisher(seen)
        return lambda raw: _text_of(finish(inner(raw)), seen)
    if seen.base is Base.UINT64 and kind.base in NUMBERS:  # which may come wrapped to negative
        unsigned, number = reader(seen, given), reader(kind)
        return lambda raw: number(unsigned(raw))
    return reader(kind, given)


def written_as(agreement: Agreement, side: Side, wire: Wire | None) -> tuple[Kind, str | None]:
    """What a side's raw value is taken for, and its encoding; for people."""
    seen, given = given_wire(agreement, side, wire)
    return seen, None if given.encoding is None else str(given.encoding)


def given_wire(agreement: Agreement, side: Side, wire: Wire | None) -> tuple[Kind, Wire]:
    """What a side's raw value is, and how it is written, with the configuration's hints."""
    seen = agreement.read_kind(side, wire)
    given = wire or PLAIN
    encoding = given.encoding or agreement.rule.encoding(side)
    scale = given.scale if given.scale is not None else seen.scale
    item = given.item
    if seen.base is Base.ARRAY and item is None:
        item, encoding = Wire(encoding=encoding), None
    if encoding is None and agreement.kind.base in DATED:
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


def silent_null(agreement: Agreement, side: Side, wire: Wire | None) -> bool:
    """Whether the column's type is one whose unchanged TOAST Debezium shows as null. Where no
    schema says it, the configuration's or the catalogue's type does.
    """
    if wire is not None and wire.silent_null:
        return True
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
    """The right reader for a rule: constant, concat or one column. Where a schema shows that the
    mapping cannot be (a value map of words for a column of bytes), every value is a bad one.
    """
    try:
        return _column_atom(agreement, side, wires, placeholder)
    except BadValueError as error:
        return _no_atom(f"the mapping of `{agreement.rule.name}` does not fit its type: {error}")


def _no_atom(reason: str) -> AtomOf:
    def atom(_raw: Any, _flags: int) -> Atom:
        raise BadValueError(reason)

    return atom


def _column_atom(
    agreement: Agreement, side: Side, wires: Wires, placeholder: Placeholder
) -> AtomOf:
    t = agreement.rule.transforms
    if side is Side.SOURCE and t.has_constant:
        fixed = finisher(agreement.kind)(literal(t.constant, agreement.kind))
        return lambda _raw, _flags: fixed
    if side is Side.SOURCE and t.concat:
        return _concat_reader(agreement, wires, placeholder)
    return atom_reader(agreement, side, wire_of(agreement, side, wires), placeholder)
