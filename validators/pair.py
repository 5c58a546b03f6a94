"""One pair while it is judged: its rules, the streams of both sides, its watermarks.

`figwatch.validators.rules` reads it; `figwatch.validators.surroundings` keeps it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from figwatch.validators.change import Reading, Side
from figwatch.validators.outcome import Reason
from figwatch.validators.state import Entry, KeyState, Source, Target, Track
from figwatch.validators.statement_time import is_whole_second
from figwatch.validators.stream import Stream

if TYPE_CHECKING:
    from figwatch.validators.fence_trust import Suspicion

if TYPE_CHECKING:
    from collections.abc import Callable

    from figwatch.validators.outbox.legs import Legs

_NEVER = 1 << 62
UNBOUNDED = 1 << 62
"""What a replay lists: everything."""


@dataclass(frozen=True, slots=True)
class PairRules:
    """What the configuration says about a pair. Times in microseconds."""

    name: str
    source_topics: tuple[str, ...]
    target_topics: tuple[str, ...]
    columns: tuple[str, ...]
    """Mapped columns by the source's names, in the order of the sketches."""
    objective_us: int = 1_000_000
    give_up_us: int = 60_000_000
    skew_us: int = 0
    """Bound between figwatch's clock and the target database's."""
    source_skew_us: int = 0
    """The same for the source database."""
    fenced: bool = False
    """The target side names the replicator's consumer group."""
    readings: bool = True
    """False only in a replay without readings of the source: see `Pair.judged`."""
    ring_size: int = 8
    disorder_us: int = 10_000
    """How far commit times may fall along one raw partition."""
    findings_max: int = UNBOUNDED
    """Most open findings that one judge lists; it counts the others."""
    echo_us: int = 5_000_000
    """How soon a copy of a write must come over to be taken for one (`writes.echoes`)."""
    loop_hops: int = 6
    """Copies of copies, one after the other, that make a loop."""
    origins: tuple[str, str] = ("", "")
    """Replication origin that the sessions of the replicator into source and target name."""

    @property
    def clocks_us(self) -> int:
        """Bound between the two databases' clocks: what compares them is widened by it."""
        return self.skew_us + self.source_skew_us

    def topics(self, side: Side) -> tuple[str, ...]:
        """Raw topics of one side."""
        return self.source_topics if side is Side.SOURCE else self.target_topics


class Epoch(msgspec.Struct, array_like=True, gc=False):
    """A snapshot that began after the first state of a side was known."""

    commit_us: int
    finished: bool = False


