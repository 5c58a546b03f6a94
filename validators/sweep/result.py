"""What a sweep found: its public JSON and its exit code. See `figwatch.connectors.sweep.runner`."""

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any

from figwatch.validators.errors import ExitCode, Problem


class DifferenceKind(enum.StrEnum):
    """How a row differs."""

    MISSING = "missing"
    EXTRA = "extra"
    VALUE_MISMATCH = "value_mismatch"
    STALE = "stale"
    """The target shows an older version of the source's: only the streams can tell."""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """One row. Key and columns by the source's names; no columns where a row is not there."""

    key: Mapping[str, Any]
    kind: DifferenceKind
    columns: tuple[str, ...] = ()
    settled: str = ""
    """By the streams: `new_finding` or `known_finding`; empty where they were not asked."""

    def json(self) -> dict[str, Any]:
        """The difference's part of `sweep --json`."""
        said = {"key": dict(self.key), "kind": self.kind.value, "columns": list(self.columns)}
        return said | ({"settled": self.settled} if self.settled else {})


@dataclasses.dataclass(frozen=True)
class PairSweep:
    """The outcome of one pair. `complete` says that every row of both tables took part and that
    nothing is left unsaid; only then does "no differences" mean equal.
    """

    name: str
    complete: bool
    way: str
    source_rows: int = 0
    target_rows: int = 0
    seconds: float = 0.0
    differences: Sequence[Difference] = ()
    differences_total: int = 0
    unconfirmed: int = 0
    """Keys that kept changing while they were watched."""
    unconfirmed_keys: Sequence[Mapping[str, Any]] = ()
    in_flight: int = 0
    """Differences that turned out to be rows on their way."""
    reasons: Sequence[str] = ()
    """Why it is not complete, or what else to know."""
    problems: Sequence[Problem] = ()
    """Why it could not be swept at all."""
    resumed: bool = False
    sample: Mapping[str, Any] | None = None

    def json(self) -> dict[str, Any]:
        """The pair's part of `sweep --json`."""
        document: dict[str, Any] = {
            "complete": self.complete,
            "rows": {"source": self.source_rows, "target": self.target_rows},
            "seconds": round(self.seconds, 3),
            "differences": [difference.json() for difference in self.differences],
            "differences_total": self.differences_total,
            "differences_left_out": self.differences_total - len(self.differences),
            "unconfirmed": self.unconfirmed,
            "unconfirmed_keys": [dict(key) for key in self.unconfirmed_keys],
            "in_flight": self.in_flight,
            "way": self.way,
            "resumed": self.resumed,
            "reasons": list(self.reasons),
        }
        if self.sample is not None:
            document["sample"] = dict(self.sample)
        if self.problems:
            document["errors"] = [dataclasses.asdict(problem) for problem in self.problems]
        return document


def exit_code(pairs: Sequence[PairSweep]) -> ExitCode:
    """1 when any pair differs, 4 when any could not be swept, 3 when any is incomplete (no pairs
    at all is nothing proved), else 0.
    """
    if any(pair.differences_total for pair in pairs):
        return ExitCode.FAIL
    if any(pair.problems for pair in pairs):
        return ExitCode.ERROR
    if not pairs or not all(pair.complete for pair in pairs):
        return ExitCode.INCONCLUSIVE
    return ExitCode.OK
