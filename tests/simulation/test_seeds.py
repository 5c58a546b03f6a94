"""Whole migrations with known truth: nothing false, nothing missed, nothing unsafe.

Ten thousand by default: three minutes of two cores (`FIGWATCH_SEEDS=300` for a quick look,
`FIGWATCH_FIRST_SEED` for others than these). A failing seed is printed with the fewest features of
its weather that still make it fail; `figwatch simulate --seed N` prints its history.
"""

import dataclasses
import json
import os
import sys

import pytest

from figwatch.demo.simulator.check import compare, judge, simulate
from figwatch.demo.simulator.command import run_simulate
from figwatch.demo.simulator.runs import run_seeds
from figwatch.demo.simulator.scenario import Scenario
from figwatch.demo.simulator.shrink import shrink
from figwatch.demo.simulator.weather import Weather

SEEDS = int(os.environ.get("FIGWATCH_SEEDS", "10000"))
FIRST = int(os.environ.get("FIGWATCH_FIRST_SEED", "0"))
PROCESSES = 2


@pytest.mark.timeout(1_800)
def test_no_seed_makes_figwatch_say_anything_wrong(record_property, capsys):
    run = run_seeds(range(FIRST, FIRST + SEEDS), PROCESSES)
    record_property("simulation", run.summary())
    with capsys.disabled():
        sys.stdout.write(f"\n{run.summary()}\n")
    failures = [shrink(outcome.seed) for outcome in run.failed[:3]]
    assert [] == [(o.seed, o.weather.features(), o.false, o.missed, o.unsafe) for o in failures]
    # A run that planted or found nothing has verified nothing.
    assert run.planted > SEEDS / 2
    assert run.findings > SEEDS / 5
    assert run.found > SEEDS / 20
    assert run.unknown_share < 0.1


def test_several_internal_partitions_say_what_one_says():
    for seed in range(8):
        weather = Weather(keys=12, faults=2.0, moves=2.0, toast=True, stalls=0.5)
        lines, truth = Scenario(seed, weather).play()
        one, several = (
            compare(seed, judge(seed, w, lines), truth, w)
            for w in (weather, dataclasses.replace(weather, scattered=4))
        )
        assert (True, one.keys, one.found, one.unknown) == (
            several.good, several.keys, several.found, several.unknown,
        )  # fmt: skip


def test_a_seed_is_a_history():
    first, again = (Scenario(11).play() for _ in range(2))
    assert first[0] == again[0]
    assert first[1] == again[1]


def test_a_lost_change_is_found_in_calm_weather():
    outcomes = [
        simulate(seed, Weather(keys=1, faults=1.0, writes_per_second=1.0)) for seed in range(20)
    ]
    assert all(outcome.good for outcome in outcomes)
    assert any(outcome.found for outcome in outcomes)


def test_healthy_replication_finds_nothing_and_knows_everything():
    outcomes = [simulate(seed, Weather(faults=0.0)) for seed in range(10)]
    assert [(True, 0, 0)] * 10 == [(o.good, o.findings, o.unknown) for o in outcomes]


def test_a_replicator_that_commits_before_it_writes_is_noticed():
    weather = Weather(eager=True, faults=0.0, writes_per_second=20.0, stalls=0.0)
    outcomes = [simulate(seed, weather) for seed in range(20)]
    assert all(outcome.good for outcome in outcomes)
    assert sum(outcome.demoted for outcome in outcomes) > 10


def test_one_seed_prints_its_history_and_passes(capsys):
    assert 0 == run_simulate(5, 1, json_output=False)
    out = capsys.readouterr().out
    assert "nothing wrong, nothing missed" in out
    assert "committed/end" in out


def test_many_seeds_print_a_summary(capsys):
    assert 0 == run_simulate(None, 4, json_output=True)
    document = json.loads(capsys.readouterr().out)
    assert (4, 0, []) == (document["seeds"], document["false_divergent"], document["failed"])
