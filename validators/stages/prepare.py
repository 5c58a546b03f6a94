"""Stage `prepare`: are domain model and event schemas agreed, and do they fit their history?"""

from collections.abc import Sequence
from dataclasses import dataclass

from figwatch.validators.stages.criterion import Criterion, GateResult
from figwatch.validators.stages.facts import Compatibility, Document
from figwatch.validators.stages.rules import each, failed, not_configured, passed, unsure, unusable
from figwatch.validators.stages.rules import verdict as gate_verdict

DOMAIN_MODEL = "domain_model"
FAULT_CHARS_MAX = 300
SETTING = "gates.prepare.documents"


@dataclass(frozen=True, slots=True)
class PrepareCriteria:
    """Thresholds of stage `prepare`."""

    approvals_min: int = 1
    """Different people that must have approved a document as it is now."""
    age_max_us: int = 3_600_000_000


def prepare_gate(
    documents: Sequence[Document],
    schemas: Sequence[Compatibility],
    criteria: PrepareCriteria,
    now_us: int,
) -> GateResult:
    """Every document is well-formed and signed off, every event schema fits its history."""
    models = [document for document in documents if document.kind == DOMAIN_MODEL]
    events = [document for document in documents if document.kind != DOMAIN_MODEL]
    results: list[Criterion] = []
    for name, what, of_kind in (
        ("domain_model", "domain model", models),
        ("event_schemas", "event schemas", events),
    ):
        if not of_kind:
            results.append(not_configured(name, what, SETTING))
        results += [_valid(document, criteria, now_us) for document in of_kind]
        results += [_signed_off(document, criteria, now_us) for document in of_kind]
    results += each(
        "compatible",
        schemas,
        "event schemas in a registry",
        f"{SETTING}[].subject",
        lambda fact: _compatible(fact, criteria, now_us),
    )
    return gate_verdict("prepare", results, now_us)


def _valid(fact: Document, criteria: PrepareCriteria, now_us: int) -> Criterion:
    """The document is what its kind says; a domain model is any text that is not empty."""
    name = "valid"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if not fact.valid:
        reason = f"no valid {fact.kind}: {fact.fault[:FAULT_CHARS_MAX]}"
        return failed(name, fact, reason, "correct the document, then approve it")
    return passed(name, fact, f"a valid {fact.kind}, sha256 {fact.sha256[:12]}")


def _signed_off(fact: Document, criteria: PrepareCriteria, now_us: int) -> Criterion:
    """Enough people have approved exactly these bytes."""
    name = "signed_off"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if any(approval.at_us > now_us + 300_000_000 for approval in fact.approvals):
        return unsure(name, fact, "an approval is dated in the future", "set the clocks right")
    by = sorted({a.by for a in fact.approvals if a.sha256 == fact.sha256})
    if len(by) >= criteria.approvals_min:
        return passed(name, fact, f"approved by {', '.join(by)}")
    fix = f"figwatch approve {fact.name} --by NAME"
    if fact.approvals and not by:
        return failed(name, fact, "the document was changed after its approval", fix)
    reason = f"approved by {len(by)} of {criteria.approvals_min} people"
    return failed(name, fact, reason, fix)


def _compatible(fact: Compatibility, criteria: PrepareCriteria, now_us: int) -> Criterion:
    """By the registry's own rules for the subject."""
    name = "compatible"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if fact.is_new:
        return passed(name, fact, "the registry has no version of it yet")
    if fact.compatible:
        return passed(name, fact, "compatible with the registry's versions")
    reason = f"the registry refuses it: {fact.fault[:FAULT_CHARS_MAX] or 'incompatible'}"
    return failed(name, fact, reason, "change the schema compatibly, or use a new subject")
