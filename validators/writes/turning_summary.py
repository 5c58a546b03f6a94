"""What a pair that is judged both ways says of itself: the figures of the direction that leads.

Roles stay those of the configuration, whoever leads, so that the labels of metrics keep their
meaning. Used by `figwatch.validators.partition`.
"""

import msgspec

from figwatch.validators.summary import PairSummary, TurnSummary
from figwatch.validators.writes.turning import TurnState

_OTHER = {"source": "target", "target": "source"}


def combined(forward: PairSummary, back: PairSummary, turn: TurnState, way: int) -> PairSummary:
    """One summary for both directions; `way` is the one that leads."""
    leading = _as_configured(back) if way == 1 else forward
    other = forward if way == 1 else back
    leading = msgspec.structs.replace(
        leading,
        keys=_with_others(leading.keys, sum(other.open_findings.values())),
        open_findings=_sum(leading.open_findings, other.open_findings),
        findings_total=_sum(leading.findings_total, other.findings_total),
        alarms=_sum(leading.alarms, other.alarms),
        sweep=leading.sweep or other.sweep,
    )
    if turn.at_us:
        leading.turn = TurnSummary(
            turn.at_us, turn.lead, turn.decided, len(turn.owed), turn.owed_total, turn.lost,
            turn.undecided,
        )  # fmt: skip
    return leading


def _as_configured(back: PairSummary) -> PairSummary:
    """The figures of the mirror with the roles that the configuration gives the sides."""
    changes = (name.split(":", 1) for name in back.changes)
    return msgspec.structs.replace(
        back,
        capture={_OTHER[role]: sketch for role, sketch in back.capture.items()},
        changes={f"{_OTHER[r]}:{op}": back.changes[f"{r}:{op}"] for r, op in changes},
        duplicates={_OTHER[role]: count for role, count in back.duplicates.items()},
        newest={_OTHER[role]: newest_us for role, newest_us in back.newest.items()},
        source_watermark_us=back.target_watermark_us,
        target_watermark_us=back.source_watermark_us,
    )


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    names = first | second
    return {name: first.get(name, 0) + second.get(name, 0) for name in names}


def _with_others(keys: dict[str, int], divergent: int) -> dict[str, int]:
    """Keys that the other direction has called divergent: the leading one leaves them to it."""
    found = dict(keys)
    for verdict in ("in_flight", "overdue", "unknown", "consistent"):
        taken = min(divergent, found.get(verdict, 0))
        found[verdict] = found.get(verdict, 0) - taken
        found["divergent"] = found.get("divergent", 0) + taken
        divergent -= taken
    return found
