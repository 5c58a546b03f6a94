"""Keys that only their own next event can change rest, packed; the sums are as if they did not."""

import pytest

from figwatch.validators.outcome import Verdict
from figwatch.validators.resting import STEP_US, may_rest
from tests.unit.verdict.timeline import Timeline


def lost(keys: int = 20) -> Timeline:
    """Every insert was lost."""
    line = Timeline()
    for n in range(keys):
        line.source("A", key=f"k{n}")
    return line.settle().evaluate()


def unreadable(keys: int = 20) -> Timeline:
    """The last event of every key could not be decoded."""
    line = Timeline()
    for n in range(keys):
        line.source("A", key=f"k{n}").target("A", key=f"k{n}").malformed(f"k{n}")
    return line.settle().evaluate()


def awake(line: Timeline) -> int:
    return len(line.judge.table.objects())  # what rests is packed


def sums(line: Timeline) -> tuple[object, ...]:
    books = line.books()
    times = (books.oldest_unshown_us // STEP_US, books.verified_through_us // STEP_US)
    return books.keys, books.unknown, books.open_findings, books.unshown, *times


@pytest.mark.parametrize("story", [lost, unreadable])
def test_divergent_and_unknown_keys_rest(story):
    assert 0 == awake(story())


@pytest.mark.parametrize("story", [lost, unreadable])
def test_the_sums_are_the_same_as_if_none_rested(story, monkeypatch):
    resting = sums(story())
    monkeypatch.setattr("figwatch.validators.settling.may_rest", lambda *_: False)
    line = story()
    assert (20, resting) == (awake(line), sums(line))


@pytest.mark.parametrize("story", [lost, unreadable])
def test_the_sums_are_the_same_after_a_restart(story):
    line = story()
    before = sums(line)
    line.restart().beat()
    assert before[:-1] == sums(line)[:-1]
    assert 0 == awake(line)


def test_a_key_that_wakes_takes_its_share_along():
    line = lost()
    assert 20 == line.books().unshown
    for n in range(20):
        line.target("A", key=f"k{n}")
    assert (0, 0, 20) == (
        line.books().unshown,
        line.books().oldest_unshown_us,
        line.books().keys["consistent"],
    )


def test_a_key_that_may_still_change_by_itself_does_not_rest():
    line = Timeline().source("A", key="z")
    assert (Verdict.IN_FLIGHT, 1) == (line.verdict("z"), awake(line))
    assert not may_rest(line.state("z"), line.judge.pairs["stock"])


def test_judging_again_writes_nothing_where_nothing_changed():
    line = lost().source("A", key="z").evaluate()
    dict(line.judge.take_dirty())
    line.wait(1).evaluate()
    assert {} == dict(line.judge.take_dirty())
