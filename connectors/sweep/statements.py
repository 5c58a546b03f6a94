"""The statements of the sweep on one side of one pair, for PostgreSQL.

Keys travel as texts, as the server writes them; `figwatch.connectors.sweep.rows` reads the lines
that come back, `figwatch.connectors.sweep.scan` asks.
"""

import re
from collections.abc import Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from figwatch.connectors.sweep.keys import is_int8
from figwatch.connectors.sweep.one_side import KeyText, OneSide, Range, Span
from figwatch.connectors.sweep.postgres_catalogue import split_name
from figwatch.validators.change import Side
from figwatch.validators.sweep.facts import ColumnFacts, Family
from figwatch.validators.sweep.plan import Cast, ColumnPlan


class PostgresStatements(OneSide):
    """See `figwatch.connectors.sweep.one_side.Statements`."""

    @property
    def from_(self) -> Composed:
        return SQL("{} AS t").format(Identifier(*split_name(self.table.name)))

    def column(self, name: str) -> Identifier:
        """A column by table and name: a bare name in ORDER BY means the result's column, and a
        number cast to text there is sorted as text.
        """
        return Identifier("t", name)

    # -- rows

    def lines(
        self, where: Composable, limit: int | None = None, *,
        versions: bool = False, ordered: bool = True,
    ) -> Composed:  # fmt: skip
        selected = [self._written(self.facts(self.name_of(p)), p) for p in self.shared]
        selected += [self._written(self.facts(name), None) for name in self.extra]
        if versions:
            selected.insert(0, SQL("t.xmin::text"))
        order = SQL("") if not ordered else SQL(" ORDER BY {}").format(self._order())
        return SQL("SELECT {} FROM {} WHERE {}{}{}").format(
            SQL(", ").join(selected), self.from_, where, order, _limit(limit)
        )

    def nothing(self) -> Composed:
        return self.lines(SQL("false"))

    def _written(self, facts: ColumnFacts, plan: ColumnPlan | None) -> Composable:
        name = self._value(facts, plan)
        if facts.family is Family.ARRAY:
            return SQL("array_to_json({})::text").format(name)
        if facts.type == "money":
            return SQL("{}::numeric").format(name)
        if facts.type.endswith("hstore"):
            return SQL("to_json({})::text").format(name)
        if plan is not None and plan.shared is Cast.NUMERIC:
            return SQL("trim_scale({}::numeric)").format(name)
        return name

    def _value(self, facts: ColumnFacts, plan: ColumnPlan | None) -> Composable:
        """A column, after what of the mapping can be done here (`sweep.plan` says where)."""
        name: Composable = self.column(facts.name)
        if plan is None or plan.shared is None:
            return name
        if plan.shared is Cast.UTC and facts.family is Family.TIMESTAMPTZ:
            return SQL("timezone(interval '0', {})").format(name)
        t = plan.rule.transforms
        if self.side is Side.TARGET:
            return name
        if plan.shared is Cast.NUMERIC and t.factor:
            return SQL("({}::numeric * {}::numeric)").format(name, Literal(t.factor))
        if plan.shared is Cast.TEXT and t.values:
            cases = [
                SQL("WHEN {} THEN {}").format(Literal(one), Literal(str(other)))
                for one, other in t.values
            ]
            return SQL('(CASE {0}::text COLLATE "C" {1} ELSE {0}::text END)').format(
                name, SQL(" ").join(cases)
            )
        return name

    # -- keys

    def _order(self) -> Composed:
        return SQL(", ").join(self.column(name) for name in self.plan.order[self.side])

    def literal(self, name: str, text: str) -> Composed:
        """A key text as this column's type."""
        return SQL("{}::{}").format(Literal(text), SQL(self._type(name, text)))

    def _type(self, name: str, text: str = "") -> str:
        facts = self.facts(name)
        if facts.family is Family.INT:  # the other side's key may be beyond a smaller integer
            return "int8" if is_int8(text or "0") else "numeric"
        if facts.family is Family.CHAR:
            return "bpchar"
        # Without its modifiers: the other side's key may have more digits.
        return "text" if facts.family is Family.TEXT else _MODIFIERS.sub("", facts.type)

    def within(self, bounds: Range) -> Composable:
        columns = SQL("({})").format(self._order())
        parts: list[Composable] = []
        for operator, key in zip((">", "<="), bounds, strict=True):
            if key is not None:
                literals = [self.literal(name, text) for name, text in self.ordered(key)]
                parts.append(
                    SQL("{} {} ({})").format(columns, SQL(operator), SQL(", ").join(literals))
                )
        return SQL(" AND ").join(parts) if parts else SQL("true")

    def among(self, keys: Sequence[KeyText]) -> Composed:
        arrays = [
            SQL("{}::text[]::{}[]").format(
                Literal([key[i] for key in keys]), SQL(self._searched(self.name_of(p)))
            )
            for i, p in enumerate(self.plan.key)
        ]
        columns = [self.name_of(p) for p in self.plan.key]
        names = [self._comparable(self.column(name), name) for name in columns]
        if len(names) == 1:
            return SQL("{} = ANY({})").format(names[0], arrays[0])
        return SQL("({}) IN (SELECT * FROM unnest({}))").format(
            SQL(", ").join(names), SQL(", ").join(arrays)
        )

    def _comparable(self, name: Composable, column: str) -> Composable:
        return SQL("{}::text").format(name) if self.facts(column).family is Family.ENUM else name

    def _searched(self, column: str) -> str:
        return "text" if self.facts(column).family is Family.ENUM else self._type(column)

    def boundary(self, bounds: Range, rows: int) -> Composed:
        # Only the row that is found is written as text, not each one that is passed over.
        columns = self._order()
        return SQL(
            "SELECT {} FROM (SELECT {} FROM {} WHERE {} ORDER BY {} OFFSET {} LIMIT 1) AS t"
        ).format(self._keys(), columns, self.from_, self.within(bounds), columns, Literal(rows - 1))

    def _keys(self) -> Composed:
        return SQL(", ").join(
            SQL("{}::text").format(self._written(self.facts(self.name_of(p)), p))
            for p in self.plan.key
        )

    def null_keys(self) -> Composed | None:
        loose = self.loose()
        if not loose:
            return None
        condition = SQL(" OR ").join(SQL("{} IS NULL").format(self.column(name)) for name in loose)
        return SQL("SELECT count(*) FROM {} WHERE {}").format(self.from_, condition)

    def count(self) -> Composed:
        return SQL("SELECT count(*) FROM {}").format(self.from_)

    def sampled(self, share: float, seed: int, limit: int) -> Composed:
        return SQL("SELECT {} FROM {} TABLESAMPLE BERNOULLI ({}) REPEATABLE ({}) LIMIT {}").format(
            self._keys(), self.from_, Literal(share * 100), Literal(seed), Literal(limit)
        )

    def tallied(self, keys: Sequence[KeyText], ranges: Sequence[Range]) -> Composed:
        names = [self.name_of(p) for p in self.plan.key]
        arrays = [
            SQL("{}::text[]::{}[]").format(
                Literal([key[i] for key in keys]), SQL(self._type(name, "." * 19))
            )
            for i, name in enumerate(names)
        ]
        counts = [
            SQL("count(*) FILTER (WHERE {})").format(self.within(bounds)) for bounds in ranges
        ]
        return SQL("SELECT {} FROM unnest({}) AS t ({})").format(
            SQL(", ").join(counts), SQL(", ").join(arrays),
            SQL(", ").join(Identifier(name) for name in names),
        )  # fmt: skip

    # -- checksums

    def leaves(self, bounds: Range, mask: int) -> Composed:
        return SQL(
            "SELECT ({key} & {mask})::int4, count(*), bit_xor({row}) FROM {table} WHERE {where}"
            " GROUP BY 1"
        ).format(
            key=self._key_hash(), mask=Literal(mask), row=self._row_hash(), table=self.from_,
            where=self.within(bounds),
        )  # fmt: skip

    def whole(self) -> Composed:
        return SQL("SELECT count(*), bit_xor({row}) FROM {table}").format(
            row=self._row_hash(), table=self.from_
        )

    @property
    def sliceable(self) -> bool:
        return [self.facts(self.name_of(p)).family for p in self.plan.key] == [Family.INT]

    def ends(self) -> Composed:
        return SQL("SELECT min({key})::int8, max({key})::int8 FROM {table}").format(
            key=self._order(), table=self.from_
        )

    def steps(self, low: int, step: int) -> Composed:
        return SQL(
            "SELECT ({key}::int8 - {low}::int8) / {step}::int8, count(*), bit_xor({row})"
            " FROM {table} GROUP BY 1"
        ).format(
            key=self._order(), low=Literal(low), step=Literal(step), row=self._row_hash(),
            table=self.from_,
        )  # fmt: skip

    def slices(self, spans: Sequence[Span]) -> Composed:
        # Each by itself, through the index: a GROUP BY takes almost as long as all the rest.
        return SQL(
            "SELECT s.n - 1, x.* FROM unnest({lows}::int8[], {highs}::int8[])"
            " WITH ORDINALITY s (low, high, n), LATERAL (SELECT count(*) AS rows, bit_xor({row})"
            " FROM {table} WHERE {key} >= s.low AND {key} <= s.high) x WHERE x.rows > 0"
        ).format(
            lows=Literal([low for low, _ in spans]), highs=Literal([high for _, high in spans]),
            row=self._row_hash(), table=self.from_, key=self._order(),
        )  # fmt: skip

    def sliced_keys(self, spans: Sequence[Span]) -> Composed:
        return SQL(
            "SELECT {keys}, ({row})::text FROM unnest({lows}::int8[], {highs}::int8[])"
            " s (low, high) JOIN {table} ON {key} >= s.low AND {key} <= s.high"
        ).format(
            lows=Literal([low for low, _ in spans]), highs=Literal([high for _, high in spans]),
            keys=self._keys(), row=self._row_hash(), table=self.from_, key=self._order(),
        )  # fmt: skip

    def hashed_keys(self, bounds: Range, mask: int, leaves: Sequence[int], limit: int) -> Composed:
        return SQL(
            "SELECT {keys}, ({row})::text FROM {table} WHERE {where}"
            " AND ({key} & {mask}) = ANY({leaves}::int8[])"
            " ORDER BY {order} LIMIT {limit}"
        ).format(
            keys=self._keys(), row=self._row_hash(), table=self.from_, where=self.within(bounds),
            key=self._key_hash(), mask=Literal(mask), leaves=Literal(list(leaves)),
            order=self._order(), limit=Literal(limit),
        )  # fmt: skip

    def _key_hash(self) -> Composable:
        if not self.plan.typed_hash:
            return self._md5([self._text_form(p) for p in self.plan.key])
        return SQL("({})").format(
            SQL(" # ").join(self._hash(p, i + 1) for i, p in enumerate(self.plan.key))
        )

    def _row_hash(self) -> Composed:
        """One hash over key and columns. The columns' hashes are mixed once more after they were
        put together: without that, values swapped between two rows would leave the leaf's hash as
        it is. Keys are unique, so that no row takes another of its kind away.
        """
        plans = (*self.plan.key, *self.plan.columns)
        if not self.plan.typed_hash:
            return self._md5([self._text_form(p) for p in plans])
        parts = [self._hash(p, i + 1) for i, p in enumerate(plans)]
        # The value to be mixed stands as the seed: of eight bytes, only the seed counts whole.
        return SQL("hashint4extended(42, {})").format(SQL(" # ").join(parts))

    def _hash(self, plan: ColumnPlan, seed: int) -> Composable:
        facts = self.facts(self.name_of(plan))
        template = _HASHES.get(plan.family)
        if plan.shared is Cast.NONE and plan.family is Family.INT:
            template = "hashint4extended({v}, {s})"
        if plan.shared is Cast.NONE and plan.family is Family.NUMERIC:
            template = None
        if template is None:
            call = SQL('hashtextextended({v}::text COLLATE "C", {s})').format(
                v=self._written(facts, None), s=Literal(seed)
            )
        else:
            if plan.family is Family.NUMERIC and "(" in facts.type:  # holds no infinity
                template = _BOUNDED_NUMERIC
            call = SQL(template).format(v=self._value(facts, plan), s=Literal(seed))
        if facts.not_null:
            return call
        return SQL("COALESCE({}, {})").format(call, Literal(_NULL_HASH ^ seed))

    def _text_form(self, plan: ColumnPlan) -> Composable:
        facts = self.facts(self.name_of(plan))
        if plan.shared is Cast.TEXT:
            return SQL("{}::text").format(self._value(facts, plan))
        return self._written(facts, plan)

    def _md5(self, parts: Sequence[Composable]) -> Composed:
        return SQL("('x' || left(md5(ROW({})::text), 16))::bit(64)::int8").format(
            SQL(", ").join(parts)
        )


