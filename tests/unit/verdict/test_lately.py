"""The share of what converged lately: bounded, mergeable, and blind to what lies before."""

from figwatch.validators.lately import HOUR_US, HOURS_MAX, MINUTE_US, MINUTES_MAX, Lately
from tests.unit.verdict.timeline import Timeline

NOW_US = 1_790_000_000_000_000 // HOUR_US * HOUR_US


def counts(lately, window_us, now_us):
    return lately.window(window_us, now_us)[1:]


def test_a_window_forgets_a_stall_that_lies_before_its_beginning():
    lately = Lately()
    lately.add(NOW_US, 100, 0)
    lately.add(NOW_US + 11 * MINUTE_US, 50, 50)
    later_us = NOW_US + 12 * MINUTE_US
    assert ((50, 50), (150, 50)) == (
        counts(lately, 10 * MINUTE_US, later_us),
        counts(lately, 30 * MINUTE_US, later_us),
    )


def test_a_window_of_hours_counts_whole_hours_from_its_beginning():
    lately = Lately()
    lately.add(NOW_US, 1, 1)
    lately.add(NOW_US + 3 * HOUR_US, 2, 1)
    lately.add(NOW_US + 6 * HOUR_US, 4, 3)
    assert ((7, 5), (6, 4), (4, 3)) == tuple(
        counts(lately, hours * HOUR_US, NOW_US + 6 * HOUR_US) for hours in (12, 6, 4)
    )


def test_a_beginning_stays_for_half_a_window_and_its_counts_only_grow():
    lately, seen = Lately(), {}
    for minute in range(120):
        lately.add(NOW_US + minute * MINUTE_US, 1, 1)
        begun, total, _ = lately.window(20 * MINUTE_US, NOW_US + minute * MINUTE_US)
        assert minute + 1 - (begun.at - NOW_US) // MINUTE_US == total
        seen.setdefault(begun.at, []).append(total)
    assert [[*range(1, 21)], *[[*range(11, 21)]] * 10] == list(seen.values())


def test_the_longest_windows_are_kept_whole():
    lately = Lately()
    for minute in range(3 * 24 * 60):
        now_us = NOW_US + minute * MINUTE_US
        lately.add(now_us, 1, 1)
        for window_us, step_us in ((HOUR_US, MINUTE_US), (24 * HOUR_US, HOUR_US)):
            begun, total, _ = lately.window(window_us, now_us)
            assert (now_us - begun.at) // MINUTE_US + 1 == total, (minute, step_us)


def test_the_origin_of_the_beginnings_is_the_earliest_partitions():
    early, late = Lately(), Lately()
    early.add(NOW_US, 1, 1)
    late.add(NOW_US + 5 * HOUR_US, 1, 1)
    late.merge(early)
    assert NOW_US // HOUR_US == late.first_hour
    empty = Lately()
    empty.merge(late)
    assert NOW_US // HOUR_US == empty.first_hour


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
    assert (6, 3) == counts(one, 5 * MINUTE_US, NOW_US + MINUTE_US)


def test_a_judge_books_what_converges():
    line = Timeline().source("A", at=100).target("A", at=200).source("B", at=300)
    line.target("B", at=2_300)
    assert (2, 1) == counts(line.books().lately, HOUR_US, line.now_us)


def test_what_was_booked_survives_a_restart():
    line = Timeline().source("A").target("A").restart()
    assert (1, 1) == counts(line.books().lately, HOUR_US, line.now_us)
