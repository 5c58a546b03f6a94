"""Outbox events against the changes that must publish them: each fault found, nothing else."""

import random

import pytest

from figwatch.validators.change import Gap, Malformed, Mark, Side, SnapshotSpan
from figwatch.validators.outbox.definition import UNKNOWN, Definition
from figwatch.validators.outbox.summary import FAULTS, merge_outboxes
from tests.unit.writes.outbox_bench import COLUMNS, EVENTS, SECOND, Bench


def bench(**options):
    return Bench(**options).row(10, 0, op="c").event("StockAdjusted", 10, 10)


def adjusted(made, on_hand, delta):
    return made.row(on_hand, 0).event("StockAdjusted", on_hand, delta)


def test_every_change_with_its_event_is_matched():
    made = adjusted(bench(), 8, -2).row(8, 3).event("ItemReserved", 3)
    made.row(8, 1).event("ReservationReleased", 1).known()
    assert {"matched": 4} == made.counts
    assert (0, 0) == (made.summary.faults, made.summary.waiting)


def test_an_event_may_be_read_before_its_change():
    made = bench().event("StockAdjusted", 8, -2).row(8, 0).known()
    assert {"matched": 2} == made.counts


def test_a_change_that_needs_no_event_asks_for_none():
    assert {"matched": 1} == bench().row(10, 0).known().counts


def test_a_change_without_its_event_is_a_gap_and_not_before_the_time_is_up():
    made = bench().row(8, 0)
    assert {"matched": 1} == made.known(1).counts
    assert {"matched": 1, "gap": 1} == made.known().counts
    (case,) = made.summary.cases
    assert ("gap", "7", "StockAdjusted") == (case.fault, case.aggregate, case.type)


def test_an_event_without_a_change_is_a_ghost():
    assert {"matched": 1, "ghost": 1} == bench().event("ItemReserved", 5).known().counts


def test_a_second_event_for_one_change_is_a_duplicate_and_a_second_delivery_is_none():
    made = adjusted(bench(), 8, -2).event("StockAdjusted", 8, -2).known()
    assert {"matched": 2, "duplicate": 1} == made.counts
    twin = bench().row(8, 0).event("StockAdjusted", 8, -2, ident=77)
    twin.event("StockAdjusted", 8, -2, ident=77).known()
    assert {"matched": 2, "redelivered": 1} == twin.counts


def test_other_content_is_told_with_the_fields_that_differ():
    made = bench().row(8, 0).event("StockAdjusted", 8, -3).known()
    assert {"matched": 1, "content": 1} == made.counts
    assert ("delta",) == made.summary.cases[0].fields


def test_events_in_another_order_than_the_changes_are_told():
    made = bench().row(8, 0).row(5, 0)
    made.event("StockAdjusted", 5, -3).event("StockAdjusted", 8, -2).known()
    assert {"matched": 3, "order": 1} == made.counts


def test_one_lost_event_among_others_is_one_gap_and_no_disorder():
    made = bench().row(8, 0)
    made = adjusted(adjusted(made, 5, -3), 4, -1).known()
    assert {"matched": 3, "gap": 1} == made.counts


def test_the_transaction_decides_where_both_tell_theirs():
    made = bench().row(8, 0).event("StockAdjusted", 8, -2, tx=99).known()
    assert {"matched": 1, "gap": 1, "ghost": 1} == made.counts
    twin = bench().row(8, 0)
    assert {"matched": 2} == twin.event("StockAdjusted", 8, -2, tx=twin.tx).known().counts


def test_an_event_against_its_schema_is_told_and_still_matches():
    made = bench().row(8, 0).event("StockAdjusted", 8, -2, fault="$.sku (type)").known()
    assert {"matched": 2, "schema": 1} == made.counts
    assert ("$.sku (type)",) == made.summary.cases[0].fields


def test_an_event_that_comes_after_it_was_called_a_gap_is_late_and_no_fault():
    made = bench().row(8, 0).known().event("StockAdjusted", 8, -2).known()
    assert {"matched": 1, "gap": 1, "late": 1} == made.counts
    assert 0 == made.summary.faults


def test_what_the_row_was_before_is_not_known_so_that_nothing_is_claimed():
    made = Bench().row(8, 0).known()
    assert {"unknown": 2 + 1} == made.counts
    full = Bench().row(8, 0, before=("9", "0")).known()
    assert {"gap": 1} == full.counts


def test_a_long_value_that_did_not_come_is_that_of_before():
    made = bench().row(UNKNOWN, 3).event("ItemReserved", 3).known()
    assert {"matched": 2} == made.counts


def test_a_row_event_that_is_emitted_again_publishes_nothing_twice():
    made = adjusted(bench(), 8, -2)
    made.tx, made.now = made.tx - 1, made.now - SECOND // 10
    assert {"matched": 2} == made.row(8, 0).known().counts


