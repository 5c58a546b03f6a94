"""Which range a worker looks at next, and what the ranges' ages say together."""

import pytest

from figwatch.validators.sweep.ranges import Ranges, Stretch, new_ranges, open_window

HOUR_US = 3_600_000_000


def ranges(*stretches: Stretch, began_us: int = 100) -> Ranges:
    return Ranges("d", list(stretches), began_us)


def stretch(name: str, **how: int) -> Stretch:
    return Stretch((name,), None, **how)


def test_ranges_cover_the_whole_table_without_a_gap():
    made = new_ranges("d", [("10",), ("20",)])
    assert [(None, ("10",)), (("10",), ("20",)), (("20",), None)] == [
        (s.after, s.until) for s in made.stretches
    ]


def test_dirty_ranges_come_first_then_those_never_looked_at_then_the_oldest():
    made = ranges(
        stretch("old", looked_us=5), stretch("never"), stretch("dirty", looked_us=50, dirty=3),
        stretch("done", looked_us=100, dirty=9), stretch("newer", looked_us=60),
    )  # fmt: skip
    assert ["dirty", "never", "old", "newer"] == [s.after[0] for s in made.left if s.after]


def test_the_age_is_that_of_the_oldest_clean_look_and_nothing_while_one_is_missing():
    one, two = stretch("a"), stretch("b")
    one.looked(100, 0, (5, 5), whole=True)
    assert 0 == ranges(one, two).clean_us
    two.looked(200, 0, (5, 5), whole=True)
    assert 100 == ranges(one, two).clean_us


@pytest.mark.parametrize(("differences", "whole"), [(1, True), (0, False)])
def test_a_look_that_was_not_clean_takes_the_range_back(differences, whole):
    one = stretch("a", looked_us=1, clean_us=1, dirty=5)
    one.looked(100, differences, (5, 5), whole=whole)
    assert (100, 0, 0) == (one.looked_us, one.clean_us, one.dirty)


def test_the_age_of_each_range_is_told_and_of_very_many_the_oldest_of_neighbours():
    assert (7, 0, 9) == ranges(*[stretch("a", clean_us=at) for at in (7, 0, 9)]).ages_us
    many = ranges(*[stretch("a", clean_us=at + 1) for at in range(1_000)]).ages_us
    assert (63, 1, 993) == (len(many), many[0], many[-1])
    assert sorted(many) == list(many)


def test_a_pass_is_due_when_it_has_something_left_or_the_interval_is_over():
    done = ranges(stretch("a", looked_us=100))
    assert 100 + HOUR_US == done.due_us(HOUR_US)
    assert 0 == ranges(stretch("a", looked_us=99)).due_us(HOUR_US)


def test_new_ranges_are_as_old_as_the_oldest_of_those_before_and_others_tell_nothing():
    before = ranges(stretch("a", looked_us=70, clean_us=70), stretch("b", looked_us=50, clean_us=0))
    after = new_ranges("d", [("5",)], before)
    assert [(50, 0), (50, 0)] == [(s.looked_us, s.clean_us) for s in after.stretches]
    changed = new_ranges("another table", [("5",)], before)
    assert [0, 0] == [s.looked_us for s in changed.stretches]


def test_ranges_that_have_grown_apart_are_made_anew():
    assert not ranges(*[stretch("a", source_rows=5_000) for _ in range(8)]).swollen
    grown = [stretch("a", source_rows=5_000) for _ in range(8)]
    assert ranges(*grown, stretch("z", target_rows=100_000)).swollen
    assert not ranges(stretch("only", source_rows=10**9)).swollen


@pytest.mark.parametrize(
    ("window", "hour", "opened"),
    [
        (None, 12, True), ("10:00-14:00", 12, True), ("10:00-12:00", 12, False),
        ("22:00-05:30", 23, True), ("22:00-05:30", 4, True), ("22:00-05:30", 12, False),
    ],
)  # fmt: skip
def test_a_window_is_a_time_of_day_and_may_span_midnight(window, hour, opened):
    assert opened is open_window(window, hour * HOUR_US)
