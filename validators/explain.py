"""Why a key's verdict is what it is: the rule that decided, in words, and the columns that differ.

Asks the judge's own rules (`figwatch.validators.rules.assess`), so that it can never say anything
else than they do. Used by `figwatch explain`.
"""

from dataclasses import dataclass

from figwatch.validators.columns import differing_columns
from figwatch.validators.judge import Judge
from figwatch.validators.outcome import REMEDIES, Kind, Reason, Verdict
from figwatch.validators.rules import assess
from figwatch.validators.state import KeyState

WHY = {
    "side_unknown": "the state of the key on one side is not known",
    "equal": "both sides mean the same row, or neither has one",
    "known_columns_equal": "the known columns agree, the others were never seen",
    "older_version_fence": "the target shows an older version, and the replicator has committed "
    "past the change that should have followed",
    "older_version_timeout": "the target shows an older version for longer than give_up_seconds",
    "older_version_waiting": "the target shows an older version, and the next change may still be "
    "on its way",
    "fence_demoted": "the target shows an older version, and the replicator's offsets are not "
    "believed any more",
    "foreign_value": "the target shows a value that the source never had, and nothing is under way",
    "foreign_value_not_judged": "the target shows a value that is in no version read so far; the "
    "source may not be read far enough",
    "foreign_value_waiting": "the target shows a value from before the known history, and the "
    "replicator may still be on its way",
    "foreign_value_history": "the target shows a value that may be from before the known history",
    "foreign_value_young": "the target shows a value that the source never had, for less than the "
    "objective",
}
"""Every rule by the name that `assess` gives it."""


@dataclass(frozen=True)
class Explanation:
    """The judgement of one key in words; `verdict` is None for a key that was never seen."""

    verdict: Verdict | None
    rule: str = ""
    why: str = ""
    reason: Reason = Reason.NONE
    remedy: str = ""
    kind: str | None = None
    evidence: str | None = None
    since_us: int = 0
    columns: tuple[str, ...] = ()
    """Columns in which the two newest rows differ, by the source's names."""


def explain_key(judge: Judge, pair: str, key: bytes, columns: tuple[str, ...]) -> Explanation:
    """Explain the present verdict of a key. `columns` are the mapped ones, in order."""
    state = judge.state_of(pair, key)
    if state is None:
        return Explanation(None, why="no event of this key was read")
    judged = assess(state, judge.pairs[pair])
    verdict, why = judged.verdict, WHY[judged.rule]
    if state.finding is not None and verdict is not Verdict.DIVERGENT:
        # A proof stands until the target moves: the replicator's going back does not undo it.
        verdict = Verdict(state.verdict)
        why += "; the earlier proof that the key is divergent stands"
    return Explanation(
        verdict,
        judged.rule,
        why,
        judged.reason,
        REMEDIES[judged.reason],
        judged.kind.name.lower() if judged.kind is not None else _kind_of_finding(state),
        judged.evidence.name.lower() if judged.evidence is not None else None,
        judged.since_us,
        _differing(state, verdict, columns),
    )


def _kind_of_finding(state: KeyState) -> str | None:
    return Kind(state.finding.kind).name.lower() if state.finding is not None else None


def _differing(state: KeyState, verdict: Verdict, columns: tuple[str, ...]) -> tuple[str, ...]:
    if verdict is Verdict.CONSISTENT:
        return ()
    if state.finding is not None:
        return tuple(columns[i] for i in state.finding.columns)
    source, target = state.source, state.target
    if source is None or target is None or not source.ring:
        return ()
    newest = source.ring[-1]
    found = differing_columns(newest.sketch, target.sketch, newest.unknown, target.unknown)
    return tuple(columns[i] for i in found)
