"""Numbers as Debezium writes them, and the one form in which equal numbers are equal bytes.

A number's atom is an int where it is whole and fits 64 bits, a tuple (coefficient, digits behind
the point) where the coefficient does, ASCII bytes otherwise: 1, 1.0 and "1.00" are all 1. Nothing
here goes through a Python int's decimal text, which is limited to 4300 digits. Dates and times:
`canonical.times`.
"""

import base64
import binascii
import decimal
import math
import struct
from decimal import Decimal

from figwatch.validators.canonical.kinds import SCALE_MAX, Base, Kind

NUMBER_BYTES_MAX = 65_536  # a PostgreSQL numeric has at most 147,455 digits
NUMBER_TEXT_MAX = 160_000
INT_MIN, INT_MAX = -(1 << 63), (1 << 64) - 1
EXACT = decimal.Context(
    prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[]
)
EXPONENT_MAX = 200_000  # beyond any numeric or double: 1e999999999 must not become a long text
FLOAT_DIGITS = 15  # a decimal this short survives the way through a double
_FLOAT32_MAX = 3.4028235677973366e38  # rounds to infinity from here on

Number = int | Decimal
NumberAtom = int | tuple[int, int] | bytes


class BadValueError(ValueError):
    """A value that its kind cannot have. The message names no value."""


def unscaled(data: bytes, scale: int) -> Number:
    """The decimal that Connect writes as big-endian two's complement bytes and a scale.

    PostgreSQL's negative scales arrive as scale + 2048 from typmod's 11 bits; then the
    coefficient is either padded with as many zeros or not.
    """
    if len(data) > NUMBER_BYTES_MAX:
        raise BadValueError(f"a number of more than {NUMBER_BYTES_MAX} bytes")
    if not -SCALE_MAX <= scale <= SCALE_MAX:
        raise BadValueError("a decimal's scale is out of range")
    coefficient = int.from_bytes(data, "big", signed=True)
    if scale == 0:
        return coefficient
    if scale >= 1048 and coefficient.bit_length() < 3 * scale and scale < 2048:  # noqa: PLR2004
        scale -= 2048
    return Decimal(coefficient).scaleb(-scale, EXACT)


