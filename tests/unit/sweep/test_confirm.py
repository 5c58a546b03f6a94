"""When a difference is called real: looks at two rows over time."""

from figwatch.validators.sweep.confirm import WITNESSED_MAX, Look, Patience, Settled, Watch

A, B, C, NONE = Look(b"a", "1"), Look(b"b", "1"), Look(b"c", "1"), Look(None)
PATIENCE = Patience(settle_us=1_000_000, give_up_us=10_000_000)


def watch(*looks: tuple[int, Look, Look], patience: Patience = PATIENCE) -> Settled:
    """Looks at (milliseconds, source, target); what the last one settles."""
    one = Watch(0, 0)
    settled = Settled.AGAIN
    for ms, source, target in looks:
        assert settled is Settled.AGAIN, "settled before the last look"
        settled = one.look(source, target, ms * 1_000, patience)
    return settled


def test_equal_rows_are_equal_at_once():
    assert Settled.EQUAL == watch((0, A, A))
    assert Settled.EQUAL == watch((0, NONE, NONE))


def test_rows_that_stand_still_long_enough_are_different():
    assert Settled.DIFFERENT == watch((0, A, B), (500, A, B), (1_000, A, B))


def test_a_replica_that_is_behind_makes_nothing_stand_still():
    """A row that is not replayed stands still, as long as one likes."""
    one = Watch(0, 0)
    looks = [one.look(A, B, n * 1_000_000, PATIENCE, behind_us=n * 1_000_000) for n in range(9)]
    assert {Settled.AGAIN} == set(looks)
    assert Settled.DIFFERENT == one.look(A, B, 9_000_000, PATIENCE)
    assert 8_000_000 == one.behind_us


def test_one_look_is_never_enough():
    assert Settled.AGAIN == watch((0, A, B), patience=Patience(0, 10_000_000))
    assert Settled.DIFFERENT == watch((0, A, B), (1, A, B), patience=Patience(0, 10_000_000))


def test_a_row_that_changes_begins_its_time_anew():
    assert Settled.AGAIN == watch((0, A, C), (900, B, C), (1_800, B, C))
    assert Settled.DIFFERENT == watch((0, A, C), (900, B, C), (1_800, B, C), (1_900, B, C))


def test_a_value_that_went_and_came_back_was_a_change():
    """The same fingerprint under another row version: the row was written in between."""
    again = Look(b"a", "2")
    assert Settled.AGAIN == watch((0, A, B), (999, again, B), (1_500, again, B))
    moved = Look(b"b", "2")
    assert Settled.AGAIN == watch((0, A, B), (999, A, moved), (1_500, A, moved))


def test_a_target_that_shows_what_the_source_had_a_moment_ago_is_in_flight():
    assert Settled.IN_FLIGHT == watch((0, A, C), (400, B, A))


def test_a_target_that_shows_what_the_source_had_long_ago_is_not():
    assert Settled.AGAIN == watch((0, A, C), (1_200, B, A))


def test_what_keeps_changing_ends_unconfirmed_and_never_different():
    looks = [(ms, Look(b"%d" % ms, ""), B) for ms in range(0, 10_500, 500)]
    assert Settled.UNCONFIRMED == watch(*looks)


def test_the_memory_of_versions_is_bounded():
    one = Watch(0, 0)
    for number in range(3 * WITNESSED_MAX):
        one.look(Look(b"%d" % number), B, number, PATIENCE)
    assert WITNESSED_MAX == len(one.witnessed)


def test_looks_come_at_growing_delays_and_not_later_than_needed():
    one = Watch(0, 0)
    due = []
    now_us = 0
    while one.look(A, B, now_us, PATIENCE) is Settled.AGAIN:
        due.append(one.due_us - now_us)
        now_us = one.due_us
    assert [100_000, 200_000, 400_000, 300_000] == due
