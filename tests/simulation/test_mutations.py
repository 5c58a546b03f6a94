"""Each condition of the rules disabled in turn: whole histories go wrong without it.

`mutations.py` has them. Where only a history too particular for chance needs a condition, its
counterexample in `tests/unit/verdict` is the proof; those are listed with the reason.
"""

from pathlib import Path

import pytest

from figwatch.demo.simulator.check import simulate
from figwatch.demo.simulator.exhaustive import search
from figwatch.demo.simulator.small_world import Case
from figwatch.demo.simulator.weather import Weather
from tests.simulation.mutations import MUTATIONS, plant

SEEDS = 100
"""Tried at most for a mutation; nearly all die within ten."""

BUSY = {"faults": 0.0, "writes_per_second": 20.0}
SLOW = {"faults": 0.0, "writes_per_second": 3.0, "slow": True}
GOING_BACK = {**SLOW, "connector_crashes": 6.0}
HOT = {**SLOW, "writes_per_second": 40.0, "keys": 1, "ring_size": 2, "seconds": 2.0}
LATE = {**SLOW, "late_start": True}

WEATHERS = {
    "judged_before_the_source_is_applied": Weather(faults=0.0, keys=40),
    "one_partition_is_enough": Weather(faults=0.0, keys=200, writes_per_second=3.0, stalls=2.0),
    "readings_from_before_the_target_was_read": Weather(**BUSY, keys=3),
    "emission_frontier_ignored": Weather(**GOING_BACK, keys=3),
    "committed_offset_ignored": Weather(**BUSY, keys=3),
    "committed_up_to_is_enough": Weather(**BUSY, keys=3),
    "readings_not_covered": Weather(**BUSY, keys=3, stalls=2.0),
    "targets_watermark_ignored": Weather(**BUSY, keys=3),
    "clock_skew_ignored": Weather(**BUSY, keys=4, skew_us=300_000),
    "copies_keep_their_first_offset": Weather(**GOING_BACK, keys=1),
    "only_the_copied_version_moves": Weather(**GOING_BACK, keys=3, blocking=6.0),
    "skipped_versions_left_out": Weather(**GOING_BACK, keys=3, blocking=6.0),
    "duplicates_by_time_alone": Weather(**BUSY, keys=3),
    "overflow_keeps_the_ring_complete": Weather(**HOT),
    "holes_in_a_ring_ignored": Weather(**HOT),
    "losses_ignored": Weather(**BUSY, keys=6, gaps=1.0),
    "ring_survives_a_loss": Weather(**SLOW, keys=2, malformed=3.0),
    "malformed_records_ignored": Weather(**BUSY, keys=3, malformed=3.0),
    "history_before_the_first_record_ignored": Weather(**LATE, keys=6, stalls=3.0),
    "absence_needs_no_beginning": Weather(**LATE, keys=6),
    "new_snapshots_ignored": Weather(faults=0.0, keys=6, lost_slot=True),
    "every_tombstone_stands_alone": Weather(**BUSY, keys=3, connector_crashes=12.0),
    "truncates_are_emitted_once": Weather(**GOING_BACK, keys=2, truncates=3.0),
    "transactions_leave_one_version": Weather(**SLOW, keys=1),
    "unknown_columns_different": Weather(**LATE, keys=6, toast=True),
    "first_equal_version_shown": Weather(**BUSY, keys=1, repeats=True),
    "absence_before_birth_ignored": Weather(**BUSY, keys=12, stalls=3.0),
    "incomplete_rings_need_no_fence": Weather(**BUSY, keys=1, stalls=3.0),
    "overdue_is_divergent": Weather(**BUSY, keys=3, stalls=3.0),
    "a_later_change_is_proof_enough": Weather(**BUSY, keys=3),
    "side_faults_ignored": Weather(**LATE, keys=6),
    "late_target_events_unnoticed": Weather(**BUSY, keys=3, untruthful=True),
    "marks_before_their_data": Weather(**BUSY, keys=6, scattered=3),
    "whole_seconds_tell_copies": Weather(**BUSY, keys=6, whole_seconds=True, upgraded=True),
    "statement_times_believed": Weather(
        **BUSY, keys=6, whole_seconds=True, fence=False, asked=False
    ),
    "falling_times_unnoticed": Weather(**BUSY, keys=3, whole_seconds=True),
}

