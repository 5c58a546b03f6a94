"""Shares of good samples: shown to be large enough, shown to be no worse than before.

The bounds hold at all looks together (`figwatch.validators.statistics.shares`), so that a pipeline
may ask until the answer is clear without passing by luck.
"""

from dataclasses import dataclass

from figwatch.validators.stages.criterion import Criterion
from figwatch.validators.stages.facts import Share
from figwatch.validators.stages.forecast import NO_WAIT, duration, wait_seconds
from figwatch.validators.stages.rules import failed, passed, unsure, unusable
from figwatch.validators.statistics.compare import Counted, worse_by
from figwatch.validators.statistics.shares import (
    SAMPLES_MAX,
    lower_sequence,
    samples_at_rate,
    samples_needed_sequence,
    upper_sequence,
)

LOOKS_MAX = 40


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be shown of a share. Shares and confidence in 0..1."""

    share: float
    confidence: float
    samples_min: int
    age_max_us: int
    margin: float = 0.0
    """How much smaller than the baseline's it may be."""


def impossible(fact: Share) -> str:
    """What is contradictory about the counts; empty when nothing is."""
    if fact.passed < 0 or fact.total < 0 or fact.passed > fact.total:
        return f"contradictory counts: {fact.passed} good of {fact.total}"
    return ""


def share_shown(name: str, fact: Share, goal: Goal, now_us: int) -> Criterion:
    """The true share is above the goal, below it, or neither is shown."""
    found = _unusable(name, fact, goal, now_us)
    if found:
        return found
    seen = f"{fact.passed} of {fact.total} good"
    at = f"at {_percent(goal.confidence)} confidence"
    low = lower_sequence(fact.passed, fact.total, goal.confidence)
    if low >= goal.share:
        reason = f"{seen}: at least {_percent(low)} {at}, {_percent(goal.share)} is demanded"
        return passed(name, fact, reason)
    high = upper_sequence(fact.passed, fact.total, goal.confidence)
    if high < goal.share:
        reason = f"{seen}: at most {_percent(high)} {at}, not {_percent(goal.share)}"
        return failed(name, fact, reason, "find what fails: the query of the evidence counts it")
    reason = f"{seen}: {_percent(low)} to {_percent(high)}, {_percent(goal.share)} is not shown"
    bad = fact.total - fact.passed
    needed = samples_needed_sequence(bad, goal.share, goal.confidence)
    at_rate = samples_at_rate(bad, fact.total, goal.share, goal.confidence)
    wait = wait_seconds(fact.origin, fact.total, at_rate)
    when = f"in about {duration(wait * 1e6)}" if wait is not None else NO_WAIT
    more = f"{max(needed - fact.total, 1)} more good samples" if needed < SAMPLES_MAX else ""
    return unsure(name, fact, reason, f"{more}; {when}".lstrip("; "), wait_seconds=wait)


def not_worse(name: str, old: Share, new: Share, goal: Goal, now_us: int) -> Criterion:
    """The new share is no smaller than the baseline's, but for the margin. The baseline's age does
    not matter.
    """
    margin = goal.margin
    if old.origin.problem:
        return unsure(name, new, old.origin.problem, old.origin.remedy, old)
    contradiction = impossible(old)
    if contradiction or old.total < goal.samples_min:
        reason = contradiction or f"the baseline has {old.total} samples"
        fix = f"record it again with {goal.samples_min} or more: `figwatch baseline`"
        return unsure(name, new, reason, fix, old)
    found = _unusable(name, new, goal, now_us)
    if found:
        return found
    before, after = Counted(old.passed, old.total), Counted(new.passed, new.total)
    bounds = worse_by(before, after, goal.confidence)
    seen = f"{_percent(after.share)} good against {_percent(before.share)} before"
    at = f"at {_percent(goal.confidence)} confidence"
    if bounds.within(margin):
        worst, most = _points(bounds.high), _points(margin)
        reason = f"{seen}: worse by {worst} at most {at}, {most} are allowed"
        return passed(name, new, reason, old)
    if bounds.beyond(margin):
        reason = f"{seen}: worse by {_points(bounds.low)} or more {at}"
        return failed(name, new, reason, f"the margin is {_points(margin)}", old)
    wait = wait_seconds(
        new.origin, new.total, _samples_within(before, after, margin, goal.confidence)
    )
    when = f"in about {duration(wait * 1e6)}" if wait is not None else NO_WAIT
    reason = f"{seen}: worse by between {_points(bounds.low)} and {_points(bounds.high)} {at}"
    fix = f"more samples, to show at most {_points(margin)}; {when}"
    return unsure(name, new, reason, fix, old, wait_seconds=wait)


def _unusable(name: str, fact: Share, goal: Goal, now_us: int) -> Criterion | None:
    found = unusable(name, fact, goal.age_max_us, now_us)
    if found:
        return found
    contradiction = impossible(fact)
    if contradiction:
        return unsure(name, fact, contradiction, "look at the query: it counts two things")
    if fact.total < goal.samples_min:
        reason = f"{fact.total} samples: too few"
        wait = wait_seconds(fact.origin, fact.total, goal.samples_min)
        when = f"; in about {duration(wait * 1e6)}" if wait is not None else ""
        fix = f"{goal.samples_min - fact.total} more samples{when}"
        return unsure(name, fact, reason, fix, wait_seconds=wait)
    return None


def _samples_within(
    before: Counted, after: Counted, margin: float, confidence: float
) -> int | None:
    """At which sample size the present share would do, within a factor of two."""
    samples = after.samples
    for _ in range(LOOKS_MAX):
        samples *= 2
        if samples > SAMPLES_MAX:
            break
        larger = Counted(int(after.share * samples), samples)
        if worse_by(before, larger, confidence).within(margin):
            return samples
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _points(difference: float) -> str:
    return f"{100 * difference:.4g} percentage points"
