"""What each column becomes on both sides, for `figwatch explain --mapping`: data, not text.

Values of an example row are shown only to the user who asked for them; they go nowhere else.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import msgspec

from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.kinds import Base
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.rows import MissingColumnError, Placeholder, UnknownValueError
from figwatch.validators.canonical.wire import Wire
from figwatch.validators.change import Side
from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import column_atom, wire_of, written_as
from figwatch.validators.mapping.rules import Transforms


@dataclasses.dataclass(frozen=True, slots=True)
class SideView:
    """One side of a column. `example` is the canonical value, `problem` why there is none."""

    columns: tuple[str, ...]
    read_as: str
    encoding: str | None
    example: Any = None
    problem: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnView:
    """One mapped column. `transforms` are in the words of the configuration."""

    name: str
    is_key: bool
    compared_as: str
    source: SideView
    target: SideView
    transforms: tuple[tuple[str, Any], ...]
    notices: tuple[str, ...]
    equal: bool | None = None
    """Whether the two examples are equal; None without two examples."""


Rows = Mapping[Side, Mapping[str, Any]]
"""An example row of each side: raw column values, as the decoder hands them out."""


def column_view(
    agreement: Agreement,
    *,
    is_key: bool,
    wires: Mapping[Side, Mapping[str, Wire]],
    rows: Rows,
    placeholder: Placeholder,
) -> ColumnView:
    """The view of one column; `wires` are the schemas' fields where the rows came with them."""
    views, atoms = {}, {}
    for side in Side:
        columns = agreement.rule.columns(side)
        known = wires.get(side, {})
        seen, encoding = written_as(agreement, side, wire_of(agreement, side, known))
        example, problem = None, None
        if side in rows:
            raws = [rows[side].get(column, msgspec.UNSET) for column in columns]
            try:
                atom = column_atom(agreement, side, known, placeholder)(
                    raws if len(raws) != 1 else raws[0], 0
                )
                atoms[side] = atom
                example = canonical.shown(atom, agreement.kind)
            except (BadValueError, MissingColumnError, UnknownValueError) as error:
                problem = str(error) or "unchanged: the record does not hold it"
        views[side] = SideView(columns, str(seen), encoding, example, problem)
    return ColumnView(
        agreement.rule.name,
        is_key,
        str(agreement.kind),
        views[Side.SOURCE],
        views[Side.TARGET],
        _given(agreement.rule.transforms),
        (*(notice.text for notice in agreement.notices()), *_gaps(agreement)),
        atoms[Side.SOURCE] == atoms[Side.TARGET] if len(atoms) == len(Side) else None,
    )


def _given(transforms: Transforms) -> tuple[tuple[str, Any], ...]:
    """The transforms that are set."""
    plain = Transforms()
    hidden = {"has_null_as", "has_constant"}
    return tuple(
        (field.name, getattr(transforms, field.name))
        for field in dataclasses.fields(transforms)
        if field.name not in hidden
        and getattr(transforms, field.name) != getattr(plain, field.name)
    )


_NEEDS_ENCODING = {Base.DECIMAL, Base.BYTES}


def _gaps(agreement: Agreement) -> tuple[str, ...]:
    """What the configuration leaves to Debezium's defaults where records carry no schema."""
    rule = agreement.rule
    read = rule.type
    if read is None or read.base not in _NEEDS_ENCODING:
        return ()
    return tuple(
        f"{word}_encoding is not set: without a schema in the record, text is taken as Debezium's "
        "default (base64)"
        for word, side in (("source", Side.SOURCE), ("target", Side.TARGET))
        if rule.encoding(side) is None
    )
