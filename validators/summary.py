"""What one internal partition says of itself once a second, and how such summaries merge.

Everything global (status, gate, metrics of a fleet) is `merge` over the partitions, so it is the
same with one worker or fifty. `figwatch.validators.result` turns it into the public JSON.
"""

from collections.abc import Iterable

import msgspec

from figwatch.validators.convergence import Quantiles
from figwatch.validators.lately import Lately
from figwatch.validators.outbox.summary import OutboxSummary, merge_outboxes
from figwatch.validators.sagas.summary import SagaSummary, merge_sagas
from figwatch.validators.writes.conflict import LISTED_MAX, Conflict
from figwatch.validators.writes.echo_summary import EchoSummary, merge_echoes

SUMMARY_VERSION = 1
MAX_GAPS = 100
"""Gaps listed in a summary; the count goes on."""


class StreamSummary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A raw partition as one internal partition has applied it."""

    topic: str
    partition: int
    next_offset: int
    watermark_us: int
    gap_reason: str = ""
    """Why keys of this partition may be unknown (empty: no loss)."""
    gap_offset: int = 0
    committed: int | None = None
    """Latest committed offset of the replicator."""
    end_offset: int | None = None


class SweepSummary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The newest sweep of a pair (see `figwatch.validators.change.SweepEnd`)."""

    began_us: int
    ended_us: int
    whole: bool
    differences: int
    source_rows: int
    target_rows: int
    clean_us: int
    """Every row was looked at since then, and was equal (0: never)."""
    ranges: int = 1
    ranges_clean: int = 0
    ages_us: tuple[int, ...] = ()
    """Since when each range, or a few neighbours, are known to be equal (0: not known)."""


class TurnSummary(msgspec.Struct, array_like=True, gc=False):
    """The newest turn of a pair's authority (see `figwatch.validators.writes.turning`)."""

    at_us: int
    lead: int
    """Who leads since: 0 the configuration's authority, 1 the other side."""
    decided: bool
    """Both sides are known to beyond it."""
    owed: int
    """Keys that the new leader had not in full at the turn, and has not yet."""
    owed_total: int
    lost: int
    """Of these, what the new leader was written without."""
    undecided: int


class PairSummary(msgspec.Struct, array_like=True, gc=False):
    """Counts of one pair."""

    keys: dict[str, int]
    """Verdict name to number of keys."""
    unknown: dict[str, int]
    """Reason name to number of unknown keys."""
    open_findings: dict[str, int]
    """Kind name to number of open findings."""
    findings_total: dict[str, int]
    convergence: Quantiles
    unshown: int
    """Source changes older than the objective that the target has not shown."""
    oldest_unshown_us: int
    """Commit time of the oldest source change not shown (0: none)."""
    capture: dict[str, Quantiles]
    """Kafka append time minus commit time, by `source` and `target`."""
    changes: dict[str, int]
    """Row events applied, by `source:c` and the like."""
    duplicates: dict[str, int]
    """By `source` and `target`."""
    source_watermark_us: int
    target_watermark_us: int
    verified_through_us: int
    transient: int
    """Foreign values that healed within the objective."""
    alarms: dict[str, int]
    """Broken assumptions noticed, by name: counted by `figwatch.validators.books`."""
    demoted: bool = False
    """Fence evidence of this pair is no longer believed."""
    unlisted: int = 0
    """Open findings that are only counted: more than the findings topic is to hold."""
    unlisted_total: int = 0
    """Findings that were only counted when they were opened."""
    detected_us: int = 0
    """When the newest finding was detected (0: there was none)."""
    detection_us: int = 0
    """How long that took since the sides differed."""
    sweep: SweepSummary | None = None
    """The newest sweep; None where the tables were never compared."""
    lately: Lately = msgspec.field(default_factory=Lately)
    """What converged lately, by the time at which it was seen."""
    newest: dict[str, int] = {}
    """Greatest commit time of a log event, by `source` and `target`."""
    turn: TurnSummary | None = None
    """None: authority has never moved, or the pair is not judged both ways."""
    conflicts: dict[str, int] = {}
    """Concurrent writes of a pair judged both ways, by who won; `lost`: lost updates, `late`: late
    ones, `unjudged`: keys that were too many to look at."""
    conflicts_listed: list[Conflict] = []
    echoes: EchoSummary | None = None
    """Writes that come round; None: the pair is not judged both ways."""


