"""Judge a simulated history with the production decoder and judge, and compare with the truth.

`figwatch.demo.simulator.shrink` makes a failing seed small.
"""

import functools
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from figwatch.connectors.capture import Line
from figwatch.connectors.config.root import Config
from figwatch.connectors.replay import Replay, Replayed
from figwatch.demo.simulator.eyes import GROUP
from figwatch.demo.simulator.rebalance import RestartingReplay
from figwatch.demo.simulator.scattered import ScatteredReplay
from figwatch.demo.simulator.scenario import Scenario
from figwatch.demo.simulator.weather import (
    GIVE_UP_SECONDS,
    PLAIN_GRACE_SECONDS,
    PLAIN_TOPICS,
    Truth,
    Weather,
)
from figwatch.validators.finding import Finding
from figwatch.validators.outcome import Verdict

LIVELY_SHARE = 0.7
"""Workers die only in this share of the lines, so that enough follows to find everything."""


def document_of(weather: Weather) -> dict[str, Any]:
    """The configuration under which a seed is judged, as it would stand in a file."""
    plain = set(PLAIN_TOPICS) if weather.plain_heartbeats else set()
    plain |= {"service"} if weather.untruthful else set()
    sides: dict[str, dict[str, Any]] = {
        side: {"heartbeat_topic": topic, "heartbeat_grace_seconds": PLAIN_GRACE_SECONDS}
        if side in plain else {"heartbeat_table": "public.heartbeat"}
        for side, topic in PLAIN_TOPICS.items()
    }  # fmt: skip
    sides["monolith"]["topic_prefix"], sides["service"]["topic_prefix"] = "mono", "inv"
    for side in sides.values():
        side["clock_skew_seconds"] = weather.skew_us / 1e6
    if weather.fence:
        sides["service"]["consumer_group"] = GROUP
    columns = ("quantity", "status", "notes")
    return {
        "migration": "simulated",
        "kafka": {"bootstrap_servers": "localhost:9092"},
        "sides": sides,
        "authority": "monolith",
        "pairs": [
            {
                "name": "stock",
                "source": "public.inventory",
                "target": "public.stock_levels",
                "key": {"item_id": "sku"},
                "columns": dict(zip(columns, columns, strict=True)),
            }
        ],
        "ring_size": weather.ring_size,
        "objective": {"convergence_seconds": 1.0, "give_up_seconds": float(GIVE_UP_SECONDS)},
    }


@functools.lru_cache
def _config(document: str) -> Config:
    return Config.model_validate_json(document)


def config_of(weather: Weather) -> Config:
    """The configuration for a weather."""
    return _config(json.dumps(document_of(weather)))


@dataclass
class Outcome:
    """How one seed went."""

    seed: int
    weather: Weather
    false: list[str] = field(default_factory=list)
    """Divergent by figwatch, healthy in truth."""
    missed: list[str] = field(default_factory=list)
    """Different in truth at the end, and neither divergent nor unknown; or an assumption broken
    and not said.
    """
    unsafe: list[str] = field(default_factory=list)
    """Different in truth at the end, and called consistent."""
    keys: int = 0
    unknown: int = 0
    planted: int = 0
    found: int = 0
    """Keys that differ at the end, and are divergent."""
    findings: int = 0
    demoted: bool = False

    @property
    def good(self) -> bool:
        """Nothing wrong said, nothing missed."""
        return not (self.false or self.missed or self.unsafe)


def simulate(seed: int, weather: Weather | None = None) -> Outcome:
    """Play one seed and compare."""
    scenario = Scenario(seed, weather)
    lines, truth = scenario.play()
    return compare(seed, judge(seed, scenario.weather, lines), truth, scenario.weather)


def simulate_many(seeds: Iterable[int], weather: Weather | None = None) -> Iterator[Outcome]:
    """Play many."""
    return (simulate(seed, weather) for seed in seeds)


def judge(seed: int, weather: Weather, lines: list[Line]) -> Replayed:
    """Let the production code judge what figwatch read."""
    config = config_of(weather)
    if weather.scattered:
        return ScatteredReplay(config, lines, weather.scattered, seed).run()
    if not weather.rebalances:
        return Replay(config, lines).run()
    rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
    lively = int(len(lines) * LIVELY_SHARE)
    deaths = {rng.randrange(lively) for _ in range(round(2 * weather.rebalances)) if lively}
    return RestartingReplay(config, lines, deaths, seed).run()


