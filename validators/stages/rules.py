"""What the rules of all stages have in common: evidence that is missing, unreadable or stale.

Next: `figwatch.validators.stages.shares`, then one module for each stage.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from figwatch.validators.stages.criterion import (
    FUTURE_MAX_US,
    Answer,
    Criterion,
    GateResult,
    overall,
)
from figwatch.validators.stages.facts import Fact
from figwatch.validators.stages.forecast import duration

F = TypeVar("F", bound=Fact)


def passed(name: str, fact: Fact, reason: str, *more: Fact) -> Criterion:
    """Shown to hold."""
    return Criterion(
        name, "", Answer.PASS, reason, subject=fact.name, evidence=(fact, *more), wait_seconds=0.0
    )


def failed(name: str, fact: Fact, reason: str, fix: str, *more: Fact) -> Criterion:
    """Shown not to hold."""
    return Criterion(name, "", Answer.FAIL, reason, fix, subject=fact.name, evidence=(fact, *more))


def unsure(
    name: str, fact: Fact, reason: str, fix: str, *more: Fact, wait_seconds: float | None = None
) -> Criterion:
    """Neither is shown."""
    return Criterion(
        name,
        "",
        Answer.INCONCLUSIVE,
        reason,
        fix,
        subject=fact.name,
        evidence=(fact, *more),
        wait_seconds=wait_seconds,
    )


def not_configured(name: str, what: str, setting: str) -> Criterion:
    """Nobody said where the evidence is."""
    return Criterion(
        name, "", Answer.INCONCLUSIVE, f"{what}: nothing is configured", f"set {setting}"
    )


def unusable(name: str, fact: Fact, age_max_us: int, now_us: int) -> Criterion | None:
    """Inconclusive where the fact could not be had, is too old or is from the future."""
    origin = fact.origin
    if origin.problem:
        return unsure(name, fact, origin.problem, origin.remedy)
    age_us = now_us - origin.observed_us
    if age_us > age_max_us:
        reason = f"the evidence is {duration(age_us)} old"
        return unsure(name, fact, reason, f"newer evidence: {duration(age_max_us)} at most")
    if age_us < -FUTURE_MAX_US:
        reason = f"the evidence is {duration(-age_us)} in the future"
        return unsure(name, fact, reason, "set the clocks of both machines right")
    return None


def each(
    name: str,
    facts: Sequence[F],
    what: str,
    setting: str,
    rule: Callable[[F], Criterion],
) -> list[Criterion]:
    """One criterion for each fact; inconclusive where there is none."""
    if not facts:
        return [not_configured(name, what, setting)]
    return [rule(fact) for fact in facts]


def verdict(
    stage: str, criteria: Sequence[Criterion], now_us: int, not_checked: tuple[str, ...] = ()
) -> GateResult:
    """The gate's answer out of its criteria."""
    return GateResult(stage, overall(criteria), tuple(criteria), not_checked, now_us)
