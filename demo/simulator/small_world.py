"""The smallest migration: one key, one partition a side, every step a choice.

A `World` is a value; `steps` gives everything that may happen next. What figwatch sees goes through
the production judge. `figwatch.demo.simulator.exhaustive` goes through all of it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from figwatch.validators.change import (
    Barrier,
    Change,
    Gap,
    Malformed,
    Mark,
    Op,
    Reading,
    Record,
    Side,
)
from figwatch.validators.judge import Judge

Value = str | None
PAIR, KEY = "stock", b"k"
TOPICS = ("mono.items", "inv.stock")
EPOCH_US = 1_000_000_000
"""Every whole number from here on is a time."""
TICK_US = 1_000


@dataclass(frozen=True)
class Case:
    """What may happen: the source's versions in order, and how often each failure."""

    name: str
    script: tuple[Value, ...]
    restarts: int = 0
    """Connector restarts, each from any earlier place."""
    crashes: int = 0
    """Replicator crashes between its write and its commit."""
    rewinds: int = 0
    base: int = 0
    """First offset that figwatch reads: it began late."""
    malformed: int = 0
    gaps: int = 0
    lost: int | None = None
    """Number of the source change that the replicator loses."""
    foreign: int = 0
    """Writes into the target by somebody else."""
    readings: int = 2
    beats: int = 2

    @property
    def faulty(self) -> bool:
        """A fault is planted."""
        return self.lost is not None or bool(self.foreign)

    @property
    def losing(self) -> bool:
        """Figwatch does not get to see everything."""
        return bool(self.base or self.malformed or self.gaps)


class World(NamedTuple):
    """Everything but the judge. Offsets are places in `topic` and `target`."""

    emitted: int = 0
    """Versions of the source emitted for the first time."""
    topic: tuple[int, ...] = ()
    """Numbers of the versions emitted, copies too."""
    place: int = 0
    """Next version that the connector emits."""
    position: int = 0
    committed: int = 0
    target: tuple[tuple[Value, int], ...] = ()
    read_source: int = 0
    read_target: int = 0
    request: tuple[int, int] | None = None
    """A reading under way: (requested, committed)."""
    restarts: int = 0
    crashes: int = 0
    rewinds: int = 0
    malformed: int = 0
    gaps: int = 0
    foreign: int = 0
    readings: int = 0
    beats: int = 0
    hurt: bool = False
    """A planted fault has happened."""
    missed: bool = False
    """Figwatch has missed a record."""


class Step(NamedTuple):
    """Something that may happen: its name, the world after it, what figwatch reads with it."""

    name: str
    world: World
    seen: tuple[Record | Reading, ...] = ()


def start(case: Case, judge: Judge, now_us: int) -> World:
    """Figwatch finds both topics."""
    for side in Side:
        first = case.base if side is Side.SOURCE else 0
        judge.apply(Mark(TOPICS[side], 0, first, first, None, streaming=False), now_us)
    return World(read_source=case.base)


def drained(case: Case, world: World) -> bool:
    """Whether nothing is under way any more."""
    return (
        len(case.script) == world.place
        and world.position == world.committed == len(world.topic)
        and world.read_source >= len(world.topic)
        and world.read_target == len(world.target)
        and world.request is None
    )


def latest(case: Case, world: World) -> tuple[Value, Value]:
    """What the two sides hold: (source, target)."""
    source = case.script[world.emitted - 1] if world.emitted else None
    return source, world.target[-1][0] if world.target else None


def steps(case: Case, world: World, now_us: int) -> Iterator[Step]:
    """Everything that may happen now."""
    yield from _systems(case, world, now_us)
    yield from _failures(case, world, now_us)
    yield from _figwatch(case, world, now_us)


def _systems(case: Case, w: World, now_us: int) -> Iterator[Step]:
    if w.place < len(case.script):
        said = f"connector emits {case.script[w.place] or 'the delete'} at {len(w.topic)}"
        emitted = max(w.emitted, w.place + 1)
        topic = (*w.topic, w.place)
        yield Step(said, w._replace(topic=topic, place=w.place + 1, emitted=emitted))
    if w.position < len(w.topic):
        step = _replicate(case, w, now_us)
        if not case.crashes:  # nothing can come between its write and its commit
            step = step._replace(world=step.world._replace(committed=step.world.position))
        yield step
    if w.committed < w.position:
        yield Step(f"replicator commits {w.position}", w._replace(committed=w.position))


def _replicate(case: Case, w: World, now_us: int) -> Step:
    number = w.topic[w.position]
    value, shown = case.script[number], w.target[-1][0] if w.target else None
    after = w._replace(position=w.position + 1)
    if number == case.lost:
        return Step(f"replicator loses {w.position}", after._replace(hurt=True))
    if value is None and shown is None:
        return Step(f"replicator finds nothing to delete at {w.position}", after)
    said = f"replicator writes {value or 'the delete'} of {w.position}"
    return Step(said, after._replace(target=(*w.target, (value, now_us))))


