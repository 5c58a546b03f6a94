"""Whether the replicator keeps the promise that the fence rests on: it commits offsets after its
write is committed.

A target event that shows a version for the first time, committed after the answer of a reading that
had called this version done, was written late: the promise was broken, or somebody repaired the row
in the meantime. People repair what they were told of, with the newest row; so a late write proves a
broken promise at once when it was committed before the finding was made (the finding was false),
and after a few times when no finding told of it or when it is not the newest row. What may be a
repair, be it of many rows, is only counted.

But the same value can come by a way that figwatch has not read yet: the connector emits the version
again after a restart, or a later version equals it. So a late write is a suspicion until the source
is read up to an end that was asked for after the target's event: the replicator writes only what is
in the topic already. `figwatch.validators.row_records` calls `suspect` with every target event,
`figwatch.validators.settling` `convict` with every evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass

from figwatch.validators.change import Reading
from figwatch.validators.outcome import Evidence
from figwatch.validators.pair import Pair
from figwatch.validators.state import Entry, KeyState, Source

UNTOLD_MAX = 2
"""Late writes that no finding had told of before the fence is demoted at the next."""
SUSPICIONS_MAX = 256
"""Suspicions kept for each pair; further ones are let go until some are settled."""
WRITTEN_AGAIN_MAX = 4096
"""Keys of a pair for which it is remembered that an event wrote the same value again."""
UNWATCHED_US_MAX = 5_000_000
"""A reading older than this at the write says too little: a rewind may have come and gone since."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A write that seems late."""

    key: bytes
    read_us: int
    """When figwatch read the target's event."""
    entry: Entry
    """The version that it shows,"""
    reading: Reading
    """which the replicator was done with by this."""
    false_finding: bool
    """A finding was open that was made after this write."""
    repair: bool
    """It may be a repair of what a finding told."""


def suspect(
    pair: Pair, key: bytes, state: KeyState, shown_before: int, commit_us: int, now_us: int
) -> None:
    """Hold a target event against the readings.

    `shown_before`: what `Source.shown` was before the event.
    """
    source, finding = state.source, state.finding
    if source is None or source.shown <= shown_before or not pair.rules.fenced or pair.demoted:
        return
    entry = source.ring[source.shown]
    written_us = commit_us - pair.rules.skew_us
    reading = pair.was_done(entry, written_us)
    if reading is None or written_us - reading.answered_us > UNWATCHED_US_MAX:
        return
    if len(pair.suspicions) >= SUSPICIONS_MAX:
        return
    told = finding is not None and finding.evidence == Evidence.FENCE
    # Surely before the finding, whatever the two clocks are: else it may be the finding's repair.
    latest_us = commit_us + pair.rules.skew_us
    false = finding is not None and told and latest_us <= finding.detected_us
    repair = told and entry is source.ring[-1]
    pair.suspicions.append(Suspicion(key, now_us, entry, reading, false, repair))


def convict(pair: Pair, state_of: Callable[[bytes], KeyState]) -> int:
    """Settle the suspicions that can be settled by now. Sets `pair.demoted`.

    Returns how many writes are proved to have been late.
    """
    late, waiting = 0, []
    for one in pair.suspicions:
        source = state_of(one.key).source
        if (
            source is None
            or _explained(one, source, pair.written_again.get(one.key))
            or pair.rewound_since(one.entry, one.reading)
        ):
            continue
        if not pair.source_read_since(source, one.read_us):
            waiting.append(one)
            continue
        late += 1
        if not one.false_finding and not one.repair:
            pair.untold_late += 1
        pair.demoted = pair.demoted or one.false_finding or pair.untold_late > UNTOLD_MAX
    pair.suspicions[:] = waiting
    return late


def written_again(pair: Pair, key: bytes, stream: int, offset: int) -> None:
    """Remember a source event that left its row as it was: it writes the same value once more."""
    if len(pair.written_again) >= WRITTEN_AGAIN_MAX:
        del pair.written_again[next(iter(pair.written_again))]
    pair.written_again[key] = stream, offset


def _explained(one: Suspicion, source: Source, again: tuple[int, int] | None) -> bool:
    """Whether the value came by an event that the replicator was not done with. Where the ring has
    lost the version, it can not be told.
    """
    stream, committed = one.entry.stream, one.reading.committed or 0
    places = [
        (entry.stream, entry.offset)
        for entry in source.ring
        if entry.fingerprint == one.entry.fingerprint
    ]
    if not places:
        return True
    if again is not None:
        places.append(again)
    return any(place[0] != stream or place[1] >= committed for place in places)
