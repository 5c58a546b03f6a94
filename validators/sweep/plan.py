"""Which way a pair is swept, and why: checksums in the databases, rows side by side, or look-ups.

A column is *shared* when equal texts (and equal hashes) of both sides' expressions imply equal
canonical values. That may be finer than the mapping, never coarser: what only looks different is
compared by the mapping afterwards, what looks equal is never looked at again. The plan is carried
out by `figwatch.connectors.sweep.scan`.
"""

import dataclasses
import enum

from figwatch.validators.canonical.kinds import Base
from figwatch.validators.canonical.wire import Encoding
from figwatch.validators.change import Side
from figwatch.validators.mapping.rules import ColumnRule, PairRule, Transforms
from figwatch.validators.sweep.facts import ColumnFacts, Family, ServerFacts, TableFacts

CHECKSUM_VERSION_MIN = 14
"""The first PostgreSQL that can put hashes together (`bit_xor`)."""


class Way(enum.StrEnum):
    """How the keys that differ are found."""

    CHECKSUM = "checksum"
    """Checksums of key ranges inside both databases; only differing parts are read."""
    MERGE = "merge"
    """The rows of both sides, range by range, compared here."""
    LOOKUP = "lookup"
    """The two sides sort their keys differently: each row's counterpart is looked up, both ways."""


class Cast(enum.StrEnum):
    """What both sides' values are brought to before they are hashed or written."""

    NONE = "none"
    """As they are: the same type on both sides."""
    INT = "int"
    """Integers of which one side's, or both sides', have eight bytes."""
    NUMERIC = "numeric"
    """Numbers; the source's times the mapping's factor, where it has one."""
    TEXT = "text"
    """Texts; the source's through the mapping's values, where it has some."""
    UTC = "utc"
    """A time without zone beside one with."""


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one mapped column is compared before the mapping has a look. `shared` None: only the
    mapping can tell.
    """

    rule: ColumnRule
    shared: Cast | None
    family: Family
    why: str = ""
    hashed_only: bool = False
    """Its hash is made of the mapped value; a row that is read holds the raw one."""

    @property
    def in_lines(self) -> bool:
        """Equal texts of both sides, as they are read, imply equal canonical values."""
        return self.shared is not None and not self.hashed_only


@dataclasses.dataclass(frozen=True, slots=True)
class SweepPlan:
    """The way of one pair. `reasons` are for people."""

    way: Way
    key: tuple[ColumnPlan, ...]
    columns: tuple[ColumnPlan, ...]
    order: tuple[tuple[str, ...], tuple[str, ...]]
    """Key columns of source and target in the order of their indexes."""
    typed_hash: bool
    """Typed hashes; otherwise md5 of the row's text."""
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why a pair cannot be swept, and what to do about it."""

    code: str
    cause: str
    fix: str


def plan_pair(
    rule: PairRule,
    source: TableFacts,
    target: TableFacts,
    servers: tuple[ServerFacts, ServerFacts],
    *,
    only: Way | None = None,
) -> SweepPlan | Refusal:
    """Decide. `only` forces a way where it is possible (for tests and for people who measure)."""
    refused = (
        _inherited(source, target)
        or _columns_missing(rule, source, target)
        or _no_index(rule, source, target)
        or _strange_key(rule, source, target)
    )
    if refused is not None:
        return refused
    key = tuple(_column(r, source, target) for r in rule.key)
    same_engine = servers[0].engine == servers[1].engine == "postgresql"
    columns = tuple(
        (_mapped_there(r, source, target) if same_engine else None) or _column(r, source, target)
        for r in rule.columns
    )
    order = _orders(rule, source, target)
    reasons: list[str] = []
    aligned = _aligned(rule, source, target, order, reasons)
    typed = same_engine and servers[0].probe == servers[1].probe and bool(servers[0].probe)
    if not aligned:
        return SweepPlan(Way.LOOKUP, key, columns, order, typed, tuple(reasons))
    hindered = _hindrance(rule, key + columns, servers)
    way = Way.MERGE if hindered else Way.CHECKSUM
    if hindered:
        reasons.append(hindered)
    else:
        reasons.append(
            "both servers hash alike (typed hashes)"
            if typed
            else "the servers' typed hashes differ or are not known: md5 of the row's text"
        )
    if only is Way.MERGE or only is Way.LOOKUP:
        way = only
        reasons.append(f"`{only}` was asked for")
    return SweepPlan(way, key, columns, order, typed, tuple(reasons))


def _hindrance(
    rule: PairRule, plans: tuple[ColumnPlan, ...], servers: tuple[ServerFacts, ServerFacts]
) -> str:
    """Why checksums cannot be computed inside the databases; "" when they can."""
    if {s.engine for s in servers} != {"postgresql"}:
        return "different engines write values differently: rows are compared here"
    if min(s.version for s in servers) < CHECKSUM_VERSION_MIN:
        return f"a server older than PostgreSQL {CHECKSUM_VERSION_MIN}: rows are compared here"
    if len({s.encoding for s in servers}) > 1:
        return "the databases have different encodings: rows are compared here"
    if rule.source_filter or rule.target_filter:
        return "a filter chooses the rows, by canonical values: rows are compared here"
    for plan in plans:
        if plan.shared is None:
            return f"column `{plan.rule.name}`: {plan.why}: rows are compared here"
    return ""


def _inherited(source: TableFacts, target: TableFacts) -> Refusal | None:
    for table in (source, target):
        if table.inherited:
            return Refusal(
                "sweep.inherited",
                f"other tables inherit from {table.name}: no index of it keeps a key from standing "
                "in several of them",
                "partition it declaratively, or make a pair of each table",
            )
    return None


def _columns_missing(rule: PairRule, source: TableFacts, target: TableFacts) -> Refusal | None:
    for side, table in ((Side.SOURCE, source), (Side.TARGET, target)):
        wanted = [c for r in (*rule.key, *rule.columns) for c in r.columns(side)]
        wanted += [column for column, _ in rule.filter(side)]
        missing = sorted({name for name in wanted if table.column(name) is None})
        if missing:
            return Refusal(
                "sweep.no-such-column",
                f"table {table.name} has no column {', '.join(f'`{m}`' for m in missing)}",
                "correct the pair's mapping, or migrate the table",
            )
    return None


def _key_columns(rule: PairRule) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(r.source or r.name for r in rule.key), tuple(r.target for r in rule.key)


def _no_index(rule: PairRule, source: TableFacts, target: TableFacts) -> Refusal | None:
    for table, names in zip((source, target), _key_columns(rule), strict=True):
        if not any(set(index) == set(names) for index in table.unique_indexes):
            listed = ", ".join(names)
            return Refusal(
                "sweep.no-index",
                f"table {table.name} has no complete unique index on ({listed}): it cannot be read "
                "in the order of its keys",
                f"CREATE UNIQUE INDEX CONCURRENTLY ON {table.name} ({listed}), or correct the "
                "pair's key",
            )
    return None


_KEYS = {
    Family.INT, Family.NUMERIC, Family.UUID, Family.BYTES, Family.DATE, Family.TIMESTAMP,
    Family.TIMESTAMPTZ, Family.BOOL, Family.TEXT, Family.ENUM, Family.CHAR,
}  # fmt: skip


def _strange_key(rule: PairRule, source: TableFacts, target: TableFacts) -> Refusal | None:
    """Keys are found and sorted by the server's own operators: only for types where those are
    known to agree with each other.
    """
    for table, names in zip((source, target), _key_columns(rule), strict=True):
        for name in names:
            facts = table.column(name)
            if facts is not None and facts.family not in _KEYS:
                return Refusal(
                    "sweep.key-type",
                    f"key column {table.name}.{name} has type {facts.type}, by which the sweep "
                    "cannot sort",
                    "use a key of integers, text, uuid, dates, timestamps or bytes",
                )
    return None


def _orders(
    rule: PairRule, source: TableFacts, target: TableFacts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The order of each side's index; where both sides have one in the same order, that."""
    names = _key_columns(rule)
    to_target = dict(zip(*names, strict=True))
    fitting = [
        [index for index in table.unique_indexes if set(index) == set(side)]
        for table, side in zip((source, target), names, strict=True)
    ]
    for index in fitting[0]:
        translated = tuple(to_target[c] for c in index)
        if translated in fitting[1]:
            return index, translated
    return fitting[0][0], fitting[1][0]