def compare(seed: int, replayed: Replayed, truth: Truth, weather: Weather) -> Outcome:
    """Hold what figwatch says against the truth."""
    pair = replayed.summary.pairs["stock"]
    outcome = Outcome(seed, weather, planted=sum(map(len, truth.planted.values())))
    outcome.findings, outcome.demoted = len(replayed.findings), pair.demoted
    unplanted = [f for f in replayed.findings if not f.void and not _planted(f, replayed, truth)]
    # Nothing is promised on what is only given up for its age.
    unplanted = [f for f in unplanted if f.evidence != "timeout" or f.resolved_us is None]
    if weather.eager:  # broken assumption: noticed, unless the source's next change healed it
        unplanted = [f for f in unplanted if f.resolved_us is None and not pair.demoted]
    if weather.rebalances and (weather.untruthful or "late_target_event" in pair.alarms):
        # What had resolved before a worker died is not withdrawn by another. It was said, unless
        # the worker died in the midst of writing: its successor does not know how far the
        # heartbeats ran ahead, so to it the event that shows it is not late.
        unplanted = [f for f in unplanted if f.resolved_us is None]
    outcome.false += [_say(_key(f, replayed), f) for f in unplanted]
    if truth.times_fell and not weather.losing and "time_regression" not in pair.alarms:
        outcome.missed.append("commit times fell along the log, and nobody said so")
    _compare_ends(outcome, replayed, truth)
    return outcome


def _compare_ends(outcome: Outcome, replayed: Replayed, truth: Truth) -> None:
    """What figwatch says of each key when everything has settled."""
    weather = outcome.weather
    still_open = {_key(f, replayed): f for f in replayed.findings if f.resolved_us is None}
    for key in sorted({*truth.source, *truth.target, *still_open}):
        outcome.keys += 1
        differs = truth.source.get(key) != truth.target.get(key)
        verdict = replayed.verdict("stock", {"item_id": key})
        outcome.unknown += verdict is Verdict.UNKNOWN
        outcome.found += differs and verdict is Verdict.DIVERGENT
        if differs and verdict is Verdict.CONSISTENT:
            outcome.unsafe.append(f"key {key}")
        elif differs and verdict is not Verdict.DIVERGENT:
            if not _may_wait(verdict, weather, demoted=outcome.demoted):
                name = verdict.name if verdict is not None else "never seen"
                outcome.missed.append(f"key {key}: {name}")
        elif not differs and key in still_open and verdict is not Verdict.UNKNOWN:
            outcome.false.append(f"still open: {_say(key, still_open[key])}")
        elif differs and key in still_open:
            expected = _kind(key, truth)
            old = still_open[key].incomplete_history and expected == "stale"
            if still_open[key].kind != expected and not old and not weather.losing:
                outcome.false.append(f"kind is {expected}: {_say(key, still_open[key])}")


def _may_wait(verdict: Verdict | None, weather: Weather, *, demoted: bool) -> bool:
    """Whether an honest answer may be less than `divergent`."""
    if verdict is None:
        return bool(weather.late_start or weather.gaps or weather.malformed)  # its only record
    if verdict is Verdict.UNKNOWN:
        return weather.losing or demoted
    return verdict is Verdict.OVERDUE and (demoted or not (weather.fence or weather.patient))


def _key(finding: Finding, replayed: Replayed) -> int:
    return int(next(iter(replayed.key_names(finding.pair, finding.key).values())))


def _planted(finding: Finding, replayed: Replayed, truth: Truth) -> bool:
    """Whether a fault was planted before (by a second, for clocks and whole seconds)."""
    times = truth.planted.get(_key(finding, replayed), [])
    return any(t <= finding.detected_us + 1_000_000 for t in times)


def _kind(key: int, truth: Truth) -> str:
    source, target = truth.source.get(key), truth.target.get(key)
    if target is None:
        return "missing"
    if source is None:
        return "extra"
    return "stale" if target in truth.past.get(key, []) else "value_mismatch"


def _say(key: int, finding: Finding) -> str:
    return (
        f"key {key} {finding.kind} {finding.evidence} since {finding.since_us} "
        f"detected {finding.detected_us}"
    )
