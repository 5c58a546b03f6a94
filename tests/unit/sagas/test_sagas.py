"""What the saga judge says of sagas that went well, badly, late, twice and in another order."""

import itertools
import random

import msgspec
import pytest

from figwatch.validators.change import Gap, Malformed, Side
from figwatch.validators.sagas.definition import (
    SagaDefinitionError,
    StepDeclaration,
    check_end,
    signals_of,
    step_order,
)
from figwatch.validators.writes.records import Report
from tests.unit.sagas.sagas import GOOD, REFUSED, SECOND, Bench, order


def test_a_saga_whose_steps_are_all_done_is_completed_with_its_duration():
    bench = Bench().happen(*GOOD)
    assert {"completed": 1} == bench.outcomes
    assert (1, 1) == (bench.summary.samples, bench.summary.success)
    assert (1, 3 * SECOND) == (bench.summary.seconds.count, bench.summary.seconds.max_us)


def test_a_refused_payment_whose_stock_is_released_is_compensated():
    bench = Bench().happen(*REFUSED).pass_time(4)
    assert {"compensated": 1} == bench.outcomes
    assert (1, 0) == (bench.summary.samples, bench.summary.success)


def test_whether_compensated_is_a_success_is_configuration():
    bench = Bench(order(compensated_is_success=True)).happen(*REFUSED).pass_time(4)
    assert (1, 1) == (bench.summary.samples, bench.summary.success)


def test_a_compensation_that_does_not_run_is_named_with_its_step():
    bench = Bench().happen(*REFUSED[:3]).pass_time(13.1)
    assert {"incompletely_compensated": 1} == bench.outcomes
    assert ("1", ("reserve",)) == (bench.case.instance, bench.case.steps)
    assert bench.pass_time(60).outcomes == {"incompletely_compensated": 1}


def test_a_crashed_orchestrator_or_a_lost_event_leaves_a_stuck_saga_and_names_the_step():
    bench = Bench().happen("OrderPlaced", "StockReserved").pass_time(11.1)
    assert {"stuck": 1} == bench.outcomes
    assert ("pay",) == bench.case.steps


def test_only_the_watermark_decides_that_a_saga_is_stuck():
    bench = Bench().happen("OrderPlaced")
    bench.now = 1 << 60
    bench.judge.evaluate(bench.now)
    assert {} == bench.outcomes
    assert {} == bench.pass_time(9.9).outcomes
    assert {"stuck": 1} == bench.pass_time(11.1).outcomes


def test_a_stuck_saga_that_ends_late_is_completed_and_its_stay_is_on_record():
    bench = Bench().happen(*GOOD[:2]).pass_time(20).happen(*GOOD[2:], first=21)
    assert {"completed": 1} == bench.outcomes
    assert 1 == bench.summary.reached["stuck"]
    assert (1, 0) == (bench.summary.seconds.count, bench.summary.seconds.within)


@pytest.mark.parametrize("story", [GOOD, REFUSED])
def test_no_order_of_arrival_and_no_second_delivery_changes_the_outcome(story):
    for shuffled in itertools.permutations(range(4)):
        bench = Bench(order(topics=tuple(f"t{n}" for n in range(8))))
        events = [bench.event(name, n, event_id=n + 1) for n, name in enumerate(story)]
        again = [bench.event(name, n, event_id=n + 1) for n, name in enumerate(story)]
        # One raw partition is in order; across partitions any order may come.
        bench.offsets = {f"t{n}": 0 for n in range(8)}
        told = [events[n] for n in shuffled] + again
        for place, event in enumerate(told):
            bench.judge.apply(_elsewhere(event, place), 0)
        bench.judge.evaluate(0)
        bench.pass_time(5)
        assert {"completed" if story is GOOD else "compensated": 1} == bench.outcomes
        assert {"duplicate": 4} == {k: v for k, v in bench.problems.items() if k != "reopened"}


def _elsewhere(event, place):
    return msgspec.structs.replace(event, topic=f"t{place}", offset=0)


def test_a_record_read_again_counts_for_nothing():
    bench = Bench()
    event = bench.event("OrderPlaced", 0)
    bench.tell(event, event, event)
    assert {} == bench.problems


def test_a_step_done_before_the_one_that_must_come_first_is_out_of_order():
    bench = Bench().happen("OrderPlaced", "PaymentTaken", "StockReserved", "OrderConfirmed")
    assert {"completed": 1} == bench.outcomes
    assert 1 == bench.problems["out_of_order"]
    assert ("out_of_order",) == bench.case.problems


def test_what_only_arrives_late_is_not_out_of_order():
    bench = Bench()
    bench.tell(bench.event("PaymentTaken", 2), bench.event("OrderPlaced", 0))
    bench.tell(bench.event("StockReserved", 1), bench.event("OrderConfirmed", 3))
    assert "out_of_order" not in bench.problems
    assert {"completed": 1} == bench.outcomes


def test_clocks_within_their_bound_prove_no_order():
    bench = Bench(order(skew_us=2 * SECOND))
    bench.happen("OrderPlaced", "PaymentTaken", "StockReserved", "OrderConfirmed")
    assert "out_of_order" not in bench.problems


