"""At which stage a migration is, by its reports. Used by `figwatch stages`."""

from collections.abc import Iterable

STAGES = ("prepare", "build", "sync", "reads", "writes", "decommission")
DONE = "done"


def stage_of(reports: Iterable[tuple[str, str]]) -> str:
    """The stage to leave next, out of (stage, verdict) from the oldest report to the newest.

    Only the next stage in the order can be left, by a pass; a later report of a stage that was left
    already, and does not pass any more, takes the migration back to it. `done` after the last one.
    """
    at = 0
    for stage, verdict in reports:
        if stage not in STAGES:
            continue
        index = STAGES.index(stage)
        if verdict == "pass" and index == at:
            at += 1
        elif verdict != "pass" and index < at:
            at = index
    return STAGES[at] if at < len(STAGES) else DONE
