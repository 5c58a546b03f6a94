"""Judge a simulated history with the production decoder and judge, and compare with the truth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from figwatch.connectors.capture import Line
from figwatch.connectors.config import Config
from figwatch.connectors.replay import Replay, Replayed
from figwatch.demo.simulator.scenario import GROUP, Scenario, Truth, Weather
from figwatch.validators.finding import Finding
from figwatch.validators.outcome import Verdict


def config_for(weather: Weather) -> Config:
    """The configuration under which a seed is judged."""
    skew_seconds = weather.skew_us / 1e6
    sides = {
        "monolith": {
            "topic_prefix": "mono",
            "heartbeat_table": "public.heartbeat",
            "clock_skew_seconds": skew_seconds,
        },
        "service": {
            "topic_prefix": "inv",
            "heartbeat_table": "public.heartbeat",
            "consumer_group": GROUP if weather.fence else None,
            "clock_skew_seconds": skew_seconds,
        },
    }
    return Config.model_validate(
        {
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
                    "columns": {"quantity": "quantity", "status": "status", "notes": "notes"},
                }
            ],
            "objective": {"convergence_seconds": 1.0, "give_up_seconds": 60.0},
        }
    )


class Lines:
    """A capture in memory."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[Line]:
        """The lines."""
        return iter(self._lines)


@dataclass
class Outcome:
    """How one seed went."""

    seed: int
    false: list[str] = field(default_factory=list)
    """Divergent by figwatch, healthy in truth."""
    missed: list[str] = field(default_factory=list)
    """Different in truth at the end, and neither divergent nor unknown."""
    unsafe: list[str] = field(default_factory=list)
    """Different in truth at the end, and called consistent."""
    keys: int = 0
    unknown: int = 0
    planted: int = 0
    found: int = 0

    @property
    def good(self) -> bool:
        """Nothing wrong said, nothing missed."""
        return not (self.false or self.missed or self.unsafe)


def simulate(seed: int, weather: Weather | None = None) -> Outcome:
    """Play one seed and compare."""
    scenario = Scenario(seed, weather)
    lines, truth = scenario.play()
    replayed = Replay(config_for(scenario.weather), Lines(lines)).run()
    return compare(seed, replayed, truth, scenario.weather)


def simulate_many(seeds: Iterable[int], weather: Weather | None = None) -> Iterator[Outcome]:
    """Play many."""
    for seed in seeds:
        yield simulate(seed, weather)


def compare(seed: int, replayed: Replayed, truth: Truth, weather: Weather) -> Outcome:
    """Hold what figwatch says against the truth."""
    outcome = Outcome(seed, planted=sum(map(len, truth.planted.values())))
    names = replayed.key_names
    for finding in replayed.findings:
        key = next(iter(names(finding.pair, finding.key).values()))
        before = [t for t in truth.planted.get(key, []) if t <= finding.detected_us + 1_000_000]
        if not finding.void and not before:
            outcome.false.append(_say(key, finding))
    still_open = {
        next(iter(names(f.pair, f.key).values())): f
        for f in replayed.findings
        if f.resolved_us is None
    }
    outcome.found = len(replayed.findings)
    for key in sorted({*truth.source, *truth.target, *still_open}):
        outcome.keys += 1
        differs = truth.source.get(key) != truth.target.get(key)
        verdict = replayed.verdict("stock", {"item_id": key})
        outcome.unknown += verdict is Verdict.UNKNOWN
        if differs and verdict is Verdict.CONSISTENT:
            outcome.unsafe.append(f"key {key}")
        elif differs and verdict is not Verdict.DIVERGENT:
            unread = verdict is None and (weather.late_start or weather.gaps)
            waits = verdict is Verdict.OVERDUE and not weather.fence
            unknown = verdict is Verdict.UNKNOWN and weather.losing
            if not (unread or waits or unknown):
                name = verdict.name if verdict is not None else "never seen"
                outcome.missed.append(f"key {key}: {name}")
        elif not differs and key in still_open and verdict is not Verdict.UNKNOWN:
            outcome.false.append(f"still open: {_say(key, still_open[key])}")
        elif differs and key in still_open:
            expected = _kind(key, truth)
            old = still_open[key].incomplete_history and expected == "stale"
            if still_open[key].kind != expected and not old and not weather.losing:
                outcome.false.append(f"kind is {expected}: {_say(key, still_open[key])}")
    return outcome


def _kind(key: int, truth: Truth) -> str:
    source, target = truth.source.get(key), truth.target.get(key)
    if target is None:
        return "missing"
    if source is None:
        return "extra"
    return "stale" if target in truth.past.get(key, []) else "value_mismatch"


def _say(key: int, finding: Finding) -> str:
    return f"key {key} {finding.kind} {finding.evidence} since {finding.since_us} detected {finding.detected_us}"
