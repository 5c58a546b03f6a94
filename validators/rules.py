"""The verdict of one key, rule by rule, in the order that matters (design section 5).

Each rule is one function; `assess` owns the order. Nothing is inferred from the order in which
other keys appear: restarts, no-op updates and manual repairs each break such inferences.
"""

from figwatch.validators.change import Side
from figwatch.validators.columns import Equal, null_or_default
from figwatch.validators.outcome import Evidence, Judgement, Kind, Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.state import Entry, KeyState, Source, Target
from figwatch.validators.sweep.settlement import standing
from figwatch.validators.versions import last_match, match

EQUAL = Judgement(Verdict.CONSISTENT, "equal")


def assess(state: KeyState, pair: Pair) -> Judgement:
    """Judge one key with the marks, barriers and readings seen so far. Pure."""
    if (seen := standing(state, pair)) is not None:
        return seen
    source, target = _seen(state.source), state.target
    if fault := _unknown_side(source, target, pair):
        return Judgement(Verdict.UNKNOWN, "side_unknown", reason=fault)
    equal = _compare_latest(source, target)
    if equal is Equal.YES:
        return EQUAL
    if equal is Equal.MAYBE:
        return Judgement(
            Verdict.UNKNOWN, "known_columns_equal", reason=_unknown_columns(source, target)
        )
    if source is not None:
        shown = last_match(source, target, len(source.ring) - 1)
        if shown is not None:
            return _older_version(source, target, pair, source.ring[shown + 1])
    return _foreign_value(source, target, pair)


def _seen(source: Source | None) -> Source | None:
    return source if source is not None and (source.ring or source.track.fault) else None


def _unknown_side(source: Source | None, target: Target | None, pair: Pair) -> Reason:
    """Rule 1: nothing can be said of a key whose state on one side is not known."""
    absent = source is not None and bool(source.ring) and source.ring[-1].fingerprint is None
    fault = pair.side_fault(Side.SOURCE, source.track if source else None, absent=absent)
    if fault:
        return fault
    absent = target is not None and target.fingerprint is None
    return pair.side_fault(Side.TARGET, target.track if target else None, absent=absent)


def _compare_latest(source: Source | None, target: Target | None) -> Equal:
    """Rule 2: equal now is consistent now, however it came about. Both absent counts."""
    latest = source.ring[-1] if source is not None and source.ring else None
    return match(latest, target)


def _unknown_columns(source: Source | None, target: Target | None) -> Reason:
    """Why a column of one of the two rows is not known."""
    entry = source.ring[-1] if source is not None and source.ring else None
    rows = [(row.sketch, row.unknown) for row in (entry, target) if row is not None and row.unknown]
    doubts = bool(rows) and all(null_or_default(*row) for row in rows)
    return Reason.NULL_OR_DEFAULT if doubts else Reason.UNKNOWN_COLUMNS


def _older_version(source: Source, target: Target | None, pair: Pair, after: Entry) -> Judgement:
    """Rule 3: the target shows an older version; `after` is the change that should follow."""
    rules = pair.rules
    target_commit_us = target.commit_us if target is not None else 0
    since_us = max(after.commit_us, target_commit_us)
    kind = _kind(source, target, Kind.STALE)
    reading = pair.done(source, after, target)
    if reading is not None and pair.elsewhere_applied(after.stream, target):
        return Judgement(
            Verdict.DIVERGENT, "older_version_fence", kind=kind, evidence=Evidence.FENCE,
            since_us=since_us, reading_us=reading.answered_us, committed=reading.committed or 0,
        )  # fmt: skip
    watermark = pair.watermarks[Side.TARGET]
    age_us = watermark - after.commit_us - rules.clocks_us if watermark else 0
    if pair.demoted and rules.fenced and age_us > rules.give_up_us:
        return Judgement(
            Verdict.UNKNOWN, "fence_demoted", reason=Reason.DEMOTED_FENCE, since_us=since_us
        )
    if not rules.fenced and age_us > rules.give_up_us and pair.judged(source, target):
        return Judgement(
            Verdict.DIVERGENT, "older_version_timeout", kind=kind, evidence=Evidence.TIMEOUT,
            since_us=since_us,
        )  # fmt: skip
    verdict = Verdict.OVERDUE if age_us > rules.objective_us else Verdict.IN_FLIGHT
    return Judgement(verdict, "older_version_waiting", since_us=since_us)


def _foreign_value(source: Source | None, target: Target | None, pair: Pair) -> Judgement:
    """Rule 4: the target shows a value that is in no known version of the source."""
    since_us = _foreign_since_us(source, target)
    if not pair.judged(source, target):
        return Judgement(Verdict.IN_FLIGHT, "foreign_value_not_judged", since_us=since_us)
    watermark = pair.watermarks[Side.TARGET]
    young = watermark - since_us - pair.rules.clocks_us < pair.rules.objective_us
    evidence, reading, incomplete = Evidence.HISTORY, None, False
    if not _complete(source, target, pair):
        incomplete = True
        oldest = source.ring[source.cut] if source is not None and source.ring else None
        reading = pair.done(source, oldest, target) if source is not None and oldest else None
        if reading is None:
            if young:
                return Judgement(Verdict.IN_FLIGHT, "foreign_value_waiting", since_us=since_us)
            reason = Reason.DEMOTED_FENCE if pair.demoted else Reason.INCOMPLETE_HISTORY
            return Judgement(
                Verdict.UNKNOWN, "foreign_value_history", reason=reason, since_us=since_us
            )
        evidence = Evidence.FENCE
    if young:
        return Judgement(Verdict.IN_FLIGHT, "foreign_value_young", since_us=since_us)
    return Judgement(
        Verdict.DIVERGENT, "foreign_value", kind=_kind(source, target, Kind.VALUE_MISMATCH),
        evidence=evidence, since_us=since_us, incomplete_history=incomplete,
        reading_us=reading.answered_us if reading else 0,
        committed=(reading.committed or 0) if reading else 0,
    )  # fmt: skip


def _complete(source: Source | None, target: Target | None, pair: Pair) -> bool:
    """Whether every value that the replicator can ever have had for this key is known."""
    if source is not None and not source.born:
        return False
    return pair.before_history(source, target)


def _foreign_since_us(source: Source | None, target: Target | None) -> int:
    """Commit time from which a foreign value has stood: that of the target's value, or of the
    oldest known source version where that is later.
    """
    oldest = source.ring[0].commit_us if source is not None and source.ring else 0
    return max(oldest, target.commit_us if target is not None else 0)


def _kind(source: Source | None, target: Target | None, otherwise: Kind) -> Kind:
    if target is None or target.fingerprint is None:
        return Kind.MISSING
    if source is None or not source.ring or source.ring[-1].fingerprint is None:
        return Kind.EXTRA
    return otherwise
