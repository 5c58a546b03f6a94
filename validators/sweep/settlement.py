"""A difference between the two tables, settled against what the streams say of the key.

A sweep reads tables, the streams tell histories. Where the streams explain the difference, they
decide (in flight, or a finding that is known). Where both sides' streams were read past the look,
the replicator has done with everything the topic held then, no event of the key came, and the
tables still disagree in a way the streams do not know, something was lost or went past the capture:
that is a finding with evidence `sweep`. `figwatch.validators.sweep.suspects` keeps suspects until
they are settled, `figwatch.validators.rules` lets a sighting stand until the key's next event.
"""

import enum
from collections.abc import Mapping

import msgspec

from figwatch.validators.change import Side, Suspect, SweepAnswer, SweepEnd
from figwatch.validators.columns import differing_columns
from figwatch.validators.outcome import Evidence, Judgement, Kind, Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.state import KeyState, Swept

EQUAL_KIND = -1
"""Kind of a sighting of two equal rows."""


class Settlement(enum.Enum):
    """What becomes of a suspect."""

    WAITING = enum.auto()
    """The streams have not been read, or the replicator is not shown to be done, past the look."""
    SUPERSEDED = enum.auto()
    """An event of the key came after both rows had begun to stand still: look again."""
    KNOWN = enum.auto()
    """The streams tell the same rows, or a finding is open: the verdict of the streams stands."""
    EQUAL = enum.auto()
    """The tables agree where the streams could not tell."""
    FINDING = enum.auto()
    """A new finding, or the same one seen again."""


class Pending(msgspec.Struct, gc=False):
    """A suspect that waits. `ends`: offsets behind all that each source partition held when the
    streams had been read past the look (None: not yet).
    """

    suspect: Suspect
    ends: dict[tuple[str, int], int] | None = None


def settle(  # noqa: PLR0911  # one for each rule
    pending: Pending, state: KeyState, pair: Pair
) -> Settlement:
    """Settle a suspect, or let it wait; fills in `pending.ends`. Otherwise pure."""
    suspect = pending.suspect
    if _moved_on(suspect, state, pair):
        return Settlement.SUPERSEDED
    known = state.finding is not None and state.finding.evidence != Evidence.SWEEP
    if suspect.source == suspect.target:
        untold = state.verdict in (-1, Verdict.UNKNOWN) or state.swept is not None
        return Settlement.EQUAL if untold and not known else Settlement.KNOWN
    if known:
        return Settlement.KNOWN
    if not _read_past(suspect, pair):
        return Settlement.WAITING
    # (Consistent, by an earlier look at equal tables: no verdict on what differs now.)
    untold = state.verdict in (Verdict.UNKNOWN, Verdict.CONSISTENT)
    if _same_rows(suspect, state) and not untold:
        return Settlement.KNOWN
    if pending.ends is None:
        streams = pair.streams[Side.SOURCE]
        pending.ends = {(s.kept.topic, s.kept.partition): s.kept.next_offset for s in streams}
    if not _replicator_done(pending.ends, suspect, pair):
        return Settlement.WAITING
    return Settlement.FINDING


def _moved_on(suspect: Suspect, state: KeyState, pair: Pair) -> bool:
    """Whether either row has an event from after the time since which both stood still. An event
    that touched no mapped column counts as well: another sweep will tell.
    """
    source_us = state.source.track.seen_us if state.source is not None else 0
    target_us = state.target.track.seen_us if state.target is not None else 0
    return (
        source_us > suspect.still_us + pair.rules.source_skew_us
        or target_us > suspect.still_us + pair.rules.skew_us
    )


def _read_past(suspect: Suspect, pair: Pair) -> bool:
    """Whether whatever was committed before the look has been read from both streams."""
    return (
        pair.watermarks[Side.SOURCE] > suspect.read_us + pair.rules.source_skew_us
        and pair.watermarks[Side.TARGET] > suspect.read_us + pair.rules.skew_us
    )


def _replicator_done(ends: dict[tuple[str, int], int], suspect: Suspect, pair: Pair) -> bool:
    """Whether the replicator is past all that the source's topic held at the look, and what it
    wrote until then has been read. Without a fence: whether the give-up age has passed.
    """
    rules = pair.rules
    if not rules.fenced or pair.demoted:
        age_us = pair.watermarks[Side.TARGET] - suspect.still_us - rules.clocks_us
        return age_us > rules.give_up_us
    for stream in pair.streams[Side.SOURCE]:
        end = ends.get((stream.kept.topic, stream.kept.partition), 0)
        reading, latest = stream.ripe(pair.watermarks[Side.TARGET], rules.skew_us), stream.latest
        if end == 0:
            continue  # an empty partition holds nothing to be done with
        if reading is None or reading.committed is None or reading.committed < end:
            return False
        if latest is None or latest.committed is None or latest.committed < end:
            return False  # it has gone back to repair
        if reading.requested_us <= suspect.read_us:
            return False
    return bool(pair.streams[Side.SOURCE])