def test_a_payment_taken_twice_is_a_repeat_not_a_second_delivery():
    bench = Bench().happen(*GOOD[:3])
    bench.tell(bench.event("PaymentTaken", 2.5, event_id=99))
    assert (1, 0) == (bench.problems["repeated"], bench.problems.get("duplicate", 0))
    assert ("repeated",) == bench.case.problems


def test_events_without_ids_that_come_again_are_second_deliveries():
    bench = Bench()
    bench.tell(*(bench.event("OrderPlaced", 0) for _ in range(3)))
    assert 2 == bench.problems["duplicate"]


def test_events_without_a_start_are_told_apart_from_stuck_ones():
    bench = Bench().happen(*GOOD[1:]).pass_time(20)
    assert {"unknown_start": 1} == bench.outcomes
    assert 0 == bench.summary.samples


def test_where_reading_began_later_a_missing_start_is_no_finding():
    bench = Bench()
    bench.judge.rows.place("stock", 0)[1].kept.base = 100
    bench.happen(*GOOD[1:]).pass_time(20)
    assert {"unknown": 1} == bench.outcomes


def test_an_undeclared_event_is_counted_by_name_and_may_have_ended_the_saga():
    bench = Bench().happen("OrderPlaced", "OrderExpired").pass_time(20)
    assert {"OrderExpired": 1} == bench.summary.undeclared
    assert {"unknown": 1} == bench.outcomes


def test_names_of_undeclared_events_are_bounded():
    bench = Bench().happen("OrderPlaced", *(f"Other{n}" for n in range(0)))
    for n in range(30):
        bench.tell(bench.event(f"Order{n}", 1))
    assert 21 == len(bench.summary.undeclared)
    assert 10 == bench.summary.undeclared["(more)"]


def test_an_unreadable_record_makes_what_may_have_been_ended_by_it_unknown():
    bench = Bench().happen("OrderPlaced").happen("OrderPlaced", instance="2", first=5)
    bad = Malformed(None, Side.SOURCE, None, "saga_correlation", "", "stock", 0, 0, 3 * SECOND)
    bench.offsets["stock"] = 0
    bench.tell(bad, bad).pass_time(20)
    assert {"unknown": 1, "stuck": 1} == bench.outcomes
    assert 1 == bench.problems["unreadable"]


def test_a_gap_makes_all_that_is_open_unknown():
    bench = Bench().happen("OrderPlaced")
    bench.now = SECOND
    bench.tell(Gap("stock", 0, 0, 5))
    bench.offsets["stock"] = 4
    assert {"unknown": 1} == bench.pass_time(20).outcomes


def test_clocks_that_disagree_give_no_duration():
    bench = Bench().happen("OrderPlaced", first=100)
    bench.happen(*GOOD[1:], first=1)
    assert {"completed": 1} == bench.outcomes
    assert (0, 1) == (bench.summary.seconds.count, bench.problems["clocks"])


def test_too_many_open_sagas_push_the_oldest_out_as_unknown_and_say_so():
    bench = Bench(order(open_max=3))
    for n in range(5):
        bench.happen("OrderPlaced", instance=f"{n}", first=n / 10)
    assert (3, {"unknown": 2}) == (bench.summary.open, bench.outcomes)
    assert 2 == bench.problems["evicted"]
    bench.happen(*GOOD[1:], instance="0", first=1)
    assert {"unknown": 2, "completed": 1} == bench.outcomes  # it was taken back, another given up


def test_closed_sagas_are_forgotten_and_what_comes_again_of_them_changes_nothing():
    bench = Bench(order(closed_max=2))
    for n in range(6):
        bench.happen(*GOOD, instance=f"{n}", first=n)
    bench.pass_time(50)
    assert 2 == len(bench.judge.sagas.sagas["order"].closed)
    bench.tell(bench.event("PaymentTaken", 2, "0"), bench.event("OrderPlaced", 0, "0"))
    bench.pass_time(100)
    assert {"completed": 6, "unknown": 1} == bench.outcomes
    assert 1 == bench.problems["late"]


def test_state_and_counts_survive_restarts_anywhere():
    told = []
    for n in range(12):
        story = random.Random(n).choice([GOOD, REFUSED, REFUSED[:3], GOOD[:2], GOOD[1:]])
        told += [(name, n + k / 2, f"{n}") for k, name in enumerate(story)]
    told.sort(key=lambda event: event[1])

    def run(restart_at):
        bench = Bench()
        for k, (name, at, instance) in enumerate(told):
            bench.tell(bench.event(name, at, instance, event_id=k + 1))
            if k % 5 == 0:
                bench.pass_time(max(at - 3, 0.1))
            if k in restart_at:
                bench.restart()
        return bench.pass_time(100)

    expected = run(())
    assert {
        "completed",
        "compensated",
        "incompletely_compensated",
        "stuck",
        "unknown_start",
    } >= set(expected.outcomes)
    for k in range(0, len(told), 3):
        found = run({k, k + 2})
        assert expected.outcomes == found.outcomes
        assert expected.summary.seconds.count == found.summary.seconds.count
        assert expected.problems == found.problems


