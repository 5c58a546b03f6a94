"""Dates, times and intervals as Debezium writes them, far beyond what `datetime` can hold.

A date is a number of days, a time of day or a timestamp a number of nanoseconds, since the epoch
and in the proleptic Gregorian calendar; the infinities are floats. Atoms are days and microseconds
(fractions where nanoseconds are there), so that a value does not depend on the unit it came in.
"""

import datetime as dt
import re
from decimal import Decimal

from figwatch.validators.canonical.kinds import Base, Kind
from figwatch.validators.canonical.numbers import (
    EXACT,
    BadValueError,
    NumberAtom,
    number_atom,
    number_of,
    whole,
)

INFINITY = float("inf")
NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
DAY_NS = 86_400 * NS["s"]
GREGORIAN_DAYS = -141_427  # 1582-10-15: earlier dates differ between snapshot and stream
GREGORIAN_NS = GREGORIAN_DAYS * DAY_NS

# What the PostgreSQL connector writes for the infinities (observed with 3.6.3).
_DATES = {
    -622191234: INFINITY,
    -2147472692: INFINITY,
    -625821272: -INFINITY,
    -2147472691: -INFINITY,
    106_751_991_166: INFINITY,  # a snapshot's date as text: +292278994-08-16
    106_748_361_128: -INFINITY,  # +292269055-12-02
}
_STAMPS: dict[str, dict[int, float]] = {
    "us": {9223372036825200000: INFINITY, -9223372036832400000: -INFINITY},
    "ms": {9223372036825200: INFINITY, -9223372036832400: -INFINITY},
    "ns": {(1 << 63) - 1: INFINITY, -(1 << 63): -INFINITY},
    "s": {},
}
_WORDS = {"infinity": INFINITY, "+infinity": INFINITY, "-infinity": -INFINITY}
_INFINITIES = (INFINITY, -INFINITY)
_FAR_NS = 9_000_000_000_000_000 * NS["ms"]
_ISO = re.compile(
    r"([+-]?\d{4,9})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?)?"
    r"\s*(Z|[+-]\d{2}(?::?\d{2}){0,2})?(?:\[[^\]]*\])?(\s*BC)?",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(
    r"([+-]?)(\d{1,4}):(\d{2})(?::(\d{2})(?:[.,](\d{1,12}))?)?\s*(Z|[+-]\d{2}(?::?\d{2}){0,2})?",
    re.ASCII,
)
_PERIOD = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)W)?(?:(-?\d+)D)?"
    r"(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+(?:\.\d+)?)S)?)?",
    re.ASCII,
)
_PERIOD_TEXT_MAX = 200
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLAIN_LENGTHS = frozenset({20, 24, 27})  # 2024-02-29T12:00:00Z with 0, 3 or 6 digits


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01, proleptic Gregorian, any year (after H. Hinnant, days_from_civil)."""
    if not (1 <= month <= 12 and 1 <= day <= _month_days(year, month)):  # noqa: PLR2004
        raise BadValueError("no such day")
    year -= month <= 2  # noqa: PLR2004
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        era * 146_097
        + year_of_era * 365
        + year_of_era // 4
        - year_of_era // 100
        + (day_of_year - 719_468)
    )


def _month_days(year: int, month: int) -> int:
    if month == 2:  # noqa: PLR2004
        return 28 + (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))
    return 30 + (month in {1, 3, 5, 7, 8, 10, 12})


def date_of(value: object, unit: str | None) -> float | None:
    """Days since the epoch from a number of days, an ISO date, or a timestamp in `unit`."""
    if isinstance(value, str):
        stamp = _instant(value)
        if stamp is None or stamp in _WORDS.values():
            return stamp
        days = int(stamp // DAY_NS)
        return _DATES.get(days, days)
    number = whole(number_of(value), _INT)
    if unit in NS:
        stamp = stamp_of(number, unit)
        return stamp if stamp is None or stamp in _WORDS.values() else int(stamp // DAY_NS)
    return _DATES.get(number, number)


_INT = Kind(Base.INT)


def stamp_of(value: object, unit: str | None) -> float | None:
    """Nanoseconds since the epoch from a number in `unit` (`days` too) or an ISO text."""
    if isinstance(value, str):
        return _instant(value)
    number = whole(number_of(value), _INT)
    if unit == "days":
        days = _DATES.get(number, number)
        return days if days in _WORDS.values() else int(days) * DAY_NS
    infinite = _STAMPS[unit or "us"].get(number)
    return number * NS[unit or "us"] if infinite is None else infinite


def _instant(text: str) -> float | None:
    """As `_iso`; a year far beyond PostgreSQL's is how an infinity looks as text."""
    nanos = _iso(text)
    if nanos is None or -_FAR_NS < nanos < _FAR_NS:
        return nanos
    return _STAMPS["ms"].get(int(nanos // NS["ms"]), nanos) if nanos not in _INFINITIES else nanos


def _iso(text: str) -> float | None:
    """Nanoseconds since the epoch; None for MySQL's zero date, which is no date."""
    if len(text) in _PLAIN_LENGTHS and text[-1] == "Z" and text[10] == "T":
        try:
            delta = dt.datetime.fromisoformat(text) - _EPOCH
        except ValueError:
            pass
        else:
            return int(
                ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000
            )
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise BadValueError("no date or time")
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if year == month == day == 0:
        return None
    if match[9]:
        year = 1 - year
    clock = _clock(match[4] or "0", match[5] or "0", match[6], match[7])
    return days_of(year, month, day) * DAY_NS + clock - _offset(match[8])


def _clock(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> int:
    if int(minutes) > 59 or int(seconds or 0) > 60:  # noqa: PLR2004
        raise BadValueError("no such time")
    nanos = int((fraction or "0").ljust(9, "0")[:9])
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)) * NS["s"] + nanos


def _offset(zone: str | None) -> int:
    if not zone or zone in "Zz":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    size = (int(digits[:2]) * 60 + int(digits[2:4])) * 60 + int(digits[4:])
    return (-size if zone[0] == "-" else size) * NS["s"]


def time_of(value: object, unit: str | None) -> int:
    """Nanoseconds since midnight; MySQL's TIME may be negative or longer than a day."""
    if isinstance(value, str):
        match = _TIME.fullmatch(value.strip())
        if match is None:
            raise BadValueError("no time")
        size = _clock(match[2], match[3], match[4], match[5])
        return (-size if match[1] == "-" else size) - _offset(match[6])
    return whole(number_of(value), _INT) * NS[unit or "us"]


def cut(nanos: float, digits: int | None) -> float:
    """`nanos` without the digits of a second that the other side cannot show (towards minus
    infinity, as Java's `toEpochMilli` does).
    """
    if digits is None or digits >= 9 or nanos in _WORDS.values():  # noqa: PLR2004
        return nanos
    step: int = 10 ** (9 - digits)
    return int(nanos) // step * step


def stamp_atom(nanos: float | None) -> NumberAtom | str | None:
    """Microseconds as a number's atom, or the word for an infinity."""
    if nanos is None:
        return None
    if nanos.__class__ is float:
        return "infinity" if nanos > 0 else "-infinity"
    micros, rest = divmod(int(nanos), 1_000)
    return number_atom(micros if rest == 0 else Decimal(int(nanos)).scaleb(-3, EXACT))


Interval = tuple[int, int, int]
"""Months, days, nanoseconds."""


def interval_of(value: object, unit: str | None) -> Interval | int:
    """An ISO period in its parts, or a length in nanoseconds where only that was written."""
    if not isinstance(value, str):
        return whole(number_of(value), _INT) * NS[unit or "us"]
    match = _PERIOD.fullmatch(value.strip()) if len(value) < _PERIOD_TEXT_MAX else None
    if match is None or not any(match.groups()):
        raise BadValueError("no interval")
    years, months, weeks, days, hours, minutes = (int(match[i] or 0) for i in range(1, 7))
    seconds = whole((Decimal(match[7] or 0) * NS["s"]).to_integral_value(context=EXACT), _INT)
    return (
        years * 12 + months,
        weeks * 7 + days,
        (hours * 60 + minutes) * 60 * NS["s"] + seconds,
    )


def interval_length(value: Interval | int) -> int:
    """Nanoseconds, a month counted as 365.25/12 days: what Debezium's numeric mode keeps.

    Debezium computes in doubles; so does this, to the microsecond.
    """
    if isinstance(value, int):
        return value
    months, days, nanos = value
    minutes, rest = divmod(abs(nanos), 60 * NS["s"])
    sign = -1 if nanos < 0 else 1
    try:
        day_seconds = (months * (365.25 / 12) + days) * 86_400
        seconds = day_seconds + sign * minutes * 60 + sign * rest / 1e9
        return int(seconds * 1e6) * 1_000
    except OverflowError:
        raise BadValueError("an interval is out of range") from None


def iso(atom: int, base: Base) -> str:
    """A date's days, a time's or timestamp's microseconds in ISO 8601, any year."""
    if base is Base.DATE:
        return _iso_day(atom)
    days, micros = divmod(atom, DAY_NS // 1_000)
    seconds, fraction = divmod(micros, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:06}".rstrip("0")
    if base is Base.TIME or base is Base.TIMETZ:
        return clock
    return f"{_iso_day(days)}T{clock}" + ("Z" if base is Base.TIMESTAMPTZ else "")


def _iso_day(days: int) -> str:
    """The inverse of `days_of` (after H. Hinnant, civil_from_days)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004
    year = year_of_era + era * 400 + (month <= 2)  # noqa: PLR2004
    return f"{year:04}-{month:02}-{day:02}"
