"""Whether the replicator keeps the promise that the fence rests on: it commits offsets after its
write is committed.

A target event that shows a version for the first time, committed after the answer of a reading that
had called this version done, was written late: the promise was broken, or somebody repaired the row
in the meantime. People repair what they were told of, with the newest row; so a late write proves a
broken promise at once when it was committed before the finding was made (the finding was false),
and after a few times when no finding told of it or when it is not the newest row. What may be a
repair, be it of many rows, is only counted.
`figwatch.validators.judge` asks with every target event.
"""

from figwatch.validators.outcome import Evidence
from figwatch.validators.pair import Pair
from figwatch.validators.state import KeyState

UNTOLD_MAX = 2
"""Late writes that no finding had told of before the fence is demoted at the next."""


def watch(pair: Pair, state: KeyState, shown_before: int, commit_us: int) -> bool:
    """Hold a target event against the readings. Returns whether its write was late.

    `shown_before`: what `Source.shown` was before the event. Sets `pair.demoted`.
    """
    source, finding = state.source, state.finding
    if source is None or source.shown <= shown_before or not pair.rules.fenced:
        return False
    entry = source.ring[source.shown]
    if not pair.was_done(entry, commit_us - pair.rules.skew_us):
        return False
    told = finding is not None and finding.evidence == Evidence.FENCE
    if finding is not None and told and commit_us <= finding.detected_us - pair.rules.skew_us:
        pair.demoted = True
    elif not told or entry is not source.ring[-1]:
        pair.untold_late += 1
        pair.demoted = pair.demoted or pair.untold_late > UNTOLD_MAX
    return True