def _same_rows(suspect: Suspect, state: KeyState) -> bool:
    """Whether the streams tell of the very rows that the tables hold."""
    ring = state.source.ring if state.source is not None else []
    if (ring and ring[-1].unknown) or (state.target is not None and state.target.unknown):
        return False
    source = ring[-1].fingerprint if ring else None
    target = state.target.fingerprint if state.target is not None else None
    return suspect.source == source and suspect.target == target


def equal_sighting(end: SweepEnd, key: bytes) -> Suspect:
    """What a whole sweep says of a key that was equal in both tables: that it may not have stood
    still since before the beginning is all that an event from then on has to contradict.
    """
    return Suspect(end.pair, key, None, None, b"", b"", end.began_us, end.ended_us)


def answer_of(suspect: Suspect, settlement: Settlement, state: KeyState) -> SweepAnswer:
    """What the sweep that asked is told."""
    verdict = Verdict(state.verdict).name.lower() if state.verdict >= 0 else ""
    kind = Kind(state.finding.kind).name.lower() if state.finding is not None else ""
    return SweepAnswer(
        suspect.sweep, suspect.pair, suspect.key, settlement.name.lower(), verdict, kind
    )


def known_before(state: KeyState, applied: Mapping[int, int]) -> bool:
    """Whether all that was told of the key stands before these offsets, by number of the stream:
    so it was committed before the sweep's first look, and that look counts for more.
    """
    tracks = [side.track for side in (state.source, state.target) if side is not None]
    places = [(t.stream, t.offset) for t in tracks]
    places += [(t.emitted_stream, t.emitted_offset) for t in tracks]
    return all(offset < applied.get(stream, 0) for stream, offset in places if stream >= 0)


def sighting(suspect: Suspect, state: KeyState, pair: Pair) -> Swept:
    """What is kept of a settled suspect: it stands until the key's next event."""
    columns: tuple[int, ...] = ()
    if suspect.source == suspect.target:
        kind = EQUAL_KIND
    elif suspect.target is None:
        kind = Kind.MISSING.value
    elif suspect.source is None:
        kind = Kind.EXTRA.value
    else:
        ring = state.source.ring[:-1] if state.source is not None else []
        if state.source is not None and state.source.ring:
            newest = state.source.ring[-1]
            ring = [*ring, newest] if newest.fingerprint != suspect.source else ring
        stale = any(entry.fingerprint == suspect.target for entry in ring)
        kind = Kind.STALE.value if stale else Kind.VALUE_MISMATCH.value
        columns = differing_columns(suspect.source_sketch, suspect.target_sketch)
    return Swept(
        kind, columns, suspect.still_us, *_marks(state), _emitted(state), pair.losses
    )  # fmt: skip


def _marks(state: KeyState) -> tuple[int, int, int, int]:
    """What changes with every event of the key, a truncate included."""
    source, target = state.source, state.target
    return (
        source.track.offset if source is not None else -1,
        source.ring[-1].commit_us if source is not None and source.ring else 0,
        target.track.offset if target is not None else -1,
        target.commit_us if target is not None else 0,
    )


def _emitted(state: KeyState) -> tuple[int, int]:
    """What changes also with events of the key that could not be read, or came again."""
    source, target = state.source, state.target
    return (
        source.track.emitted_offset if source is not None else -1,
        target.track.emitted_offset if target is not None else -1,
    )


def standing(state: KeyState, pair: Pair) -> Judgement | None:
    """The verdict of the key's sighting, while no event has come since; None without one.

    That two rows were equal says nothing any more once an event may have been missed. That they
    differ stands: an event that was missed explains it rather than mends it.
    """
    swept = state.swept
    if swept is None or _marks(state) != (
        swept.source_offset, swept.source_us, swept.target_offset, swept.target_us,
    ):  # fmt: skip
        return None
    if swept.kind == EQUAL_KIND:
        if (swept.emitted, swept.losses) != (_emitted(state), pair.losses):
            return None
        return Judgement(Verdict.CONSISTENT, "swept_equal", reason=Reason.NONE)
    return Judgement(
        Verdict.DIVERGENT, "swept", kind=Kind(swept.kind), evidence=Evidence.SWEEP,
        since_us=swept.since_us,
    )  # fmt: skip
