"""What is known around the keys of one partition: raw partitions with their marks, barriers and
readings, how many of them there are, where records were lost, and which snapshots began.

Every verdict rests on it. `figwatch.validators.stream` is one raw partition,
`figwatch.validators.pair` what the rules ask of all of them; `figwatch.validators.row_records`
applies what is said of rows.
"""

from figwatch.validators.change import Barrier, Gap, Mark, Reading, Side, Topology
from figwatch.validators.outcome import Reason
from figwatch.validators.pair import Epoch, Pair, PairRules
from figwatch.validators.stream import Coverage, Stream


class Surroundings:
    """Streams and pairs of one partition of `<app>-changes`."""

    def __init__(self, rules: tuple[PairRules, ...]) -> None:
        self.streams: list[Stream] = []
        self.pairs = {one.name: Pair(one, self.streams) for one in rules}
        self.expected: dict[str, int] = {}
        """How many partitions each raw topic has."""
        self.recheck: set[str] = set()
        """Pairs of which every key is to be judged again."""
        self.dirty = False
        """The partition's own record is unlike the changelog's."""
        self.stale = True
        """Something came that the pairs' views are not made from yet: see `refresh`."""
        self._numbers: dict[tuple[str, int], int] = {}

    def place(self, topic: str, partition: int) -> tuple[int, Stream]:
        """The raw partition's number in this judge, and what is known of it."""
        index = self._numbers.get((topic, partition))
        if index is None:
            index = self.add(Coverage(topic, partition))
        return index, self.streams[index]

    def add(self, coverage: Coverage) -> int:
        """Take a raw partition; returns its number."""
        index = len(self.streams)
        self.streams.append(Stream(coverage))
        self._numbers[coverage.topic, coverage.partition] = index
        for pair in self.pairs.values():
            for side in Side:
                if coverage.topic in pair.rules.topics(side):
                    pair.add_stream(side, index)
        self.stale = True
        return index

    def mark(self, mark: Mark, now_us: int) -> None:
        """All of a raw partition up to here has been applied."""
        _, stream = self.place(mark.topic, mark.partition)
        log_us = 0
        if mark.snapshot is not None:
            firsts = (s.kept.log_append_us for s in self.streams if s.kept.topic == mark.topic)
            log_us = min((us for us in firsts if us), default=0)
        known = stream.history_from()
        began = stream.mark(mark, self._disorder_us(mark.topic), log_us)
        if known < 0 <= stream.history_from():
            self.recheck_topic(mark.topic)
        self.stale = True
        for pair in self.pairs.values():
            for side in Side:
                if mark.topic in pair.rules.topics(side):
                    self._epoch(pair, side, mark if began else None)
            if mark.snapshot is not None and mark.topic in pair.rules.target_topics:
                pair.absent = now_us, max(pair.absent[1], mark.snapshot.commit_us)

    def _epoch(self, pair: Pair, side: Side, began: Mark | None) -> None:
        epoch = pair.epochs[side]
        if began is not None and began.snapshot is not None:
            commit_us = began.snapshot.commit_us
            if epoch is None or commit_us > epoch.commit_us:
                pair.epochs[side] = epoch = Epoch(commit_us)
                self.recheck.add(pair.rules.name)
        if epoch is not None and not epoch.finished:
            spans = [s.kept.span for s in pair.streams[side] if s.kept.span is not None]
            if any(s.finished and s.commit_us >= epoch.commit_us for s in spans):
                epoch.finished = True
                self.recheck.add(pair.rules.name)

    def barrier(self, barrier: Barrier) -> None:
        """A heartbeat says how far a connector has read."""
        self.place(barrier.topic, barrier.partition)[1].barrier(barrier)
        self.stale = True

    def topology(self, topology: Topology) -> None:
        """A raw topic has so many partitions."""
        before = self.expected.get(topology.topic, 0)
        if topology.partitions <= before:
            return  # partitions are never taken away: told late by a worker that asked earlier
        self.dirty = True
        self.expected[topology.topic] = topology.partitions
        for pair in self.pairs.values():
            if before and topology.topic in pair.rules.source_topics:
                pair.spread = True
        self.stale = True

    def gap(self, gap: Gap) -> None:
        """Records of a raw partition were lost, or are not to be believed any more."""
        _, stream = self.place(gap.topic, gap.partition)
        if gap.distrust:
            stream.taint(gap.end, Reason.SCHEMA_CHANGED)
            self.recheck_topic(gap.topic)
        elif gap.end > stream.kept.next_offset:
            stream.taint(gap.end, Reason.GAP)
            self.recheck_topic(gap.topic)

    def read(self, reading: Reading) -> None:
        """Take one reading of the replicator (live: handed to every judge of the worker)."""
        _, stream = self.place(reading.topic, reading.partition)
        stream.read(reading)
        self.stale = True

    def _disorder_us(self, topic: str) -> int:
        of_topic = (p.rules for p in self.pairs.values())
        return max(
            (r.disorder_us for r in of_topic if topic in r.source_topics + r.target_topics),
            default=0,
        )

    def distrust_topic(self, topic: str, reason: Reason) -> None:
        """All that was applied of a raw topic may be wrong, in whichever partition."""
        for stream in self.streams:
            if stream.kept.topic == topic:
                stream.taint(stream.applied_to, reason)

    def recheck_topic(self, topic: str) -> None:
        """Every key of the pairs of a raw topic is to be judged again."""
        for name, pair in self.pairs.items():
            if topic in pair.rules.source_topics + pair.rules.target_topics:
                self.recheck.add(name)

    def refresh(self) -> None:
        """Bring the pairs' views up to date with what came."""
        for pair in self.pairs.values():
            pair.refresh(self.expected)
        self.stale = False

    def watermark_us(self, topics: tuple[str, ...]) -> int:
        """Everything in these topics committed before it was applied; 0: that is not known."""
        streams = [s for s in self.streams if s.kept.topic in topics]
        heard = all(topic in self.expected for topic in topics)
        if not heard or len(streams) < sum(self.expected[topic] for topic in topics):
            return 0
        return max(0, min((s.kept.watermark_us for s in streams), default=0))