class Summary(msgspec.Struct, array_like=True, gc=False):
    """One internal partition at one instant of figwatch's clock."""

    partition: int
    as_of_us: int
    worker: str
    malformed: dict[str, int]
    """By `side:reason`."""
    duplicates: int
    pairs: dict[str, PairSummary]
    streams: list[StreamSummary]
    version: int = SUMMARY_VERSION
    sagas: dict[str, SagaSummary] = {}
    outboxes: dict[str, OutboxSummary] = {}


def _add(into: dict[str, int], other: dict[str, int]) -> None:
    for name, count in other.items():
        into[name] = into.get(name, 0) + count


def _merge_pair(into: PairSummary, other: PairSummary) -> None:
    for name in (
        "keys",
        "unknown",
        "open_findings",
        "findings_total",
        "changes",
        "duplicates",
        "alarms",
    ):
        _add(getattr(into, name), getattr(other, name))
    into.convergence.merge(other.convergence)
    for side, sketch in other.capture.items():
        into.capture.setdefault(side, Quantiles(buckets={})).merge(sketch)
    into.lately.merge(other.lately)
    into.unshown += other.unshown
    into.transient += other.transient
    into.unlisted += other.unlisted
    into.unlisted_total += other.unlisted_total
    if other.detected_us > into.detected_us:
        into.detected_us, into.detection_us = other.detected_us, other.detection_us
    into.demoted = into.demoted or other.demoted
    if other.sweep is not None and (
        into.sweep is None or other.sweep.ended_us > into.sweep.ended_us
    ):
        into.sweep = other.sweep
    for side, newest_us in other.newest.items():
        into.newest[side] = max(newest_us, into.newest.get(side, 0))
    _add(into.conflicts, other.conflicts)
    into.conflicts_listed = [*into.conflicts_listed, *other.conflicts_listed][-LISTED_MAX:]
    if into.echoes is not None and other.echoes is not None:
        merge_echoes(into.echoes, other.echoes)
    if into.turn is not None and other.turn is not None:
        _merge_turn(into.turn, other.turn)
    oldest = [t for t in (into.oldest_unshown_us, other.oldest_unshown_us) if t]
    into.oldest_unshown_us = min(oldest, default=0)
    # 0 means that nothing is known, so that the least of all is what all have reached.
    into.source_watermark_us = min(into.source_watermark_us, other.source_watermark_us)
    into.target_watermark_us = min(into.target_watermark_us, other.target_watermark_us)
    into.verified_through_us = min(into.verified_through_us, other.verified_through_us)


def _merge_turn(into: TurnSummary, other: TurnSummary) -> None:
    """A turn is told to every partition; one that has not heard of it has not decided it."""
    into.decided = into.decided and other.decided and into.at_us == other.at_us
    if other.at_us > into.at_us:
        into.at_us, into.lead = other.at_us, other.lead
    into.owed += other.owed
    into.owed_total += other.owed_total
    into.lost += other.lost
    into.undecided += other.undecided


def copy_summary(summary: Summary) -> Summary:
    """Return a summary that can be changed without touching the original."""
    return decode_summary(encode_summary(summary))


def merge(summaries: Iterable[Summary]) -> Summary | None:
    """Merge the partitions' summaries; `as_of_us` is the oldest. None for none."""
    merged: Summary | None = None
    for summary in summaries:
        if merged is None:
            merged = copy_summary(summary)
            continue
        merged.as_of_us = min(merged.as_of_us, summary.as_of_us)
        _add(merged.malformed, summary.malformed)
        merged.duplicates += summary.duplicates
        merged.streams = _merge_streams(merged.streams, summary.streams)
        merge_sagas(merged.sagas, summary.sagas)
        merge_outboxes(merged.outboxes, summary.outboxes)
        for name, pair in summary.pairs.items():
            if name in merged.pairs:
                _merge_pair(merged.pairs[name], pair)
            else:
                merged.pairs[name] = copy_summary(summary).pairs[name]
    return merged


def _merge_streams(left: list[StreamSummary], right: list[StreamSummary]) -> list[StreamSummary]:
    """A raw partition is as far as the slowest internal partition has applied it."""
    merged = {(s.topic, s.partition): s for s in left}
    for stream in right:
        key = (stream.topic, stream.partition)
        other = merged.get(key)
        if other is None or stream.next_offset < other.next_offset:
            merged[key] = stream
    return [merged[key] for key in sorted(merged)]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Summary)

encode_summary = _ENCODER.encode
decode_summary = _DECODER.decode
