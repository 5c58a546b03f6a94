"""Legs of an adjustment: each measured from the records, whichever of them is read first."""

import bisect

import pytest

from figwatch.validators.outbox import legs
from figwatch.validators.outbox.legs import BOUNDS_SECONDS, Exemplar, Leg, legs_of, merge_legs
from figwatch.validators.stages.writes import adjustment_rules
from figwatch.validators.writes.records import Turn
from tests.unit.writes.adjusted import BACK, EXPECTED, MS, PAIR, TRACE, Adjusted
from tests.unit.writes.outbox_bench import SECOND
from tests.unit.writes.test_writes_gate import GOAL, NOW, facts


def test_every_leg_is_measured_and_the_stretches_make_the_total():
    made = Adjusted().adjust(10)
    assert EXPECTED == made.taken
    assert EXPECTED[Leg.TOTAL] == sum(
        made.taken[leg] for leg in (Leg.REQUEST, Leg.RECORD, Leg.SHOW)
    )
    assert {} == made.books.problems


def test_an_event_that_is_read_after_the_other_side_has_shown_its_change_tells_the_same():
    made = Adjusted().commit(10).show(10)
    made.tell(10, requested_us=made.now - 30 * MS, trace=TRACE)
    assert EXPECTED == made.taken


def test_a_change_that_is_not_shown_has_no_total_and_waits():
    made = Adjusted().adjust(10, shown=False)
    assert {Leg.REQUEST, Leg.READ, Leg.RECORD, Leg.EVENT} == set(made.taken)
    (waits,) = made.judge.outboxes.outboxes["stock"].legs[PAIR].adjustments()
    assert (0, {"request", "read", "record", "event"}) == (waits.shown_us, set(legs_of(waits)))
    made.show(10)
    assert EXPECTED == made.taken


def test_a_version_that_the_other_side_skipped_is_shown_with_the_next():
    made = Adjusted().adjust(10, shown=False).adjust(8, shown=False).show(8)
    assert 2 == made.books.legs[Leg.TOTAL].count
    assert 2 * EXPECTED[Leg.TOTAL] + SECOND // 10 == made.taken[Leg.TOTAL]


def test_a_change_without_its_event_and_an_event_without_its_change_have_no_legs():
    assert {} == Adjusted().commit(10).show(10).known().taken
    assert {} == Adjusted().tell(10, requested_us=1, trace=TRACE).known().taken


def test_what_an_event_does_not_tell_is_counted_and_the_rest_measured():
    made = Adjusted().adjust(10, traced=False)
    assert {"no_request": 1, "bad_trace": 1} == made.books.problems
    assert set(EXPECTED) - {Leg.REQUEST, Leg.TOTAL} == set(made.taken)
    assert {} == made.books.exemplars


@pytest.mark.parametrize("away", [-1, 1])
def test_a_time_far_from_the_commit_is_no_requests_time(away):
    made = Adjusted().commit(10)
    made.tell(10, requested_us=made.now + away * (legs.REQUEST_AWAY_US + 1)).show(10)
    assert {"bad_request": 1} == made.books.problems
    assert Leg.TOTAL not in made.taken


def test_clocks_that_disagree_are_told_and_not_mended():
    made = Adjusted().commit(10)
    made.tell(10, requested_us=made.now + 7 * MS).show(10)
    assert (-7 * MS, 1) == (made.taken[Leg.REQUEST], made.books.legs[Leg.REQUEST].negative)


def test_the_newest_trace_of_each_bucket_is_kept():
    made = Adjusted().adjust(10).adjust(8)
    (exemplar,) = made.books.exemplars[Leg.TOTAL].values()
    assert Exemplar(TRACE, EXPECTED[Leg.TOTAL], made.now + 100 * MS) == exemplar
    assert {bisect.bisect_left(BOUNDS_SECONDS, 0.130)} == set(made.books.exemplars[Leg.TOTAL])


def test_figures_survive_a_restart():
    made = Adjusted().adjust(10).restart()
    assert EXPECTED == made.taken
    assert 2 == made.adjust(8).books.legs[Leg.TOTAL].count


def test_the_side_that_must_follow_is_measured_once_authority_has_turned_round():
    """The outbox is the service's, and the monolith led when figwatch began."""
    made = Adjusted(BACK, two_way={PAIR: False})
    made.known()
    made.judge.apply(Turn(PAIR, made.now + 1, 1), made.now)
    made.known().adjust(10)
    assert EXPECTED == made.taken


def test_while_a_turn_is_not_decided_yet_adjustments_are_measured_too():
    made = Adjusted(BACK, two_way={PAIR: False}).adjust(10)
    assert EXPECTED == made.taken


def test_a_side_that_only_follows_is_not_measured():
    assert {} == Adjusted(BACK).adjust(10).summary.legs


def test_more_than_waits_at_most_is_forgotten_and_counted(monkeypatch):
    monkeypatch.setattr(legs, "WAITING_MAX", 2)
    made = Adjusted()
    for on_hand in range(10, 14):
        made.adjust(on_hand, shown=False)
    assert {"forgotten": 2} == made.books.problems
    for on_hand in range(20, 24):
        made.commit(on_hand).show(on_hand)
    assert len(made.judge.outboxes.outboxes["stock"].legs[PAIR]._shown) <= 2


def test_partitions_are_merged_and_stay_as_they_were():
    first, second = Adjusted().adjust(10), Adjusted().adjust(5).adjust(7, traced=False)
    merged = {}
    merge_legs(merged, first.summary.legs)
    merge_legs(merged, second.summary.legs)
    assert (3, 2) == tuple(merged[PAIR].legs[leg].count for leg in (Leg.SHOW, Leg.TOTAL))
    assert {"no_request": 1, "bad_trace": 1} == merged[PAIR].problems
    assert 1 == first.books.legs[Leg.SHOW].count


def judged(count, slow=0):
    made = Adjusted()
    sketch = made.adjust(10).books.legs[Leg.TOTAL]
    for number in range(count):
        sketch.add(9 * SECOND if number < slow else MS, SECOND)
    known = facts(adjusted=("stock",))
    known.view.merged.outboxes["stock"] = made.summary
    (criterion,) = adjustment_rules(known, GOAL, NOW)
    return criterion.answer.value


def test_most_adjustments_must_be_shown_in_time_before_writes_are_left_to_the_service():
    assert "pass" == judged(2000)
    assert "fail" == judged(2000, slow=400)
    assert "inconclusive" == judged(20)
    assert [] == adjustment_rules(facts(), GOAL, NOW)
    (unknown,) = adjustment_rules(facts(adjusted=("other",)), GOAL, NOW)
    assert "inconclusive" == unknown.answer.value