_SORTED_ALIKE = {
    Family.INT, Family.NUMERIC, Family.UUID, Family.BYTES, Family.DATE, Family.TIMESTAMP,
    Family.TIMESTAMPTZ, Family.BOOL,
}  # fmt: skip


def _aligned(
    rule: PairRule,
    source: TableFacts,
    target: TableFacts,
    order: tuple[tuple[str, ...], tuple[str, ...]],
    reasons: list[str],
) -> bool:
    """Whether a range of keys is (all but surely) the same range on both sides. A range that is
    not costs look-ups, never a difference: each side's ranges cover that side's whole table.
    """
    to_target = dict(zip(*_key_columns(rule), strict=True))
    if tuple(to_target[c] for c in order[0]) != order[1]:
        reasons.append("the indexes order the key's columns differently: counterparts looked up")
        return False
    for rule_ in rule.key:
        one = source.column(rule_.source or rule_.name)
        other = target.column(rule_.target)
        assert one is not None and other is not None  # noqa: PT018  # refused before
        if rule_.transforms != type(rule_.transforms)():
            reasons.append(f"key `{rule_.name}` is transformed: counterparts looked up")
            return False
        families = {one.family, other.family}
        read_as = rule_.cast or rule_.type
        if Family.TEXT in families and read_as is not None and read_as.base is not Base.TEXT:
            reasons.append(
                f"key `{rule_.name}` is text that means {read_as}: counterparts looked up"
            )
            return False
        if families <= {Family.INT, Family.NUMERIC}:
            continue
        if len(families) == 1 and one.family in _SORTED_ALIKE:
            continue
        if families == {Family.TEXT} and one.collation == other.collation != "":
            continue
        how = "collations" if families == {Family.TEXT} else "types"
        reasons.append(
            f"key `{rule_.name}` has different {how} ({one.type} {one.collation}, {other.type} "
            f"{other.collation}), so the two sides sort differently: counterparts looked up"
        )
        return False
    return True


