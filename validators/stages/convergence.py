"""Is the share of changes that converge within the objective as large as is demanded?

One criterion of `figwatch.validators.stages.sync`, with its bounds
(`figwatch.validators.statistics.shares`), its beginnings and the wait until it could be shown.
"""

from dataclasses import dataclass

from figwatch.validators.stages.criterion import Answer, Criterion
from figwatch.validators.stages.facts import Origin, Share
from figwatch.validators.stages.forecast import NO_WAIT, duration
from figwatch.validators.stages.sync_criteria import SyncCriteria
from figwatch.validators.statistics.shares import (
    lower_sequence,
    samples_at_rate,
    samples_needed_sequence,
    upper_sequence,
)
from figwatch.validators.statistics.windows import described
from figwatch.validators.summary import PairSummary


@dataclass(frozen=True)
class _Counted:
    """Changes that count, lost ones among them, and what their beginning has to show."""

    samples: int
    within: int
    confidence: float
    from_us: int = 0
    until_us: int = 0
    notes: tuple[str, ...] = ()


def _counted(pair: PairSummary, criteria: SyncCriteria, now_us: int) -> _Counted:
    confidence = criteria.confidence
    if criteria.window_us is None:
        known = pair.convergence
        return _Counted(known.count + pair.unshown, known.within, confidence)
    begun, total, within = pair.lately.window(criteria.window_us, now_us)
    return _Counted(
        total + pair.unshown, within, begun.confidence(confidence), begun.at, begun.until,
        described(begun, confidence),
    )  # fmt: skip


def converged(name: str, pair: PairSummary, criteria: SyncCriteria, now_us: int) -> Criterion:
    """The share of changes within the objective, lost ones counted against it. The bounds hold
    however often the gate is asked, and for all beginnings together.
    """
    counted, share = _counted(pair, criteria, now_us), criteria.convergence_share
    samples, within, confidence = counted.samples, counted.within, counted.confidence
    origin = Origin(
        "streams", f"convergence of pair {name}", now_us, counted.from_us, samples,
        notes=counted.notes,
    )  # fmt: skip
    evidence = (Share(name, origin, within, samples),)
    seen = f"{within} of {samples} changes within the objective"

    def answer(said: Answer, reason: str, fix: str = "", wait: float | None = None) -> Criterion:
        return Criterion(
            "convergence", name, said, reason, fix, evidence=evidence, wait_seconds=wait
        )

    at = f"at {criteria.confidence:.0%} confidence"
    if samples >= criteria.changes_min:
        low = lower_sequence(within, samples, confidence)
        if low >= share:
            reason = f"{seen}: at least {low:.4%} {at}, {share:.4%} is demanded"
            return answer(Answer.PASS, reason, wait=0.0)
        high = upper_sequence(within, samples, confidence)
        if high < share:
            reason = f"{seen}: at most {high:.4%} {at}, not {share:.4%}"
            fix = "a faster replicator; `figwatch status` has the latencies"
            return answer(Answer.FAIL, reason, fix)
        seen += f": between {low:.4%} and {high:.4%}, {share:.4%} is not shown"
    else:
        seen += ": too small a sample"
    needed = max(criteria.changes_min, samples_needed_sequence(samples - within, share, confidence))
    fix = f"{max(needed - samples, 1)} more changes, all of them within the objective"
    wait = _wait_seconds(pair, criteria, counted, now_us)
    when = f"in about {duration(wait * 1e6)}" if wait is not None else NO_WAIT
    return answer(Answer.INCONCLUSIVE, seen, f"{fix}; {when}", wait)


def _wait_seconds(
    pair: PairSummary, criteria: SyncCriteria, counted: _Counted, now_us: int
) -> float | None:
    """When the share is shown if changes keep coming, and being late, as they do; None: never."""
    rate = pair.lately.per_second(now_us)
    if not rate:
        return None
    # Where it takes longer than the beginning counts, what the next one has already goes on.
    for begun in (counted, _counted(pair, criteria, counted.until_us)):
        late, share = begun.samples - begun.within, criteria.convergence_share
        needed = samples_at_rate(late, begun.samples, share, begun.confidence)
        if needed is None:
            return None
        wait = max(0.0, (max(needed, criteria.changes_min) - begun.samples) / rate)
        if criteria.window_us is None or now_us + wait * 1e6 <= begun.until_us:
            return wait
    return None
