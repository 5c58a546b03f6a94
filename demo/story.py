"""The narrated run: healthy traffic, delays, faults, repairs, and the gate between them.

The story knows what it plants and asks figwatch through `watcher`; `comparison` holds the two
side by side. It passes only if everything planted was found and nothing else was, if delays were
called late and never divergent, and if the gate refused and then let pass. `run` sets the stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from figwatch.demo.comparison import FOUND_SECONDS_MAX, Comparison, Found, compare, found_all
from figwatch.demo.truth import Fault, Planted
from figwatch.demo.watcher import Counts, Exit, GateAnswer, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WRONG = "NOT AS IT MUST BE"
STAGE = "sync"
START_SECONDS_MAX = 180.0
HEALTHY_SECONDS = 25.0
STALL_SECONDS = 12.0
STOP_SECONDS = 8.0
SETTLED_SECONDS_MAX = 100.0
RESOLVED_SECONDS_MAX = 120.0
PASSED_SECONDS_MAX = 180.0
LOOK_SECONDS = 1.0
# A finding that heals within a second of its proof looks like a replicator which commits its
# offsets too early, and figwatch would no longer trust the fence. People are slower than that.
REPAIR_PAUSE_SECONDS = 3.0

FAULTS = (
    Fault.LOST_UPDATE,
    Fault.LOST_INSERT,
    Fault.LOST_DELETE,
    Fault.WRONG_VALUE,
    Fault.FOREIGN_WRITE,
    Fault.STALE_OVERWRITE,
)


class Plants(Protocol):
    """Who plants and repairs (`faults.FaultInjector`)."""

    def plant(self, fault: Fault, *, seconds: float = 0.0) -> Planted: ...
    def repair(self, planted: Planted) -> None: ...


class Clock(Protocol):
    """Time as the story needs it, so that a test need not wait."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


class Narrator(Protocol):
    """Who speaks (`narration`)."""

    def chapter(self, title: str) -> None: ...
    def say(self, text: str) -> None: ...


class Delay(msgspec.Struct, frozen=True):
    """What a delay looked like: late is right, divergent is wrong."""

    fault: Fault
    seconds: float
    overdue_keys_max: int
    divergent_keys_max: int
    settled: bool


class Report(msgspec.Struct, frozen=True):
    """The outcome. `gate` holds exit codes; `failures` says what was not as it must be."""

    passed: bool
    failures: list[str]
    planted: Comparison
    delays: list[Delay]
    gate_while_open: int | None
    gate_after_repair: int | None


