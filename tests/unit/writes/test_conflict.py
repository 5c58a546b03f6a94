"""Concurrent writes on both sides: found, with their times and who won; nothing else is."""

import pytest

from figwatch.validators.state import Entry, Source, Track
from figwatch.validators.writes.conflict import conflicts

SECOND = 1_000_000


def ring(*versions, born=True):
    """(value, second) each; a leading absence makes times long before conflicts possible."""
    entries = [
        Entry(
            None if value is None else value.encode(), round(at * SECOND), None, 0, n, sample=True
        )
        for n, (value, at) in enumerate(versions)
    ]
    return Source(Track(), entries, born=born)


def found(ours, theirs, window=1.0):
    conflicts_found, waiting = conflicts(b"k", ours, theirs, round(window * SECOND), 0)
    assert not waiting
    return conflicts_found


START = ("v1", 10)
COPY = ("v1", 10.1)


def test_two_users_at_once_are_a_conflict_with_both_times_and_the_winner():
    (one,) = found(ring(START, ("a", 20), ("b", 20.5)), ring(COPY, ("b", 20.2)))
    assert (20 * SECOND, 20_200_000, "target", True) == (
        one.source_us, one.target_us, one.winner, one.lost,
    )  # fmt: skip


def test_a_late_echo_is_no_conflict():
    assert [] == found(ring(START, ("a", 20)), ring(COPY, ("a", 20.9)))
    assert [] == found(ring(START, ("a", 20), ("b", 20.3)), ring(COPY, ("a", 20.5), ("b", 20.6)))


def test_a_write_on_top_of_what_came_over_is_no_conflict():
    ours = ring(START, ("a", 20), ("b", 20.6))
    assert [] == found(ours, ring(COPY, ("a", 20.2), ("b", 20.4)))


def test_writes_further_apart_than_the_window_are_none():
    assert [] == found(ring(START, ("a", 20), ("b", 22.5)), ring(COPY, ("b", 22)))


def test_values_that_changed_places_have_no_winner():
    (one,) = found(ring(START, ("a", 20), ("b", 20.4)), ring(COPY, ("b", 20.1), ("a", 20.5)))
    assert ("none", False) == (one.winner, one.lost)


def test_a_loser_that_came_over_and_was_replaced_is_not_lost():
    theirs = ring(COPY, ("b", 20.1), ("a", 20.3), ("b", 20.6))
    (one,) = found(ring(START, ("a", 20), ("b", 20.4)), theirs)
    assert ("target", False) == (one.winner, one.lost)


@pytest.mark.parametrize("born", [False, True])
def test_what_a_ring_no_longer_holds_proves_nothing(born):
    """The target's `b` may be an older version of the source that its ring has dropped."""
    ours = ring(("x", 19.5), ("a", 20), born=born)
    theirs = ring(COPY, ("b", 20.2))
    assert born == bool(found(ours, theirs))


def test_an_update_that_may_still_come_is_not_lost_yet():
    ours, theirs = ring(START, ("a", 20)), ring(COPY, ("b", 20.2))
    waits = conflicts(b"k", ours, theirs, SECOND, 0, lambda _side, _entry: False)
    assert ([], True) == waits
    (one,), waiting = conflicts(b"k", ours, theirs, SECOND, 0, lambda side, _entry: side >= 0)
    assert (True, False, False) == (one.lost, one.late, waiting)


def test_a_late_update_is_told_apart_from_a_lost_one():
    ours = ring(START, ("a", 20), ("b", 20.4))
    theirs = ring(COPY, ("b", 20.2), ("a", 23), ("b", 24))
    (one,), _ = conflicts(b"k", ours, theirs, SECOND, 0, lambda _side, _entry: False)
    assert ("target", False, True) == (one.winner, one.lost, one.late)
