"""Lines of COPY's text format as rows of the mapping: canonical key and fingerprint.

The functions that make them are the streams' own (`connectors.debezium.plan`), told how a database
writes its values. `figwatch.connectors.sweep.scan` compares what comes out.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from figwatch.connectors.debezium.plan import Feed, row_plan
from figwatch.connectors.sweep.forms import Column, Forms
from figwatch.connectors.sweep.one_side import KeyText, Statements
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.kinds import TIMES, Base
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.canonical.wire import Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import column_atom
from figwatch.validators.mapping.rules import PairRule
from figwatch.validators.sweep.facts import ColumnFacts, Family, TableFacts
from figwatch.validators.sweep.plan import SweepPlan

MakeStatements: TypeAlias = Callable[[Side, TableFacts, SweepPlan, tuple[str, ...]], Statements]
"""The statements of one database (a class of them)."""

# Holds a character that PostgreSQL's texts cannot: no value of a table means "unchanged".
NO_PLACEHOLDER = Placeholder("\0figwatch: no placeholder")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One row of one side. `fingerprint` None: the mapping cannot read it, `fault` names why."""

    key: bytes
    key_text: KeyText
    fingerprint: bytes | None
    version: str
    raws: tuple[Any, ...]
    """Raw values by the reader's fields."""
    sketch: bytes = b""
    fault: str = ""


class UnreadableKeyError(ValueError):
    """A row whose key the mapping cannot read; the message names the column, not the value."""


def agreements(
    rule: PairRule, source: TableFacts, target: TableFacts
) -> tuple[tuple[Agreement, ...], tuple[Agreement, ...]]:
    """What both sides' columns are compared in, from their catalogues: key, then columns."""
    key = tuple(_agreement(rule.name, r, source, target) for r in rule.key)
    return key, tuple(_agreement(rule.name, r, source, target) for r in rule.columns)


def _agreement(pair: str, rule: Any, source: TableFacts, target: TableFacts) -> Agreement:
    kinds = {}
    for side, table in ((Side.SOURCE, source), (Side.TARGET, target)):
        columns = rule.columns(side)
        facts = table.column(columns[0]) if len(columns) == 1 and not rule.path(side) else None
        kinds[side] = facts.kind if facts is not None else None
    return Agreement(pair, rule, kinds)


