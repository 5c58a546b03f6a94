"""How one column is mapped, as written in the configuration, and the rules made of it.

`pair_rule` turns a pair of `figwatch.connectors.config.root` into the plain values that
`figwatch.validators.mapping.compile` works on, or says which field cannot be.
"""

import zoneinfo
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated
from typing import Literal as OneOf

from pydantic import AfterValidator, Field

from figwatch.connectors.config.base import Section
from figwatch.validators.canonical.kinds import SCALE_MAX, Kind, kind_of
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.wire import ENCODINGS, Encoding
from figwatch.validators.errors import ConfigurationError, Problem
from figwatch.validators.mapping.rules import (
    ColumnRule,
    Literal,
    MappingFault,
    NullDefault,
    PairRule,
    Transforms,
    faults,
)
from figwatch.validators.mapping.transforms import literal

if TYPE_CHECKING:
    from figwatch.connectors.config.root import PairConfig

PATH_PARTS_MAX = 32
PAD_MAX = 10_000


def _type(text: str) -> str:
    kind_of(text)
    return text


def _number(text: str | float) -> str | float:
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not number.is_finite() or number <= 0:
        raise ValueError("must be greater than 0")
    return text


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"unknown time zone `{name}`: use a name like Europe/Vienna") from None
    return name


def _path(text: str) -> str:
    parts = text.removeprefix("$.").split(".")
    if not all(parts) or len(parts) > PATH_PARTS_MAX:
        raise ValueError("must be member names joined by dots: address.city")
    return text


