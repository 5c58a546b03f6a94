"""A side's half of a pair's mapping as generated code: row → fingerprint, row → key.

Generated code keeps the common cases (`mapping.inline`) in line and calls a closure of
`canonical.rows.cell` for everything else; both give the same bytes. The sources of a row are
attributes `f0`, `f1`, ... of a Struct that the decoder makes from the names in `fields`. The
decoder puts the lines of `row_code` and `key_code` into one function for a whole record;
`compile_row` and `compile_key` are functions of their own, for every other shape.
"""

import functools
import struct
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Any, NamedTuple

import xxhash

from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.atoms import Atom
from figwatch.validators.canonical.kinds import Kind
from figwatch.validators.canonical.rows import Placeholder, Special, UnknownValueError
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import DATED, AtomOf, Wires, column_atom, wire_of
from figwatch.validators.mapping.doubts import doubts
from figwatch.validators.mapping.inline import (
    Case,
    cases,
    decimal_cell,
    known_texts,
    known_values,
    remembers,
    text_limit,
)

Fingerprinted = tuple[bytes, bytes, tuple[int, ...], tuple[tuple[int, bytes], ...]]
"""Fingerprint, sketch, unknown columns, carried digests."""
RowFunction = Callable[[Any, int], Fingerprinted]
KeyFunction = Callable[[Any], bytes]


class Half(NamedTuple):
    """A side's part of some columns, and how its records are written: what code is made from."""

    agreements: Sequence[Agreement]
    side: Side
    fields: Mapping[str, int]
    """Raw column → number of its attribute."""
    wires: Wires
    placeholder: Placeholder
    quick: bool = True
    """Without it every column takes the plain way, to the same result."""

    def raw(self, agreement: Agreement, row: str) -> str:
        """The expression of a column's raw value; of several, a list."""
        rule = agreement.rule
        names = [f"{row}.f{self.fields[column]}" for column in rule.columns(self.side)]
        if self.side is Side.SOURCE and rule.transforms.concat:
            return f"[{', '.join(names)}]"
        return names[0] if names else "None"

    def cases(self, agreement: Agreement) -> list[Case]:
        """The common cases of a column."""
        if not self.quick:
            return []
        wire = wire_of(agreement, self.side, self.wires)
        return cases(agreement, self.side, wire, self.placeholder.text_min)


class Code(NamedTuple):
    """Lines of a function without their indent, and the names they need."""

    lines: list[str]
    scope: dict[str, Any]


class Memory(NamedTuple):
    """Which columns remember values: all but those in `many`, which have too many of them."""

    many: set[str]
    full: Callable[[], None]
    """Told when a column was added to `many`: the code should be made anew."""


def row_code(
    half: Half,
    tag: str = "",
    memory: Memory | None = None,
    sample: Any = None,
    runs: Sequence[range] = (),
) -> Code:
    """Code that turns row `r`, under `flags`, into `h` (fingerprint), `x` (sketch), `u` (unknown
    columns) and `c` (carried digests). `tag` keeps the names of several rows apart; `sample` is a
    row that is likely. The columns of `runs` are in canonical form already: of run n, `r.x<n>` has
    the sketches and `r.e<n>` the encoded atoms.

    The code raises MissingColumnError, BadValueError, OverflowError (an integer beyond 64 bits);
    then `special` holds rests.
    """
    special: Special = []
    count = len(half.agreements)
    ids = [f"{tag}{i}" for i in range(count)]
    scope: dict[str, Any] = {
        f"special{tag}": special,
        f"pack{tag}": struct.Struct(f"<{count}H").pack,
        "completed": canonical.completed,
        "enc": canonical.encode,
        "xxh128": xxhash.xxh3_128_digest,
        "xxh32": xxhash.xxh32_intdigest,
    }
    lines: list[str] = []
    ready = {index for run in runs for index in run}
    for index, agreement in enumerate(half.agreements):
        if index in ready:
            continue
        wire = wire_of(agreement, half.side, half.wires)
        atom_of = column_atom(agreement, half.side, half.wires, half.placeholder)
        cell = canonical.cell(index, atom_of, special)
        if half.quick:
            cell = decimal_cell(agreement, half.side, wire, cell) or cell
        doubted = doubts(index, agreement, half.side, wire, atom_of)
        for doubt, saw in doubted.doubts:
            cell = canonical.doubting(index, cell, doubt, special, saw)
        scope[f"c{ids[index]}"] = cell
        column = _Column(half, agreement, ids[index], cell, doubted.every_value)
        lines += column.lines(memory, scope, sample)
    if runs:
        hashed = _joined(ids, runs, scope, tag)
    else:
        row = "".join(f"a{i}, " for i in ids)
        sketches = ", ".join(f"s{i}" for i in ids)
        hashed = [f"h = xxh128(enc(({row})))", f"x = pack{tag}({sketches})"]
    if len(ready) == count:
        return Code([*hashed, "u = c = ()"], scope)
    return Code(
        [
            *lines,
            *hashed,
            f"if special{tag}:",
            f"    h, u, c = completed(h, special{tag})",
            f"    special{tag}.clear()",
            "else: u = c = ()",
        ],
        scope,
    )


