"""The load's keys and dice."""

from collections import Counter

import pytest

from figwatch.demo.keyspace import FAULTS, FAULTS_UNUSED, FOREIGN, LOAD_FIRST, LOAD_MADE_FIRST
from figwatch.demo.load import Load, LoadSettings
from figwatch.demo.load_jobs import NOTES_LONG_BYTES, row_values
from figwatch.demo.load_keys import Keys


def test_the_seed_decides_what_is_picked():
    first, second, other = (Keys(seed, 300) for seed in (1, 1, 2))
    picks = [first.pick() for _ in range(200)]
    assert picks == [second.pick() for _ in range(200)]
    assert picks != [other.pick() for _ in range(200)]


def test_few_keys_get_most_of_the_traffic():
    keys = Keys(1, 300)
    counts = Counter(keys.pick() for _ in range(10_000))
    hottest = sum(count for _, count in counts.most_common(30))
    assert 5_000 < hottest < 9_500
    assert len(counts) > 200


def test_a_retired_key_is_not_picked_until_it_comes_back():
    keys = Keys(1, 2)
    keys.retire(1)
    keys.retire(1)
    assert {2} == {keys.pick() for _ in range(100)}
    made = {keys.fresh() for _ in range(100)}
    assert 1 in made
    assert len(made) == 100


def test_the_load_never_reaches_the_rows_that_faults_are_planted_on():
    keys = Keys(1, 5000)
    reserved = {*FAULTS, *FAULTS_UNUSED, *FOREIGN}
    made = {keys.fresh() for _ in range(20_000)}
    assert not reserved & made
    assert not reserved & set(keys.live)
    assert LOAD_FIRST < LOAD_MADE_FIRST < min(reserved)
    assert len(reserved) == len(FAULTS) + len(FAULTS_UNUSED) + len(FOREIGN)


def test_some_notes_are_long_enough_to_be_stored_out_of_line():
    keys = Keys(1, 1)
    lengths = {len(str(row_values(1, keys.dice)[-1] or "")) for _ in range(100)}
    assert {0, len("fragile"), NOTES_LONG_BYTES} == lengths


@pytest.mark.parametrize("change", [{"rate_per_second": 0.0}, {"items": 0}])
def test_impossible_settings_are_refused_at_once(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        Load(LoadSettings("http://localhost", "", **change))