TypeName = Annotated[str, AfterValidator(_type)]
Positive = Annotated[str | int | float, AfterValidator(_number)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Path = Annotated[str, AfterValidator(_path)]
EncodingName = OneOf["base64", "hex", "string", "number", "ms", "us", "ns", "iso", "days"]


class SplitConfig(Section):
    """One part of a text."""

    separator: str = Field(min_length=1)
    """What stands between the parts."""

    index: int = Field(ge=-100, le=100)
    """Which part, from 0; from the end when negative."""


class ColumnConfig(Section):
    """How a source column becomes a target column, where a name alone does not say it."""

    to: str | None = None
    """Target column; the source's name when left out."""

    type: TypeName | None = None
    """What the values are: `decimal(2)`, `timestamptz(3)`, `array<int>`, ... Needed where the
    records carry no schema and the value is no plain number or text."""

    source_type: TypeName | None = None
    """The source's type, where the two differ."""

    target_type: TypeName | None = None
    """The target's type, where the two differ."""

    cast: TypeName | None = None
    """The type in which the two are compared, where it is not `type`."""

    source_encoding: EncodingName | None = None
    """How the source's records write the value, where they carry no schema."""

    target_encoding: EncodingName | None = None
    """How the target's records write it."""

    trim: bool = False
    """Spaces at both ends mean nothing."""

    case: OneOf["lower", "upper"] | None = None
    """Capital and small letters mean the same; compared in this case."""

    pad: int | None = Field(default=None, ge=1, le=PAD_MAX)
    """Fill a text up on the left to this many characters before comparing."""

    pad_with: str = Field(default="0", min_length=1, max_length=1)
    """The character to fill with."""

    null_as: str | int | float | bool | None = None
    """Null means the same as this value."""

    scale: int | None = Field(default=None, ge=-SCALE_MAX, le=SCALE_MAX)
    """Round to this many digits behind the point, half away from zero, before comparing."""

    precision: OneOf["s", "ms", "us", "ns"] | None = None
    """Cut times to this unit before comparing."""

    tolerance: Positive | None = None
    """Round to the nearest multiple of this before comparing. Two values that lie on the two sides
    of a rounding edge differ, however close they are."""

    factor: Positive | None = None
    """The source's number times this is the target's (100 for euros to cents)."""

    values: dict[str, str | int | float | bool | None] = Field(default={}, max_length=10_000)
    """What the source's values are called on the target: `{A: active}`. Others stay as they are."""

    constant: str | int | float | bool | None = None
    """The target must hold this value in every row; the source needs no such column."""

    concat: list[str] = Field(default=[], max_length=64)
    """Source columns that make up the target's text, joined by `separator`, nulls left out."""

    separator: str = " "
    """What joins the columns of `concat`."""

    split: SplitConfig | None = None
    """The target holds one part of the source's text."""

    source_path: Path | None = None
    """The value is this member of the source's JSON document: `address.city`."""

    target_path: Path | None = None
    """The value is this member of the target's JSON document."""

    source_time_zone: ZoneName | None = None
    """The source's timestamps without zone are local times there; UTC when left out."""

    target_time_zone: ZoneName | None = None
    """The target's, likewise."""

    null_default: OneOf["unknown", "same", "distinct"] = "unknown"
    """Where a column can be null and has a DEFAULT, Connect's converters write the DEFAULT for
    null unless they have `replace.null.with.default=false` (Avro's cannot). `unknown`: such a
    value against null or the DEFAULT cannot be told, any other value differs; `same` compares
    null and DEFAULT as equal; `distinct` trusts the records. Records that show that their
    converter keeps nulls (`source.snapshot` is null in the log) are trusted anyway."""


FilterConfig = dict[str, str | int | float | bool | list[str | int | float | bool | None] | None]
"""Column to the value, or the values, with which a row takes part."""

_DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


def column_rule(name: str, given: "str | ColumnConfig") -> ColumnRule:
    """The rule of one entry of `key` or `columns`."""
    if isinstance(given, str):
        return ColumnRule(name, name, given)
    kind = _kind(given.type)
    cast = _kind(given.cast)
    if given.precision is not None:
        cast = _cut(cast or kind or Kind(kind_of("timestamptz").base), _DIGITS[given.precision])
    has_source = given.constant is None and not given.concat
    return ColumnRule(
        name,
        name if has_source else None,
        given.to or name,
        kind,
        _kind(given.source_type),
        _kind(given.target_type),
        cast,
        _encoding(given.source_encoding),
        _encoding(given.target_encoding),
        NullDefault(given.null_default),
        _transforms(given),
    )


def _kind(text: str | None) -> Kind | None:
    return None if text is None else kind_of(text)


def _cut(kind: Kind, digits: int) -> Kind:
    return Kind(kind.base, kind.scale, digits, kind.item)


def _encoding(word: str | None) -> Encoding | None:
    return None if word is None else ENCODINGS[word]


def _transforms(given: ColumnConfig) -> Transforms:
    return Transforms(
        trim=given.trim,
        case=given.case,
        pad=given.pad,
        pad_with=given.pad_with,
        null_as=given.null_as,
        has_null_as=given.null_as is not None,
        scale=given.scale,
        tolerance=None if given.tolerance is None else str(given.tolerance),
        factor=None if given.factor is None else str(given.factor),
        values=tuple(given.values.items()),
        constant=given.constant,
        has_constant="constant" in given.model_fields_set,
        concat=tuple(given.concat),
        separator=given.split.separator if given.split else given.separator,
        split=given.split.index if given.split else None,
        source_path=_parts(given.source_path),
        target_path=_parts(given.target_path),
        source_time_zone=given.source_time_zone,
        target_time_zone=given.target_time_zone,
    )


def _parts(path: str | None) -> tuple[str, ...]:
    return () if path is None else tuple(path.removeprefix("$.").split("."))


def pair_rule(pair: "PairConfig") -> PairRule:
    """The mapping of a pair.

    Raises:
        ConfigurationError: a field of the mapping cannot be; it names all that are wrong.
    """
    rule = PairRule(
        pair.name,
        tuple(column_rule(name, given) for name, given in pair.key.items()),
        tuple(column_rule(name, given) for name, given in pair.columns.items()),
        _filter(getattr(pair, "source_filter", {})),
        _filter(getattr(pair, "target_filter", {})),
    )
    found = (*faults(rule), *_literals(rule))
    if found:
        raise ConfigurationError.of(tuple(_problem(pair.name, fault) for fault in found))
    return rule


def _filter(given: FilterConfig) -> tuple[tuple[str, tuple[Literal, ...]], ...]:
    return tuple(
        (column, tuple(values) if isinstance(values, list) else (values,))
        for column, values in given.items()
    )


def _literals(rule: PairRule) -> list[MappingFault]:
    """Literals that the column's type cannot hold."""
    found = []
    for column in rule.columns:
        kind = column.cast or column.type or Kind(kind_of("text").base)
        t = column.transforms
        if (column.cast or column.type) is None:
            continue
        given = {"null_as": t.null_as, "constant": t.constant}
        given |= {f"values.{name}": value for name, value in t.values}
        for field, value in given.items():
            try:
                literal(value, kind)
            except BadValueError as error:
                found.append(
                    MappingFault(
                        ("columns", column.name, field),
                        f"{field} is no {kind}: {error}",
                        f"write a value that a column of type {kind} can hold",
                    )
                )
    return found


def _problem(pair: str, fault: MappingFault) -> Problem:
    where = ".".join(("pairs", pair, *fault.path))
    return Problem("config.mapping", fault.cause, where, fault.fix)
