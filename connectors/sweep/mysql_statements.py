"""The statements of the sweep on one side of one pair, for MariaDB and MySQL.

A row is written by the server as one text, a line of PostgreSQL's COPY: tabs between the columns,
backslash and N for NULL, values as PostgreSQL would write them. So one value comes back for each
row, and lines of both engines can be compared. `figwatch.connectors.sweep.rows` reads the lines.
"""

import re
from collections.abc import Sequence

from figwatch.connectors.sweep.mysql_catalogue import literal, quoted
from figwatch.connectors.sweep.one_side import KeyText, OneSide, Range
from figwatch.validators.sweep.facts import ColumnFacts, Family
from figwatch.validators.sweep.plan import Cast, ColumnPlan

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ESCAPES = (("\\", "\\\\"), ("\b", "\\b"), ("\f", "\\f"), ("\n", "\\n"), ("\r", "\\r"),
            ("\t", "\\t"), ("\v", "\\v"))  # fmt: skip
"""COPY's; the backslash first."""
_TIMES = {Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ}


class MySqlStatements(OneSide):
    """See `figwatch.connectors.sweep.one_side.Statements`."""

    @property
    def from_(self) -> str:
        """The table, as `t`."""
        return ".".join(quoted(part) for part in self.table.name.split(".")) + " AS t"

    def column(self, name: str) -> str:
        """A column of it."""
        return f"t.{quoted(name)}"

    # -- rows

    def lines(
        self, where: str, limit: int | None = None, *,
        versions: bool = False, ordered: bool = True,
    ) -> str:  # fmt: skip
        written = [self._written(self.facts(self.name_of(p)), p) for p in self.shared]
        written += [self._written(self.facts(name), None) for name in self.extra]
        fields = [f"ifnull({field}, '\\N')" for field in written]
        if versions:
            fields.insert(0, "''")
        line = f"concat_ws('\t', {', '.join(fields)})"
        order = f" ORDER BY {self._order()}" if ordered else ""
        rows = f" LIMIT {limit}" if limit is not None else ""
        return f"SELECT {line} FROM {self.from_} WHERE {where}{order}{rows}"  # noqa: S608  # quoted

    def nothing(self) -> str:
        return self.lines("false")

    def _written(self, facts: ColumnFacts, plan: ColumnPlan | None) -> str:
        """A value as PostgreSQL's COPY writes one of that family."""
        name = self.column(facts.name)
        text = f"cast({name} AS char)"
        if facts.family in {Family.TEXT, Family.CHAR, Family.ENUM, Family.OTHER}:
            escaped = f"convert({text} USING utf8mb4)"
            for plain, code in _ESCAPES:
                escaped = f"replace({escaped}, '{plain}', '{code}')"
            return escaped
        if facts.family is Family.BYTES:
            return f"concat('\\\\x', lower(hex({name})))"
        if facts.family is Family.BITS:
            return f"bin({name} + 0)"
        if facts.family is Family.FLOAT4:  # alone it is shown with six digits
            return f"cast(cast({name} AS double) AS char)"
        fraction = plan is not None and plan.shared is Cast.NUMERIC and "," in facts.type
        if fraction or (facts.family in _TIMES and "(0)" not in facts.type):
            text = f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {text}))"
        return f"concat({text}, '+00')" if facts.family is Family.TIMESTAMPTZ else text

    # -- keys

    def _order(self) -> str:
        return ", ".join(self.column(name) for name in self.plan.order[self.side])

    def literal(self, name: str, text: str) -> str:
        """A key's text, of either engine, as this column's type."""
        family = self.facts(name).family
        if family in {Family.INT, Family.NUMERIC} and _NUMBER.fullmatch(text):
            return text
        if family is Family.BYTES:
            return f"x'{text.removeprefix(chr(92) + 'x')}'"
        if family is Family.TIMESTAMPTZ or family is Family.TIMESTAMP:
            text = text.removesuffix("+00")
        return literal(text)

    def within(self, bounds: Range) -> str:
        after, until = bounds
        parts = []
        if after is not None:
            parts.append(self._beyond(after, ">", ">"))
        if until is not None:
            parts.append(self._beyond(until, "<", "<="))
        return " AND ".join(parts) or "true"

    def _beyond(self, key: KeyText, operator: str, last: str) -> str:
        """A comparison of rows, spelled out: the optimizer finds no range in `(a, b) > (1, 2)`."""
        named = [(self.column(n), self.literal(n, text)) for n, text in self.ordered(key)]
        cases = []
        for i, (name, value) in enumerate(named):
            equal = [f"{n} = {v}" for n, v in named[:i]]
            step = last if i == len(named) - 1 else operator
            cases.append(" AND ".join([*equal, f"{name} {step} {value}"]))
        first = f"{named[0][0]} {operator}= {named[0][1]}"
        return f"({first} AND (({') OR ('.join(cases)})))"

    def among(self, keys: Sequence[KeyText]) -> str:
        names = [self.name_of(p) for p in self.plan.key]
        found = [
            ", ".join(self.literal(name, text) for name, text in zip(names, key, strict=True))
            for key in keys
        ]
        if len(names) == 1:
            return f"{self.column(names[0])} IN ({', '.join(found)})"
        columns = ", ".join(self.column(name) for name in names)
        return f"({columns}) IN (({'), ('.join(found)}))"

    def boundary(self, bounds: Range, rows: int) -> str:
        return (
            f"SELECT {self._keys()} FROM {self.from_} WHERE {self.within(bounds)}"  # noqa: S608
            f" ORDER BY {self._order()} LIMIT 1 OFFSET {rows - 1}"
        )

    def _keys(self) -> str:
        """Key columns as plain texts."""
        fields = []
        for plan in self.plan.key:
            facts = self.facts(self.name_of(plan))
            text = f"convert(cast({self.column(facts.name)} AS char) USING utf8mb4)"
            if facts.family is Family.BYTES:
                text = f"concat('\\x', lower(hex({self.column(facts.name)})))"
            elif facts.family not in {Family.TEXT, Family.CHAR, Family.ENUM}:
                text = self._written(facts, plan)
            fields.append(text)
        return ", ".join(fields)

    def null_keys(self) -> str | None:
        loose = self.loose()
        if not loose:
            return None
        condition = " OR ".join(f"{self.column(name)} IS NULL" for name in loose)
        return f"SELECT count(*) FROM {self.from_} WHERE {condition}"  # noqa: S608  # quoted

    def count(self) -> str:
        return f"SELECT count(*) FROM {self.from_}"  # noqa: S608  # quoted

    def sampled(self, share: float, seed: int, limit: int) -> str:
        return (
            f"SELECT {self._keys()} FROM {self.from_}"  # noqa: S608  # quoted
            f" WHERE rand({seed}) < {share:.12f} LIMIT {limit}"
        )

    def tallied(self, keys: Sequence[KeyText], ranges: Sequence[Range]) -> str | None:
        del keys, ranges
        return None
