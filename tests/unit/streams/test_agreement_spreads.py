"""Several workers decode while a schema becomes coarser in one: the judges never hold facts of
before against facts of after, however slow the others are to hear of it.
"""

import asyncio
import random

import pytest
from aiokafka.errors import KafkaConnectionError

from figwatch.streams import agreement
from figwatch.streams.agreement import SharedAgreement
from tests.unit.streams.test_agreement import Decoder, Topic, Worker

SPREAD_SECONDS = 0.05
FINE, COARSE = 6, 3


class Judges:
    """What they can compare: facts that were not made unknown, by raw partition and offset."""

    def __init__(self):
        self.facts, self.unknown_below, self.mixed = {}, {}, []

    def take(self, partition, offset, digits):
        self.facts[partition, offset] = digits
        self._look()

    def distrust(self, ends):
        below = self.unknown_below
        self.unknown_below = {n: max(end, below.get(n, 0)) for n, end in ends.items()}
        self._look()

    def comparable(self):
        below = self.unknown_below
        return {d for (p, offset), d in self.facts.items() if offset >= below.get(p, 0)}

    def _look(self):
        if len(self.comparable()) > 1:
            self.mixed.append(dict(self.facts))


class SlowTopic(Topic):
    """Each look takes its time."""

    async def read(self, offset):
        await asyncio.sleep(random.Random(offset).uniform(0, SPREAD_SECONDS / 10))
        async for record in Topic.read(self, offset):
            yield record


class Scene:
    """Workers with one raw partition each, and the upkeep of those that are not `deaf`."""

    def __init__(self, workers, deaf=()):
        self.topic, self.judges, self.deaf = SlowTopic(), Judges(), deaf
        self.raw = [[] for _ in range(workers)]
        self.read = [0] * workers

    async def _distrust(self):
        ends = {n: len(records) for n, records in enumerate(self.raw)}
        await asyncio.sleep(SPREAD_SECONDS / 20)
        self.judges.distrust(ends)

    async def worker(self, number):
        decoder = Decoder()
        shared = SharedAgreement(
            decoder, read=self.topic.read, write=self.topic.write, distrust=self._distrust
        )
        await shared.load(lambda: None)
        upkeep = asyncio.create_task(self.upkeep(shared, deaf=number in self.deaf))
        try:
            while True:
                if self.read[number] == len(self.raw[number]):
                    await asyncio.sleep(SPREAD_SECONDS / 50)
                    continue
                offset, digits = self.read[number], self.raw[number][self.read[number]]
                await shared.refresh()
                decoder.learn(digits)
                known = decoder.digits
                await shared.settle()
                self.judges.take(number, offset, known)
                self.read[number] += 1
        finally:
            upkeep.cancel()

    async def upkeep(self, shared, *, deaf):
        await shared.begin()
        while not deaf:
            await asyncio.sleep(SPREAD_SECONDS / 2)
            await shared.follow()

    async def play(self, coarse):
        """Records come to all; from the twentieth on those of `coarse` are."""
        tasks = [asyncio.create_task(self.worker(n)) for n in range(len(self.raw))]
        for step in range(80):
            await asyncio.sleep(SPREAD_SECONDS / 20)
            for number, records in enumerate(self.raw):
                records.append(COARSE if number in coarse and step >= 20 else FINE)
        while self.read != [len(records) for records in self.raw]:
            await asyncio.sleep(SPREAD_SECONDS)
            assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("coarse", [{0}, {0, 1}])
@pytest.mark.parametrize("deaf", [(), (1,), (1, 2)], ids=["hearing", "one deaf", "two deaf"])
async def test_facts_of_before_and_after_never_meet(monkeypatch, coarse, deaf):
    monkeypatch.setattr(agreement, "SPREAD_SECONDS", SPREAD_SECONDS)
    scene = Scene(3, deaf)
    await scene.play(coarse)
    assert [] == scene.judges.mixed[:1]
    assert {COARSE} == scene.judges.comparable()


async def test_what_a_dead_worker_began_another_settles(monkeypatch):
    monkeypatch.setattr(agreement, "SPREAD_SECONDS", SPREAD_SECONDS)
    monkeypatch.setattr(agreement, "LOST_SECONDS", SPREAD_SECONDS)
    dying, other = [await Worker(topic).start(FINE) for topic in [Topic()] * 2]
    await other.shared.refresh()
    dying.fails = True
    dying.decoder.learn(COARSE)
    with pytest.raises(ConnectionError):
        await dying.shared.settle()
    await other.shared.follow()
    other.topic.order.clear()
    await other.shared.settle()
    assert ["told", "unknown", "told"] == other.topic.order


async def test_what_a_starting_worker_knows_better_makes_facts_of_the_others_unknown(monkeypatch):
    """It knew of nobody else: both began at once."""
    monkeypatch.setattr(agreement, "SPREAD_SECONDS", 0.0)
    topic = Topic()
    busy, idle = [await Worker(topic).start(FINE) for _ in range(2)]
    busy.shared._used = True
    starting = Worker(topic)
    starting.decoder.learn(COARSE)
    await starting.shared._tell(settled=True)
    topic.order.clear()
    await idle.shared.follow()
    await idle.shared.settle()
    assert [] == topic.order
    await busy.shared.follow()
    await busy.shared.settle()
    assert ["told", "unknown", "told"] == topic.order


async def test_decoding_waits_while_the_topic_cannot_be_read(monkeypatch, caplog):
    monkeypatch.setattr(agreement, "SPREAD_SECONDS", 0.01)
    worker = await Worker(Topic()).start(FINE)
    read, failures = worker.topic.read, [KafkaConnectionError("away")] * 2

    def away(offset):
        if failures:
            raise failures.pop()
        return read(offset)

    worker.shared._read = away
    await asyncio.sleep(0.02)
    await worker.shared.refresh()
    assert (0, 2) == (len(failures), caplog.text.count("decoding waits"))
