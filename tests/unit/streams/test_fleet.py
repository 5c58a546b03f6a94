"""The fleet's state out of the records of its topics, however they come."""

from types import SimpleNamespace

from figwatch.streams import fleet as module
from figwatch.streams.fleet import Fleet
from figwatch.validators.finding import Finding, encode_finding, finding_id
from figwatch.validators.summary import Summary, encode_summary

PLAN = SimpleNamespace(summaries="s", findings="f")
FRESH_US = 15_000_000


def fleet(partitions=2):
    return Fleet({}, PLAN, partitions, FRESH_US, lambda: True)


def tell(where, partition, as_of_us, worker="w"):
    summary = Summary(partition, as_of_us, worker, {}, 0, {}, [])
    where.take("s", str(partition).encode(), encode_summary(summary))


def find(where, key=b"k", detected_us=1, resolved_us=None):
    found = Finding("stock", key, detected_us, "stale", (), 1, resolved_us, "fence")
    where.take("f", finding_id(found), encode_finding(found))


def test_it_is_complete_once_every_partition_has_told_lately():
    state = fleet()
    tell(state, 0, 100)
    assert (1,) == state.view(100).missing
    tell(state, 1, 100)
    assert state.view(100).complete
    assert (0, 1) == state.view(101 + FRESH_US).stale


def test_after_a_rebalance_the_newer_summary_counts_whoever_wrote_last():
    state = fleet(1)
    tell(state, 0, 200, "new")
    tell(state, 0, 100, "old")
    assert "new" == state.summaries[0].worker


def test_a_finding_is_open_until_its_record_says_resolved():
    state = fleet()
    find(state)
    assert 1 == len(state.open)
    find(state, resolved_us=9)
    assert (0, 1) == (len(state.open), len(state.resolved))
    find(state, resolved_us=9)  # read again
    assert (0, 1) == (len(state.open), len(state.resolved))


def test_of_resolved_findings_only_the_newest_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "RESOLVED_MAX", 3)
    state = fleet()
    for number in range(5):
        find(state, detected_us=number, resolved_us=9)
    assert [2, 3, 4] == [f.detected_us for f in state.resolved.values()]


def test_what_cannot_be_read_makes_the_whole_incomplete():
    state = fleet(1)
    tell(state, 0, 100)
    state.take("f", b"k", b"\xc1")
    assert not state.view(100).complete
    state.take("f", b"k", None)
    state.take("f", None, b"x")
    assert 1 == state.unreadable
