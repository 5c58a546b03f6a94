"""Workers, broker, Connect and both databases killed in turn under load, with planted faults.

All that is planted is found, in kind and columns, and nothing else; and `figwatch replay` of the
same records says the same. An accident can heal a fault: connector or replicator goes back, and
what was passed over is applied after all. So what must be found is what differs in the databases.

FIGWATCH_CHAOS_SECONDS makes the accidents go on for that long (600 for the long variant); without
it each happens once.
"""

from __future__ import annotations

import os
import time
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from figwatch.demo.configuration import configuration, environment
from figwatch.demo.migration import Migration, MigrationSettings
from figwatch.demo.sandbox import Sandbox
from figwatch.demo.story import FAULTS
from tests.e2e.chaos import Chaos, capture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = float(os.environ.get("FIGWATCH_CHAOS_SECONDS", "0"))
FAULTS_MAX = 48
COMMITTED_SECONDS = 2.0
"""After this the replicator has committed what it passed over, and Connect what it has sent."""
UNDER_LOAD_SECONDS = 2.0
SETTLED_SECONDS_MAX = 300.0
VERDICTS = ("divergent", "unknown", "overdue", "in_flight", "consistent")


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    """A stack of its own: the others' is not to be broken, and the sample needs a fresh one."""
    stack = Sandbox.up(tmp_path / "stack", attached=True)
    try:
        endpoints = stack.endpoints
        config = tmp_path / "figwatch.yaml"
        config.write_text(configuration(endpoints))
        settings = MigrationSettings(items=200, rate_per_second=15)
        with (
            Migration(endpoints, settings) as migration,
            Chaos(stack, migration, config, environment(endpoints)) as ready,
        ):
            yield ready
    finally:
        stack.down()


@pytest.mark.timeout(1500 + SECONDS * 1.5)
def test_accidents_under_load_change_nothing_of_what_is_found(chaos: Chaos, tmp_path: Path):
    load = chaos.migration.start_load()
    await_(lambda: "pairs" in chaos.figwatch("status")[1], "figwatch told nothing")
    planted = run_accidents(chaos)
    counts = load.stop()
    assert counts.done.total() > 100, f"the load did nothing: {counts.last_failure}"
    time.sleep(COMMITTED_SECONDS)
    expected, healed = (
        {
            (one.pair, one.item_id, str(one.kind), tuple(sorted(one.columns)))
            for plant in planted
            for one in plant.expected
            if chaos.differs(one.pair, one.item_id) is wanted
        }
        for wanted in (True, False)
    )
    assert len(expected) >= 2 * len(FAULTS), "too little planted: this would verify nothing"

    await_(lambda: found(chaos) == expected and settled(chaos), lambda: told(chaos, expected))
    everything = chaos.figwatch("findings")[1]
    assert findings(everything) <= expected | healed, "something else was found, and resolved since"
    assert [] == chaos.ended()

    live = keys_of(chaos.figwatch("status")[1])
    path = tmp_path / "capture.jsonl"
    records = capture(chaos.migration.endpoints.bootstrap_servers, path)
    assert records > 1000
    code, replayed = chaos.figwatch("replay", str(path))
    assert 0 == code
    assert expected == findings(replayed, only_open=True)
    assert live == keys_of(replayed)


def run_accidents(chaos: Chaos) -> list[Any]:
    """Each accident once, or again and again; a fault is planted right before each."""
    until = time.monotonic() + SECONDS
    planted: list[Any] = []
    faults = cycle(FAULTS)
    for number, (name, happens) in enumerate(cycle(chaos.accidents)):
        if number >= len(chaos.accidents) and time.monotonic() > until:
            break
        if len(planted) < FAULTS_MAX:
            planted.append(chaos.migration.faults.plant(next(faults)))
            time.sleep(COMMITTED_SECONDS)
        happens()
        chaos.mend()
        time.sleep(UNDER_LOAD_SECONDS)
        assert [] == chaos.ended(), name
    chaos.stop_workers()
    return planted + [chaos.migration.faults.plant(fault) for fault in FAULTS]


def findings(document: dict[str, Any], *, only_open: bool = False) -> set[tuple[Any, ...]]:
    return {
        (pair, one["key"]["item_id"], one["kind"], tuple(sorted(one["columns"])))
        for pair, body in document["pairs"].items()
        for one in body["findings"]
        if not (only_open and one["resolved_us"] is not None)
    }


def found(chaos: Chaos) -> set[tuple[Any, ...]]:
    code, document = chaos.figwatch("findings", "--open")
    return findings(document) if code == 0 else set()


def keys_of(document: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {
        pair: {verdict: body["keys"].get(verdict, 0) for verdict in VERDICTS}
        for pair, body in document["pairs"].items()
    }


def settled(chaos: Chaos) -> bool:
    code, document = chaos.figwatch("status")
    waiting = [
        keys[verdict]
        for keys in keys_of(document).values()
        for verdict in ("unknown", "overdue", "in_flight")
    ]
    return code == 0 and not any(waiting)


def told(chaos: Chaos, expected: set[tuple[Any, ...]]) -> str:
    seen, status = found(chaos), chaos.figwatch("status")[1]
    missed, more = sorted(expected - seen), sorted(seen - expected)
    keys = [(pair, key) for pair, key, _, _ in (*missed[:4], *more[:4])]
    said = [
        (pair, key, chaos.differs(pair, key), chaos.figwatch("explain", pair, str(key))[1])
        for pair, key in keys
    ]
    alarms = {pair: (body["alarms"], body["unknown"]) for pair, body in status["pairs"].items()}
    return (
        f"missed {missed}, false {more}, keys {keys_of(status)}, alarms {alarms}, "
        f"by key (pair, key, the tables differ, explained): {said}"
    )


def await_(holds: Callable[[], bool], problem: Callable[[], str] | str) -> None:
    deadline = time.monotonic() + SETTLED_SECONDS_MAX
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(problem if isinstance(problem, str) else problem())
        time.sleep(1)
