"""Values for which a converter may have written something else, or nothing: a DEFAULT in place of
null; null in place of NaN, of a far year, of the rows of a nested array. Known to be one of two,
they are unknown against either and differ from all others (`columns.differing_columns`).

`mapping.compile` wraps the cells of the columns concerned with `canonical.rows.doubting`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.atoms import finisher
from figwatch.validators.canonical.kinds import NUMBERS, Base
from figwatch.validators.canonical.wire import Encoding, Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import STAMPS, AtomOf, given_wire
from figwatch.validators.mapping.rules import NullDefault

Doubt = Callable[[Any, int], int]
"""(raw value, event flags) → sketch of a value that may stand for null or null for it; else 0."""
_FAR_US = (1 << 63) // 1_000  # what 64 bits of nanoseconds hold: 1677 to 2262


class Doubts(NamedTuple):
    """The doubts of one column, each with what is to be told when it arises.

    `every_value`: the column's common cases may be in doubt, too.
    """

    doubts: tuple[tuple[Doubt, Callable[[], None]], ...]
    every_value: bool


def doubts(
    index: int, agreement: Agreement, side: Side, wire: Wire | None, atom_of: AtomOf
) -> Doubts:
    """What may be in doubt about a column of a side in records of one schema."""
    default = _default_doubt(index, agreement, wire, atom_of)
    nan = _nan_doubt(agreement, side, wire)
    far = _far_doubt(index, agreement, side, atom_of)
    nested = _nested_doubt if agreement.kind.base in {Base.ARRAY, Base.NATURAL} else None
    found = (
        (default, agreement.saw_default),
        (nan, agreement.saw_nan),
        (far, agreement.saw_far),
        (nested, agreement.saw_nested),
    )
    given = tuple((doubt, saw) for doubt, saw in found if doubt is not None)
    return Doubts(given, default is not None or far is not None)


def _default_doubt(
    index: int, agreement: Agreement, wire: Wire | None, atom_of: AtomOf
) -> Doubt | None:
    """Which raw values may be a DEFAULT in place of null; None where there are none."""
    rule = agreement.rule
    if wire is None or not wire.nullable_default or rule.null_default is not NullDefault.UNKNOWN:
        return None
    try:
        default = atom_of(wire.default, 0)
    except ValueError:  # a default that the type cannot have: no value will equal it
        return None
    if default == atom_of(None, 0):  # by null_as
        return None
    refuted = canonical.NULL_SKETCH
    if not rule.transforms.has_null_as:
        _, refuted = canonical.cell(index, atom_of, [])(wire.default, 0)

    def doubt(raw: Any, flags: int) -> int:
        if flags & canonical.KEPT or raw is None or raw is msgspec.UNSET:
            return 0
        try:
            return refuted if atom_of(raw, 0) == default else 0
        except ValueError:
            return 0  # the cell says what is wrong

    return doubt


def _nan_doubt(agreement: Agreement, side: Side, wire: Wire | None) -> Doubt | None:
    """NaN, where the other side's converter may write null for it; None where it does not, or where
    this one cannot write NaN either.
    """
    if agreement.kind.base not in NUMBERS or not agreement.hides_nan(side):
        return None
    if given_wire(agreement, side, wire)[1].encoding is Encoding.BASE64:
        return None
    sketch = canonical.sketch_of(finisher(agreement.kind)(Decimal("NaN")))

    def doubt(raw: Any, _flags: int) -> int:
        if raw.__class__ is str:
            return sketch if raw.strip().upper() == "NAN" else 0
        return sketch if raw != raw else 0  # noqa: PLR0124  # only NaN

    return doubt


def _nested_doubt(raw: Any, _flags: int) -> int:
    """An array of nothing but nulls: Debezium writes `{{1,2},{3,4}}` as two nulls. It may be any
    value, so that nothing refutes it.
    """
    unknown = raw.__class__ is list and raw and all(item is None for item in raw)
    return canonical.NULL_SKETCH if unknown else 0


def _far_doubt(index: int, agreement: Agreement, side: Side, atom_of: AtomOf) -> Doubt | None:
    """Timestamps that nanoseconds of 64 bits cannot hold, where the other side counts such."""
    if agreement.kind.base not in STAMPS or not agreement.hides_far(side):
        return None
    cell = canonical.cell(index, atom_of, [])

    def doubt(raw: Any, _flags: int) -> int:
        if raw is None or raw is msgspec.UNSET:
            return 0
        try:
            atom, sketch = cell(raw, 0)
        except ValueError:
            return 0  # the cell says what is wrong
        return sketch if atom.__class__ is int and abs(atom) > _FAR_US else 0

    return doubt