def _joined(
    ids: Sequence[str], runs: Sequence[range], scope: dict[str, Any], tag: str
) -> list[str]:
    """Code for `h` and `x` from runs and the columns between them."""
    scope[f"head{tag}"] = canonical.encode([None] * len(ids))[: -len(ids)]  # a null is one byte
    scope["two"] = struct.Struct("<H").pack
    first = {run.start: number for number, run in enumerate(runs)}
    ready = {index for run in runs for index in run}
    atoms, sketches = [f"head{tag}"], []
    for index, i in enumerate(ids):
        if index in first:
            atoms.append(f"r.e{first[index]}")
            sketches.append(f"r.x{first[index]}")
        elif index not in ready:
            atoms.append(f"enc(a{i})")
            sketches.append(f"two(s{i})")
    x = sketches[0] if len(sketches) == 1 else f"b''.join(({', '.join(sketches)}))"
    return [f"h = xxh128(b''.join(({', '.join(atoms)})))", f"x = {x}"]


class _Column(NamedTuple):
    """One column of a row in the making: variables `a<id>` (value, then atom), `s<id>` (sketch)."""

    half: Half
    agreement: Agreement
    id: str
    convert: canonical.Cell
    plain: bool
    """Every value has to go through `convert`."""

    @property
    def name(self) -> str:
        return f"a{self.id}"

    def branches(
        self, memory: Memory | None, scope: dict[str, Any], likely: type | None
    ) -> list[tuple[str, str, type]]:
        """(condition, assignment, class of the raw value) of the common cases; those of the
        `likely` class come first.
        """
        if self.plain:
            return []
        found = self.half.cases(self.agreement)
        branches = [
            (case.test.format(a=self.name), self._assigned(case), case.of) for case in found
        ]
        if (
            memory is not None
            and self.id not in memory.many
            and remembers(self.agreement, self.half.side)
        ):
            texts = any(case.of is str for case in found)
            others = [branch for branch in branches if branch[2] is not str]
            branches = [*others, *self._remembered(memory, scope, texts=texts, likely=likely)]
        branches.sort(key=lambda branch: branch[2] is not likely)
        return branches

    def _remembered(
        self, memory: Memory, scope: dict[str, Any], *, texts: bool, likely: type | None
    ) -> list[tuple[str, str, type]]:
        def full() -> None:
            memory.many.add(self.id)
            memory.full()

        name, sketch, i = self.name, f"s{self.id}", self.id
        if texts:
            known = known_texts(text_limit(self.half.placeholder.text_min), self.convert, full)
            learned = (f"type({name}) is str", f"{name}, {sketch} = l{i}({name}, flags)", str)
            # no other class has an equal value; one without hash (a list) goes the plain way
            seen = (f"{sketch} := m{i}({name})", "pass", str)
            found: list[tuple[str, str, type]] = [seen, learned] if likely is str else [learned]
        else:
            known = known_values(self.convert, full)
            value = f"m{i}({name}) or l{i}({name}, flags)"
            found = [
                (f"type({name}) is {of.__name__}", f"{name}, {sketch} = {value}", of)
                for of in (str, bytes)
            ]
        scope |= {f"m{i}": known.values.get, f"l{i}": known.learn}
        return found

    def _assigned(self, case: Case) -> str:
        atom = case.atom.format(a=self.name)
        first = "" if atom == self.name else f"{self.name} = {atom}; "
        return f"{first}s{self.id} = {case.sketch.format(a=self.name)}"

    def lines(self, memory: Memory | None, scope: dict[str, Any], sample: Any) -> list[str]:
        columns = self.agreement.rule.columns(self.half.side)
        likely = (
            type(getattr(sample, f"f{self.half.fields[columns[0]]}", None)) if columns else None
        )
        branches = self.branches(memory, scope, likely)
        lines = [f"{self.name} = {self.half.raw(self.agreement, 'r')}"]
        for number, (test, assign, _) in enumerate(branches):
            lines.append(f"{'elif' if number else 'if'} {test}: {assign}")
        call = f"{self.name}, s{self.id} = c{self.id}({self.name}, flags)"
        return [*lines, f"else: {call}" if branches else call]