_NUMBERS = {Family.INT, Family.NUMERIC, Family.FLOAT4, Family.FLOAT8}
_UNITS = {Encoding.MS, Encoding.US, Encoding.NS, Encoding.DAYS}


def _column(rule: ColumnRule, source: TableFacts, target: TableFacts) -> ColumnPlan:
    other = target.column(rule.target)
    one = source.column(rule.source) if rule.source else None
    assert other is not None  # refused before
    t = rule.transforms
    if one is None or t.concat or t.has_constant:
        return ColumnPlan(rule, None, Family.OTHER, "computed by the mapping")
    one_sided = t.split is not None or t.factor or t.values
    zones = t.source_time_zone != t.target_time_zone
    if one_sided or zones or t.source_path != t.target_path:
        return ColumnPlan(rule, None, Family.OTHER, "its transform acts on one side only")
    encodings = {rule.source_encoding, rule.target_encoding}
    if len(encodings) > 1 and one.family is Family.TEXT:
        return ColumnPlan(rule, None, Family.OTHER, "its texts are encoded differently")
    if len(encodings) > 1 and encodings & _UNITS and {one.family, other.family} <= _NUMBERS:
        return ColumnPlan(rule, None, Family.OTHER, "its numbers count different units of time")
    # What acts on both sides alike keeps equal values equal.
    cast, family, why = _common(one, other)
    return ColumnPlan(rule, cast, family, why)


_ZONES = {Family.TIMESTAMP, Family.TIMESTAMPTZ}
_STAMPS = {Base.TIMESTAMP, Base.TIMESTAMPTZ}


def _mapped_there(rule: ColumnRule, source: TableFacts, target: TableFacts) -> ColumnPlan | None:
    """A column whose way through the mapping PostgreSQL can go itself, exactly: whole products of
    decimals, words for words, UTC. Only where the mapping does nothing else to it.
    """
    other, one = target.column(rule.target), source.column(rule.source) if rule.source else None
    if one is None or other is None or rule.source_encoding or rule.target_encoding or rule.cast:
        return None
    families, t = {one.family, other.family}, rule.transforms
    types = {k.base for k in (rule.type, rule.source_type, rule.target_type) if k is not None}
    if families == _ZONES and types <= _STAMPS and t == Transforms():
        return ColumnPlan(rule, Cast.UTC, Family.TIMESTAMP, hashed_only=True)
    numbers = families <= {Family.INT, Family.NUMERIC} and types <= {Base.DECIMAL}
    if numbers and t.factor and t == Transforms(factor=t.factor):
        return ColumnPlan(rule, Cast.NUMERIC, Family.NUMERIC, hashed_only=True)
    words = families <= {Family.TEXT, Family.ENUM} and types <= {Base.TEXT}
    whole = families == {Family.INT} and types <= {Base.INT}
    if not (words or whole) or not t.values or t != Transforms(values=t.values):
        return None
    fits = all(type(value) is (str if words else int) for _, value in t.values)
    return ColumnPlan(rule, Cast.TEXT, Family.TEXT, hashed_only=True) if fits else None


def _common(  # noqa: PLR0911  # one for each family
    one: ColumnFacts, other: ColumnFacts
) -> tuple[Cast | None, Family, str]:
    """What two columns' values can be brought to so that equal means equal."""
    families = {one.family, other.family}
    if families == {Family.INT}:
        small = {one.type, other.type} <= {"integer", "smallint"}
        return Cast.NONE if small else Cast.INT, Family.INT, ""
    if families == {Family.NUMERIC} and one.type == other.type and "," in one.type:
        return Cast.NONE, Family.NUMERIC, ""  # equal digits behind the point: equal texts
    if families <= {Family.INT, Family.NUMERIC}:
        return Cast.NUMERIC, Family.NUMERIC, ""
    if families <= {Family.TEXT, Family.ENUM}:
        return Cast.TEXT, Family.TEXT, ""
    if families in ({Family.INT, Family.TEXT}, {Family.UUID, Family.TEXT}):
        return Cast.TEXT, Family.TEXT, ""
    if one.type == other.type and one.family is not Family.OTHER:
        return Cast.NONE, one.family, ""
    if one.type == other.type:
        return Cast.TEXT, Family.TEXT, ""
    if len(families) == 1 and one.family in {Family.TIMESTAMP, Family.TIMESTAMPTZ, Family.TIME}:
        return Cast.NONE, one.family, ""  # other digits of a second only
    return None, Family.OTHER, f"the types {one.type} and {other.type} have no common hash"
