"""Is the monolith complete and current enough to take the traffic again, and up to which instant?

Asked of every pair all the time, whoever leads. Pure: part of `status`, of the gates of `reads` and
`writes`, and of the metrics.
"""

from dataclasses import dataclass

from figwatch.validators.stages.criterion import CLOCKS, Answer
from figwatch.validators.summary import PairSummary

SERVICE_ONLY = ("extra", "value_mismatch")
"""Kinds of finding, while the monolith leads, that say: the service has what it does not."""

FALLBACK_AGE_US = 60_000_000
"""How long ago the monolith may be known to be complete, where no gate says otherwise."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The answer for one pair. `up_to_us`: what was committed before is there (0: not known)."""

    answer: Answer
    reason: str
    up_to_us: int = 0
    missing: str = ""
    """What would make it pass; empty for a pass."""


def assess_fallback(pair: PairSummary, *, two_way: bool, now_us: int, age_max_us: int) -> Fallback:
    """Judge one pair. The first thing that stands in the way is told."""
    turn = pair.turn
    if turn is None or (turn.decided and turn.lead == 0):
        return _still_leading(pair, now_us, age_max_us)
    if not two_way:
        return Fallback(
            Answer.INCONCLUSIVE, "nothing is judged back to the monolith", 0,
            "set two_way: true for the pair, and replicate back",
        )  # fmt: skip
    if not turn.decided:
        return Fallback(
            Answer.INCONCLUSIVE, "authority is turning round", pair.verified_through_us,
            "both sides' watermarks beyond the turn",
        )  # fmt: skip
    return _following(pair, now_us, age_max_us)


def _still_leading(pair: PairSummary, now_us: int, age_max_us: int) -> Fallback:
    """The monolith leads: it has everything, but for what was written to the service alone."""
    alone = sum(pair.open_findings.get(kind, 0) for kind in SERVICE_ONLY)
    known_us = min(pair.source_watermark_us, pair.target_watermark_us)
    if alone:
        return Fallback(
            Answer.FAIL, f"{alone} rows of the service hold what the monolith never had", known_us,
            "figwatch findings",
        )  # fmt: skip
    return _fresh(known_us, now_us, age_max_us) or Fallback(
        Answer.PASS, "the monolith leads", known_us
    )


def _following(pair: PairSummary, now_us: int, age_max_us: int) -> Fallback:
    through_us = pair.verified_through_us
    divergent = max(pair.keys.get("divergent", 0), sum(pair.open_findings.values()))
    if divergent:
        return Fallback(
            Answer.FAIL, f"{divergent} keys of the monolith are wrong", through_us,
            "figwatch findings",
        )  # fmt: skip
    for verdict in ("unknown", "overdue"):
        if count := pair.keys.get(verdict, 0):
            return Fallback(
                Answer.INCONCLUSIVE, f"{count} keys of the monolith are {verdict}", through_us,
                "figwatch status" if verdict == "overdue" else "a sweep",
            )  # fmt: skip
    return _fresh(through_us, now_us, age_max_us) or Fallback(
        Answer.PASS, "the monolith has everything", through_us
    )


def _fresh(through_us: int, now_us: int, age_max_us: int) -> Fallback | None:
    if through_us <= 0:
        return Fallback(
            Answer.INCONCLUSIVE, "it is not known how current the monolith is", 0,
            "heartbeats of both sides",
        )  # fmt: skip
    age_us = now_us - through_us
    if age_us < -age_max_us:
        return Fallback(
            Answer.INCONCLUSIVE, f"known up to {-age_us / 1e6:.0f} s in the future", through_us,
            CLOCKS,
        )  # fmt: skip
    if age_us <= age_max_us:
        return None
    return Fallback(
        Answer.INCONCLUSIVE, f"known only up to {age_us / 1e6:.0f} s ago", through_us,
        f"verified through less than {age_max_us / 1e6:.0f} s ago",
    )  # fmt: skip