def key_code(half: Half, row: str = "r", tag: str = "") -> Code:
    """Code that turns a row into the canonical key `key`.

    The code raises MissingColumnError, UnknownValueError (a null or unknown key column),
    BadValueError, OverflowError.
    """
    scope: dict[str, Any] = {"enc": canonical.encode}
    lines = []
    for index, agreement in enumerate(half.agreements):
        i = f"{tag}{index}"
        atom_of = column_atom(agreement, half.side, half.wires, half.placeholder)
        scope[f"k{i}"] = _key_cell(atom_of, agreement.kind)
        name = f"b{i}"
        lines.append(f"{name} = {half.raw(agreement, row)}")
        found = [] if agreement.kind.base in DATED else half.cases(agreement)
        found = [case for case in found if case.of is not type(None)]
        for number, case in enumerate(found):
            atom = f"{name} = {case.atom.format(a=name)}" if case.atom != "{a}" else "pass"
            lines.append(f"{'elif' if number else 'if'} {case.test.format(a=name)}: {atom}")
        call = f"{name} = k{i}({name})"
        lines.append(f"else: {call}" if found else call)
    names = ", ".join(f"b{tag}{index}" for index in range(len(half.agreements)))
    return Code([*lines, f"key = enc([{names}])"], scope)


def _key_cell(atom_of: AtomOf, kind: Kind) -> Callable[[Any], Atom]:
    def convert(value: Any) -> Atom:
        atom = atom_of(value, 0)
        if atom is None:
            raise UnknownValueError("a key column is null")
        return canonical.key_atom(atom, kind)

    return convert


def compile_row(half: Half) -> RowFunction:
    """The row function of a side. It raises MissingColumnError and BadValueError."""
    code = row_code(half)
    scope, special = code.scope, code.scope["special"]
    cells = [scope[f"c{index}"] for index in range(len(half.agreements))]
    scope["slow"] = _slow_row(cells, scope["pack"], special)
    raws = ", ".join(half.raw(agreement, "r") for agreement in half.agreements)
    lines = [
        "def row(r, flags):",
        "  try:",
        *(f"    {line}" for line in code.lines),
        "    return h, x, u, c",
        "  except OverflowError:",  # an integer beyond 64 bits
        "    special.clear()",
        f"    return slow([{raws}], flags)",
        "  except BaseException:",
        "    special.clear()",
        "    raise",
    ]
    row_of: RowFunction = define(scope, "row", lines)
    return row_of


def _slow_row(
    cells: Sequence[canonical.Cell], pack: Callable[..., bytes], special: Special
) -> Callable[[Sequence[Any], int], Fingerprinted]:
    """The row function that takes every column through its cell."""

    def row(raws: Sequence[Any], flags: int) -> Fingerprinted:
        try:
            made = [convert(raw, flags) for convert, raw in zip(cells, raws, strict=True)]
            short = xxhash.xxh3_128_digest(canonical.encode([atom for atom, _ in made]))
            fingerprint, unknown, carried = canonical.completed(short, special)
            return fingerprint, pack(*(sketch for _, sketch in made)), unknown, carried
        finally:
            special.clear()

    return row


def compile_key(half: Half) -> KeyFunction:
    """The key function of a side; a null or unknown key column raises UnknownValueError."""
    code = key_code(half)
    cells = [code.scope[f"k{index}"] for index in range(len(half.agreements))]
    code.scope["slow"] = lambda raws: canonical.encode(
        [cell(raw) for cell, raw in zip(cells, raws, strict=True)]
    )
    raws = ", ".join(half.raw(agreement, "r") for agreement in half.agreements)
    lines = [
        "def key(r):",
        "  try:",
        *(f"    {line}" for line in code.lines),
        "    return key",
        "  except OverflowError:",
        f"    return slow([{raws}])",
    ]
    key_of: KeyFunction = define(code.scope, "key", lines)
    return key_of


def define(scope: dict[str, Any], name: str, lines: Sequence[str]) -> Any:
    """Make a function from generated lines."""
    # The text is made of column numbers only: no name of the user's is in it.
    exec(_compiled("\n".join(lines), name), scope)  # noqa: S102
    return scope[name]


@functools.lru_cache(1024)
def _compiled(text: str, name: str) -> CodeType:
    return compile(text, f"<figwatch {name}>", "exec")
