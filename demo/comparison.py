"""What was planted beside what was found: the demo's own judgement. Used by `story`.

A finding counts when pair, key, kind and columns are those expected, when it rests on proof and not
on a timeout, and when it came in time. Everything else that was found is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from figwatch.demo.truth import Expected, Fault, Planted

FOUND_SECONDS_MAX = 15.0
PROOFS = frozenset({"fence", "history"})
"""Evidence that rests on positions, not on waiting."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as figwatch reports it; `resolved_us` is None while it is open."""

    pair: str
    item_id: int
    kind: str
    columns: frozenset[str]
    since_us: int
    detected_us: int
    resolved_us: int | None
    evidence: str

    @property
    def identity(self) -> tuple[str, int, int]:
        """The same finding, asked for again, whether it has changed or resolved since."""
        return self.pair, self.item_id, self.detected_us


class Row(msgspec.Struct, frozen=True):
    """One expected finding and what came of it. `seconds` from planting to detection."""

    fault: Fault
    pair: str
    item_id: int
    kind: str
    columns: list[str]
    found_kind: str | None
    found_columns: list[str] | None
    evidence: str | None
    seconds: float | None
    resolved: bool
    ok: bool


class FalseFinding(msgspec.Struct, frozen=True):
    """A finding that nothing planted explains."""

    pair: str
    item_id: int
    kind: str
    columns: list[str]
    evidence: str


class Comparison(msgspec.Struct, frozen=True):
    """Planted and found side by side; `ok` only if all was found and nothing else was."""

    planted: list[Row]
    false_findings: list[FalseFinding]
    ok: bool


def compare(planted: Sequence[Planted], found: Iterable[Found]) -> Comparison:
    """Match every expected finding with what was found. Comparing nothing is not ok."""
    left = sorted(found, key=lambda one: one.detected_us)
    rows = []
    for plant in planted:
        for expected in plant.expected:
            match = _match(plant, expected, left)
            if match is not None:
                left.remove(match)
            rows.append(_row(plant, expected, match))
    false = [
        FalseFinding(one.pair, one.item_id, one.kind, sorted(one.columns), one.evidence)
        for one in left
    ]
    return Comparison(rows, false, bool(rows) and not false and all(row.ok for row in rows))


def found_all(planted: Planted, found: Iterable[Found]) -> bool:
    """Whether each finding that is expected of one fault is there in some form."""
    known = list(found)
    return all(_match(planted, expected, known) is not None for expected in planted.expected)


def _match(plant: Planted, expected: Expected, found: Iterable[Found]) -> Found | None:
    """The first finding of that pair and key which the planting can have caused."""
    for one in found:
        same = (one.pair, one.item_id) == (expected.pair, expected.item_id)
        if same and one.detected_us >= plant.began_us:
            return one
    return None


def _row(plant: Planted, expected: Expected, match: Found | None) -> Row:
    seconds = None if match is None else max(0, match.detected_us - plant.planted_us) / 1e6
    ok = (
        match is not None
        and seconds is not None
        and match.kind == expected.kind
        and match.columns == expected.columns
        and match.evidence in PROOFS
        and seconds <= FOUND_SECONDS_MAX
    )
    return Row(
        fault=plant.fault,
        pair=expected.pair,
        item_id=expected.item_id,
        kind=expected.kind,
        columns=sorted(expected.columns),
        found_kind=None if match is None else match.kind,
        found_columns=None if match is None else sorted(match.columns),
        evidence=None if match is None else match.evidence,
        seconds=seconds,
        resolved=match is not None and match.resolved_us is not None,
        ok=ok,
    )
