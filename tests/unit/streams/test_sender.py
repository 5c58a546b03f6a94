"""Order without holes: what is not acknowledged stops everything behind it."""

import asyncio
from types import SimpleNamespace

import pytest

from figwatch.streams.sender import Delivery, Lanes, send_ordered


class Batch:
    def __init__(self, most):
        self.records, self.headers, self._most = [], (), most

    def append(self, *, key, value, timestamp, headers=()):
        assert timestamp is None
        self.headers = headers
        if len(self.records) >= self._most:
            return None
        self.records.append((key, value))
        return object()

    def close(self):
        pass

    def record_count(self):
        return len(self.records)


class Producer:
    """Acknowledges after a turn of the loop; `fails` names the batch that never arrives."""

    def __init__(self, most=2, fails=None):
        self.sent, self.under_way, self._most, self._fails = [], {}, most, fails
        self.headers = []

    def create_batch(self):
        return Batch(self._most)

    async def send_batch(self, batch, topic, *, partition):
        assert not self.under_way.get(partition), "two batches on the way"
        self.under_way[partition] = True
        return asyncio.ensure_future(self._acknowledge(batch, topic, partition))

    async def _acknowledge(self, batch, topic, partition):
        await asyncio.sleep(0.001)
        if self._fails is not None and len(self.sent) == self._fails:
            raise ConnectionError("broker away")
        self.under_way[partition] = False
        offset = sum(len(r) for t, p, r in self.sent if (t, p) == (topic, partition))
        self.sent.append((topic, partition, batch.records))
        self.headers.append(batch.headers)
        return SimpleNamespace(offset=offset)


def records(*values):
    return [(None, value) for value in values]


async def test_batches_follow_one_another_and_say_where_they_stand():
    producer = Producer()
    written = await send_ordered(producer, "t", 3, records(b"a", b"b", b"c"))
    assert [(0, 2), (2, 1)] == written
    assert [("t", 3, records(b"a", b"b")), ("t", 3, records(b"c"))] == producer.sent


async def test_nothing_is_sent_after_a_failed_batch():
    producer = Producer(fails=1)
    with pytest.raises(ConnectionError):
        await send_ordered(producer, "t", 0, records(*b"abcdef"))
    assert 1 == len(producer.sent)


async def lanes(producer, crashed):
    async def crash(error):
        crashed.append(error)

    made = Lanes("changes", 2, lambda: producer, crash)
    made.start()
    return made


async def test_a_delivery_is_done_when_every_lane_has_acknowledged_and_it_is_sealed():
    done, producer = [], Producer(most=100)
    made = await lanes(producer, [])
    delivery = Delivery(lambda: done.append(True))
    made.put(0, records(b"a"), delivery)
    made.put(1, records(b"b"), delivery)
    await asyncio.sleep(0.05)
    assert [] == done
    delivery.settle()
    assert [True] == done
    assert made.idle
    await made.stop()


async def test_a_lane_puts_what_waits_together_in_order():
    producer = Producer(most=100)
    made = await lanes(producer, [])
    for value in (b"a", b"b", b"c"):
        made.put(0, records(value))
    await asyncio.sleep(0.05)
    assert [("changes", 0, records(b"a", b"b", b"c"))] == producer.sent
    await made.stop()


async def test_a_failed_lane_crashes_the_app_and_its_delivery_is_never_done():
    done, crashed = [], []
    made = await lanes(Producer(fails=0), crashed)
    delivery = Delivery(lambda: done.append(True))
    made.put(0, records(b"a"), delivery)
    delivery.settle()
    await asyncio.sleep(0.05)
    made.put(0, records(b"b"))
    await asyncio.sleep(0.05)
    assert [ConnectionError] == [type(error) for error in crashed]
    assert [] == done
    await made.stop()
