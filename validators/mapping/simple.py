"""Columns that are so simple that a machine which knows no mapping can bring their values into
canonical form: `connectors.debezium.machine.avro_canonical` does it for Avro, many records at once.

What is simple is what `mapping.inline` keeps in line, told as numbers.
"""

from typing import NamedTuple

from figwatch.validators.mapping.agreement import Agreement
from figwatch.validators.mapping.atoms import column_atom, silent_null, wire_of
from figwatch.validators.mapping.compile import Half
from figwatch.validators.mapping.doubts import doubts
from figwatch.validators.mapping.inline import decimal_scale, text_limit


class Simple(NamedTuple):
    """Which values of one column are simple; any other value needs the mapping."""

    column: str
    """The raw column."""
    text_below: int
    """Texts shorter than this many bytes are their own atoms (0: none are)."""
    integers: tuple[int, int, int] | None
    """(least, greatest, factor): these, times the factor, are their own atoms."""
    boolean: bool
    """True and false are 1 and 0."""
    scale: int | None
    """Of decimals as two's complement; up to six bytes of them."""
    null: bool
    """Null is null."""


def simple_column(half: Half, index: int, agreement: Agreement) -> Simple | None:
    """What is simple about a column of a side; None where nothing is."""
    side, columns = half.side, agreement.rule.columns(half.side)
    if len(columns) != 1 or not half.quick:
        return None
    wire = wire_of(agreement, side, half.wires)
    atom_of = column_atom(agreement, side, half.wires, half.placeholder)
    if doubts(index, agreement, side, wire, atom_of).every_value:
        return None
    cases = half.cases(agreement)
    scale = decimal_scale(agreement, side, wire)
    of = {case.of for case in cases}
    integers = next(((c.low, c.high, c.factor) for c in cases if c.of is int), None)
    keeps_null = not agreement.rule.transforms.has_null_as and not silent_null(
        agreement, side, wire
    )
    return Simple(
        columns[0],
        text_limit(half.placeholder.text_min) if str in of else 0,
        integers,
        bool in of,
        scale,
        keeps_null and (bool(cases) or scale is not None),
    )
