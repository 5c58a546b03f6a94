"""A burst of a million divergences: what it costs in memory and topics, and what is said of it.

Every key agrees, then one faulty deployment of the replicator commits offsets and writes nothing:
every key is divergent at once; later all are repaired. Gated: exact counts throughout, no more
findings leave than are listed, the others are said as unlisted, nothing stays behind.
Run: `python -m benchmarks.burst [--keys N] [--listed N]`.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from benchmarks.state import BASE_US, BATCH, COLUMNS, TOPICS, resident_bytes, rules
from figwatch.streams.judge_agent import SHARE_MAX
from figwatch.validators.change import Barrier, Change, Mark, Op, Reading, Record, Side, Topology
from figwatch.validators.finding import encode_finding, finding_id
from figwatch.validators.judge import Judge
from figwatch.validators.key_table import LOOK_MAX

STEP_US = 100


@dataclass
class Run:
    """A judge at work: what leaves it is weighed and let go, as the worker does."""

    judge: Judge
    offsets: list[int] = field(default_factory=lambda: [0, 0])
    now_us: int = BASE_US
    findings: int = 0
    findings_bytes: int = 0
    finding_keys: set[bytes] = field(default_factory=set)
    written: int = 0
    """Records to the changelog."""
    batch_keys: int = 0
    """Most of them at once."""
    empty_bytes: int = field(default_factory=resident_bytes)
    _evaluate_at: float = 0.0

    def all_keys(self, keys: int, side: Side, op: Op, seed: int) -> None:
        """Write every key on one side."""
        for first in range(0, keys, BATCH):
            self.some_keys(range(first, min(keys, first + BATCH)), side, op, seed)

    def some_keys(self, keys: range, side: Side, op: Op, seed: int) -> None:
        """Write some keys on one side, and look."""
        for record in self._events(keys, side, op, seed):
            self.judge.apply(record, self.now_us)
        self.look()

    def _events(self, keys: range, side: Side, op: Op, seed: int) -> Iterator[Record]:
        dice, start = random.Random(seed * 1_000_000_007 + keys.start), self.offsets[side]
        for offset, number in enumerate(keys, start):
            self.now_us += STEP_US
            row = dice.randbytes(16), dice.randbytes(2 * COLUMNS)
            position = 33_466_632_000 + offset * 200, 1
            yield Change(
                "stock", side, b"%d" % number, op, *row, self.now_us, position,
                900_000 + offset, TOPICS[side], 0, offset, self.now_us + 90_000,
            )  # fmt: skip
        self.offsets[side] += len(keys)
        yield Mark(TOPICS[side], 0, start, start + len(keys), self.now_us, streaming=True)

    def look(self) -> None:
        """Take out what leaves; judge what waits for a small share of the time, as the worker."""
        if time.process_time() >= self._evaluate_at:
            began = time.process_time()
            self.judge.evaluate(self.now_us)
            ended = time.process_time()
            self._evaluate_at = ended + (ended - began) / SHARE_MAX
        self.take()

    def take(self) -> None:
        for finding in self.judge.take_findings():
            self.findings += 1
            self.findings_bytes += len(encode_finding(finding)) + len(finding_id(finding))
            self.finding_keys.add(finding_id(finding))
        changed = dict(self.judge.take_dirty())  # as the worker has it while it writes
        self.written += len(changed)
        self.batch_keys = max(self.batch_keys, len(changed))

    def settle(self) -> None:
        """The replicator has committed all, time passes on both sides."""
        end = self.offsets[Side.SOURCE]
        for _ in range(3):
            self.now_us += 5_000_000
            reading = Reading(TOPICS[0], 0, end, end, self.now_us, self.now_us + 1)
            self.judge.read(reading)
            for topic, at in zip(TOPICS, self.offsets, strict=True):
                heartbeat = Barrier(topic, 0, at, self.now_us + 2_000_000)
                self.judge.apply(heartbeat, self.now_us)
            self.now_us += 3_000_000
            for _ in range(end // LOOK_MAX + 2):  # all that waits is looked at by and by
                self.judge.evaluate(self.now_us)
                self.take()

    def say(self, what: str, seconds: float, keys: int) -> None:
        pair = self.judge.summary(self.now_us).pairs["stock"]
        grown = (resident_bytes() - self.empty_bytes) / keys
        print(
            f"{what:12} {grown:6.0f} B of memory a key, {seconds:6.1f} CPU s, "
            f"{pair.keys['divergent']:,} divergent, {pair.unlisted:,} unlisted, "
            f"{self.findings:,} finding records in {self.findings_bytes:,} B, "
            f"{self.written:,} changelog records, {self.batch_keys:,} at once",
            flush=True,
        )


def timed(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--listed", type=int, default=10_000)
    options = parser.parse_args()
    keys, listed = options.keys, options.listed
    run = Run(Judge((replace(rules(), findings_max=listed),)))
    for topic in TOPICS:
        run.judge.apply(Topology(topic, 1), BASE_US)
        run.judge.apply(Mark(topic, 0, 0, 0, None, streaming=False), BASE_US)

    def in_step() -> None:
        for first in range(0, keys, BATCH):
            some = range(first, min(keys, first + BATCH))
            run.some_keys(some, Side.SOURCE, Op.CREATE, 1)
            run.some_keys(some, Side.TARGET, Op.CREATE, 1)
        run.settle()

    def lost() -> None:
        run.all_keys(keys, Side.SOURCE, Op.UPDATE, 2)
        run.settle()

    def repaired() -> None:
        run.all_keys(keys, Side.TARGET, Op.UPDATE, 2)
        run.settle()

    run.say("in step", timed(in_step), keys)
    assert run.findings == 0
    seconds = timed(lost)
    gc.collect()
    run.say("the burst", seconds, keys)
    pair = run.judge.summary(run.now_us).pairs["stock"]
    assert {"stale": keys} == pair.open_findings
    assert keys == pair.findings_total["stale"]
    assert (listed, keys - listed) == (run.findings, pair.unlisted)
    run.say("repaired", timed(repaired), keys)
    pair = run.judge.summary(run.now_us).pairs["stock"]
    assert (keys, 0, 0) == (pair.keys["consistent"], pair.keys["divergent"], pair.unlisted)
    assert len(run.finding_keys) <= 2 * listed
    print(f"{len(run.finding_keys):,} keys in the findings topic, of {keys:,} findings")


if __name__ == "__main__":
    main()
