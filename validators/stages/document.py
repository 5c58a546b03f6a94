"""A gate's answer as the public JSON: `gate check --json`, the HTTP endpoints, and in reports.

Its JSON Schema is made of these types by `figwatch.validators.report.document`. No row values:
figures, names of files, tables, topics and queries only.
"""

from typing import Literal

import msgspec

from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.facts import Fact, figures

GATE_VERSION = 1
AnswerName = Literal["pass", "fail", "inconclusive"]


class EvidenceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of evidence: what was asked of whom, when, for which time, and what came back."""

    name: str
    source: str
    query: str
    observed_us: int
    """When it was made; microseconds since the epoch, 0 where there is none."""
    window_from_us: int
    """Start of the time window up to `observed_us`; 0 for a state."""
    samples: int
    figures: dict[str, int | float | str | bool]
    problem: str = ""
    notes: list[str] = []


class CriterionDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exit criterion."""

    name: str
    pair: str | None
    subject: str | None
    verdict: AnswerName
    reason: str
    missing: str | None
    """What would make it pass."""
    wait_seconds: float | None
    """When it could pass at the present rate."""
    evidence: list[EvidenceDocument]


class GateDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer of a stage's gate."""

    schema_version: int
    migration: str
    stage: str
    verdict: AnswerName
    as_of_us: int
    wait_seconds: float | None
    """When the gate could pass at the present rate; None where that cannot be told."""
    criteria: list[CriterionDocument]
    not_checked: list[str]


def gate_document(migration: str, result: GateResult) -> GateDocument:
    """The public form of a result."""
    return GateDocument(
        GATE_VERSION,
        migration,
        result.stage,
        _name(result.answer),
        result.as_of_us,
        wait_seconds(result),
        [_criterion(criterion) for criterion in result.criteria],
        list(result.not_checked),
    )


def wait_seconds(result: GateResult) -> float | None:
    """The longest wait of the criteria that do not pass; None where one of them cannot tell."""
    waits = [c.wait_seconds for c in result.criteria if c.answer is not Answer.PASS]
    known = [wait for wait in waits if wait is not None]
    return max(known, default=0.0) if len(known) == len(waits) else None


def _criterion(criterion: Criterion) -> CriterionDocument:
    return CriterionDocument(
        criterion.name,
        criterion.pair or None,
        criterion.subject or None,
        _name(criterion.answer),
        criterion.reason,
        criterion.missing or None,
        criterion.wait_seconds if criterion.answer is not Answer.PASS else None,
        [_evidence(fact) for fact in criterion.evidence],
    )


def _evidence(fact: Fact) -> EvidenceDocument:
    origin = fact.origin
    return EvidenceDocument(
        fact.name,
        origin.source,
        origin.query,
        origin.observed_us,
        origin.from_us,
        origin.samples,
        figures(fact),
        origin.problem,
        list(origin.notes),
    )


def _name(answer: Answer) -> AnswerName:
    names: dict[Answer, AnswerName] = {
        Answer.PASS: "pass",
        Answer.FAIL: "fail",
        Answer.INCONCLUSIVE: "inconclusive",
    }
    return names[answer]
