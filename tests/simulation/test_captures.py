"""Seeds as capture files through `figwatch replay --json`: the same verdicts as of the lines in
memory, and nothing wrong where a capture holds no readings, or only end offsets.
"""

import dataclasses
import json

import msgspec
import pytest
from typer.testing import CliRunner

from figwatch.cli.main import app
from figwatch.connectors.capture import RawReading, RawRecord
from figwatch.connectors.replay import Replay
from figwatch.demo.simulator.capture_file import write_capture, write_configuration
from figwatch.demo.simulator.check import compare, config_of
from figwatch.demo.simulator.scenario import Scenario
from figwatch.demo.simulator.weather import Weather
from figwatch.validators.result import result

SIDES = {"source": "monolith", "target": "service"}
UNFENCED = {"fence": False, "patient": True, "faults": 2.0, "stalls": 1.0, "keys": 6}


def in_memory(weather, lines):
    return Replay(config_of(weather), lines).run()


@pytest.mark.parametrize("seed", range(12))
def test_a_capture_file_is_judged_exactly_as_the_lines_were(seed, tmp_path):
    scenario = Scenario(seed)
    lines, _ = scenario.play()
    write_capture(lines, tmp_path / "run.jsonl")
    write_configuration(scenario.weather, tmp_path / "run.yaml")
    replayed = in_memory(scenario.weather, lines)
    expected = result(replayed.summary, replayed.findings, SIDES, replayed.key_names)
    arguments = ["replay", "--json", "--config", str(tmp_path / "run.yaml")]
    done = CliRunner().invoke(app, [*arguments, str(tmp_path / "run.jsonl")])
    assert 0 == done.exit_code, done.output
    assert json.loads(json.dumps(expected)) == json.loads(done.stdout)


def in_milliseconds(line):
    name = "answered_us" if isinstance(line, RawReading) else "append_us"
    return msgspec.structs.replace(line, **{name: getattr(line, name) // 1_000 * 1_000})


@pytest.mark.parametrize("seed", range(100, 112))
def test_whole_milliseconds_are_no_reason_for_a_wrong_word(seed):
    scenario = Scenario(seed)
    lines, truth = scenario.play()
    replayed = in_memory(scenario.weather, [in_milliseconds(line) for line in lines])
    outcome = compare(seed, replayed, truth, scenario.weather)
    assert outcome.good, outcome


@pytest.mark.parametrize("asked", [True, False], ids=["end offsets only", "no readings"])
def test_captures_without_readings_of_the_replicator_find_what_can_be_found(asked):
    weather = Weather(**UNFENCED, asked=asked)
    found = 0
    for seed in range(12):
        scenario = Scenario(seed, weather)
        lines, truth = scenario.play()
        assert asked == any(isinstance(x, RawReading) and "mono" in x.topic for x in lines)
        outcome = compare(seed, in_memory(weather, lines), truth, weather)
        assert outcome.good, outcome
        found += outcome.found
    assert found


@pytest.mark.parametrize("seed", range(200, 206))
def test_readings_of_another_group_only_tell_where_partitions_end(seed):
    scenario = Scenario(seed, Weather(faults=2.0, keys=3))
    lines, truth = scenario.play()
    mixed = []
    for line in lines:
        mixed.append(line)
        if isinstance(line, RawReading) and line.group is not None:
            mixed.append(RawReading(line.topic, line.partition, "backup", 0, line.end_offset,
                                    line.answered_us))  # fmt: skip
    one, other = (in_memory(scenario.weather, each) for each in (lines, mixed))
    assert compare(seed, other, truth, scenario.weather).good
    assert [(f.key, f.kind) for f in one.findings] == [(f.key, f.kind) for f in other.findings]


def test_a_target_that_never_shows_a_row_is_missing_all_of_them():
    """Its topic does not even exist: Debezium makes it with the first row."""
    weather = dataclasses.replace(Weather(faults=0.0), seconds=3.0)
    scenario = Scenario(1, weather)
    scenario.replicator.lose = set(range(10_000))
    lines, truth = scenario.play()
    assert not [x for x in lines if isinstance(x, RawRecord) and "stock_levels" in x.topic]
    replayed = in_memory(weather, lines)
    missing = {f.kind for f in replayed.findings if f.resolved_us is None}
    assert ({"missing"}, len(truth.source)) == (
        missing, replayed.summary.pairs["stock"].keys["divergent"],
    )  # fmt: skip
