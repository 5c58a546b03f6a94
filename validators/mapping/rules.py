"""How the columns of a pair are mapped: the rules as plain values, checked when they are made.

`figwatch.connectors.config.columns` makes them from the configuration, `mapping.transforms` gives
each transform its function, `mapping.agreement` settles what kind both sides are compared in,
`mapping.compile` turns a side's half into one function.
"""

import dataclasses
import enum

from figwatch.validators.canonical.kinds import TIMES, Base, Kind
from figwatch.validators.canonical.wire import ALLOWED, Encoding
from figwatch.validators.change import Side

Literal = str | int | float | bool | None
PAIR_COLUMNS_MAX = 1_600  # PostgreSQL's limit for a table


class NullDefault(enum.StrEnum):
    """What a column's DEFAULT means where a converter may have written it in place of null."""

    UNKNOWN = "unknown"
    """Either: against null or the DEFAULT it cannot be told, any other value differs."""
    SAME = "same"
    """Null and the DEFAULT compare equal."""
    DISTINCT = "distinct"
    """The records are trusted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Transforms:
    """What is done to a logical value before it is compared. None (False) leaves it alone.

    Those without a side in their name act on both sides, so that equal values stay equal.
    """

    trim: bool = False
    case: str | None = None
    """lower or upper."""
    pad: int | None = None
    """Fill up on the left to this many characters with `pad_with`."""
    pad_with: str = "0"
    null_as: Literal = None
    """Null is compared as this value (an empty text, 0, a date)."""
    has_null_as: bool = False
    scale: int | None = None
    """Round half away from zero to this many digits, as PostgreSQL's numeric does."""
    tolerance: str | None = None
    """Round to the nearest multiple; two values on the two sides of an edge still differ."""
    factor: str | None = None
    """The source's number times this is the target's."""
    values: tuple[tuple[str, Literal], ...] = ()
    """The source's value as text → the target's value; others stay."""
    constant: Literal = None
    """The target must hold this, whatever the source holds."""
    has_constant: bool = False
    concat: tuple[str, ...] = ()
    """Source columns joined by `separator` make the target's text."""
    separator: str = " "
    split: int | None = None
    """The part of the source's text, split at `separator`, counted from 0."""
    source_path: tuple[str, ...] = ()
    """Member of the source's JSON document."""
    target_path: tuple[str, ...] = ()
    source_time_zone: str | None = None
    """The source's timestamps without zone are local times there."""
    target_time_zone: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnRule:
    """One compared column. `type` says how both sides are read where the record does not say it,
    `source_type` and `target_type` where they differ, `cast` in what they are compared.
    """

    name: str
    source: str | None
    target: str
    type: Kind | None = None
    source_type: Kind | None = None
    target_type: Kind | None = None
    cast: Kind | None = None
    source_encoding: Encoding | None = None
    target_encoding: Encoding | None = None
    null_default: NullDefault = NullDefault.UNKNOWN
    """For a nullable column with a default (see `Wire.nullable_default`)."""
    transforms: Transforms = dataclasses.field(default_factory=Transforms)

    def columns(self, side: Side) -> tuple[str, ...]:
        """The raw columns that are needed of one side."""
        if side is Side.TARGET:
            return (self.target,)
        if self.transforms.has_constant:
            return ()
        return self.transforms.concat or (self.source or self.name,)

    def encoding(self, side: Side) -> Encoding | None:
        return self.source_encoding if side is Side.SOURCE else self.target_encoding

    def read_type(self, side: Side) -> Kind | None:
        """The kind that the configuration gives to a side's raw value."""
        return (self.source_type if side is Side.SOURCE else self.target_type) or self.type

    def path(self, side: Side) -> tuple[str, ...]:
        transforms = self.transforms
        return transforms.source_path if side is Side.SOURCE else transforms.target_path


@dataclasses.dataclass(frozen=True, slots=True)
class PairRule:
    """The mapping of a pair. `source_filter` and `target_filter` name a column and the values with
    which a row takes part; a row outside counts as absent.
    """

    name: str
    key: tuple[ColumnRule, ...]
    columns: tuple[ColumnRule, ...]
    source_filter: tuple[tuple[str, tuple[Literal, ...]], ...] = ()
    target_filter: tuple[tuple[str, tuple[Literal, ...]], ...] = ()

    def filter(self, side: Side) -> tuple[tuple[str, tuple[Literal, ...]], ...]:
        return self.source_filter if side is Side.SOURCE else self.target_filter

    @property
    def key_names(self) -> tuple[str, ...]:
        """Key columns by the source side's names."""
        return tuple(rule.source or rule.name for rule in self.key)