class Pair:
    """The live view that the rules ask: J, F, coverage and watermarks."""

    def __init__(self, rules: PairRules, streams: list[Stream]) -> None:
        self.rules = rules
        self._all = streams
        self.streams: tuple[list[Stream], list[Stream]] = ([], [])
        self.heard = [False, False]
        """Whether every partition of the side's topics has been heard of."""
        self.spread = False
        """The source's topics were given more partitions: a key's events stand in several."""
        self._sources: list[int] = []
        self.epochs: list[Epoch | None] = [None, None]
        self.watermarks = [0, 0]
        self.floor_us = 0
        """Nothing read before this instant counts as read: the time of the last restore."""
        self.absent = (0, 0)
        """What says that a row which the target does not show is absent: when its newest snapshot
        was read (figwatch's clock), and that snapshot's time."""
        self.demoted = False
        """The replicator was seen to break what F rests on; its fence proves nothing more."""
        self.untold_late = 0
        """Writes called done before they came,"""
        self.suspicions: list[Suspicion] = []
        """and those that may have been: see `figwatch.validators.fence_trust`."""
        self.written_again: dict[bytes, tuple[int, int]] = {}
        """Stream and offset of the last event of a key that changed nothing, of the newest keys."""
        self._ripe: dict[int, Reading | None] = {}
        self.may_open: Callable[[bytes, KeyState], bool] = _always
        """Whether a divergence of a key (of the join table) may become a finding; asked of pairs
        that are judged both ways (`figwatch.validators.writes.turning`)."""
        self.measures = True
        """Its samples and alarms count: not of a direction that does not lead."""
        self.legs: tuple[Legs, ...] = ()
        """Who wants to hear when the other side shows a version of this one."""

    def add_stream(self, side: Side, index: int) -> None:
        """Take a raw partition of one side, by its number in the judge's list."""
        self.streams[side].append(self._all[index])
        if side is Side.SOURCE:
            self._sources.append(index)

    def refresh(self, expected: dict[str, int]) -> None:
        """Recompute watermarks and ripe readings after marks, barriers and readings.

        `expected` has the partition count of each raw topic; a side's watermark is 0 while one
        of its partitions is still unheard of.
        """
        for side, topics in ((0, self.rules.source_topics), (1, self.rules.target_topics)):
            streams = self.streams[side]
            low, needed = _NEVER, 0
            for topic in topics:
                needed += expected.get(topic, _NEVER)
            self.heard[side] = heard = len(streams) >= needed
            for stream in streams:
                low = min(low, stream.kept.watermark_us)
            self.watermarks[side] = max(low, 0) if heard and streams else 0
        self._ripe.clear()

    @property
    def late_us(self) -> int:
        """A source change from before it should have been shown by now."""
        return self.watermarks[Side.TARGET] - self.rules.objective_us

    def ripe(self, index: int) -> Reading | None:
        """Return the newest usable reading of source stream `index` (see `Stream.ripe`)."""
        if index not in self._ripe:
            watermark = self.watermarks[Side.TARGET]
            usable = watermark and 0 <= index < len(self._all)
            self._ripe[index] = (
                self._all[index].ripe(watermark, self.rules.skew_us) if usable else None
            )
        return self._ripe[index]

    def read_us(self, target: Target | None) -> int:
        """When figwatch read the target's present value. That of an absent row is what a later
        snapshot did not show: the row may have come and gone before it, unseen.
        """
        if target is None:
            return max(self.absent[0], self.floor_us)
        if target.fingerprint is None:
            return max(target.read_us, self.absent[0], self.floor_us)
        return max(target.read_us, self.floor_us)

    def _touched_us(self, target: Target | None) -> int:
        """When the target's present value was committed, at the latest: by its own time, but where
        that may be its statement's, by when it was read.
        """
        if target is None:
            return self.absent[1]
        if target.touched_us and is_whole_second(target.touched_us):
            return max(target.touched_us, target.read_us + self.rules.skew_us)
        return target.touched_us

    def judged(self, source: Source | None, target: Target | None) -> bool:
        """J: everything the replicator can have written from is applied, and the rest of the
        target version's transaction has been read.
        """
        touched_us = self._touched_us(target)
        watermark = self.watermarks[Side.TARGET]
        if not watermark or watermark <= touched_us:
            return False
        if not self.rules.readings:
            return self.watermarks[Side.SOURCE] > touched_us + self.rules.clocks_us
        streams = self._where_to_look(source)
        return bool(streams) and all(self._covered(index, target) for index in streams)

    def elsewhere_applied(self, stream: int, target: Target | None) -> bool:
        """Whether later events of the key that may stand in another source partition than its
        known ones, because partitions were added, would have been read.
        """
        others = (i for i in self._sources if i != stream and self._all[i].asked)
        return all(self._covered(index, target) for index in others)

    def _where_to_look(self, source: Source | None) -> list[int]:
        """Source partitions from which the target's value may come: those of the key, and every
        other that is read: partitions added before figwatch began are told by nothing but an event.
        """
        streams = self._streams_of(source)
        return streams and streams + [i for i in self._sources if self._all[i].asked]

    def _streams_of(self, source: Source | None) -> list[int]:
        """Source partitions in which events of this key may stand: its own, or all of them for a
        key never seen and where partitions were added. Empty while not all are heard of.
        """
        if source is not None and 0 <= source.track.stream < len(self._all) and not self.spread:
            return [source.track.stream]
        return self._sources if self.heard[Side.SOURCE] else []

    def _covered(self, index: int, target: Target | None) -> bool:
        """Whether the stream is applied to an end asked for after the target's value was read."""
        return self._all[index].covered_us > self.read_us(target)

    def passed(self, index: int, offset: int, target: Target | None) -> Reading | None:
        """Return a reading proving that the replicator is done with `offset` of stream `index`.

        It was requested after the target's value was read, everything up to its end offset is
        applied, the target's watermark is past its answer, and no later reading has fallen
        behind again (a rewind that repairs).
        """
        if not self.rules.fenced or self.demoted:
            return None
        reading = self.ripe(index)
        if reading is None or not _beyond(reading, offset):
            return None
        if not self._asked_after(reading, target) or self._behind_again(index, offset):
            return None
        return reading

    def _asked_after(self, reading: Reading, target: Target | None) -> bool:
        return reading.requested_us > self.read_us(target)

    def _behind_again(self, index: int, offset: int) -> bool:
        latest = self._all[index].latest
        return latest is None or not _beyond(latest, offset)

    def done(self, source: Source, entry: Entry, target: Target | None) -> Reading | None:
        """F(c): the replicator is done with this version, and it was emitted for good."""
        if not self._emitted(source.track, entry):
            return None
        return self.passed(entry.stream, entry.offset, target)

    def _emitted(self, track: Track, entry: Entry) -> bool:
        """Whether the connector has not gone back to before this version.

        After a restart it emits the key's events again, oldest first: while the last emission of
        the key is an older one, this version's next copy is still to come. An event that is new
        and was committed later says that the connector has caught up; one that was committed
        earlier may only seem new, because figwatch could not read it the first time. (Per key: a
        copy of another key's event can not make the replicator show this key's older version.)
        """
        if track.emitted is None or entry.position is None or track.emitted == track.position:
            return True
        if track.emitted >= entry.position:
            return True
        if not 0 <= track.emitted_stream < len(self._all):
            return False
        kept = self._all[track.emitted_stream].kept
        later = kept.new_us > entry.commit_us + self.rules.disorder_us
        return later and kept.new_offset > track.emitted_offset

    def given_up(self, source: Source, target: Target | None) -> bool:
        """Whether nothing of the key's known versions can still come to the target."""
        last = source.ring[-1]
        old_us = self.watermarks[Side.TARGET] - last.commit_us - self.rules.clocks_us
        return old_us > self.rules.give_up_us or self.done(source, last, target) is not None

    @property
    def is_replicated(self) -> bool:
        """Whether somebody may copy from the source to the target: its replicator's group, where
        one is named, has committed an offset.
        """
        if not self.rules.fenced:
            return True
        latest = [stream.latest for stream in self.streams[Side.SOURCE]]
        return any(reading is not None and reading.committed is not None for reading in latest)

    def was_done(self, entry: Entry, before_us: int) -> Reading | None:
        """The reading, answered before then, that had called this version done."""
        if not 0 <= entry.stream < len(self._all):
            return None
        reading = self._all[entry.stream].ripe(before_us, 0)
        if reading is None or not _beyond(reading, entry.offset):
            return None
        return None if self.rewound_since(entry, reading) else reading

    def rewound_since(self, entry: Entry, reading: Reading) -> bool:
        """Whether the replicator has gone back in the version's partition since that reading."""
        return self._all[entry.stream].rewound_us > reading.answered_us

    def source_read_since(self, source: Source, read_us: int) -> bool:
        """Whether all that the replicator can have written from before then is applied."""
        streams = self._where_to_look(source)
        return bool(streams) and all(self._all[i].covered_us > read_us for i in streams)

    def before_history(self, source: Source | None, target: Target | None) -> bool:
        """Whether nothing from before figwatch's first record, or lost since, can still be shown:
        trivially so where everything was read from the beginning; else F of the key's first
        version, because that may be a copy of one from before; for a key never seen, F of all
        that was not read.
        """
        for index in self._streams_of(source):
            lost = max(self._all[index].kept.base, self._all[index].kept.taint)
            if lost > 0 and source is not None and source.ring:
                return self.done(source, source.ring[0], target) is not None
            if lost > 0 and self.passed(index, lost - 1, target) is None:
                return False
        return True

    def side_fault(self, side: Side, track: Track | None, *, absent: bool) -> Reason:
        """Why the state of a key on one side is not known (`NONE`: it is)."""
        epoch = self.epochs[side]
        if track is None:
            return self._unseen_fault(side)
        if track.fault:
            return track.fault
        if 0 <= track.stream < len(self._all):
            kept = self._all[track.stream].kept
            if track.offset < kept.taint:
                return kept.taint_reason
        if epoch is None or (absent and epoch.finished) or self._seen_since(track, epoch):
            return Reason.NONE
        return Reason.NOT_REREAD

    @property
    def losses(self) -> int:
        """A number that grows whenever records were lost, or a new snapshot makes keys unknown."""
        taints = sum(s.kept.taint for side in self.streams for s in side)
        return taints + sum(epoch.commit_us for epoch in self.epochs if epoch is not None)

    def _seen_since(self, track: Track, epoch: Epoch) -> bool:
        """Whether the key's last event stands behind the beginning of a snapshot: by its place
        where its partition shows one, because a snapshot's time may be another machine's.
        """
        if 0 <= track.stream < len(self._all):
            span = self._all[track.stream].kept.span
            if span is not None and span.commit_us >= epoch.commit_us:
                return track.offset >= span.first_offset
        return track.seen_us >= epoch.commit_us

    def _unseen_fault(self, side: Side) -> Reason:
        """A key never seen on this side is absent only where everything was seen."""
        for stream in self.streams[side]:
            span = stream.kept.span
            if span is not None and not span.finished and not self.past_snapshot(side):
                return Reason.SNAPSHOT_RUNNING
            if stream.history_from() < 0:
                return stream.kept.taint_reason or Reason.NOT_FROM_BEGINNING
        return Reason.NONE

    def past_snapshot(self, side: Side) -> bool:
        """Whether any partition of the side shows that the connector streams from the log, or the
        watermark (which no snapshot row advances) is past the snapshot.
        """
        return any(
            s.kept.streaming
            or (
                s.kept.span is not None
                and (s.kept.span.finished or s.kept.watermark_us > s.kept.span.commit_us)
            )
            for s in self.streams[side]
        )


def _always(_key: bytes, _state: KeyState) -> bool:
    return True


def _beyond(reading: Reading, offset: int) -> bool:
    return reading.committed is not None and reading.committed > offset
