"""The public JSON of `replay --json` and `status --json` (design section 9), from the books.

`KeyNames` turns canonical key bytes into the source's column names; the decoder knows how.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec

from figwatch.validators.finding import Finding
from figwatch.validators.outbox.legs import LegBooks
from figwatch.validators.outbox.summary import OutboxSummary
from figwatch.validators.sagas.summary import SagaSummary
from figwatch.validators.summary import PairSummary, Summary

RESULT_VERSION = 1

KeyNames: TypeAlias = Callable[[str, bytes], Mapping[str, Any]]
"""(pair, canonical key) to source column name and value."""


def result(
    summary: Summary, findings: Iterable[Finding], sides: Mapping[str, str], key_names: KeyNames
) -> dict[str, Any]:
    """Return the document. `sides` names the system in each role: source, target.

    Times are microseconds since the epoch (0 in `verified_through_us`: nothing verified yet),
    durations seconds. Withdrawn findings are left out of `findings` and counted in `withdrawn`.
    """
    listed: dict[str, list[dict[str, Any]]] = {name: [] for name in summary.pairs}
    withdrawn = dict.fromkeys(summary.pairs, 0)
    for finding in findings:
        if finding.void:
            withdrawn[finding.pair] = withdrawn.get(finding.pair, 0) + 1
        else:
            listed.setdefault(finding.pair, []).append(finding_json(finding, key_names))
    return {
        "schema_version": RESULT_VERSION,
        "as_of_us": summary.as_of_us,
        "malformed": sum(summary.malformed.values()),
        "duplicates": summary.duplicates,
        "pairs": {
            name: pair_json(pair, sides) | {"findings": listed[name], "withdrawn": withdrawn[name]}
            for name, pair in summary.pairs.items()
        },
        "gaps": [
            {
                "topic": s.topic,
                "partition": s.partition,
                "before_offset": s.gap_offset,
                "reason": s.gap_reason,
            }
            for s in summary.streams
            if s.gap_reason
        ],
        "sagas": {name: saga_json(saga) for name, saga in summary.sagas.items()},
        "outboxes": {name: outbox_json(outbox) for name, outbox in summary.outboxes.items()},
    }


def outbox_json(outbox: OutboxSummary) -> dict[str, Any]:
    """One outbox: `faults` are what is wrong, `counts` by outcome, `cases` the newest faults."""
    return {
        "faults": outbox.faults,
        "counts": outbox.counts,
        "waiting": outbox.waiting,
        "known_us": outbox.known_us,
        "cases": [msgspec.structs.asdict(case) for case in outbox.cases],
        "legs": {pair: _legs_json(books) for pair, books in outbox.legs.items()},
    }


def _legs_json(books: LegBooks) -> dict[str, Any]:
    """Legs of the changes of one pair (`figwatch.validators.outbox.legs`), and what was not told of
    them.
    """
    return {
        "problems": books.problems,
        "seconds": {
            leg: {
                "count": sketch.count,
                "within_objective": sketch.within,
                "p50": sketch.quantile_seconds(0.5),
                "p99": sketch.quantile_seconds(0.99),
                "max": sketch.max_us / 1e6,
            }
            for leg, sketch in books.legs.items()
        },
    }


def saga_json(saga: SagaSummary) -> dict[str, Any]:
    """One saga. `success` of `samples` sagas that are over are good; unknown ones count nowhere."""
    return {
        "outcomes": saga.outcomes,
        "open": saga.open,
        "success": saga.success,
        "samples": saga.samples,
        "unknown": saga.unknown,
        "reached": saga.reached,
        "problems": saga.problems,
        "undeclared": saga.undeclared,
        "seconds": {
            "count": saga.seconds.count,
            "within_limit": saga.seconds.within,
            "p50": saga.seconds.quantile_seconds(0.5),
            "p99": saga.seconds.quantile_seconds(0.99),
            "max": saga.seconds.max_us / 1e6,
        },
        "oldest_open_us": saga.oldest_open_us,
        "watermark_us": saga.watermark_us,
        "cases": [
            {
                "instance": case.instance,
                "outcome": case.outcome,
                "problems": list(case.problems),
                "steps": list(case.steps),
                "since_us": case.since_us,
                "detected_us": case.detected_us,
            }
            for case in saga.cases
        ],
    }


def finding_json(finding: Finding, key_names: KeyNames) -> dict[str, Any]:
    """One finding. `incomplete_history` stands only where it is true, and what tells of earlier
    findings of the key only where there were some.
    """
    document: dict[str, Any] = {
        "key": dict(key_names(finding.pair, finding.key)),
        "kind": finding.kind,
        "columns": list(finding.columns),
        "since_us": finding.since_us,
        "detected_us": finding.detected_us,
        "resolved_us": finding.resolved_us,
        "evidence": finding.evidence,
    }
    if finding.reopened:
        document["reopened"] = finding.reopened
        document["first_detected_us"] = finding.first_detected_us
        document["first_evidence"] = finding.first_evidence
        document["last_resolved_us"] = finding.last_resolved_us
    if finding.incomplete_history:
        document["incomplete_history"] = True
    return document


def pair_json(pair: PairSummary, sides: Mapping[str, str]) -> dict[str, Any]:
    """Counts and measurements of one pair."""
    convergence = pair.convergence
    return {
        "keys": pair.keys,
        "unknown": pair.unknown,
        "convergence": {
            "count": convergence.count,
            "within_objective": convergence.within,
            "unshown": pair.unshown,
            "negative": convergence.negative,
            "p50_seconds": convergence.quantile_seconds(0.5),
            "p99_seconds": convergence.quantile_seconds(0.99),
            "max_seconds": convergence.max_us / 1e6,
        },
        "capture_seconds": {
            name: {"p99": pair.capture[role].quantile_seconds(0.99)}
            for role, name in sides.items()
            if role in pair.capture
        },
        "transient": pair.transient,
        "alarms": pair.alarms,
        "fence_demoted": pair.demoted,
        "findings_unlisted": pair.unlisted,
        "findings_unlisted_total": pair.unlisted_total,
        "verified_through_us": max(pair.verified_through_us, 0),
        "sweep": None if pair.sweep is None else msgspec.structs.asdict(pair.sweep),
    }