class RowReader:
    """Reads the lines that `Statements.lines` asks for."""

    def __init__(
        self, rule: PairRule, side: Side, table: TableFacts, plan: SweepPlan,
        agreed: tuple[tuple[Agreement, ...], tuple[Agreement, ...]], make: MakeStatements,
    ) -> None:  # fmt: skip
        feed = Feed(rule, side, *agreed)
        wires = {name: _wire(_facts(table, name)) for name in dict.fromkeys(feed.names)}
        compiled = row_plan([feed], wires, NO_PLACEHOLDER)
        self._row = compiled.row
        self._feed = compiled.feeds[0]
        self.fields = tuple(compiled.fields)
        self._wires = wires
        self._side = side
        self._columns = agreed[1]
        self._keys = len(plan.key)
        shared = [p for p in (*plan.key, *plan.columns) if p.in_lines or p in plan.key]
        names = [
            p.rule.target if side is Side.TARGET else p.rule.source or p.rule.name for p in shared
        ]
        opaque = [
            (p, a)
            for p, a in zip((*plan.key, *plan.columns), (*agreed[0], *agreed[1]), strict=True)
            if not p.in_lines  # a key too: its text alone would not tell
        ]
        filters = [name for name, _ in rule.filter(side)]
        wanted = [name for p, _ in opaque for name in p.rule.columns(side)]
        self.extra = tuple(dict.fromkeys([*wanted, *filters]))
        places = {name: i for i, name in reversed(list(enumerate([*names, *self.extra])))}
        self._take = tuple(
            (places[name], _RAW.get(_facts(table, name).family, _text)) for name in self.fields
        )
        self.statements = make(side, table, plan, self.extra)
        self.whole_lines = not opaque and not filters
        """Equal lines of both sides are equal rows."""
        self.forms = Forms(
            len(self.extra),
            [self._canonical(table, a) for _, a in opaque],
            self._filter(table, filters) if filters else None,
        )

    def _canonical(self, table: TableFacts, agreement: Agreement) -> Column:
        """The canonical value of a column by the texts it is made of."""
        columns = agreement.rule.columns(self._side)
        converts = [_RAW.get(_facts(table, name).family, _text) for name in columns]
        atom_of = column_atom(agreement, self._side, self._wires, NO_PLACEHOLDER)
        many = self._side is Side.SOURCE and bool(agreement.rule.transforms.concat)

        def one(part: bytes) -> bytes:
            text = _value(part)
            try:
                return canonical.encode(atom_of(None if text is None else converts[0](text), 0))
            except ValueError:  # equal to nothing of the other side: the row itself will tell
                return repr((self._side, part)).encode()

        def several(parts: tuple[bytes, ...]) -> bytes:
            raws = [
                None if (text := _value(part)) is None else convert(text)
                for part, convert in zip(parts, converts, strict=True)
            ]
            try:
                return canonical.encode(atom_of(raws if many else None, 0))
            except ValueError:  # likewise
                return repr((self._side, parts)).encode()

        places = tuple(self.extra.index(name) for name in columns)
        alone = len(places) == 1 and not many
        return Column.of_one(places[0], one) if alone else Column(places, several)

    def _filter(self, table: TableFacts, names: list[str]) -> Column:
        """Whether the pair's filter lets a row pass, by the texts that it asks for."""
        converts = [
            (_RAW.get(_facts(table, name).family, _text), f"f{self.fields.index(name)}")
            for name in names
        ]

        def passing(parts: tuple[bytes, ...]) -> bool:
            record = self._row()
            for (convert, field), part in zip(converts, parts, strict=True):
                text = _value(part)
                setattr(record, field, None if text is None else convert(text))
            try:
                return self._feed.passes is None or bool(self._feed.passes(record))
            except ValueError:  # the row itself will tell
                return True

        return Column(tuple(self.extra.index(name) for name in names), passing)

    def key_text(self, line: bytes) -> KeyText:
        """The key of a line (one without a version)."""
        return tuple(_value(part) or "" for part in line.split(b"\t", self._keys)[: self._keys])

    def read(self, line: bytes, *, versioned: bool = False) -> Row | None:
        """The row of a line; None where the pair's filter leaves it out.

        Raises:
            UnreadableKeyError: the key cannot be read.
        """
        parts = line.split(b"\t")
        version = parts.pop(0).decode() if versioned else ""
        key_text = tuple(_value(part) or "" for part in parts[: self._keys])
        raws = []
        for place, convert in self._take:
            text = _value(parts[place])
            raws.append(None if text is None else convert(text))
        return self.row(tuple(raws), key_text, version)

    def row(self, raws: tuple[Any, ...], key_text: KeyText, version: str) -> Row | None:
        """The row of raw values, in the order of `fields`."""
        record = self._row(*raws)
        try:
            key = self._feed.key(record)
        except ValueError as error:
            raise UnreadableKeyError(f"a key that its type cannot have: {error}") from None
        try:
            if self._feed.passes is not None and not self._feed.passes(record):
                return None
            fingerprint, sketch, _, _ = self._feed.fingerprint(record, 0)
        except ValueError as error:
            return Row(key, key_text, None, version, raws, fault=str(error))
        return Row(key, key_text, fingerprint, version, raws, sketch)

    def key_of(self, texts: Sequence[str | None]) -> bytes:
        """Canonical key of a key's texts."""
        given = dict(zip((c for a in range(self._keys) for c in [a]), texts, strict=True))
        raws: list[Any] = []
        for place, convert in self._take:
            text = given.get(place)
            raws.append(None if text is None else convert(text))
        try:
            return self._feed.key(self._row(*raws))
        except ValueError as error:
            raise UnreadableKeyError(f"a key that its type cannot have: {error}") from None

    def atoms(self, row: Row) -> list[bytes]:
        """The canonical value of each mapped column, encoded; the slow way, for naming columns."""
        raw = dict(zip(self.fields, row.raws, strict=True))
        found = []
        for agreement in self._columns:
            columns = agreement.rule.columns(self._side)
            atom_of = column_atom(agreement, self._side, self._wires, NO_PLACEHOLDER)
            many = self._side is Side.SOURCE and agreement.rule.transforms.concat
            value = [raw[c] for c in columns] if many else raw[columns[0]] if columns else None
            try:
                found.append(canonical.encode(atom_of(value, 0)))
            except ValueError:
                found.append(b"unreadable")
        return found


def _facts(table: TableFacts, name: str) -> ColumnFacts:
    found = table.column(name)
    assert found is not None  # the planner refused otherwise
    return found


def _wire(facts: ColumnFacts) -> Wire:
    """How this project reads a value of the database: times in ISO, the rest as Python values."""
    kind = facts.kind
    base = kind.item.base if kind.item is not None else kind.base
    timed = base in TIMES or base in {Base.DATE, Base.INTERVAL}
    encoding = Encoding.ISO if timed else Encoding.HEX if base is Base.BYTES else None
    return Wire(kind=kind, encoding=encoding)


def _value(part: bytes) -> str | None:
    if part == b"\\N":
        return None
    if b"\\" in part:
        part = _ESCAPED.sub(lambda m: _ESCAPES.get(m[1], m[1]), part)
    return part.decode()


def _text(text: str) -> Any:
    return text


def _number(text: str) -> Any:
    return Decimal(text)


def _bytes(text: str) -> Any:
    return bytes.fromhex(text.removeprefix("\\x"))


def _bits(text: str) -> Any:
    return int(text, 2) if text else 0


def _integer(text: str) -> Any:
    return int(text) if "." not in text else Decimal(text)


_RAW: Mapping[Family, Callable[[str], Any]] = {
    Family.INT: _integer,
    Family.NUMERIC: _number,
    Family.FLOAT4: _number,
    Family.FLOAT8: _number,
    Family.BYTES: _bytes,
    Family.BITS: _bits,
    Family.BOOL: lambda text: text in {"t", "true"},
}
