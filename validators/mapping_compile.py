"""A side's half of a pair's mapping as two generated functions: row → fingerprint, row → key.

Generated code keeps the common cases (`mapping_inline`) in line and calls a closure of
`canonical.cell` for everything else; both give the same bytes. The sources of a row are attributes
`f0`, `f1`, ... of a Struct that the decoder makes from the names in `fields`.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xxhash

from figwatch.validators import canonical
from figwatch.validators.canonical import Placeholder, Special, UnknownValueError
from figwatch.validators.canonical_atoms import Atom
from figwatch.validators.canonical_kinds import Kind
from figwatch.validators.change import Side
from figwatch.validators.mapping import ColumnRule
from figwatch.validators.mapping_agreement import Agreement
from figwatch.validators.mapping_atoms import DATED, AtomOf, Wires, column_atom, wire_of
from figwatch.validators.mapping_inline import decimal_cell, inline

Fingerprinted = tuple[bytes, bytes, tuple[int, ...], tuple[tuple[int, bytes], ...]]
"""Fingerprint, sketch, unknown columns, carried digests."""
RowFunction = Callable[[Any, int], Fingerprinted]
KeyFunction = Callable[[Any], bytes]


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
        scope[f"c{i}"] = decimal_cell(agreement, side, wire, convert) or convert
        scope[f"d{i}"] = convert
        quick += _column_code(
            i, columns, fields, inline(agreement, side, wire, placeholder.text_min)
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
    i: int, columns: tuple[str, ...], fields: Mapping[str, int], branches: list[str]
) -> list[str]:
    if len(columns) != 1:
        raws = ", ".join(f"r.f{fields[column]}" for column in columns)
        return [f"    a{i}, s{i} = c{i}([{raws}], flags)"]
    lines = [f"    v = r.f{fields[columns[0]]}"]
    for number, branch in enumerate(branches):
        test, _, assign = branch.format(i=i).partition(": ")
        sketch = "xxh32(v.encode()) & 65535 or 1" if "is str" in test else f"a{i} % 65521 + 1"
        lines.append(f"    {'elif' if number else 'if'} {test}:")
        lines.append(f"        {assign}; s{i} = {sketch}")
    call = f"a{i}, s{i} = c{i}(v, flags)"
    return [*lines, "    else:", f"        {call}"] if branches else [*lines, f"    {call}"]


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
        branches = inline(agreement, side, wire, placeholder.text_min)
        if agreement.kind.base in DATED:
            branches = []
        for number, branch in enumerate(branches):
            test, _, assign = branch.format(i=i).partition(": ")
            lines += [f"    {'elif' if number else 'if'} {test}: {assign}"]
        lines.append(f"    else: a{i} = c{i}(v)" if branches else f"    a{i} = c{i}(v)")
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
