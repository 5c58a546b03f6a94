"""A reading asks in the order that makes it a proof, and an error makes none up."""

import asyncio
import contextlib

from figwatch.streams.readings import Readings
from figwatch.validators.change import Reading


class Asked:
    def __init__(self, *, fails=0):
        self.order, self.now_us, self._fails = [], 0, fails

    def clock(self):
        self.now_us += 1
        self.order.append("clock")
        return self.now_us

    async def committed(self):
        self.order.append("committed")
        if self._fails:
            self._fails -= 1
            raise ConnectionError
        return {("t", 0): 5}

    async def ends(self):
        self.order.append("ends")
        return {("t", 0): 9, ("t", 1): 3}


async def test_committed_is_asked_before_the_end_and_the_time_is_noted_last():
    asked = Asked()
    taken = await Readings(asked.committed, asked.ends, print, asked.clock, 1).take()
    assert ["clock", "committed", "ends", "clock"] == asked.order
    assert [Reading("t", 0, 5, 9, 1, 2), Reading("t", 1, None, 3, 1, 2)] == taken


async def test_without_a_group_only_end_offsets_are_read():
    asked = Asked()
    taken = await Readings(None, asked.ends, print, asked.clock, 1).take()
    assert [None, None] == [reading.committed for reading in taken]
    assert "committed" not in asked.order


async def test_an_error_is_counted_and_yields_no_reading():
    asked, handed = Asked(fails=2), []
    readings = Readings(asked.committed, asked.ends, handed.append, asked.clock, 0.001)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(readings.run(), 0.1)
    assert {"ConnectionError": 2} == readings.failures
    assert handed
    assert len(handed) == readings.taken
