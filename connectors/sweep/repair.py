"""`figwatch sweep --repair-sql FILE`: what would make the target follow the source, for a person to
review. Nothing is executed here, and the file as it is written changes nothing: it ends in
ROLLBACK.

Every statement is guarded by the values that were seen, so that one that has become stale does
nothing. Columns that the mapping cannot turn into a target's value are left to the person.
"""

import dataclasses
import json
import os
import pathlib
from collections.abc import Sequence
from decimal import Decimal
from typing import IO, Any

from figwatch.connectors.sweep.confirm import Outcome
from figwatch.connectors.sweep.outcomes import difference
from figwatch.connectors.sweep.postgres_catalogue import split_name
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.validators.change import Side
from figwatch.validators.errors import FigwatchError
from figwatch.validators.mapping.rules import ColumnRule
from figwatch.validators.mapping.transforms import spelled
from figwatch.validators.sweep.facts import ColumnFacts, Family
from figwatch.validators.sweep.result import DifferenceKind

HEADER = """\
-- figwatch: what would make {table} follow {source} (pair {pair}).
-- Review every statement. Columns that the pair does not map are not touched.
-- Each is guarded by the values that were seen: one that has become stale changes 0 rows.
-- Replace ROLLBACK at the end by COMMIT to apply; figwatch's next verdict tells whether it helped.
"""


class _ByHandError(Exception):
    """The mapping does not say what the target's value should be."""


