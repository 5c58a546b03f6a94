"""Heartbeats to barriers: what each kind proves, and where it proves nothing."""

from types import SimpleNamespace

import pytest

from figwatch.streams import heartbeats
from figwatch.streams.heartbeats import Heartbeats
from figwatch.validators.change import Heartbeat, decode_record

TOPIC = "inv.public.stock"


class Lanes:
    partitions = 1

    def __init__(self):
        self.sent = []

    def put_all(self, records):
        self.sent += [decode_record(value).commit_us for _, value in records]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(heartbeats, "SETTLE_SECONDS", 0.0)


def beat(seconds, *, exact):
    return Heartbeat("service", seconds * 1_000_000, exact, "beat", 0, 0, 0)


async def told(beats, exact_sides):
    async def ends(_topics):
        return {(TOPIC, 0): 7}

    plan = SimpleNamespace(
        exact_heartbeats=frozenset(exact_sides),
        grace_us={"service": 10_000_000},
        topics_of={"service": frozenset({TOPIC})},
    )
    lanes = Lanes()
    made = Heartbeats(plan, lanes, ends)
    for one in beats:
        made.heard(one)
    await made.tell()
    return [us / 1_000_000 for us in lanes.sent], made.heard_us["service"] / 1_000_000


async def test_a_row_proves_its_time_and_a_plain_heartbeat_its_time_less_the_grace():
    assert ([100.0], 100.0) == await told([beat(100, exact=True)], [])
    assert ([90.0], 100.0) == await told([beat(100, exact=False)], [])


async def test_with_rows_configured_a_plain_heartbeat_is_a_sign_of_life_only():
    """A connector that is a minute behind beats on: by its clock, not by its place in the log."""
    assert ([40.0], 100.0) == await told(
        [beat(40, exact=True), beat(100, exact=False)], ["service"]
    )


async def test_without_rows_configured_the_plain_one_is_all_there_is():
    """The twin: the same two heartbeats, and the later proof counts."""
    assert ([90.0], 100.0) == await told([beat(40, exact=True), beat(100, exact=False)], [])
