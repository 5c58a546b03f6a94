"""How a value is written where its type alone does not say it: `Encoding` and `Wire`.

They come from the schema in a record, from the configuration or the catalogue; `canonical.values`
reads values by them.
"""

import dataclasses
import enum
from typing import Any

from figwatch.validators.canonical.kinds import Base, Kind


class Encoding(enum.StrEnum):
    """How a value is written, where its type alone does not say it."""

    BASE64 = "base64"
    HEX = "hex"
    STRING = "string"
    NUMBER = "number"
    MS = "ms"
    US = "us"
    NS = "ns"
    ISO = "iso"
    DAYS = "days"


ENCODINGS = {word.value: word for word in Encoding}
DIGITS = {Encoding.MS: 3, Encoding.US: 6, Encoding.NS: 9}
_TIME_ENCODINGS = frozenset({Encoding.MS, Encoding.US, Encoding.NS, Encoding.ISO})
ALLOWED: dict[Base, frozenset[Encoding]] = {
    Base.DECIMAL: frozenset({Encoding.BASE64, Encoding.STRING, Encoding.NUMBER}),
    Base.BYTES: frozenset({Encoding.BASE64, Encoding.HEX, Encoding.STRING}),
    Base.BITS: frozenset({Encoding.BASE64, Encoding.STRING, Encoding.NUMBER}),
    Base.DATE: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIMESTAMP: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIMESTAMPTZ: frozenset({Encoding.DAYS, *_TIME_ENCODINGS}),
    Base.TIME: _TIME_ENCODINGS,
    Base.TIMETZ: _TIME_ENCODINGS,
    Base.INTERVAL: _TIME_ENCODINGS,
    **dict.fromkeys(
        (Base.INT, Base.UINT64, Base.FLOAT32, Base.FLOAT64, Base.BOOL),
        frozenset({Encoding.STRING, Encoding.NUMBER}),
    ),
    Base.UUID: frozenset({Encoding.STRING, Encoding.BASE64, Encoding.HEX}),
    Base.TEXT: frozenset({Encoding.STRING, Encoding.BASE64, Encoding.HEX}),
}
"""Encodings that make sense for a kind; those not named take none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wire:
    """How a field is written. `kind` is what its schema says it is; a Wire without one is a hint
    for records that carry no schema.

    `nullable_default` is set where the field may be null and has a default, which Connect's
    converters write in place of null (`replace.null.with.default`); `text` where the schema says
    that it is a string.
    """

    kind: Kind | None = None
    encoding: Encoding | None = None
    scale: int | None = None
    item: "Wire | None" = None
    text: bool = False
    silent_null: bool = False
    nullable_default: bool = False
    default: Any = None


PLAIN = Wire()