def test_snapshot_rows_publish_nothing_and_are_remembered():
    made = Bench().row(10, 0, op="r").row(8, 0).event("StockAdjusted", 8, -2).known()
    assert {"matched": 1} == made.counts


def test_of_what_came_before_or_in_a_snapshot_of_the_table_nothing_is_claimed():
    made = Bench().event("ItemReserved", 5)
    topic, partition, offset, append_us = made.place("t")
    span = SnapshotSpan(offset, offset, made.now, finished=True, append_us=append_us)
    made.judge.apply(
        Mark(topic, partition, offset, offset + 1, None, streaming=False, snapshot=span), made.now
    )
    assert {"unknown": 1} == made.known().counts


def test_where_reading_began_later_nothing_is_claimed_of_before():
    late = Bench(start=5).event("ItemReserved", 5).known()
    assert {"unknown": 1} == late.counts
    late.row(9, 0).known()  # figwatch has not seen the row before
    adjusted(late, 8, -1).row(7, 0).known()
    assert 1 == late.counts["gap"]


@pytest.mark.parametrize("topic", ["t", "e"])
@pytest.mark.parametrize("lose", ["malformed", "gap"])
def test_lost_records_make_what_was_before_unknown(topic, lose):
    made = bench().row(8, 0)
    where = made.place(topic)
    if lose == "malformed":
        made.judge.apply(Malformed(None, Side.TARGET, None, "bad", "", *where), made.now)
    else:
        made.judge.apply(Gap(*where[:2], where[2], where[2] + 1), made.now + 20_000)
    assert {"matched": 1, "unknown": 1} == made.known().counts
    assert 1 == made.row(7, 0).known().counts["gap"]


def test_undeclared_events_are_counted():
    assert {"matched": 1, "undeclared": 1} == bench().event("Other").known().counts


def test_what_is_written_while_the_other_side_leads_need_not_be_published():
    following = Definition("stock", "t", "e", COLUMNS, EVENTS, 2 * SECOND, pair="stock", lead=1)
    made = Bench(following).row(10, 0, op="c").row(8, 0).known()
    assert {"unknown": 2} == made.counts


def test_a_restart_in_between_changes_nothing():
    made = bench().row(8, 0).restart().event("StockAdjusted", 8, -2).restart()
    made = made.row(5, 0).restart().known()
    assert {"matched": 2, "gap": 1} == made.restart().counts


def test_what_is_too_much_to_keep_is_counted_and_nothing_is_claimed_of_it():
    small = Definition("stock", "t", "e", COLUMNS, EVENTS, 2 * SECOND, aggregates_max=10)
    made = Bench(small)
    for n in range(25):
        made.row(10, 0, sku=str(n), op="c")
    assert 15 == made.counts["dropped"]
    assert 10 == len(made.judge.outboxes.outboxes["stock"].shelf.kept)


def test_partitions_add_up():
    one, two = bench().row(8, 0).known(), bench().event("ItemReserved", 1).known(20)
    merged = {}
    merge_outboxes(merged, {"stock": one.summary})
    merge_outboxes(merged, {"stock": two.summary})
    assert {"matched": 2, "gap": 1, "ghost": 1} == merged["stock"].counts
    assert one.summary.known_us == merged["stock"].known_us
    assert 2 == len(merged["stock"].cases)


@pytest.mark.parametrize("seed", range(40))
def test_any_interleaving_finds_the_planted_faults_and_no_others(seed):
    """Table and events in their own order each, interleaved at random, with restarts."""
    dice = random.Random(seed)
    made, rows, told = Bench(), [], []
    planted = dict.fromkeys(("gap", "ghost", "content", "duplicate"), 0)
    for sku in "abcd":
        on_hand = 1000
        rows.append((sku, on_hand, "c"))
        told.append((sku, on_hand, on_hand, "c"))
        for n in range(12):
            on_hand += n + 1  # no value twice: what differs can be told
            rows.append((sku, on_hand, "u"))
            fault = dice.choice((*planted, "")) if n in {2, 5, 8} else ""
            planted |= {fault: planted[fault] + 1} if fault else {}
            event = (sku, on_hand, n + 1, "u")
            told += {"gap": [], "ghost": [event, (sku, 5000 + n, 1, "u")],
                     "content": [(sku, on_hand, 999, "u")], "duplicate": [event, event],
                     "": [event]}[fault]  # fmt: skip
    while rows or told:
        if rows and (not told or dice.random() < 0.5):
            sku, on_hand, op = rows.pop(0)
            made.row(on_hand, 0, sku=sku, op=op)
        else:
            sku, on_hand, delta, _ = told.pop(0)
            made.event("StockAdjusted", on_hand, delta, sku=sku)
        if dice.random() < 0.03:
            made.restart()
    made.known()
    found = {fault: made.counts.get(fault, 0) for fault in FAULTS}
    assert planted | {"order": 0, "schema": 0} == found
