"""What kind the two sides of a column are compared in, and what that loses.

The configuration decides; where it is silent, what the schemas and catalogues of both sides say is
joined. Schemas are learned as records come, so an agreement may become coarser: `learn` says when,
and the decoder compiles its plans anew (`figwatch.connectors.debezium.decoder` primes it from one
record of each topic, so that this happens before the first comparison).
"""

import dataclasses
import enum

import msgspec

from figwatch.validators.canonical.kinds import NATURAL, TIMES, Base, Kind, join
from figwatch.validators.canonical.wire import DIGITS, Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.rules import ColumnRule

_CLOCKS = {Base.TIME, Base.TIMETZ}
_FLOATS = {Base.FLOAT32, Base.FLOAT64}
_FOLDS_MAX = 8  # defaults of both sides, through schema changes


class NoticeCode(enum.StrEnum):
    """Why a comparison is weaker than it looks."""

    LOSSY_TIME = "lossy_time"
    """One side's fraction of a second is coarser; compared at that."""
    LOSSY_INTERVAL = "lossy_interval"
    """One side writes intervals as lengths; a month counts as 30.4375 days on both."""
    LOSSY_CLOCK = "lossy_clock"
    """One side cannot write 24:00; compared within the day."""
    LOSSY_NUMBER = "lossy_number"
    """One side writes a decimal as a float; compared as floats."""
    NULL_DEFAULT = "null_default"
    """Null and the column's DEFAULT compare equal, as configured."""
    NULL_OR_DEFAULT = "null_or_default"
    """Records came whose converter may write the column's DEFAULT for null: then it is unknown."""
    NAN_OR_NULL = "nan_or_null"
    """A NaN came whose counterpart is written as null: then it is unknown."""
    FAR_OR_NULL = "far_or_null"
    """A time outside 1677 to 2262 came whose counterpart is null in nanoseconds: then unknown."""
    NESTED_ARRAY = "nested_array"
    """An array of nothing but nulls came, which is how one of several dimensions looks: unknown."""
    KINDS_DIFFER = "kinds_differ"
    """The two sides' types have nothing in common; compared as they are written."""


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell the user once, with its remedy."""

    code: NoticeCode
    pair: str
    column: str
    text: str


_REMEDY = {
    NoticeCode.LOSSY_TIME: "compared at the coarser precision; set time.precision.mode=adaptive",
    NoticeCode.LOSSY_INTERVAL: "months compared as 30.4375 days; set interval.handling.mode=string",
    NoticeCode.LOSSY_CLOCK: "24:00 compared as 00:00; set time.precision.mode=adaptive",
    NoticeCode.LOSSY_NUMBER: "compared as floats; set decimal.handling.mode=precise",
    NoticeCode.NULL_DEFAULT: "null and DEFAULT compare equal; set replace.null.with.default=false "
    "on the converter and null_default: distinct on the column",
    NoticeCode.NULL_OR_DEFAULT: "the DEFAULT may stand for null; set "
    "replace.null.with.default=false on the converter, or null_default on the column",
    NoticeCode.NAN_OR_NULL: "NaN comes as null from decimal.handling.mode=precise, and is unknown "
    "against it; set decimal.handling.mode=string",
    NoticeCode.FAR_OR_NULL: "years before 1677 or after 2262 come as null from "
    "time.precision.mode=nanoseconds, and are unknown against it; set it to adaptive",
    NoticeCode.NESTED_ARRAY: "an array of several dimensions comes as nulls, and is unknown; leave "
    "the column to the sweep",
    NoticeCode.KINDS_DIFFER: "the two types have nothing in common; set the column's type",
}


class Memory(msgspec.Struct, array_like=True, frozen=True):
    """What an agreement has learned from records, to be kept and shared (`Agreement.recall`)."""

    kinds: dict[int, Kind]
    """By side."""
    lossy: tuple[str, ...]
    iso: dict[int, bool]
    """By side."""
    digits: tuple[int, ...]
    folds: tuple[bytes, ...]


class Agreement:
    """The state of one column's agreement; `kind` is what its values are compared in."""

    def __init__(self, pair: str, rule: ColumnRule, catalogue: dict[Side, Kind | None]) -> None:
        self.pair = pair
        self.rule = rule
        self.folds: set[bytes] = set()
        """Encoded atoms of defaults, which stand for null."""
        self._seen: set[NoticeCode] = set()
        self._precise: set[Side] = set()
        """Sides that may write decimals as bytes, which have no NaN: it comes as null."""
        self._nanos: set[Side] = set()
        self._catalogue = catalogue
        self._learned: dict[Side, Kind] = {}
        self._lossy: set[NoticeCode] = set()
        self._iso: dict[Side, bool] = {}
        self._digits: set[int] = set()
        for side in Side:
            digits = DIGITS.get(rule.encoding(side) or Encoding.ISO)
            if digits is not None:
                self._digits.add(digits)
            self._note_encoding(side, rule.read_type(side), rule.encoding(side))
            read = rule.read_type(side) or catalogue.get(side)
            text = rule.encoding(side) is Encoding.STRING
            if read is not None and read.base is Base.DECIMAL and not text:
                self._precise.add(side)
            if rule.encoding(side) is Encoding.NS:
                self._nanos.add(side)
        self.kind = self._agreed()

    def read_kind(self, side: Side, wire: Wire | None) -> Kind:
        """The kind in which a side's raw value is read: the record's schema, the configuration,
        the catalogue, in this order; a bare string or number of the schema is read as configured.
        """
        configured = self.rule.read_type(side) or self._catalogue.get(side)
        seen = wire.kind if wire is not None else None
        if seen is None:
            return configured or NATURAL
        if configured is not None and (seen.base in _WEAK or seen.base is configured.base):
            return configured
        return seen

    def learn(self, side: Side, wire: Wire) -> bool:
        """Take what a schema says; True when the agreed kind has changed."""
        kind = wire.kind
        if kind is not None:
            earlier = self._learned.get(side)
            known = kind if earlier is None else join(earlier, kind)
            self._learned[side] = known or kind
            self._note_encoding(side, kind, wire.encoding)
            if kind.base in TIMES and wire.encoding in DIGITS:
                self._digits.add(DIGITS[wire.encoding])
        hidden = (*self._precise, *self._nanos)
        if kind is not None and kind.base is Base.DECIMAL:
            self._precise.add(side)
        elif kind is not None:
            self._precise.discard(side)
        if wire.encoding is Encoding.NS:
            self._nanos.add(side)
        before, self.kind = self.kind, self._agreed()
        return before != self.kind or hidden != (*self._precise, *self._nanos)

    def hides_nan(self, side: Side) -> bool:
        """Whether the other side may show null where this one shows NaN."""
        return bool(self._precise - {side})

    def hides_far(self, side: Side) -> bool:
        """Whether the other side counts nanoseconds, in which this one's far years have no place:
        they come as null.
        """
        return side not in self._nanos and bool(self._nanos)

    def saw_far(self) -> None:
        """A time came that the other side shows as null."""
        self._seen.add(NoticeCode.FAR_OR_NULL)

    def saw_default(self) -> None:
        """A DEFAULT came that may stand for null."""
        self._seen.add(NoticeCode.NULL_OR_DEFAULT)

    def saw_nested(self) -> None:
        """An array of nothing but nulls came."""
        self._seen.add(NoticeCode.NESTED_ARRAY)

    def saw_nan(self) -> None:
        """A NaN came that the other side shows as null."""
        self._seen.add(NoticeCode.NAN_OR_NULL)

    def fold(self, encoded: bytes) -> bool:
        """Take a DEFAULT that stands for null; True when it is new."""
        if encoded in self.folds or len(self.folds) >= _FOLDS_MAX:
            return False
        self.folds.add(encoded)
        return True

    def memory(self) -> Memory:
        """What was learned so far."""
        return Memory(
            {int(side): kind for side, kind in sorted(self._learned.items())},
            tuple(sorted(self._lossy)),
            {int(side): iso for side, iso in sorted(self._iso.items())},
            tuple(sorted(self._digits)),
            tuple(sorted(self.folds)),
        )

    def recall(self, memory: Memory) -> bool:
        """Take over what was learned before, or by another worker; True when the agreed kind or
        the defaults have changed.
        """
        before = (self.kind, frozenset(self.folds))
        for number, kind in memory.kinds.items():
            earlier = self._learned.get(Side(number))
            known = kind if earlier is None else join(earlier, kind)
            self._learned[Side(number)] = known or kind
        self._lossy |= {NoticeCode(code) for code in memory.lossy}
        for number, iso in memory.iso.items():
            self._iso.setdefault(Side(number), iso)
        self._digits |= set(memory.digits)
        for encoded in memory.folds:
            self.fold(encoded)
        self.kind = self._agreed()
        return before != (self.kind, frozenset(self.folds))

    def notices(self) -> tuple[Notice, ...]:
        """What is lossy about this column."""
        codes = set(self._lossy)
        if len(self._digits) > 1:
            codes.add(NoticeCode.LOSSY_TIME)
        if self.folds:
            codes.add(NoticeCode.NULL_DEFAULT)
        codes |= self._seen
        name = self.rule.name
        return tuple(
            Notice(code, self.pair, name, f"{self.pair}.{name}: {_REMEDY[code]}")
            for code in sorted(codes)
        )

    def _note_encoding(self, side: Side, kind: Kind | None, encoding: Encoding | None) -> None:
        if kind is None or encoding is None:
            return
        if kind.base is Base.INTERVAL and encoding is not Encoding.ISO:
            self._lossy.add(NoticeCode.LOSSY_INTERVAL)
        if kind.base in _CLOCKS:
            self._iso[side] = encoding is Encoding.ISO

    def _agreed(self) -> Kind:
        joined = self._joined()
        configured = self.rule.cast or self.rule.type
        if configured is not None:
            lossy = configured.base is Base.DECIMAL and joined.base in _FLOATS
            if lossy:
                self._lossy.add(NoticeCode.LOSSY_NUMBER)
            kind = joined if lossy and self.rule.cast is None else configured
        else:
            kind = joined
        return self._coarsened(kind)

    def _joined(self) -> Kind:
        joined = NATURAL
        for side in Side:
            known = (
                self._learned.get(side) or self.rule.read_type(side) or self._catalogue.get(side)
            )
            if known is None:
                continue
            both = join(joined, known)
            if both is None:
                self._lossy.add(NoticeCode.KINDS_DIFFER)
                return NATURAL
            if joined.base is Base.DECIMAL != known.base and both.base in _FLOATS:
                self._lossy.add(NoticeCode.LOSSY_NUMBER)
            joined = both
        return joined

    def _coarsened(self, kind: Kind) -> Kind:
        if kind.base in TIMES:
            known = {*self._digits, *([] if kind.digits is None else [kind.digits])}
            lossy = kind.base in _CLOCKS and any(self._iso.values())
            if kind.base is Base.TIME and len(set(self._iso.values())) > 1:
                self._lossy.add(NoticeCode.LOSSY_CLOCK)
            return dataclasses.replace(kind, digits=min(known, default=None), lossy=lossy)
        if kind.base is Base.INTERVAL:
            return dataclasses.replace(kind, lossy=NoticeCode.LOSSY_INTERVAL in self._lossy)
        return kind


_WEAK = {Base.TEXT, Base.INT, Base.BYTES, Base.NATURAL, Base.BOOL, Base.JSON, Base.ARRAY}
"""Bases that a schema's bare primitive has: the configuration may know more."""