CASES = {
    "judged_before_the_source_is_applied": Case("update", ("A", "B"), readings=1, beats=1),
    "readings_from_before_the_target_was_read": Case(
        "delete and insert again", ("A", None, "B"), readings=1, beats=1
    ),
    "committed_offset_ignored": Case("update", ("A", "B"), readings=1, beats=1),
    "committed_up_to_is_enough": Case("update", ("A", "B"), readings=1, beats=1),
    "targets_watermark_ignored": Case("update", ("A", "B"), readings=1, beats=1),
    "absence_before_birth_ignored": Case("insert", ("A",), readings=1, beats=1),
    "malformed_records_ignored": Case("malformed", ("A", "B"), malformed=1, readings=1, beats=1),
    "history_before_the_first_record_ignored": Case(
        "late", ("A", None, "B"), base=2, readings=1, beats=1
    ),
    "incomplete_rings_need_no_fence": Case("late", ("A", "B"), base=1, readings=1, beats=1),
}

UNIT_ONLY = {
    "judged_inside_the_targets_transaction": "needs the give-up age to pass in mid-transaction",
    "rewinds_ignored": "calls what is really lost divergent while an operator repairs it",
    "any_event_releases_the_frontier": "needs a copy that figwatch could not read at first",
    "every_first_event_is_a_birth": "needs a target loaded before the source's snapshot",
    "the_first_record_was_no_copy": "needs a late start right at a copy: one seed in 500",
    "snapshots_release_the_frontier": "needs a snapshot just between two copies: one seed in 100",
    "whole_seconds_order_truncates": "one seed in ten thousand",
    "rows_made_again_have_stood": "needs a rewind within what a lost slot hides",
    "duplicates_by_position_alone": "needs a restored database, whose log starts lower",
    "only_the_first_record_counts_as_lost": "needs a whole life of a row lost in one gap",
    "running_snapshots_ignored": "needs a target ahead of the source's own snapshot",
    "tombstones_of_lost_deletes_count": "needs the copy of an old delete to be unreadable",
    "unknown_columns_equal": "needs a long value to differ that nobody ever showed",
    "full_rings_forget_what_is_shown": "makes keys unknown, which is allowed, never wrong",
    "nothing_carried_forward": "makes keys unknown, which is allowed, never wrong",
    "moves_forget_long_values": "makes keys unknown, which is allowed, never wrong",
    "foreign_values_need_not_stand": "needs somebody to repair his own mistake at once",
    "early_commits_unnoticed": "a seed may pass by chance: test_seeds.py has its own test",
    "every_late_write_convicts": "says less than it could, never anything wrong",
    "every_repair_demotes": "says less than it could, never anything wrong",
    "repeats_shown_at_once": "a measurement",
    "written_again_shows_the_next": "a measurement",
    "hot_keys_lose_samples": "a measurement",
    "transactions_give_every_sample": "a measurement",
    "snapshot_rows_give_samples": "a measurement",
    "read_again_is_emitted_again": "counts, no verdicts: keys know what they have taken in",
    "proofs_survive_a_restart": "needs two workers whose clocks differ",
}


@pytest.mark.parametrize("name", WEATHERS)
def test_a_seed_notices_that_a_condition_is_missing(name, monkeypatch):
    plant(name, monkeypatch)
    outcomes = (simulate(seed, WEATHERS[name]) for seed in range(SEEDS))
    assert any(not outcome.good for outcome in outcomes), f"{name}: superfluous, or too tame"


@pytest.mark.parametrize("name", CASES)
def test_the_search_notices_that_a_condition_is_missing(name, monkeypatch):
    plant(name, monkeypatch)
    found = search(CASES[name], 20_000)
    assert found.failure, f"{name}: {found.summary()}"


def test_the_same_weather_is_harmless_with_every_condition_in_place():
    outcomes = [simulate(seed, weather) for weather in WEATHERS.values() for seed in range(3)]
    assert [] == [(o.seed, o.weather.features()) for o in outcomes if not o.good]


def test_every_mutation_is_noticed_by_somebody():
    told = "".join(
        path.read_text() for path in Path(__file__).parents[1].glob("unit/verdict/test_*.py")
    )
    unnoticed = [name for name in MUTATIONS if name not in WEATHERS and name not in UNIT_ONLY]
    untold = [name for name in UNIT_ONLY if f'"{name}"' not in told]
    assert ([], []) == (unnoticed, untold)
