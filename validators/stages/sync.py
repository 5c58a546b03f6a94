"""May stage `sync` be left? Its exit criteria over the merged summaries, each pass, fail or
inconclusive with its reason and what is missing.

Pure: `figwatch.validators.overview` brings the evidence, the configuration the thresholds, and
`figwatch.cli.gate_command` the exit code. A wrong "safe" corrupts a business, so whatever cannot
be told is inconclusive, never a pass.
"""

from collections.abc import Callable

from figwatch.validators.canary import CanaryLimits, CanaryState, assess_canary
from figwatch.validators.overview import Overview
from figwatch.validators.stages.convergence import converged
from figwatch.validators.stages.criterion import (
    CLOCKS,
    FUTURE_MAX_US,
    Answer,
    Criterion,
    GateResult,
    overall,
)
from figwatch.validators.stages.forecast import duration
from figwatch.validators.stages.sync_criteria import SyncCriteria
from figwatch.validators.summary import PairSummary, Summary

NAMED_MAX = 5
"""Partitions or pairs that a reason names; the rest is counted."""


def sync_gate(view: Overview, criteria: SyncCriteria) -> GateResult:
    """Evaluate stage `sync`: the worst of its criteria, where fail is worse than inconclusive."""
    results = [_summaries_fresh(view)]
    merged = view.merged
    if merged is not None:
        results.append(_coverage(merged))
        if criteria.canary is not None:
            results.append(_canary(merged, criteria.canary, view.now_us))
        for name in criteria.pairs:
            pair = merged.pairs.get(name)
            if pair is None:
                results.append(_nothing_compared(name))
            else:
                results += [rule(name, pair, criteria, view.now_us) for rule in PAIR_RULES]
                if criteria.sweep_required:
                    results.append(_swept(name, pair, criteria, view.now_us))
    not_checked: tuple[str, ...] = ()
    if not criteria.sweep_required:
        not_checked += (
            "sweep: whether the tables themselves were compared (gates.sync.sweep_required)",
        )
    return GateResult(
        "sync", overall(results), tuple(results), not_checked, merged.as_of_us if merged else 0
    )


def _summaries_fresh(view: Overview) -> Criterion:
    """Every partition has a fresh summary; otherwise all that follows is only a part."""
    name = "fresh_summaries"
    if view.complete:
        return Criterion(name, "", Answer.PASS, f"all {view.partitions} partitions report")
    fix = "keep `figwatch run` running until every partition reports"
    return Criterion(name, "", Answer.INCONCLUSIVE, view.reason, fix)


def _coverage(merged: Summary) -> Criterion:
    """No stretch of a raw topic was lost or undecodable: keys in it may never have been seen."""
    gaps = [f"{s.topic}[{s.partition}]: {s.gap_reason}" for s in merged.streams if s.gap_reason]
    if not gaps:
        return Criterion("coverage", "", Answer.PASS, "no gap in the change streams")
    more = f" and {len(gaps) - NAMED_MAX} more" if len(gaps) > NAMED_MAX else ""
    reason = f"gaps in the change streams: {', '.join(gaps[:NAMED_MAX])}{more}"
    fix = "a new snapshot by the connector covers them"
    return Criterion("coverage", "", Answer.INCONCLUSIVE, reason, fix)


def _canary(merged: Summary, limits: CanaryLimits, now_us: int) -> Criterion:
    """A known divergence was found lately: figwatch sees what it must see."""
    health = assess_canary(merged, limits, now_us)
    answer, fix = _CANARY[health.state]
    return Criterion("canary", "", answer, health.reason, fix)


def _nothing_compared(name: str) -> Criterion:
    return Criterion(
        "compared",
        name,
        Answer.INCONCLUSIVE,
        "no key of this pair has been judged",
        "change events of both sides; `figwatch doctor` says why there are none",
    )


def _compared(name: str, pair: PairSummary, _: SyncCriteria, __: int) -> Criterion:
    """At least one key was judged: an empty comparison proves nothing."""
    keys = sum(pair.keys.values())
    if not keys:
        return _nothing_compared(name)
    return Criterion("compared", name, Answer.PASS, f"{keys} keys judged")


def _none_divergent(name: str, pair: PairSummary, _: SyncCriteria, __: int) -> Criterion:
    """Zero divergent keys, by the count of verdicts and by the open findings."""
    count = max(pair.keys.get("divergent", 0), sum(pair.open_findings.values()))
    if not count:
        return Criterion("none_divergent", name, Answer.PASS, "no key is divergent")
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(pair.open_findings.items()) if n)
    reason = f"{count} keys are divergent" if count != 1 else "1 key is divergent"
    reason += f" ({kinds})" if kinds else ""
    fix = "repair them: `figwatch findings --open` lists them"
    if pair.unlisted:
        fix += f", but for {pair.unlisted} that are only counted (limits.findings_listed_max)"
    return Criterion("none_divergent", name, Answer.FAIL, reason, fix)