_MODIFIERS = re.compile(r"\([\d,-]+\)")
_NULL_HASH = 0x6E756C6C_66696777
_SPAN = "interval '4294.967296 s', {v}, timestamp '2000-01-01'"
# A server's own hashes are made for hash joins, where values that hash alike are compared after-
# wards; here nothing is. Of integers and times of eight bytes only the two halves, one laid over
# the other, are hashed (-5 like 4294967291): the whole value, or its upper half, is made the seed.
# Of numerics the sign is left out, and what is no number all hashes alike. JSON's numbers are such
# numerics, and its nested arrays cancel out: it is hashed as text. PostgreSQL's sources:
# hashfunc.c, timestamp.c, numeric.c, jsonb_util.c.
_BOUNDED_NUMERIC = "hash_numeric_extended({v}, {s} # CASE WHEN {v} < 0 THEN 6148914691 ELSE 0 END)"
_HASHES = {
    Family.INT: "hashint8extended({v}::int8, {v}::int8 # {s})",
    Family.NUMERIC: "hash_numeric_extended({v}::numeric, {s} # CASE WHEN {v} < 0 THEN 6148914691"
    " WHEN {v} < 'NaN'::numeric THEN 0 ELSE 12297829382 END)",
    Family.TEXT: 'hashtextextended({v}::text COLLATE "C", {s})',
    Family.BOOL: "hashint4extended({v}::int4, {s})",
    Family.UUID: "uuid_hash_extended({v}, {s})",
    Family.FLOAT4: "hashfloat4extended({v}, {s})",
    Family.FLOAT8: "hashfloat8extended({v}, {s})",
    Family.TIMESTAMP: f"timestamp_hash_extended({{v}}, timestamp_hash_extended(date_bin({_SPAN}),"
    " {s}))",
    Family.TIMESTAMPTZ: "timestamp_hash_extended(timezone(interval '0', {v}), "
    "timestamp_hash_extended(timezone(interval '0', "
    "date_bin(interval '4294.967296 s', {v}, timestamptz '2000-01-01Z')), {s}))",
    # As a record it would take three times as long; infinity is no number of days.
    Family.DATE: "CASE WHEN isfinite({v}) THEN hashint4extended({v} - date '2000-01-01', {s})"
    " ELSE hashtextextended({v}::text, {s}) END",
    Family.BYTES: "hash_record_extended(ROW({v}), {s})",
}


def _limit(limit: int | None) -> Composable:
    return SQL("") if limit is None else SQL(" LIMIT {}").format(Literal(limit))
