"""Stages `reads` and `writes`: does the service answer as fast and as well as the monolith did?

Both demand that the service is still in sync and that the way back is open. What sagas and two-way
replication add to `writes` is in `figwatch.validators.stages.writes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.facts import Share
from figwatch.validators.stages.forecast import duration
from figwatch.validators.stages.rules import not_configured, verdict
from figwatch.validators.stages.shares import Goal, not_worse, share_shown
from figwatch.validators.stages.writes import WritesFacts, way_back, writes_rules
from figwatch.validators.statistics.windows import Beginning, described, single


@dataclass(frozen=True, slots=True)
class TrafficCriteria:
    """Thresholds of stages `reads` and `writes`. Shares in 0..1."""

    latency_share: float = 0.99
    """Share of requests that must be answered in time."""
    error_share_max: float = 0.0001
    latency_margin: float = 0.005
    """How much smaller than the monolith's the share of timely answers may be."""
    error_margin: float = 0.0001
    """How much larger than the monolith's the share of errors may be."""
    mismatch_share_max: float = 0.001
    confidence: float = 0.95
    samples_min: int = 300
    age_max_us: int = 300_000_000
    shadow_age_max_us: int = 86_400_000_000
    begun: Beginning = single(0)  # noqa: RUF009  # frozen
    """From when on requests were counted."""

    def goal(self, share: float, margin: float = 0.0) -> Goal:
        """What is to be shown of a share of the requests."""
        return Goal(share, self.confidence, self.samples_min, self.age_max_us, margin)


@dataclass(frozen=True, slots=True)
class TrafficFacts:
    """What is known of the requests. None: nothing is configured."""

    in_time: Share | None = None
    without_error: Share | None = None
    baseline_in_time: Share | None = None
    baseline_without_error: Share | None = None
    shadow: Share | None = None


def reads_gate(
    facts: TrafficFacts,
    sync: GateResult,
    criteria: TrafficCriteria,
    now_us: int,
    writes: WritesFacts | None = None,
) -> GateResult:
    """Fast, without errors, no worse than the monolith, with the same answers, still in sync."""
    results = [
        *_traffic("reads", facts, criteria, now_us),
        _same_answers(facts.shadow, criteria, now_us),
        still_in_sync(sync),
        *(way_back(writes) if writes is not None else []),
    ]
    return verdict("reads", results, now_us, sync.not_checked)


def writes_gate(
    facts: TrafficFacts,
    sync: GateResult,
    criteria: TrafficCriteria,
    now_us: int,
    without: Sequence[str] = (),
    writes: WritesFacts | None = None,
) -> GateResult:
    """Fast, without errors, no worse than the monolith, and consistent across the system.
    `without` names those beyond the traffic that this migration has no use for.
    """
    writes = writes or WritesFacts()
    beyond = writes_rules(writes, criteria.goal(writes.criteria.saga_success_min), now_us)
    results = [
        *_traffic("writes", facts, criteria, now_us),
        still_in_sync(sync),
        *(each for each in beyond if each.name.removesuffix("_now") not in without),
    ]
    left_out = tuple(f"{name}: there is none (gates.writes.without)" for name in without)
    return verdict("writes", results, now_us, (*sync.not_checked, *left_out))


def still_in_sync(sync: GateResult) -> Criterion:
    """The gate of stage `sync`, as one criterion."""
    bad = [c for c in sync.criteria if c.answer is not Answer.PASS]
    if sync.answer is Answer.PASS:
        return Criterion("still_in_sync", "", Answer.PASS, "every criterion of `sync` holds")
    named = ", ".join(dict.fromkeys(f"{c.name} ({c.pair})" if c.pair else c.name for c in bad))
    return Criterion(
        "still_in_sync",
        "",
        sync.answer,
        f"stage `sync` is {sync.answer.value}: {named}",
        "figwatch gate check --stage sync",
    )


def _traffic(
    stage: str, facts: TrafficFacts, criteria: TrafficCriteria, now_us: int
) -> Sequence[Criterion]:
    rows = (
        ("latency", facts.in_time, facts.baseline_in_time, criteria.latency_share,
         criteria.latency_margin),
        ("errors", facts.without_error, facts.baseline_without_error,
         1 - criteria.error_share_max, criteria.error_margin),
    )  # fmt: skip
    results = []
    for name, fact, old, share, margin in rows:
        compared = f"{name}_against_monolith"
        if fact is None:
            setting = f"gates.{stage}.traffic"
            results.append(not_configured(name, "requests at the façade", setting))
            results.append(not_configured(compared, "requests at the façade", setting))
            continue
        goal = criteria.goal(share, margin)
        goal = replace(goal, confidence=criteria.begun.confidence(goal.confidence))
        fact = _noted(fact, criteria)  # noqa: PLW2901
        results.append(share_shown(name, fact, goal, now_us))
        if old is None:
            fix = f"`figwatch baseline --stage {stage}`, while the monolith answers"
            results.append(
                Criterion(compared, "", Answer.INCONCLUSIVE, "there is no baseline", fix)
            )
        else:
            results.append(not_worse(compared, old, fact, goal, now_us))
    return results


def _noted(fact: Share, criteria: TrafficCriteria) -> Share:
    notes = (*fact.origin.notes, *described(criteria.begun, criteria.confidence))
    return replace(fact, origin=replace(fact.origin, notes=notes))


def _same_answers(shadow: Share | None, criteria: TrafficCriteria, now_us: int) -> Criterion:
    """Both systems answer the same request alike."""
    if shadow is None:
        return Criterion(
            "shadow_reads",
            "",
            Answer.INCONCLUSIVE,
            "no request was sent to both systems",
            "figwatch shadow",
        )
    goal = replace(
        criteria.goal(1 - criteria.mismatch_share_max), age_max_us=criteria.shadow_age_max_us
    )
    result = share_shown("shadow_reads", shadow, goal, now_us)
    if result.wait_seconds:
        # Shadow reads come only when somebody runs them, not at a rate.
        text = result.missing.partition(";")[0]
        return replace(
            result, missing=f"{text} (figwatch shadow), within {duration(goal.age_max_us)}",
            wait_seconds=None,
        )  # fmt: skip
    return result
