"""What one worker learns of the schemas all know; what was read before is unknown, for good."""

from types import SimpleNamespace

import pytest

from figwatch.streams import agreement
from figwatch.streams.agreement import SharedAgreement


class Topic:
    """The compacted topic, in memory. `order` says what happened, across all workers."""

    def __init__(self):
        self.values, self.order = [], []

    async def read(self, offset):
        for number, value in list(enumerate(self.values))[offset:]:
            yield SimpleNamespace(offset=number, value=value)

    async def write(self, record):
        self.values.append(record[1])
        self.order.append("told")


class Decoder:
    """Knows the coarsest number of digits that it met."""

    def __init__(self):
        self.changed, self.digits = 0, 6

    def learn(self, digits):
        if digits < self.digits:
            self.digits, self.changed = digits, self.changed + 1

    def memory(self):
        return bytes([self.digits])

    def recall(self, memory):
        self.learn(memory[0])


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(agreement, "SPREAD_SECONDS", 0.0)


class Worker:
    def __init__(self, topic, *, fails=False):
        self.decoder, self.topic, self.fails = Decoder(), topic, fails
        self.shared = SharedAgreement(
            self.decoder, read=topic.read, write=topic.write, distrust=self._distrust
        )

    async def _distrust(self):
        if self.fails:
            raise ConnectionError("killed")
        self.topic.order.append("unknown")

    async def start(self, *samples):
        await self.shared.load(lambda: [self.decoder.learn(digits) for digits in samples])
        await self.shared.begin()
        return self


async def test_what_the_first_samples_teach_makes_nothing_unknown_and_is_kept():
    topic = Topic()
    await Worker(topic).start(3)
    again = await Worker(topic).start(6)
    assert 3 == again.decoder.digits
    assert ["told"] == topic.order


async def test_a_coarser_schema_is_told_to_the_judges_once_the_others_know():
    topic = Topic()
    first, second = await Worker(topic).start(6), await Worker(topic).start(6)
    topic.order.clear()
    first.decoder.learn(3)
    await first.shared.settle()
    assert ["told", "unknown", "told"] == topic.order
    await second.shared.follow()
    await second.shared.settle()
    assert 3 == second.decoder.digits
    assert 3 == len(topic.order), "it is the first one's to tell"


async def test_nothing_new_is_settled_at_once():
    topic = Topic()
    worker = await Worker(topic).start(6)
    topic.order.clear()
    await worker.shared.settle()
    assert [] == topic.order


async def test_a_coarser_sample_at_a_later_start_makes_what_was_read_unknown():
    topic = Topic()
    await Worker(topic).start(6)
    topic.order.clear()
    await Worker(topic).start(3)
    assert ["told", "unknown", "told"] == topic.order


async def test_what_a_killed_worker_left_unsettled_the_next_one_settles():
    topic = Topic()
    dying = await Worker(topic).start(6)
    dying.decoder.learn(3)
    told = topic.write

    async def last(record):
        await told(record)
        dying.fails = True

    dying.shared._write = last
    with pytest.raises(ConnectionError):
        await dying.shared.settle()
    topic.order.clear()
    next_one = await Worker(topic).start(6)
    assert 3 == next_one.decoder.digits
    assert ["told", "unknown", "told"] == topic.order
    topic.order.clear()
    await Worker(topic).start(6)
    assert [] == topic.order


async def test_a_record_of_another_version_is_passed_over(caplog):
    topic = Topic()
    topic.values.append(b"\xc1 not ours")
    worker = await Worker(topic).start(3)
    assert 3 == worker.decoder.digits
    assert "another version" in caplog.text