def from_base64(text: str) -> bytes:
    """Bytes of standard or URL-safe base64, padded or not."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        pass
    try:
        plain = text.translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadValueError("no base64") from None


_URL_SAFE = str.maketrans("-_", "+/")


def number_of(value: object) -> Number:
    """A number written as a JSON number or as text ("1.50", "NaN", "-Infinity", "1E+3")."""
    kind = value.__class__
    if kind is int or kind is Decimal:
        return value  # type: ignore[return-value]  # narrowed by its class, which is quicker
    if kind is bool:
        return int(value)  # type: ignore[call-overload,no-any-return]
    if kind is float:
        return from_float(value)  # type: ignore[arg-type]
    if kind is str:
        return _from_text(value)  # type: ignore[arg-type]
    raise BadValueError(f"a number was expected, not {kind.__name__}")


def _from_text(text: str) -> Number:
    if len(text) > NUMBER_TEXT_MAX:
        raise BadValueError(f"a number of more than {NUMBER_TEXT_MAX} characters")
    word = text.strip()
    if word.upper() in _SPECIAL:
        return _SPECIAL[word.upper()]
    if "_" in word:  # Decimal would take Python's digit groups
        raise BadValueError("no number")
    try:
        return Decimal(word)
    except decimal.InvalidOperation:
        raise BadValueError("no number") from None


_SPECIAL = {
    "NAN": Decimal("NaN"),
    "NOT_A_NUMBER": Decimal("NaN"),
    "INFINITY": Decimal("Infinity"),
    "+INFINITY": Decimal("Infinity"),
    "POSITIVE_INFINITY": Decimal("Infinity"),
    "INF": Decimal("Infinity"),
    "-INFINITY": Decimal("-Infinity"),
    "NEGATIVE_INFINITY": Decimal("-Infinity"),
    "-INF": Decimal("-Infinity"),
}


def from_float(value: float) -> Decimal:
    """The shortest decimal that means this double."""
    return Decimal(repr(value))


def whole(value: Number, kind: Kind) -> int:
    """A number of an integer column.

    Raises:
        BadValueError: it has a fraction, or is no finite number.
    """
    if value.__class__ is Decimal:
        if not value.is_finite() or value.adjusted() > EXPONENT_MAX:
            raise BadValueError("an integer was expected")
        if value != value.to_integral_value(context=EXACT):
            raise BadValueError("an integer was expected, not a fraction")
        value = int(value)
    if kind.base is Base.UINT64 and value < 0:
        value += 1 << 64
    return value  # type: ignore[return-value]  # int here


def rounded_float(value: Number, base: Base) -> Number:
    """The number that a float column of either width holds for `value`."""
    if value.__class__ is int:
        if -(1 << 24) <= value <= 1 << 24:
            return value
        value = Decimal(value)
    if not value.is_finite():  # type: ignore[union-attr]
        return value
    if value.adjusted() > EXPONENT_MAX:  # type: ignore[union-attr]
        return Decimal("Infinity").copy_sign(value)
    double = float(value)
    if base is Base.FLOAT32:
        if abs(double) >= _FLOAT32_MAX:
            return Decimal("Infinity").copy_sign(Decimal(double))
        double = struct.unpack("f", struct.pack("f", double))[0]
    elif len(value.as_tuple().digits) <= FLOAT_DIGITS and abs(value.adjusted()) < 300:  # type: ignore[union-attr]  # noqa: PLR2004
        return value
    return from_float(double) if math.isfinite(double) else Decimal("Infinity").copy_sign(value)


def number_atom(value: Number) -> NumberAtom:
    """The one form of a number; see the module's first lines."""
    if value.__class__ is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        value = Decimal(value)
    if not value.is_finite():  # type: ignore[union-attr]
        return b"NaN" if value.is_nan() else str(value).encode()  # type: ignore[union-attr]
    short = value.normalize(EXACT)  # type: ignore[union-attr]
    adjusted = short.adjusted()
    if not -EXPONENT_MAX <= adjusted <= EXPONENT_MAX:
        raise BadValueError("a number's exponent is out of range")
    exponent: int = short.as_tuple().exponent  # type: ignore[assignment]  # finite
    if exponent >= 0:
        if adjusted <= 20:  # noqa: PLR2004  # 2**64 has 20 digits
            exact = int(short)
            if INT_MIN <= exact <= INT_MAX:
                return exact
    elif adjusted - exponent < 18:  # noqa: PLR2004  # the coefficient fits 64 bits
        return int(short.scaleb(-exponent, EXACT)), -exponent
    return str(short).encode()


def bits_of(value: object) -> int:
    """Bits as the number they spell: little-endian bytes, a text of 0 and 1, or a bool."""
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, bytes):
        return int.from_bytes(value, "little")
    if isinstance(value, str) and value and not set(value) - {"0", "1"}:
        return int.from_bytes(_packed(value), "big")
    raise BadValueError("no bits")


def _packed(text: str) -> bytes:
    if len(text) > NUMBER_TEXT_MAX:
        raise BadValueError(f"more than {NUMBER_TEXT_MAX} bits")
    return int(text, 2).to_bytes((len(text) + 7) // 8, "big")


_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})


def bool_of(value: object) -> int:
    """1 or 0; MySQL's tinyint(1) and `bit(1)` come as numbers, text as PostgreSQL reads it."""
    if value.__class__ is bool or value.__class__ is int:
        return int(bool(value))  # MySQL: everything but 0 is true
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return int(word in _TRUE)
    if isinstance(value, bytes) and len(value) == 1:
        return int(value != b"\0")
    raise BadValueError("no boolean")
