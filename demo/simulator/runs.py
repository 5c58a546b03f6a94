"""Many seeds at once, on several processes, and what came of them in one line.

`figwatch.demo.simulator.command` and the tests use it.
"""

import gc
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from figwatch.demo.simulator.check import Outcome, simulate_many

CHUNK = 50
"""Seeds that a process takes at a time."""


@dataclass
class Run:
    """The sum of many seeds."""

    seeds: int = 0
    false_divergent: int = 0
    """Seeds in which something healthy was called divergent."""
    missed: int = 0
    unsafe: int = 0
    keys: int = 0
    unknown: int = 0
    planted: int = 0
    found: int = 0
    """Keys that differ in truth at the end, and are divergent."""
    findings: int = 0
    demoted: int = 0
    """Seeds in which the fence was found not to hold, rightly or out of caution."""
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.seeds += 1
        self.false_divergent += bool(outcome.false)
        self.missed += bool(outcome.missed)
        self.unsafe += bool(outcome.unsafe)
        self.demoted += outcome.demoted
        for name in ("keys", "unknown", "planted", "found", "findings"):
            setattr(self, name, getattr(self, name) + getattr(outcome, name))
        if not outcome.good:
            self.failed.append(outcome)

    @property
    def unknown_share(self) -> float:
        """Share of keys that are unknown at the end."""
        return self.unknown / self.keys if self.keys else 0.0

    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.seeds} seeds: false divergent {self.false_divergent}, missed {self.missed}, "
            f"unsafe {self.unsafe}; {self.planted} faults planted, {self.findings} findings, "
            f"{self.found} of them open at the end; unknown {self.unknown_share:.1%} "
            f"of {self.keys} keys"
        )


def run_seeds(seeds: range, processes: int = 2) -> Run:
    """Play seeds, in order; with one process in this one."""
    run = Run()
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
    if processes == 1:
        for outcome in simulate_many(seeds):
            run.add(outcome)
        return run
    with ProcessPoolExecutor(processes) as pool:
        for outcomes in pool.map(_play, chunks):
            for outcome in outcomes:
                run.add(outcome)
    return run


def _play(seeds: Iterable[int]) -> list[Outcome]:
    # Collecting while seeds are played costs a tenth of the time; nothing big is held in cycles.
    gc.disable()
    outcomes = list(simulate_many(seeds))
    gc.collect()
    return outcomes
