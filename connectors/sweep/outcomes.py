"""A settled suspect as a difference for people: its kind, and the columns that differ.

`figwatch.connectors.sweep.settling` settles them; the repair and the judges hear of them.
"""

from collections.abc import Callable
from typing import TypeAlias

from figwatch.connectors.sweep.confirm import Outcome
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.validators.sweep.result import Difference, DifferenceKind

Hearer: TypeAlias = Callable[[Prepared, DifferenceKind, Outcome], None]
"""Told of every real difference."""


def difference(
    prepared: Prepared, kind: DifferenceKind, outcome: Outcome, settled: str = ""
) -> Difference:
    """A settled outcome with the columns that differ by their canonical values."""
    columns: tuple[str, ...] = ()
    if outcome.source is not None and outcome.target is not None:
        atoms = prepared.readers[0].atoms(outcome.source), prepared.readers[1].atoms(outcome.target)
        columns = tuple(
            rule.name
            for rule, one, other in zip(prepared.rule.columns, *atoms, strict=True)
            if one != other
        )
    return Difference(prepared.keys.shown(outcome.suspect.key), kind, columns, settled)


def kind_of(outcome: Outcome, told: str = "") -> DifferenceKind:
    """How a settled outcome differs; `told` by the judges, who know older versions."""
    if outcome.target is None:
        return DifferenceKind.MISSING
    if outcome.source is None:
        return DifferenceKind.EXTRA
    stale = told == DifferenceKind.STALE.value
    return DifferenceKind.STALE if stale else DifferenceKind.VALUE_MISMATCH
