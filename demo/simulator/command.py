"""`figwatch simulate`: one seed as a history to read, or many as a summary.

`figwatch.cli` calls `run_simulate`.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from figwatch.connectors.capture import Line, RawReading, RawRecord
from figwatch.demo.simulator.capture_file import write_capture, write_configuration
from figwatch.demo.simulator.check import Outcome, compare, judge
from figwatch.demo.simulator.runs import Run, run_seeds
from figwatch.demo.simulator.scenario import Scenario
from figwatch.demo.simulator.shrink import shrink
from figwatch.demo.simulator.world import START_US

PASS, FAIL = 0, 1
PROCESSES = 2
MAX_SHRUNK = 3
"""Failing seeds that are made small; the others are only named."""


def run_simulate(
    seed: int | None, seeds: int, *, json_output: bool, capture: Path | None = None
) -> int:
    """Play one seed (`seeds` 1 and `seed` given) or many from `seed` (0) on.

    One seed is written as a capture file on demand, with its configuration beside it.

    Returns the exit code: 0 when nothing wrong was said and nothing missed, 1 otherwise.
    """
    if seed is not None and seeds <= 1:
        return _one(seed, json_output=json_output, capture=capture)
    first = seed or 0
    run = run_seeds(range(first, first + max(seeds, 1)), PROCESSES)
    if json_output:
        _print(json.dumps(_run_json(run), indent=2))
        return FAIL if run.failed else PASS
    for outcome in run.failed[:MAX_SHRUNK]:
        _print("\n".join(_failure(shrink(outcome.seed))))
    for outcome in run.failed[MAX_SHRUNK:]:
        _print(f"seed {outcome.seed} fails too")
    _print(run.summary())
    return FAIL if run.failed else PASS


def _one(seed: int, *, json_output: bool, capture: Path | None) -> int:
    scenario = Scenario(seed)
    lines, truth = scenario.play()
    if capture is not None:
        write_capture(lines, capture)
        write_configuration(scenario.weather, capture.with_suffix(".yaml"))
    replayed = judge(seed, scenario.weather, lines)
    outcome = compare(seed, replayed, truth, scenario.weather)
    if json_output:
        _print(json.dumps(_outcome_json(outcome), indent=2))
        return PASS if outcome.good else FAIL
    _print(f"seed {seed}: {_weather(outcome)}")
    for text in history(lines):
        _print(text)
    for text in truth.log:
        at_us, _, what = text.partition(" ")
        _print(f"truth    {_seconds(int(at_us)):>9}  {what}")
    for finding in replayed.findings:
        key = dict(replayed.key_names(finding.pair, finding.key))
        ended = _seconds(finding.resolved_us) if finding.resolved_us else "open"
        void = ", withdrawn" if finding.void else ""
        detected = _seconds(finding.detected_us)
        _print(f"finding  {detected:>9}  {key} {finding.kind}, {finding.evidence}, {ended}{void}")
    _print("\n".join(_failure(outcome)) if not outcome.good else "nothing wrong, nothing missed")
    return PASS if outcome.good else FAIL


def history(lines: list[Line]) -> Iterator[str]:
    """What figwatch read, a line each, in its order; heartbeats left out."""
    for line in lines:
        if isinstance(line, RawReading):
            if line.group is not None:
                where, said = (
                    f"{line.topic}-{line.partition}",
                    f"{line.committed}/{line.end_offset}",
                )
                yield f"reading  {_seconds(line.answered_us):>9}  {where} committed/end {said}"
        elif "heartbeat" not in line.topic:
            yield (
                f"record   {_seconds(line.append_us):>9}  {line.topic}-{line.partition}@"
                f"{line.offset} {_event(line)}"
            )


def _event(line: RawRecord) -> str:
    if line.value is None:
        return f"tombstone {_text(line.key)}"
    try:
        value: dict[str, Any] = msgspec.json.decode(line.value)
    except msgspec.DecodeError:
        return f"unreadable, key {_text(line.key)}"
    source = value["source"]
    at = _seconds(source["ts_us"])
    kind = "" if source["snapshot"] == "false" else f" snapshot {source['snapshot']}"
    after = value["after"] or ""
    place = source.get("lsn") or f"{source['file']}:{source['pos']}:{source['row']}"
    return f"{value['op']}{kind} {_text(line.key)} {after} at {place} committed {at}"


def _text(key: bytes | None) -> str:
    return "no key" if key is None else key.decode(errors="replace")


def _seconds(at_us: int) -> str:
    return f"{(at_us - START_US) / 1e6:.3f} s"


def _weather(outcome: Outcome) -> str:
    return ", ".join(f"{name} {value}" for name, value in outcome.weather.features().items())


def _failure(outcome: Outcome) -> list[str]:
    said = [f"seed {outcome.seed} fails with {_weather(outcome)}"]
    for name in ("false", "missed", "unsafe"):
        said += [f"  {name}: {what}" for what in getattr(outcome, name)]
    return said


def _run_json(run: Run) -> dict[str, object]:
    return {
        "seeds": run.seeds,
        "false_divergent": run.false_divergent,
        "missed": run.missed,
        "unsafe": run.unsafe,
        "planted": run.planted,
        "findings": run.findings,
        "open_at_end": run.found,
        "keys": run.keys,
        "unknown_share": run.unknown_share,
        "fence_demoted": run.demoted,
        "failed": [_outcome_json(outcome) for outcome in run.failed],
    }


def _outcome_json(outcome: Outcome) -> dict[str, object]:
    return {
        "seed": outcome.seed,
        "weather": outcome.weather.features(),
        "false_divergent": outcome.false,
        "missed": outcome.missed,
        "unsafe": outcome.unsafe,
        "planted": outcome.planted,
        "findings": outcome.findings,
        "keys": outcome.keys,
        "unknown": outcome.unknown,
    }


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
