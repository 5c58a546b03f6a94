"""Several internal partitions: what a worker's decoding scatters over `<app>-changes`, each with a
judge of its own that reads it at its own pace.

`Scattered` stands where a replay has its one judge. Batches, marks behind the data and the place of
each record are the worker's own code (`figwatch.streams.stretch`), and every record goes through
its stored form. `figwatch.demo.simulator.check` judges a share of the seeds like this.
"""

import random
from collections import deque
from functools import partial

from figwatch.connectors.capture import Line
from figwatch.connectors.config.root import Config
from figwatch.connectors.replay import Replay, Replayed
from figwatch.streams.decode_agent import MARK_SECONDS
from figwatch.streams.sender import Delivery
from figwatch.streams.stretch import Progress, destination, observe, partition_of
from figwatch.validators.change import (
    Barrier,
    Change,
    Forwarded,
    Gap,
    Malformed,
    Mark,
    Reading,
    Record,
    Topology,
    Truncate,
    decode_record,
    encode,
)
from figwatch.validators.finding import Finding
from figwatch.validators.judge import Judge
from figwatch.validators.pair import PairRules
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.state import KeyState
from figwatch.validators.summary import Summary, merge

MARK_US = round(MARK_SECONDS * 1e6)
BEHIND_US_MAX = 300_000
"""No judge is further behind what was decoded."""
UNHURRIED = 0.4
"""Share of the raw batches that take in more."""
EVERYTHING = 1 << 30
Where = tuple[str, int]


class _Lane:
    """One internal partition: what is on its way there, what stands in it unread, its judge."""

    def __init__(self, judge: PartitionJudge) -> None:
        self.judge = judge
        self._sending: deque[tuple[bytes, Delivery | None]] = deque()
        self._unread: deque[tuple[int, bytes]] = deque()

    def put(self, record: Record, delivery: Delivery | None = None) -> None:
        if delivery is not None:
            delivery.add()
        self._sending.append((encode(record), delivery))

    def send_below(self, where: Where, offset: int, now_us: int) -> None:
        """All of a raw partition below an offset arrives, with what stands before it."""
        last = 0
        for count, (record, _) in enumerate(self._sending, 1):
            one = decode_record(record)
            if isinstance(one, Change | Truncate | Malformed) and one.offset < offset:
                last = count if (one.topic, one.partition) == where else last
        self.send(last, now_us)

    def send(self, count: int, now_us: int) -> None:
        """Some of it arrives, and is acknowledged."""
        while self._sending and count > 0:
            record, delivery = self._sending.popleft()
            self._unread.append((now_us, record))
            if delivery is not None:
                delivery.settle()
            count -= 1

    def tell(self, mark: Mark, now_us: int) -> None:
        """A mark may overtake what is on its way: nothing but acknowledgements hold it back."""
        self._unread.append((now_us, encode(mark)))

    def read(self, count: int, now_us: int) -> list[Forwarded]:
        """Apply some records, and all that have waited for too long."""
        while self._unread and (count > 0 or self._unread[0][0] < now_us - BEHIND_US_MAX):
            self.judge.apply(decode_record(self._unread.popleft()[1]), now_us)
            count -= 1
        return self.judge.take_moved()


class _Rows(Judge):
    """Answers for the keys of all partitions."""

    def __init__(self, pairs: tuple[PairRules, ...], lanes: list[_Lane]) -> None:
        super().__init__(pairs)
        self._lanes = lanes

    def state_of(self, pair: str, key: bytes) -> KeyState | None:
        return self._lanes[partition_of(pair, key, len(self._lanes))].judge.state_of(pair, key)