def test_a_settlement_written_without_the_books_is_counted_once_after_a_restart():
    bench = Bench().happen(*GOOD[:3])
    kept = dict(bench.judge.take_dirty())
    bench.happen("OrderConfirmed", first=3)
    kept |= {k: v for k, v in bench.judge.take_dirty() if k.startswith(b"\0saga\0")}
    bench.kept = kept
    bench.judge.take_dirty = lambda: iter(())
    bench.restart()
    assert ({"completed": 1}, 1) == (bench.outcomes, bench.summary.seconds.count)


# -- state tables ------------------------------------------------------------------------------


def reported(**changes):
    return Bench(order(reported=True, topics=("orders",), signals={}, **changes))


def row(bench, at, report, **fields):
    return bench.event("row", at, topic="orders", report=report, **fields)


def test_a_state_table_tells_the_outcome():
    bench = reported()
    bench.tell(row(bench, 0, Report.RUNNING, start=True), row(bench, 1, Report.COMPLETED, done=7))
    assert {"completed": 1} == bench.outcomes


def test_an_orchestrator_that_says_aborted_while_a_step_is_still_done_is_found_out():
    bench = reported()
    bench.tell(row(bench, 0, Report.RUNNING, start=True))
    bench.tell(row(bench, 1, Report.COMPENSATED, done=0b001, failed=0b010)).pass_time(2)
    assert {"incompletely_compensated": 1} == bench.outcomes
    assert ("reserve",) == bench.case.steps


def test_the_same_with_every_step_undone_is_compensated():
    bench = reported()
    bench.tell(row(bench, 0, Report.RUNNING, start=True))
    bench.tell(row(bench, 1, Report.COMPENSATED, done=0b001, failed=0b010, undone=0b001))
    assert {"compensated": 1} == bench.pass_time(2).outcomes


def test_a_row_that_stays_running_is_stuck_and_one_that_stays_compensating_incomplete():
    bench = reported()
    bench.tell(row(bench, 0, Report.RUNNING, start=True)).pass_time(12)
    assert {"stuck": 1} == bench.outcomes
    bench.tell(row(bench, 12, Report.COMPENSATING)).pass_time(30)
    assert {"incompletely_compensated": 1} == bench.outcomes


def test_a_deleted_row_means_completed_or_compensated_by_what_it_was():
    bench = reported(steps_reported=False)
    bench.tell(row(bench, 0, Report.RUNNING, start=True), row(bench, 1, Report.GONE))
    assert {"completed": 1} == bench.outcomes
    other = reported(steps_reported=False)
    other.tell(row(other, 0, Report.RUNNING, start=True), row(other, 1, Report.COMPENSATING))
    other.tell(row(other, 2, Report.GONE)).pass_time(3)
    assert {"compensated": 1} == other.outcomes


def test_cleaning_up_rows_of_before_is_nothing():
    bench = reported(steps_reported=False)
    bench.tell(row(bench, 0, Report.GONE)).pass_time(60)
    assert ({}, {"late": 1}) == (bench.outcomes, bench.problems)


# -- definitions -------------------------------------------------------------------------------


def test_steps_that_wait_for_each_other_are_refused_with_the_circle():
    steps = [
        StepDeclaration("a", "A", after=("c",)),
        StepDeclaration("b", "B"),
        StepDeclaration("c", "C"),
    ]
    with pytest.raises(SagaDefinitionError, match="in a circle: ") as caught:
        step_order(steps)
    assert "config.saga-cycle" == caught.value.code


def test_a_saga_without_an_end_is_refused():
    for steps in ([], [StepDeclaration("a", "A"), StepDeclaration("b")]):
        with pytest.raises(SagaDefinitionError) as caught:
            check_end(steps)
        assert "config.saga-no-end" == caught.value.code


def test_a_step_after_one_that_does_not_exist_is_refused():
    with pytest.raises(SagaDefinitionError) as caught:
        step_order([StepDeclaration("a", "A", after=("z",))])
    assert "config.saga-unknown-step" == caught.value.code


def test_an_event_cannot_say_that_a_step_is_done_and_failed():
    with pytest.raises(SagaDefinitionError) as caught:
        signals_of(["S"], [StepDeclaration("a", "A", "A")])
    assert "config.saga-ambiguous-event" == caught.value.code


def test_parallel_steps_may_end_in_any_order():
    steps = [
        StepDeclaration("a", "StockA", after=()),
        StepDeclaration("b", "StockB", after=()),
        StepDeclaration("c", "OrderC", after=("a", "b")),
    ]
    definition = order(
        steps=("a", "b", "c"), before=step_order(steps), compensable=0,
        signals=signals_of(["OrderPlaced"], steps),
    )  # fmt: skip
    bench = Bench(definition).happen("OrderPlaced", "StockB", "StockA", "OrderC")
    assert ({"completed": 1}, {}) == (bench.outcomes, bench.problems)
