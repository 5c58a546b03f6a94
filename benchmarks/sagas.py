"""Sagas: events a second of one judge, and bytes of memory an open saga, at a million of them."""

import resource
import sys
import time

from figwatch.validators.change import Barrier, Mark, Topology
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.sagas.definition import (
    Definition,
    StepDeclaration,
    signals_of,
    step_order,
)
from figwatch.validators.writes.records import SagaEvent

STEPS = (
    StepDeclaration("reserve", "StockReserved", "StockRefused", "StockReleased"),
    StepDeclaration("pay", "PaymentTaken", "PaymentRefused", "PaymentRefunded"),
    StepDeclaration("confirm", "OrderConfirmed"),
)
STORY = ("OrderPlaced", "StockReserved", "PaymentTaken", "OrderConfirmed")
TOPIC = "orders"
NOW_US = 1_700_000_000_000_000


def new_judge() -> PartitionJudge:
    """A judge of one saga, which has heard of its topic."""
    saga = Definition(
        "order", tuple(s.name for s in STEPS), step_order(STEPS), 0b011,
        signals_of(["OrderPlaced"], STEPS), frozenset(), 3_600_000_000, (TOPIC,),
    )  # fmt: skip
    judge = PartitionJudge((), [saga])
    judge.apply(Topology(TOPIC, 1), NOW_US)
    judge.apply(Mark(TOPIC, 0, 0, 0, None, streaming=False), NOW_US)
    return judge


def event(judge: PartitionJudge, name: str, number: int, offset: int) -> SagaEvent:
    """An event as the decoder makes it: ids of their own, a UUID as correlation id."""
    signal = judge.sagas.sagas["order"].definition.signals[name]
    instance = f"{number:08x}-0000-4000-8000-{number:012x}".encode()
    at_us = NOW_US + offset * 10
    return SagaEvent(
        "order", instance, at_us, committed=False, topic=TOPIC, partition=0, offset=offset,
        append_us=at_us, start=signal.start, done=signal.done, event_id=offset + 1,
    )  # fmt: skip


def resident_bytes() -> int:
    """What this process holds now (Linux; the peak elsewhere)."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        factor = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def main() -> None:
    """Open a million sagas, end a tenth, then let the rest run into their time limit."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    judge = new_judge()
    # Two events each, made in portions so that only the judge's own state stays.
    before, spent, offset = resident_bytes(), 0.0, 0
    for first in range(0, count, 10_000):
        numbers = range(first, min(first + 10_000, count))
        events = []
        for name in STORY[:2]:
            for number in numbers:
                events.append(event(judge, name, number, offset))
                offset += 1
        began = time.process_time()
        for each in events:
            judge.apply(each, NOW_US)
        spent += time.process_time() - began
        for _ in judge.take_dirty():
            pass
    del events
    held = resident_bytes() - before
    print(f"open sagas {count}: {held / count:.0f} bytes each, {held / 1e6:.0f} MB")
    print(f"opening: {2 * count / spent:,.0f} events/cpu-s")
    ends = min(count, 100_000)
    events = [
        event(judge, name, number, offset + n)
        for n, (name, number) in enumerate((s, k) for k in range(ends) for s in STORY[2:])
    ]
    began = time.process_time()
    for each in events:
        judge.apply(each, NOW_US)
    print(f"ending: {len(events) / (time.process_time() - began):,.0f} events/cpu-s")
    end = offset + len(events)
    judge.apply(Mark(TOPIC, 0, 0, end, None, streaming=False), NOW_US)
    judge.apply(Barrier(TOPIC, 0, end, NOW_US + 7_200_000_000), NOW_US)
    began, longest = time.process_time(), 0.0
    while judge.summary(NOW_US).sagas["order"].open:
        look = time.process_time()
        judge.evaluate(NOW_US)
        longest = max(longest, time.process_time() - look)
    spent = time.process_time() - began
    stuck = judge.summary(NOW_US).sagas["order"].outcomes["stuck"]
    print(f"all others stuck at once: {stuck} in {spent:.1f} cpu-s, longest look {longest:.2f} s")


if __name__ == "__main__":
    main()
