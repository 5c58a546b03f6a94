"""Keys that are not consistent and that nothing but their own next event can change, divergent ones
and most unknown ones, *rest*. They are packed like consistent keys, a million of them cost no more
than that; what packed keys add to the sums of a pair is kept here, that of open ones too.

`figwatch.validators.settling` lets keys rest, `figwatch.validators.key_table` wakes them.
"""

from collections import Counter
from typing import NamedTuple

from figwatch.validators.outcome import Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.state import KeyState
from figwatch.validators.summary import PairSummary

STEP_US = 10_000
"""Times are kept to the hundredth of a second, which bounds how many there are."""
RESTING_REASONS = frozenset(
    {
        Reason.MALFORMED,
        Reason.MALFORMED_PARTITION,
        Reason.GAP,
        Reason.NOT_REREAD,
        Reason.NOT_FROM_BEGINNING,
        Reason.UNKNOWN_COLUMNS,
        Reason.COPY_OR_NEW,
    }
)
"""Settled by the key's own next event, or by what makes the judge look at the whole pair again."""


class Share(NamedTuple):
    """What one key adds to its pair's sums. Times of commits in microseconds."""

    unshown_us: list[int]
    """Of the source changes that the target has not shown."""
    judged_us: int
    """Instant up to which the key was judged: before anything that is still open (-1: a finding,
    which says more than that).
    """


def share(state: KeyState) -> Share:
    """Sum up a key that is not consistent."""
    source = state.source
    waiting = source.ring[source.shown + 1 :] if source is not None else []
    if state.verdict == Verdict.DIVERGENT:
        judged_us = -1
    elif state.since_us:
        judged_us = min([state.since_us, *(entry.commit_us for entry in waiting)])
    else:
        sides = (state.source, state.target)
        judged_us = min((side.track.seen_us for side in sides if side is not None), default=0)
    return Share([entry.commit_us for entry in waiting if entry.sample], judged_us)


def may_rest(state: KeyState, pair: Pair) -> bool:
    """Whether neither readings nor time can change what is said of this key."""
    if state.verdict == Verdict.UNKNOWN:
        if state.reason not in RESTING_REASONS:
            return False
    elif state.verdict != Verdict.DIVERGENT:
        return False
    source = state.source
    waiting = source.ring[source.shown + 1 :] if source is not None else []
    return all(entry.commit_us < pair.late_us for entry in waiting if entry.sample)


class Resting:
    """The sums over packed keys of one pair."""

    def __init__(self) -> None:
        self._unshown: Counter[int] = Counter()
        self._judged: Counter[int] = Counter()

    def add(self, one: Share, sign: int = 1) -> None:
        """Take the share of a key in, or (`sign` -1) out again."""
        for commit_us in one.unshown_us:
            _count(self._unshown, commit_us // STEP_US, sign)
        if one.judged_us >= 0:
            _count(self._judged, one.judged_us // STEP_US, sign)

    def add_to(self, pair: PairSummary, late_us: int) -> None:
        """Add the sums to a summary that holds those of the other keys. Changes committed before
        `late_us` count as unshown.
        """
        late = late_us // STEP_US
        pair.unshown += sum(count for step, count in self._unshown.items() if step < late)
        if self._unshown:
            oldest_us = min(self._unshown) * STEP_US
            known = pair.oldest_unshown_us
            pair.oldest_unshown_us = min(oldest_us, known) if known else oldest_us
        if self._judged:
            judged_us = min(self._judged) * STEP_US
            pair.verified_through_us = min(pair.verified_through_us, judged_us)


def _count(counts: Counter[int], step: int, sign: int) -> None:
    counts[step] += sign
    if not counts[step]:
        del counts[step]