class RepairFile:
    """The file of one run. It holds values of rows: only its owner may read it."""

    def __init__(self, path: pathlib.Path) -> None:
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise FigwatchError(
                "sweep.repair-file",
                f"{path} cannot be written: {error.strerror}",
                fix="name a file in a folder that you can write",
            ) from error
        self._file: IO[str] = open(handle, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # a descriptor
        self._pair = ""
        self.statements = 0

    def close(self) -> None:
        """End the transaction, harmlessly."""
        if self._pair:
            self._file.write("ROLLBACK;\n")
        else:
            self._file.write("-- figwatch: there is nothing to repair.\n")
        self._file.close()

    def add(self, prepared: Prepared, kind: DifferenceKind, outcome: Outcome) -> None:
        """Write the statement of one real difference."""
        if prepared.engines[1] != "postgresql":
            raise FigwatchError(
                "sweep.repair-engine",
                f"repair SQL is written for PostgreSQL, not for {prepared.engines[1]}",
                f"pair {prepared.rule.name}",
                "sweep without --repair-sql; the differences name each row and its columns",
            )
        if self._pair != prepared.rule.name:
            source, target = (table.name for table in prepared.tables)
            self._file.write("" if self._pair else "BEGIN;\n")
            self._file.write(HEADER.format(table=target, source=source, pair=prepared.rule.name))
            self._pair = prepared.rule.name
        self._file.write("\n".join(statement(prepared, kind, outcome)) + "\n")
        self.statements += 1


def statement(prepared: Prepared, kind: DifferenceKind, outcome: Outcome) -> list[str]:
    """The lines that repair one row."""
    maker = _Maker(prepared, outcome)
    if kind is DifferenceKind.MISSING:
        return maker.insert()
    if kind is DifferenceKind.EXTRA:
        return maker.delete()
    named = set(difference(prepared, kind, outcome).columns)
    return maker.update([rule for rule in prepared.rule.columns if rule.name in named])


@dataclasses.dataclass(frozen=True)
class _Maker:
    prepared: Prepared
    outcome: Outcome

    def insert(self) -> list[str]:
        """Does nothing where a row with that key has come by since."""
        names, values, notes = [], [], []
        for name, text in self._key():
            names.append(_quoted(name))
            values.append(text)
        for rule in self.prepared.rule.columns:
            try:
                values.append(self._wanted(rule))
                names.append(_quoted(rule.target))
            except _ByHandError as why:
                notes.append(f"-- by hand: column {_quoted(rule.target)} ({why})")
        columns, literals = ", ".join(names), ", ".join(values)
        insert = f"INSERT INTO {self._table} ({columns}) VALUES ({literals})"  # noqa: S608  # quoted
        return [*notes, f"{insert} ON CONFLICT DO NOTHING;"]

    def update(self, rules: Sequence[ColumnRule]) -> list[str]:
        sets, guards, notes = [], self._where(), []
        for rule in rules:
            try:
                sets.append(f"{_quoted(rule.target)} = {self._wanted(rule)}")
                guards += self._guard(rule)
            except _ByHandError as why:
                notes.append(f"-- by hand: column {_quoted(rule.target)} ({why})")
        if not sets:
            return [*notes, f"-- by hand: the row of {self._table} with {' AND '.join(guards)}"]
        return [*notes, f"UPDATE {self._table} SET {', '.join(sets)} WHERE {' AND '.join(guards)};"]  # noqa: S608  # quoted

    def delete(self) -> list[str]:
        guards = self._where()
        for rule in self.prepared.rule.columns:
            guards += self._guard(rule)
        return [f"DELETE FROM {self._table} WHERE {' AND '.join(guards)};"]  # noqa: S608  # quoted

    @property
    def _table(self) -> str:
        return ".".join(_quoted(part) for part in split_name(self.prepared.tables[1].name))

    def _facts(self, side: Side, name: str) -> ColumnFacts:
        found = self.prepared.tables[side].column(name)
        assert found is not None  # the planner refused otherwise
        return found

    def _key(self) -> list[tuple[str, str]]:
        target = self.outcome.target
        texts = (
            target.key_text
            if target is not None
            else self.prepared.keys.plain(self.outcome.suspect.key, Side.TARGET)
        )
        if not texts:
            return []
        return [
            (rule.target, _literal(text, self._facts(Side.TARGET, rule.target)))
            for rule, text in zip(self.prepared.rule.key, texts, strict=True)
        ]

    def _where(self) -> list[str]:
        return [f"{_quoted(name)} = {text}" for name, text in self._key()]

    def _guard(self, rule: ColumnRule) -> list[str]:
        facts = self._facts(Side.TARGET, rule.target)
        if facts.type in {"json", "xml"} or facts.family is Family.OTHER:
            return []  # types that may have no equality
        try:
            seen = _literal(self._raw(Side.TARGET, rule.target), facts)
        except _ByHandError:
            return []
        return [f"{_quoted(rule.target)} IS NOT DISTINCT FROM {seen}"]

    def _raw(self, side: Side, name: str) -> Any:
        row = self.outcome.source if side is Side.SOURCE else self.outcome.target
        assert row is not None  # asked only of rows that are there
        return row.raws[self.prepared.readers[side].fields.index(name)]

    def _wanted(self, rule: ColumnRule) -> str:
        """The target's literal that follows the source."""
        facts = self._facts(Side.TARGET, rule.target)
        t = rule.transforms
        if t.target_path or t.source_path or t.source_time_zone != t.target_time_zone:
            raise _ByHandError("its transform has no way forward")
        if t.has_constant:
            return _literal(t.constant, facts)
        if t.concat:
            parts = [self._raw(Side.SOURCE, name) for name in t.concat]
            return _literal(t.separator.join(spelled(p) for p in parts if p is not None), facts)
        raw = self._raw(Side.SOURCE, rule.source or rule.name)
        if raw is None:
            return _literal(t.null_as if t.has_null_as and facts.not_null else None, facts)
        values = dict(t.values)
        if spelled(raw) in values:
            return _literal(values[spelled(raw)], facts)
        if t.split is not None:
            parts = str(raw).split(t.separator)
            raw = parts[t.split] if -len(parts) <= t.split < len(parts) else None
        if t.factor is not None:
            raw = Decimal(raw) * Decimal(t.factor)
        if self._facts(Side.SOURCE, rule.source or rule.name).family is Family.ARRAY:
            return _array(raw, facts)
        return _literal(raw, facts)


def _literal(value: Any, facts: ColumnFacts) -> str:
    if value is None:
        return "NULL"
    if facts.family is Family.ARRAY:
        return _array(value, facts)
    if facts.family is Family.BITS or facts.type.endswith("hstore"):
        raise _ByHandError(f"a value of type {facts.type}")
    if isinstance(value, bytes):
        text = "\\x" + value.hex()
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
    return f"{_string(text)}::{facts.type}"


def _array(value: Any, facts: ColumnFacts) -> str:
    """From the JSON in which arrays are read; one dimension."""
    if value is None:
        return "NULL"
    items = json.loads(value)
    if any(isinstance(item, list) for item in items):
        raise _ByHandError("an array of several dimensions")
    parts = ", ".join("NULL" if i is None else _string(_spell(i)) for i in items)
    return f"ARRAY[{parts}]::text[]::{facts.type}"


def _spell(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return item if isinstance(item, str) else json.dumps(item)


def _string(text: str) -> str:
    """A string literal that means the same whatever `standard_conforming_strings` says."""
    quoted = text.replace("'", "''")
    return "E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
