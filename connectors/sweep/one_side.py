"""What the statements of every database have in common: keys as texts, ranges, a line's columns.

`figwatch.connectors.sweep.statements` makes PostgreSQL's, `...mysql_statements` MariaDB's and
MySQL's.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from figwatch.validators.change import Side
from figwatch.validators.sweep.facts import ColumnFacts, TableFacts
from figwatch.validators.sweep.plan import ColumnPlan, SweepPlan

KeyText: TypeAlias = tuple[str, ...]
"""A key as texts, in the order of the pair's key."""
Span: TypeAlias = tuple[int, int]
"""First and last value of a key that is one integer."""
Range: TypeAlias = tuple[KeyText | None, KeyText | None]
"""Above the first, up to and with the second; None: from the beginning, to the end."""


class Statements(Protocol):
    """What can be asked of one side. What is returned is for the matching `Session`."""

    def lines(
        self, where: Any, limit: int | None = None, *, versions: bool = False, ordered: bool = True
    ) -> Any:
        """Rows in the order of the key: first the key, then the shared columns in the mapping's
        order, so that equal rows of both sides are equal lines; then the reader's raw columns.
        `versions` puts the row's version before it all ("" where the database has none).
        """

    def nothing(self) -> Any:
        """No row, but every right that a row would need."""

    def within(self, bounds: Range) -> Any:
        """The condition of a range."""

    def among(self, keys: Sequence[KeyText]) -> Any:
        """The condition for rows with one of these keys."""

    def boundary(self, bounds: Range, rows: int) -> Any:
        """The key `rows` rows further on in a range; no row where it has fewer."""

    def null_keys(self) -> Any | None:
        """The number of rows that have no whole key; None where that cannot be."""

    def count(self) -> Any:
        """The number of rows."""

    def sampled(self, share: float, seed: int, limit: int) -> Any:
        """Keys of a random sample of rows, each row drawn on its own."""

    def tallied(self, keys: Sequence[KeyText], ranges: Sequence[Range]) -> Any | None:
        """How many of these keys lie in each range, as one row; None where it cannot be asked."""


@runtime_checkable
class RowHashes(Protocol):
    """What can be asked besides, where the database can hash rows."""

    def whole(self) -> Any:
        """The rows of the whole table, and their hashes in one."""

    def leaves(self, bounds: Range, mask: int) -> Any:
        """For each leaf (rows by their key's hash): its number, rows, and their hashes in one."""

    def hashed_keys(self, bounds: Range, mask: int, leaves: Sequence[int], limit: int) -> Any:
        """Key and hash of the rows in these leaves, in the order of the key."""

    @property
    def sliceable(self) -> bool:
        """The key is one integer."""

    def slices(self, spans: Sequence[Span]) -> Any:
        """The same of each of these spans, by its number."""

    def ends(self) -> Any:
        """The smallest and the greatest key; NULL where there is no row."""

    def steps(self, low: int, step: int) -> Any:
        """The same of the whole table in one go: leaf 0 begins at `low`, each is `step` wide."""

    def sliced_keys(self, spans: Sequence[Span]) -> Any:
        """Key and hash of the rows in these spans."""


@dataclasses.dataclass(frozen=True)
class OneSide:
    """One side of a pair. `extra` are the raw columns that a line holds behind the shared ones."""

    side: Side
    table: TableFacts
    plan: SweepPlan
    extra: tuple[str, ...]

    def facts(self, name: str) -> ColumnFacts:
        """What the catalogue says of a column."""
        found = self.table.column(name)
        assert found is not None  # the planner refused otherwise
        return found

    def name_of(self, plan: ColumnPlan) -> str:
        """The column of a rule on this side."""
        rule = plan.rule
        return rule.target if self.side is Side.TARGET else rule.source or rule.name

    @property
    def shared(self) -> list[ColumnPlan]:
        """What a line begins with: the key, and the columns whose texts can be compared."""
        return [p for p in (*self.plan.key, *self.plan.columns) if p.in_lines or p in self.plan.key]

    def ordered(self, key: KeyText) -> list[tuple[str, str]]:
        """A key's columns and texts in the order of the index."""
        by_name = {self.name_of(p): text for p, text in zip(self.plan.key, key, strict=True)}
        return [(name, by_name[name]) for name in self.plan.order[self.side]]

    def loose(self) -> list[str]:
        """Key columns that may be NULL."""
        names = [self.name_of(p) for p in self.plan.key]
        return [name for name in names if not self.facts(name).not_null]