def _failures(case: Case, w: World, now_us: int) -> Iterator[Step]:
    if w.restarts < case.restarts:
        for place in range(w.place):
            said = f"connector restarts at {case.script[place] or 'the delete'}"
            yield Step(said, w._replace(place=place, restarts=w.restarts + 1))
    if w.crashes < case.crashes and w.position > w.committed:
        after = w._replace(position=w.committed, crashes=w.crashes + 1)
        yield Step("replicator crashes", after)
    if w.rewinds < case.rewinds:
        for back in range(w.committed):
            after = w._replace(position=back, committed=back, rewinds=w.rewinds + 1)
            yield Step(f"replicator is put back to {back}", after)
    if w.foreign < case.foreign:
        target = (*w.target, ("X", now_us))
        after = w._replace(target=target, foreign=w.foreign + 1, hurt=True)
        yield Step("somebody writes X into the target", after)


def _figwatch(case: Case, w: World, now_us: int) -> Iterator[Step]:
    if w.read_source < len(w.topic):
        offset = w.read_source
        after = w._replace(read_source=offset + 1)
        yield Step(f"figwatch reads source {offset}", after, _source_record(case, w, now_us))
        lossy = after._replace(missed=True)
        mark = Mark(TOPICS[0], 0, offset, offset + 1, None, streaming=False)
        if w.malformed < case.malformed:
            bad = Malformed(PAIR, Side.SOURCE, KEY, "bad", "", TOPICS[0], 0, offset, now_us)
            after = lossy._replace(malformed=w.malformed + 1)
            yield Step(f"figwatch cannot decode source {offset}", after, (bad, mark))
        if w.gaps < case.gaps and offset + 1 < len(w.topic):
            gap = Gap(TOPICS[0], 0, offset, offset + 1)
            yield Step(f"source {offset} is gone", lossy._replace(gaps=w.gaps + 1), (gap,))
    if w.read_target < len(w.target):
        # Its time has told all it can.
        target = tuple((v, at if i > w.read_target else 0) for i, (v, at) in enumerate(w.target))
        after = w._replace(read_target=w.read_target + 1, target=target)
        yield Step(f"figwatch reads target {w.read_target}", after, _target_record(w))
    if w.request is None and w.readings < case.readings:
        yield Step("a reading is requested", w._replace(request=(now_us, w.committed)))
    if w.request is not None:
        requested_us, committed = w.request
        end = len(w.topic)
        reading = Reading(TOPICS[0], 0, committed, end, requested_us, now_us)
        after = w._replace(request=None, readings=w.readings + 1)
        yield Step(f"the reading is answered: {committed} of {end}", after, (reading,))
    if w.beats < min(case.beats, w.readings):  # before a reading it can prove nothing
        barrier = Barrier(TOPICS[1], 0, len(w.target), now_us)
        yield Step("the target's heartbeat", w._replace(beats=w.beats + 1), (barrier,))


def _source_record(case: Case, w: World, now_us: int) -> tuple[Record, ...]:
    number = w.topic[w.read_source]
    value = case.script[number]
    before = case.script[number - 1] if number else None
    op = Op.DELETE if value is None else Op.CREATE if before is None else Op.UPDATE
    position = (10 * number, int(op is not Op.DELETE))
    # Committed long ago, as far as anything here asks: each version after the one before.
    commit_us = number + 1
    return _record(Side.SOURCE, op, value, commit_us, position, w.read_source, now_us)


def _target_record(w: World) -> tuple[Record, ...]:
    offset = w.read_target
    value, commit_us = w.target[offset]
    before = w.target[offset - 1][0] if offset else None
    op = Op.DELETE if value is None else Op.CREATE if before is None else Op.UPDATE
    position = (10 * offset, int(op is not Op.DELETE))
    return _record(Side.TARGET, op, value, commit_us, position, offset, commit_us)


def _record(
    side: Side, op: Op, value: Value, commit_us: int, position: tuple[int, int], offset: int,
    append_us: int,
) -> tuple[Record, ...]:  # fmt: skip
    digest = hashlib.blake2b((value or "").encode(), digest_size=16).digest()
    change = Change(
        PAIR, side, KEY, op, None if value is None else digest, digest[:2] if value else b"",
        commit_us, position, None, TOPICS[side], 0, offset, append_us,
    )  # fmt: skip
    return change, Mark(TOPICS[side], 0, offset, offset + 1, commit_us, streaming=True)


def settle(world: World, judge: Judge, now_us: int) -> None:
    """Give a drained world all that can prove anything: a reading, then a heartbeat."""
    end = len(world.topic)
    for _ in range(2):
        judge.read(Reading(TOPICS[0], 0, world.committed, end, now_us, now_us + TICK_US))
        now_us += 2 * TICK_US
        judge.apply(Barrier(TOPICS[1], 0, len(world.target), now_us), now_us)
        judge.evaluate(now_us)
