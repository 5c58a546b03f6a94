"""What a column means, apart from how it is written: kinds, their names, and what two sides share.

A kind is named in the configuration (`decimal(2)`), by a schema in the record, or by a database's
catalogue (`numeric(12,2)`, `bigint unsigned`); `kind_of` reads all three. `join` finds the kind in
which the values of both sides can be compared. The values themselves: `canonical.values`.
"""

import dataclasses
import enum
import re


class Base(enum.StrEnum):
    """The families of values that compare with each other."""

    NATURAL = "natural"
    """Not known: a JSON number is that number, a string that string."""
    BOOL = "bool"
    INT = "int"
    UINT64 = "uint64"
    """MySQL's `bigint unsigned`, which Debezium's `long` mode wraps to negative."""
    DECIMAL = "decimal"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    TEXT = "text"
    CHAR = "char"
    """Blank-padded: trailing spaces mean nothing."""
    BYTES = "bytes"
    UUID = "uuid"
    JSON = "json"
    """Compared as a value: order of keys, spaces and the writing of numbers mean nothing."""
    DATE = "date"
    TIME = "time"
    TIMETZ = "timetz"
    """In UTC; 24:00 is 00:00, because Debezium writes both alike."""
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    BITS = "bits"
    ARRAY = "array"


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A base with its parameters.

    `scale` is the number of fraction digits of a decimal, and the width of bits. `digits` is the
    number of digits of a second that are compared (None: all). `lossy` says that an interval is
    compared by its length only (a month counted as 30.4375 days), a time of day without 24:00.
    """

    base: Base
    scale: int | None = None
    digits: int | None = None
    item: "Kind | None" = None
    lossy: bool = False

    def __str__(self) -> str:
        if self.item is not None:
            return f"array<{self.item}>"
        parameter = self.scale if self.scale is not None else self.digits
        return self.base.value if parameter is None else f"{self.base.value}({parameter})"


NATURAL = Kind(Base.NATURAL)
NUMBERS = frozenset({Base.INT, Base.UINT64, Base.DECIMAL, Base.FLOAT32, Base.FLOAT64})
TIMES = frozenset({Base.TIME, Base.TIMETZ, Base.TIMESTAMP, Base.TIMESTAMPTZ})
ARRAY_DEPTH_MAX = 6  # what PostgreSQL allows
SCALE_MAX = 16_383  # digits behind the point of a PostgreSQL numeric

_SYNONYMS: dict[Base, str] = {
    Base.BOOL: "bool boolean tinyint(1)",
    Base.INT: "int integer int2 int4 int8 bigint smallint tinyint mediumint serial bigserial "
    "smallserial oid year xid",
    Base.UINT64: "uint64",
    Base.FLOAT32: "float32 real float4",
    Base.FLOAT64: "float64 double float8 float",
    Base.TEXT: "text varchar string citext xml inet cidr macaddr macaddr8 enum set name tinytext "
    "mediumtext longtext tsvector ltree int4range int8range numrange tsrange tstzrange daterange",
    Base.CHAR: "char character bpchar",
    Base.BYTES: "bytes bytea binary varbinary blob tinyblob mediumblob longblob",
    Base.UUID: "uuid",
    Base.JSON: "json jsonb hstore point geometry geography",
    Base.DATE: "date",
    Base.INTERVAL: "interval",
    Base.BITS: "bit varbit bits",
}
_NAMES = {name: base for base, names in _SYNONYMS.items() for name in names.split()}
_TIME_BASES = {
    "time": Base.TIME,
    "timetz": Base.TIMETZ,
    "timestamp": Base.TIMESTAMP,
    "datetime": Base.TIMESTAMP,
    "timestamptz": Base.TIMESTAMPTZ,
}
_ZONED = {Base.TIME: Base.TIMETZ, Base.TIMESTAMP: Base.TIMESTAMPTZ}
_ARRAY = re.compile(r"array\s*<(.*)>|(.*)\[\d*\]", re.DOTALL)
_TYPE = re.compile(r"([a-z_][a-z0-9_ ]*?)\s*(?:\(([^()]*|.*')\))?\s*((?:with|without|unsigned).*)?")
WORDS = (
    "bool, int, uint64, decimal(s), decimal, float32, float64, text, char, bytes, uuid, json, "
    "date, time, timetz, timestamp, timestamptz (each time also with (digits)), interval, bits(n), "
    "array<T>, or the name of a PostgreSQL or MySQL type"
)


def kind_of(text: str, *, depth: int = 0) -> Kind:
    """The kind that a type name means.

    Raises:
        ValueError: no such type; the message says which there are.
    """
    name = " ".join(text.strip().lower().split())
    array = _ARRAY.fullmatch(name)
    if array is not None:
        if depth >= ARRAY_DEPTH_MAX:
            raise ValueError(f"arrays are nested deeper than {ARRAY_DEPTH_MAX}")
        return Kind(Base.ARRAY, item=kind_of(array[1] or array[2] or "", depth=depth + 1))
    match = _TYPE.fullmatch(name)
    if match is None:
        raise ValueError(f"unknown type `{text}`: use one of {WORDS}")
    word, arguments, suffix = match[1], match[2], match[3] or ""
    parameters = [int(p) for p in (arguments or "").split(",") if p.strip().lstrip("-").isdigit()]
    kind = _sized(word, parameters, suffix)
    if kind is None:
        raise ValueError(f"unknown type `{text}`: use one of {WORDS}")
    return kind


def _sized(word: str, parameters: list[int], suffix: str) -> Kind | None:
    first = parameters[0] if parameters else None
    if word in {"decimal", "numeric"}:
        return _decimal(_scale(word, parameters))
    if word in _TIME_BASES:
        return _time(word, first, zoned=suffix.startswith("with "))
    suffix = suffix.removesuffix(" zerofill")
    special = {("bigint", "unsigned"): Kind(Base.UINT64), ("money", ""): Kind(Base.DECIMAL, 2)}
    if (word, suffix) in special:
        return special[word, suffix]
    if word == "tinyint" and first == 1 and not suffix:
        return Kind(Base.BOOL)
    base = _NAMES.get(_LONG_NAMES.get(word, word))
    if base is Base.BITS:
        return Kind(Base.BITS, scale=first if word in {"bit", "bits"} else None)
    return None if base is None else Kind(base)


_LONG_NAMES = {
    "character varying": "varchar",
    "bit varying": "varbit",
    "double precision": "float8",
}


def _scale(word: str, parameters: list[int]) -> int | None:
    """`decimal(2)` is this project's own notation, `numeric(10)` the catalogue's."""
    if len(parameters) > 1:
        return parameters[1]
    if not parameters:
        return None
    return 0 if word == "numeric" else parameters[0]


def _time(word: str, digits: int | None, *, zoned: bool) -> Kind:
    if digits is not None and not 0 <= digits <= 9:  # noqa: PLR2004  (nanoseconds)
        raise ValueError(f"a second has at most 9 digits, not {digits}")
    base = _TIME_BASES[word]
    return Kind(_ZONED.get(base, base) if zoned else base, digits=digits)


def _decimal(scale: int | None) -> Kind:
    if scale is not None and not -SCALE_MAX <= scale <= SCALE_MAX:
        raise ValueError(f"a decimal's scale is between {-SCALE_MAX} and {SCALE_MAX}, not {scale}")
    return Kind(Base.DECIMAL, scale=scale)


_ORDER = (Base.BOOL, Base.INT, Base.UINT64, Base.DECIMAL, Base.FLOAT64, Base.FLOAT32)


def join(one: Kind, other: Kind) -> Kind | None:
    """The kind in which values of both kinds can be compared, None where there is none.

    Text reads as anything (the string "1.50" against a decimal), the less exact number wins, the
    coarser fraction of a second wins, a date is its midnight, a time without zone is UTC.
    """
    if one == other or other.base is Base.NATURAL:
        return one
    if one.base is Base.NATURAL:
        return other
    if one.base is other.base:
        return _join_same(one, other)
    bases: set[Base] = {one.base, other.base}
    if bases <= set(_ORDER):
        return max((one, other), key=lambda kind: _ORDER.index(kind.base))
    for loose in (Base.TEXT, Base.CHAR):
        if loose in bases:
            return other if one.base is loose else one
    return _join_pair(one, other)


_PAIRS: dict[frozenset[Base], Base] = {
    frozenset({Base.BITS, Base.BOOL}): Base.BITS,
    frozenset({Base.BITS, Base.INT}): Base.BITS,
    frozenset({Base.UUID, Base.BYTES}): Base.UUID,
    frozenset({Base.JSON, Base.ARRAY}): Base.JSON,
    frozenset({Base.TIME, Base.TIMETZ}): Base.TIMETZ,
    frozenset({Base.TIMESTAMP, Base.TIMESTAMPTZ}): Base.TIMESTAMPTZ,
    frozenset({Base.DATE, Base.TIMESTAMP}): Base.TIMESTAMP,
    frozenset({Base.DATE, Base.TIMESTAMPTZ}): Base.TIMESTAMPTZ,
}
"""What two kinds of different families are compared in."""


def _join_pair(one: Kind, other: Kind) -> Kind | None:
    base = _PAIRS.get(frozenset({one.base, other.base}))
    if base is None:
        return None
    return Kind(base, one.scale or other.scale, _coarser(one.digits, other.digits))


def _join_same(one: Kind, other: Kind) -> Kind | None:
    item = None
    if one.item is not None and other.item is not None:
        item = join(one.item, other.item)
        if item is None:
            return None
    return Kind(
        one.base,
        scale=one.scale if one.scale == other.scale else None,
        digits=_coarser(one.digits, other.digits),
        item=item,
        lossy=one.lossy or other.lossy,
    )


def _coarser(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