@dataclasses.dataclass(frozen=True, slots=True)
class MappingFault:
    """A rule that cannot be: `path` leads to the field below the pair."""

    path: tuple[str, ...]
    cause: str
    fix: str


def faults(pair: PairRule) -> tuple[MappingFault, ...]:
    """Everything that is wrong with a pair's mapping."""
    found: list[MappingFault] = []
    for part, rules in (("key", pair.key), ("columns", pair.columns)):
        found += _repeated(part, rules)
        for rule in rules:
            found += [dataclasses.replace(f, path=(part, rule.name, *f.path)) for f in _rule(rule)]
    for rule in pair.key:
        if rule.transforms.has_constant or rule.transforms.has_null_as:
            found.append(
                MappingFault(
                    ("key", rule.name),
                    "a key column cannot be a constant or stand for null",
                    "map a column that tells rows apart",
                )
            )
    if len(pair.columns) > PAIR_COLUMNS_MAX:
        found.append(MappingFault(("columns",), "too many columns", f"{PAIR_COLUMNS_MAX} at most"))
    return tuple(found)


def _repeated(part: str, rules: tuple[ColumnRule, ...]) -> list[MappingFault]:
    found = []
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for rule in rules:
        first = seen.setdefault((rule.target, rule.transforms.target_path), rule.name)
        if first != rule.name:
            found.append(
                MappingFault(
                    (part, rule.name, "to"),
                    f"target column `{rule.target}` is mapped from `{first}` too",
                    "map each target column once",
                )
            )
    return found


_TEXTUAL = {Base.TEXT, Base.CHAR, Base.NATURAL}
_NUMERIC = {Base.INT, Base.UINT64, Base.DECIMAL, Base.FLOAT32, Base.FLOAT64, Base.NATURAL}


def _rule(rule: ColumnRule) -> list[MappingFault]:  # noqa: C901  # one condition a rule
    t, found = rule.transforms, []
    kind = rule.cast or rule.type
    base = kind.base if kind is not None else Base.NATURAL

    def wrong(field: str, cause: str, fix: str) -> None:
        found.append(MappingFault((field,), cause, fix))

    for side, field in ((Side.SOURCE, "source_encoding"), (Side.TARGET, "target_encoding")):
        read, encoding = rule.read_type(side), rule.encoding(side)
        if encoding is not None and read is None:
            wrong(field, f"{field} needs a type", 'add type, for example "decimal(2)"')
        elif encoding is not None and read is not None:
            of = read.item if read.base is Base.ARRAY and read.item else read
            allowed = ALLOWED.get(of.base, frozenset())
            if encoding not in allowed:
                words = ", ".join(sorted(allowed)) or "none"
                wrong(field, f"a {of.base} is never written as {encoding}", f"one of: {words}")
            elif encoding is Encoding.BASE64 and of == Kind(Base.DECIMAL):
                wrong(field, "a decimal in base64 needs its scale", 'write type: "decimal(2)"')
    if (t.trim or t.case or t.pad is not None) and base not in _TEXTUAL:
        wrong("type", f"trim, case and pad act on text, not on {base}", "drop them, or cast: text")
    if (t.scale is not None or t.tolerance or t.factor) and base not in _NUMERIC:
        wrong("type", f"scale, tolerance and factor act on numbers, not on {base}", "drop them")
    if (t.source_time_zone or t.target_time_zone) and base not in TIMES | {Base.NATURAL}:
        wrong("type", f"a time zone acts on timestamps, not on {base}", 'use type: "timestamptz"')
    if t.scale is not None and t.tolerance is not None:
        wrong("tolerance", "scale and tolerance both round", "keep one of them")
    shapes = [n for n in ("constant", "concat", "split") if _set(t, n)]
    if len(shapes) > 1:
        wrong(shapes[1], f"{' and '.join(shapes)} exclude each other", "keep one of them")
    return found


def _set(transforms: Transforms, name: str) -> bool:
    if name == "constant":
        return transforms.has_constant
    return getattr(transforms, name) not in (None, ())
