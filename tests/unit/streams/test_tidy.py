"""What is resolved does not stay for ever, what is open does."""

from types import SimpleNamespace

import pytest

from figwatch.streams import tidy
from figwatch.streams.tidy import Tidy
from figwatch.validators.finding import Finding, encode_finding, finding_id

NOW_US = 1_000_000


def finding(key, resolved_us):
    return Finding("stock", key, 1, "stale", (), 1, resolved_us, "fence")


class Topic:
    def __init__(self):
        self.records = []

    def put(self, one):
        self.add(finding_id(one), encode_finding(one))

    def add(self, key, value):
        self.records.append(SimpleNamespace(key=key, value=value))

    async def read(self, _partition):
        for record in list(self.records):
            yield record

    async def write(self, _partition, gone):
        for key, value in gone:
            self.add(key, value)

    def kept(self):
        newest = {record.key: record.value for record in self.records}
        return {key.split(b"\0")[-1] for key, value in newest.items() if value is not None}


def tidying(topic, *, resolved_us=NOW_US, resolved_max=100, held=(0,)):
    return Tidy(
        held=lambda: held,
        read=topic.read,
        write=topic.write,
        clock_us=lambda: NOW_US,
        resolved_us=resolved_us,
        resolved_max=resolved_max,
    )


@pytest.fixture
def topic():
    made = Topic()
    for key, resolved_us in ((b"a", 10), (b"b", 900), (b"c", 500), (b"open", None)):
        made.put(finding(key, None))
        made.put(finding(key, resolved_us))
    return made


async def test_what_was_resolved_long_ago_goes_and_what_is_open_stays(topic):
    assert 2 == await tidying(topic, resolved_us=NOW_US - 600).tidy(0)
    assert {b"b", b"open"} == topic.kept()


async def test_of_too_many_the_oldest_go(topic):
    assert 1 == await tidying(topic, resolved_max=2).tidy(0)
    assert {b"b", b"c", b"open"} == topic.kept()


async def test_within_bounds_nothing_goes_and_what_went_goes_once(topic):
    assert 0 == await tidying(topic).tidy(0)
    one = tidying(topic, resolved_max=1)
    assert [2, 0] == [await one.tidy(0), await one.tidy(0)]


async def test_a_look_drops_a_bounded_number(topic, monkeypatch):
    monkeypatch.setattr(tidy, "TOMBSTONES_MAX", 1)
    one = tidying(topic, resolved_max=1)
    assert [1, 1, 0] == [await one.tidy(0), await one.tidy(0), await one.tidy(0)]


async def test_a_partition_that_was_given_away_meanwhile_is_left_alone(topic):
    assert 0 == await tidying(topic, resolved_max=2, held=()).tidy(0)
    assert {b"a", b"b", b"c", b"open"} == topic.kept()


async def test_what_cannot_be_read_stays(topic):
    topic.add(b"newer", b"\xc1")
    await tidying(topic, resolved_max=1).tidy(0)
    assert b"newer" in topic.kept()