def _none_unknown(name: str, pair: PairSummary, _: SyncCriteria, __: int) -> Criterion:
    """Zero unknown keys."""
    count = pair.keys.get("unknown", 0)
    if not count:
        return Criterion("none_unknown", name, Answer.PASS, "no key is unknown")
    reasons = ", ".join(f"{n} {reason}" for reason, n in sorted(pair.unknown.items()) if n)
    reason = f"{count} keys are unknown" + (f" ({reasons})" if reasons else "")
    fix = "`figwatch status` names each reason, `figwatch explain` what resolves it"
    return Criterion("none_unknown", name, Answer.INCONCLUSIVE, reason, fix)


def _few_overdue(name: str, pair: PairSummary, criteria: SyncCriteria, _: int) -> Criterion:
    """Overdue is not proved lost, but nobody can say that it will arrive: wait and ask again."""
    overdue, keys = pair.keys.get("overdue", 0), sum(pair.keys.values())
    if overdue <= criteria.overdue_share_max * keys:
        return Criterion("few_overdue", name, Answer.PASS, f"{overdue} of {keys} keys overdue")
    fix = "let the replicator catch up, and ask again"
    return Criterion(
        "few_overdue", name, Answer.INCONCLUSIVE, f"{overdue} of {keys} keys are overdue", fix
    )


def _verified(name: str, pair: PairSummary, criteria: SyncCriteria, now_us: int) -> Criterion:
    """Everything was judged up to a recent instant."""
    through_us = pair.verified_through_us
    if through_us <= 0:
        fix = "a heartbeat on both sides; `figwatch doctor` says what is missing"
        return Criterion(
            "verified_through", name, Answer.INCONCLUSIVE, "nothing is verified as a whole yet", fix
        )
    age_us = now_us - through_us
    limit = f"{criteria.verified_age_max_us / 1e6:g} s"
    reason = f"everything was judged up to {age_us / 1e6:.1f} s ago"
    if age_us < -criteria.verified_age_max_us:
        reason = f"everything was judged up to {-age_us / 1e6:.1f} s in the future"
        return Criterion("verified_through", name, Answer.INCONCLUSIVE, reason, CLOCKS)
    if age_us <= criteria.verified_age_max_us:
        return Criterion("verified_through", name, Answer.PASS, reason)
    fix = f"at most {limit}: look at heartbeats, the replicator and the worker"
    return Criterion("verified_through", name, Answer.INCONCLUSIVE, reason, fix)


def _trusted(name: str, pair: PairSummary, _: SyncCriteria, __: int) -> Criterion:
    """The replicator keeps to what the proofs rest on."""
    if not pair.demoted:
        return Criterion(
            "fence_trusted", name, Answer.PASS, "the replicator's offsets are believed"
        )
    fix = "a replicator that commits offsets after its write; then restart figwatch"
    return Criterion(
        "fence_trusted",
        name,
        Answer.INCONCLUSIVE,
        "the replicator was seen to commit an offset before its write",
        fix,
    )


def _swept(name: str, pair: PairSummary, criteria: SyncCriteria, now_us: int) -> Criterion:
    """Lately, the tables themselves were compared to the last row, and were equal."""
    sweep = pair.sweep
    if sweep is None:
        return Criterion(
            "sweep", name, Answer.INCONCLUSIVE, "the tables were never compared", _SWEEP_FIX
        )
    age_us, limit_us = now_us - sweep.clean_us, criteria.sweep_age_max_us
    hours = f"{age_us / 3.6e9:.1f} h ago"
    newest = f"the newest sweep found {sweep.differences} differences"
    if sweep.differences and sum(pair.open_findings.values()):
        return Criterion("sweep", name, Answer.FAIL, newest, f"repair them, then {_SWEEP_FIX}")
    if sweep.differences:
        return Criterion("sweep", name, Answer.INCONCLUSIVE, newest, _SWEEP_FIX)
    if sweep.clean_us and age_us < -FUTURE_MAX_US:
        ahead = f"the last clean sweep was {duration(-age_us)} in the future"
        return Criterion("sweep", name, Answer.INCONCLUSIVE, ahead, CLOCKS)
    if sweep.clean_us and age_us <= limit_us:
        rows = f"{sweep.source_rows} and {sweep.target_rows} rows"
        return Criterion("sweep", name, Answer.PASS, f"{rows} were found equal {hours}")
    reason = f"the last clean sweep was {hours}" if sweep.clean_us else "no sweep was clean yet"
    if not sweep.whole:
        reason += ", and the newest one is incomplete"
    return Criterion("sweep", name, Answer.INCONCLUSIVE, reason, _SWEEP_FIX)


_SWEEP_FIX = "`figwatch sweep`, or let `figwatch run` sweep (sweep.every_minutes)"

_CANARY = {
    CanaryState.PROVED: (Answer.PASS, ""),
    CanaryState.SLOW: (Answer.FAIL, "find out what is slow: connectors, workers or heartbeats"),
    CanaryState.OVERDUE: (
        Answer.INCONCLUSIVE,
        "keep `figwatch canary` running; it says what it sees",
    ),
}

Rule = Callable[[str, PairSummary, SyncCriteria, int], Criterion]

PAIR_RULES: tuple[Rule, ...] = (
    _compared,
    _none_divergent,
    _none_unknown,
    _few_overdue,
    converged,
    _verified,
    _trusted,
)
"""In the order in which they are shown: what is different first, then what is not proved."""