class Scattered(PartitionJudge):
    """Takes what a replay tells its judge, and hands it on as a worker does."""

    def __init__(self, pairs: tuple[PairRules, ...], partitions: int, seed: int) -> None:
        super().__init__(pairs)
        self._lanes = [_Lane(PartitionJudge(pairs, partition=i)) for i in range(partitions)]
        self.rows = _Rows(pairs, self._lanes)
        self._rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self._decoded: dict[Where, list[Change | Truncate | Malformed | Gap]] = {}
        """Of the raw batches that are being decoded."""
        self._open: dict[Where, int] = {}
        """Where they end so far."""
        self._progress: dict[Where, Progress] = {}
        self._told_us = 0

    def apply(self, record: Record, now_us: int) -> None:
        """Take a decoded record, or (the replay's mark) that one raw record is done."""
        if isinstance(record, Mark):
            self._record_done(record, now_us)
        elif isinstance(record, Change | Truncate | Malformed | Gap):
            self._decoded.setdefault((record.topic, record.partition), []).append(record)
        elif isinstance(record, Barrier | Topology):
            self._put(record, None)

    def _record_done(self, mark: Mark, now_us: int) -> None:
        where = mark.topic, mark.partition
        progress = self._progress.get(where)
        if progress is None:
            self._progress[where] = progress = Progress(*where, mark.start_offset)
        if mark.next_offset == mark.start_offset:  # only says where reading begins
            return
        if mark.start_offset < self._open.get(where, progress.next_offset):
            self._read_again(where, mark.start_offset, now_us)
        self._open[where] = mark.start_offset + 1
        self._batches()

    def _read_again(self, where: Where, offset: int, now_us: int) -> None:
        """Begin anew, as after a rebalance: what is below `offset` was acknowledged before."""
        found = self._decoded.get(where, [])
        again = [not isinstance(one, Gap) and one.offset == offset for one in found]
        self._decoded[where] = [one for one, new in zip(found, again, strict=True) if not new]
        if where in self._open:
            self._batch(where)
        for lane in self._lanes:
            lane.send_below(where, offset, now_us)
        self._decoded[where] = [one for one, new in zip(found, again, strict=True) if new]
        self._progress[where] = Progress(*where, offset)

    def _batches(self, *, every: bool = False) -> None:
        """End some of the raw batches: their records go their ways."""
        for where in list(self._open):
            if every or self._rng.random() >= UNHURRIED:
                self._batch(where)

    def _batch(self, where: Where) -> None:
        progress, found = self._progress[where], self._decoded.pop(where, [])
        marks = observe(*where, progress.next_offset, self._open.pop(where), found)
        batch = progress.take(marks)
        delivery = Delivery(partial(progress.delivered, batch))
        for one in found:
            self._put(one, destination(one, len(self._lanes)), delivery)
        delivery.settle()

    def _put(self, record: Record, place: int | None, delivery: Delivery | None = None) -> None:
        for lane in self._lanes if place is None else (self._lanes[place],):
            lane.put(record, delivery)

    def read(self, reading: Reading) -> None:
        """A reading is handed to every judge of a worker."""
        for lane in self._lanes:
            lane.judge.read(reading)

    def evaluate(self, now_us: int) -> None:
        """Time passes: batches end, acknowledgements come, marks are told, judges read on."""
        self._batches()
        self._send((1, 10, EVERYTHING), now_us)
        if now_us - self._told_us >= MARK_US:
            self._tell(now_us)
        self._read_on((0, 3, EVERYTHING), now_us)

    def finish(self, now_us: int) -> None:
        """Everything that was decoded is read."""
        self._batches(every=True)
        self._send((EVERYTHING,), now_us)
        self._tell(now_us)
        for _ in self._lanes:  # moved rows go round
            self._send((EVERYTHING,), now_us)
            self._read_on((EVERYTHING,), now_us)

    def _tell(self, now_us: int) -> None:
        self._told_us = now_us
        for progress in self._progress.values():
            for mark in progress.tell():
                for lane in self._lanes:
                    lane.tell(mark, now_us)

    def _send(self, counts: tuple[int, ...], now_us: int) -> None:
        for lane in self._lanes:
            lane.send(self._rng.choice(counts), now_us)

    def _read_on(self, counts: tuple[int, ...], now_us: int) -> None:
        for lane in self._lanes:
            for moved in lane.read(self._rng.choice(counts), now_us):
                self._put(moved, partition_of(moved.pair, moved.key, len(self._lanes)))
            lane.judge.evaluate(now_us)

    def take_findings(self) -> list[Finding]:
        """Of every judge."""
        return [finding for lane in self._lanes for finding in lane.judge.take_findings()]

    def take_moved(self) -> list[Forwarded]:
        """Nothing: they have gone their way."""
        return []

    def summary(self, now_us: int, worker: str = "") -> Summary:
        """Of all partitions together."""
        merged = merge(lane.judge.summary(now_us, worker) for lane in self._lanes)
        assert merged is not None  # there is one partition at least
        return merged


class ScatteredReplay(Replay):
    """A replay over several internal partitions."""

    def __init__(self, config: Config, lines: list[Line], partitions: int, seed: int) -> None:
        self._partitions, self._seed = partitions, seed
        super().__init__(config, lines)

    def _new_judge(self) -> PartitionJudge:
        self._scattered = Scattered(self._rules, self._partitions, self._seed)
        return self._scattered

    def _outcome(self) -> Replayed:
        self._scattered.finish(self._now_us)
        return super()._outcome()
