"""The judge's state: memory a key, changes judged per CPU-second, recovery from the changelog.

One pair of 12 mapped columns; every key is written on both sides, `--versions` times. Each figure
is gated on what the judge must say: all keys consistent but those whose target was given another
value, and the same after recovery. Run: `python -m benchmarks.state [--keys N] [--versions N]
[--state rocksdb]`.
Times are CPU time of this process; memory is what its resident size grew by.
"""

import argparse
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from figwatch.connectors.config.limits import WorkerConfig
from figwatch.streams.store import Stores
from figwatch.validators.change import Change, Mark, Op, Reading, Record, Side, Topology
from figwatch.validators.judge import META, Judge
from figwatch.validators.pair import PairRules

TOPICS = ("mono.public.inventory", "inv.public.stock_levels")
COLUMNS = 12
BASE_US = 1_790_000_000_000_000
BATCH = 1000
WRONG = 10
"""Keys whose last target version is another value."""


def rules() -> PairRules:
    columns = tuple(f"column{n}" for n in range(COLUMNS))
    return PairRules("stock", TOPICS[:1], TOPICS[1:], columns, fenced=True)


def history(keys: int, versions: int) -> Iterator[Record]:
    """Both sides in step; values are random, log positions and times have their usual size."""
    dice = random.Random(1)
    for topic in TOPICS:
        yield Topology(topic, 1)
    offset = 0
    for version in range(versions):
        op = Op.CREATE if version == 0 else Op.UPDATE
        for number in range(keys):
            row = (dice.randbytes(16), dice.randbytes(2 * COLUMNS))
            wrong = version == versions - 1 and number < WRONG
            at_us = BASE_US + offset * 100
            for side in Side:
                shown = (dice.randbytes(16), dice.randbytes(2 * COLUMNS)) if wrong and side else row
                lsn = 33_466_632_000 + offset * 200
                yield Change(
                    "stock", side, b"%d" % number, op, *shown, at_us + 50_000 * side, (lsn, 1),
                    900_000 + offset, TOPICS[side], 0, offset, at_us + 90_000,
                )  # fmt: skip
            offset += 1
            if offset % BATCH == 0 or offset == keys * versions:
                start = (offset - 1) // BATCH * BATCH
                for side, topic in enumerate(TOPICS):
                    yield Mark(topic, 0, start, offset, at_us + 50_000 * side, streaming=True)


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def settle(judge: Judge, changes: int) -> int:
    """Time passes, the replicator is done: all that can be proved is. Returns the new now."""
    end_us = BASE_US + changes * 100
    for step in range(1, 4):
        now_us = end_us + step * 5_000_000
        judge.read(Reading(TOPICS[0], 0, changes, changes, now_us, now_us + 1))
        for topic in TOPICS:
            judge.apply(
                Mark(topic, 0, changes, changes, now_us + 2_000_000, streaming=True), now_us
            )
        judge.evaluate(now_us + 3_000_000)
    return now_us


def verdicts(judge: Judge, now_us: int) -> dict[str, int]:
    return {k: n for k, n in judge.summary(now_us).pairs["stock"].keys.items() if n}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=1)
    parser.add_argument("--state", choices=("memory", "rocksdb"), default="memory")
    options = parser.parse_args()
    keys, versions = options.keys, options.versions
    folder = tempfile.TemporaryDirectory()
    stores = Stores(WorkerConfig(state=options.state, data_dir=folder.name))
    judge = Judge((rules(),))
    judge.load(stores.new(), BASE_US)
    gc.collect()
    before, spent = resident_bytes(), 0.0
    for count, record in enumerate(history(keys, versions), 1):
        began = time.process_time()
        judge.apply(record, BASE_US + count * 50)
        spent += time.process_time() - began
        if count % BATCH == 0:
            began = time.process_time()
            judge.evaluate(BASE_US + count * 50)
            for _ in judge.take_dirty():
                pass
            spent += time.process_time() - began
    held = (resident_bytes() - before) / keys
    now_us = settle(judge, keys * versions)
    expected = {"consistent": keys - WRONG, "divergent": WRONG}
    assert verdicts(judge, now_us) == expected, verdicts(judge, now_us)
    assert len(judge.take_findings()) == WRONG

    judge.table._dirty = set(judge.table.keys_of("stock"))  # noqa: SLF001  # all of it, as the changelog would have it
    changelog = dict(judge.take_dirty())
    sizes = sum(len(value) for key, value in changelog.items() if key != META)
    del judge
    gc.collect()
    began = time.process_time()
    store = stores.new()
    store.update(changelog)
    restored = Judge((rules(),))
    restored.load(store, now_us)
    restored.evaluate(now_us)
    recovery = time.process_time() - began
    assert verdicts(restored, now_us) == expected, verdicts(restored, now_us)
    print(f"{keys:,} keys, {versions} versions, {COLUMNS} columns")
    print(f"{held:10.0f} bytes of memory a key")
    print(f"{sizes / keys:10.0f} bytes of packed state a key")
    print(f"{2 * keys * versions / spent:10,.0f} changes judged per CPU-second")
    del restored, store  # before the folder that they are in
    gc.collect()
    print(f"{recovery:10.1f} CPU-seconds to recover, {keys / recovery:,.0f} keys per second")


if __name__ == "__main__":
    main()
