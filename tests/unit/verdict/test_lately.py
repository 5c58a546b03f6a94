"""The share of what converged lately: bounded, mergeable, and blind to what lies before."""

from figwatch.validators.lately import HOUR_US, HOURS_MAX, MINUTE_US, MINUTES_MAX, Lately
from tests.unit.verdict.timeline import Timeline

NOW_US = 1_790_000_000_000_000 // HOUR_US * HOUR_US


def test_a_window_forgets_a_stall_that_lies_before_it():
    lately = Lately()
    lately.add(NOW_US, 100, 0)
    lately.add(NOW_US + 11 * MINUTE_US, 50, 50)
    later_us = NOW_US + 12 * MINUTE_US
    assert ((50, 50), (150, 50)) == (
        lately.within(10 * MINUTE_US, later_us),
        lately.within(30 * MINUTE_US, later_us),
    )


def test_a_window_of_hours_counts_whole_hours():
    lately = Lately()
    lately.add(NOW_US, 1, 1)
    lately.add(NOW_US + 3 * HOUR_US, 2, 1)
    assert ((3, 2), (2, 1)) == (
        lately.within(3 * HOUR_US, NOW_US + 3 * HOUR_US),
        lately.within(2 * HOUR_US, NOW_US + 3 * HOUR_US),
    )


def test_what_is_kept_is_bounded():
    lately = Lately()
    for minute in range(3_000):
        lately.add(NOW_US + minute * MINUTE_US, 1, 1)
    assert (MINUTES_MAX, HOURS_MAX) == (len(lately.minutes), len(lately.hours))


def test_partitions_add_up_whichever_comes_first():
    left, right = Lately(), Lately()
    left.add(NOW_US, 3, 1)
    right.add(NOW_US, 2, 2)
    right.add(NOW_US + MINUTE_US, 1, 0)
    one, other = Lately(), Lately()
    for into, order in ((one, (left, right)), (other, (right, left))):
        for each in order:
            into.merge(each)
    assert one == other
    assert (6, 3) == one.within(5 * MINUTE_US, NOW_US + MINUTE_US)


def test_a_judge_books_what_converges():
    line = Timeline().source("A", at=100).target("A", at=200).source("B", at=300)
    line.target("B", at=2_300)
    assert (2, 1) == line.books().lately.within(MINUTE_US, line.now_us)


def test_what_was_booked_survives_a_restart():
    line = Timeline().source("A").target("A").restart()
    assert (1, 1) == line.books().lately.within(MINUTE_US, line.now_us)