class Story:
    """One telling. `ended` names a program that is no more, None while all run.

    `tell` raises `StoryError` when figwatch never answers or a program has ended, and what the
    others raise (`WatcherError`, `FaultError`, `SandboxError`).
    """

    def __init__(
        self,
        watcher: Watcher,
        plants: Plants,
        narrator: Narrator,
        clock: Clock,
        ended: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._watcher = watcher
        self._plants = plants
        self._narrator = narrator
        self._clock = clock
        self._ended = ended
        self._found: dict[tuple[str, int, int], Found] = {}
        self._planted: list[Planted] = []
        self._delays: list[Delay] = []
        self._failures: list[str] = []

    def tell(self) -> Report:
        self._begin()
        self._stay_healthy()
        self._delay(Fault.REPLICATOR_STALLED, STALL_SECONDS)
        self._delay(Fault.CONNECTOR_STOPPED, STOP_SECONDS)
        self._narrator.chapter("Six faults, each on a row of its own")
        for fault in FAULTS:
            self._plant(fault)
        refused = self._ask_gate_while_open()
        self._repair()
        passed = self._ask_gate_after_repair()
        self._collect()
        comparison = compare(self._planted, self._found.values())
        if not comparison.ok:
            self._failures.append("planted and found are not the same")
        return Report(
            passed=not self._failures,
            failures=self._failures,
            planted=comparison,
            delays=self._delays,
            gate_while_open=refused.exit,
            gate_after_repair=passed.exit,
        )

    def _begin(self) -> None:
        self._narrator.chapter("figwatch reads both change streams from their beginning")
        if not self._until(lambda: _watched(self._watcher.counts()), START_SECONDS_MAX):
            raise StoryError(f"figwatch did not answer within {START_SECONDS_MAX:.0f} s")

    def _stay_healthy(self) -> None:
        self._narrator.chapter("Healthy traffic: every change is to arrive, nothing to report")
        self._watch(HEALTHY_SECONDS)
        if self._found:
            self._fail(f"{len(self._found)} findings in healthy traffic")

    def _delay(self, fault: Fault, seconds: float) -> None:
        """Late is not lost: overdue at most, never divergent."""
        self._narrator.chapter(f"A delay: {fault.replace('_', ' ')} for {seconds:.0f} s")
        before = len(self._found)
        planted = self._plants.plant(fault, seconds=seconds + SETTLED_SECONDS_MAX)
        seen = self._watch(seconds)
        self._plants.repair(planted)
        settled = self._until(lambda: self._settled(seen), SETTLED_SECONDS_MAX)
        delay = Delay(
            fault,
            seconds,
            max((counts.overdue for counts in seen), default=0),
            max((counts.divergent for counts in seen), default=0),
            settled,
        )
        self._delays.append(delay)
        if not seen:
            self._fail(f"{fault}: figwatch told nothing meanwhile")
        if delay.divergent_keys_max or len(self._found) > before:
            self._fail(f"{fault}: called divergent")
        if not settled:
            self._fail(f"{fault}: not settled {SETTLED_SECONDS_MAX:.0f} s later")
        if fault is Fault.REPLICATOR_STALLED and not delay.overdue_keys_max:
            self._fail(f"{fault}: nothing was called overdue")

    def _settled(self, seen: list[Counts]) -> bool:
        counts = self._look()
        if counts is None:
            return False
        seen.append(counts)
        return counts.overdue == 0

    def _plant(self, fault: Fault) -> None:
        planted = self._plants.plant(fault)
        self._planted.append(planted)

        def found() -> bool:
            self._collect()
            return found_all(planted, self._found.values())

        name = fault.replace("_", " ")
        if self._until(found, FOUND_SECONDS_MAX):
            rows = compare([planted], self._found.values()).planted
            slowest = max(row.seconds or 0.0 for row in rows)
            what = ", ".join(
                f"{row.pair} {row.found_kind} {'+'.join(row.found_columns or ())}".strip()
                for row in rows
            )
            self._narrator.say(f"{name}: found after {slowest:.1f} s as {what}")
        else:
            self._fail(f"{fault}: not found within {FOUND_SECONDS_MAX:.0f} s")

    def _ask_gate_while_open(self) -> GateAnswer:
        self._narrator.chapter("The gate, while findings are open")
        answer = self._watcher.gate(STAGE)
        self._tell_gate(answer)
        if answer.exit is not Exit.FAIL:
            self._fail(f"the gate answered {answer.exit.name} while findings were open")
        return answer

    def _repair(self) -> None:
        self._narrator.chapter("Repairs, by SQL: the service is made to follow the monolith again")
        self._clock.sleep(REPAIR_PAUSE_SECONDS)
        for planted in self._planted:
            self._plants.repair(planted)

        def resolved() -> bool:
            self._collect()
            return all(one.resolved_us is not None for one in self._found.values())

        if self._until(resolved, RESOLVED_SECONDS_MAX):
            self._narrator.say(f"all {len(self._found)} findings are resolved, and stay on record")
        else:
            self._fail(f"findings were still open {RESOLVED_SECONDS_MAX:.0f} s after their repair")

    def _ask_gate_after_repair(self) -> GateAnswer:
        self._narrator.chapter("The gate, after the repairs")
        answers: list[GateAnswer] = []

        def passed() -> bool:
            answers.append(self._watcher.gate(STAGE))
            return answers[-1].exit is Exit.PASS

        if not self._until(passed, PASSED_SECONDS_MAX):
            self._fail(f"the gate did not pass within {PASSED_SECONDS_MAX:.0f} s")
        self._tell_gate(answers[-1])
        return answers[-1]

    def _tell_gate(self, answer: GateAnswer) -> None:
        reasons = f" ({', '.join(answer.reasons)})" if answer.reasons else ""
        self._narrator.say(f"exit code {answer.exit.value}, {answer.exit.name.lower()}{reasons}")

    def _collect(self) -> None:
        """Remember every finding by what it was last said to be."""
        for one in self._watcher.findings():
            self._found[one.identity] = one

    def _look(self) -> Counts | None:
        self._collect()
        return self._watcher.counts()

    def _watch(self, seconds: float) -> list[Counts]:
        """Look on for a while; returns what was seen, and says it."""
        seen: list[Counts] = []
        end = self._clock.monotonic() + seconds
        while self._clock.monotonic() < end:
            counts = self._look()
            if counts is not None:
                seen.append(counts)
            self._pause()
        if seen:
            self._narrator.say(_sentence(seen))
        return seen

    def _until(self, holds: Callable[[], bool], seconds_max: float) -> bool:
        end = self._clock.monotonic() + seconds_max
        while not holds():
            if self._clock.monotonic() > end:
                return False
            self._pause()
        return True

    def _pause(self) -> None:
        ended = self._ended()
        if ended is not None:
            raise StoryError(f"{ended} has ended")
        self._clock.sleep(LOOK_SECONDS)

    def _fail(self, text: str) -> None:
        self._failures.append(text)
        self._narrator.say(f"{WRONG}: {text}")


class StoryError(Exception):
    """The story could not be told."""


def _watched(counts: Counts | None) -> bool:
    return counts is not None and counts.consistent > 0


def _sentence(seen: Sequence[Counts]) -> str:
    last = seen[-1]
    return (
        f"{last.consistent} keys consistent, {last.in_flight} in flight,"
        f" at most {max(c.overdue for c in seen)} overdue"
        f" and {max(c.divergent for c in seen)} divergent, {last.unknown} unknown"
    )
