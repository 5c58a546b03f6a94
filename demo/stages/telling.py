"""The record of the walk: each look at a gate, what it had to say and what it said.

A stage is well told when its gate refused for the planted reason, by exit code and by criterion,
and then passed. The gates are asked as a pipeline asks: through the command. Used by the acts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from figwatch.demo.stages.measures import SOFTENED, Softened, of_stage
from figwatch.demo.story import WRONG
from figwatch.demo.watcher import SCRIPT, Exit, WatcherError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from figwatch.demo.story import Narrator

COMMAND_SECONDS_MAX = 120.0
REFUSED_SECONDS_MAX = 120.0
PASSED_SECONDS_MAX = 240.0
PAUSE_SECONDS = 1.0
REASONS_SHOWN_MAX = 3


class Look(msgspec.Struct, frozen=True):
    """One answer of a gate; `named` are the criteria that did not pass."""

    stage: str
    after: str
    """What had been done before."""
    wanted: int
    exit: int
    named: list[str]
    reasons: list[str]
    ok: bool


class Walk(msgspec.Struct, frozen=True):
    """The outcome: passed only if every look was as it had to be and the reports verify."""

    passed: bool
    failures: list[str]
    looks: list[Look]
    reports: list[str]
    softened: list[Softened]
    """Settings that ask for less than their defaults."""
    seconds: float


class Teller:
    """Runs figwatch's commands in the demo's folder and keeps the record."""

    def __init__(self, place: Path, environment: Mapping[str, str], narrator: Narrator) -> None:
        self.config = place / "figwatch.yaml"
        self._place, self._environment, self._narrator = place, environment, narrator
        self._looks: list[Look] = []
        self._reports: list[str] = []
        self._failures: list[str] = []
        self._began = time.monotonic()

    def chapter(self, stage: str, title: str) -> None:
        """Begin a stage; says what is softened in it."""
        self._narrator.chapter(f"Stage {stage}: {title}")
        for each in of_stage(stage):
            self._narrator.say(f"softened: {each}")

    def run(self, *command: str, allowed: tuple[Exit, ...] = (Exit.PASS,)) -> dict[str, Any]:
        """A command that has to end with one of the `allowed` codes; its JSON.

        Raises:
            WatcherError: it ended otherwise, or took too long.
        """
        code, document, said = self._ask(*command)
        if code not in allowed:
            raise WatcherError(f"figwatch {' '.join(command)} ended with {code}: {said}")
        return document

    def until(self, holds: Callable[[dict[str, Any]], bool], *command: str) -> None:
        """Ask a command until its JSON is as it should be.

        Raises:
            WatcherError: it does not come to that.
        """
        deadline = time.monotonic() + PASSED_SECONDS_MAX
        while not holds(found := self._ask(*command)[1]):
            if time.monotonic() > deadline:
                raise WatcherError(f"figwatch {' '.join(command)} stays with {found}")
            time.sleep(PAUSE_SECONDS)

    def refuses(self, stage: str, after: str, wanted: Exit, criterion: str) -> None:
        """The gate comes to answer `wanted`, and names the criterion, within some time."""
        self._look_until(stage, after, wanted, criterion, REFUSED_SECONDS_MAX)

    def passes(self, stage: str, after: str, seconds_max: float = PASSED_SECONDS_MAX) -> None:
        """The gate comes to pass; then the stage's report is written."""
        self._look_until(stage, after, Exit.PASS, "", seconds_max)
        allowed = tuple(Exit)  # what the gate says by now is in the report
        written = self.run("report", "--stage", stage, "--key", "report-key.pem", allowed=allowed)
        folder = str(written.get("folder", ""))
        if written.get("verdict") != "pass":
            self._fail(f"{stage}: its report says {written.get('verdict')}")
        self._reports.append(folder)
        self._narrator.say(f"report: {folder}")

    def close(self) -> Walk:
        """The reports are a chain that verifies, and say that the migration is done."""
        if self._reports:
            key = ("--key", "report-key.pub.pem")
            code, _, said = self._ask("report", "verify", self._reports[-1], *key, config=False)
            if code is not Exit.PASS:
                self._fail(f"the reports do not verify: {code.name} {said}")
        seconds = time.monotonic() - self._began
        done = not self._failures
        return Walk(
            done, self._failures, self._looks, self._reports, list(SOFTENED), round(seconds, 1)
        )

    def _look_until(
        self, stage: str, after: str, wanted: Exit, criterion: str, seconds_max: float
    ) -> None:
        deadline = time.monotonic() + seconds_max
        while True:
            code, document, _ = self._ask("gate", "check", "--stage", stage)
            open_ones = [c for c in document.get("criteria", ()) if c["verdict"] != "pass"]
            named = list(dict.fromkeys(c["name"] for c in open_ones))
            ok = code is wanted and (not criterion or criterion in named)
            if ok or time.monotonic() > deadline:
                break
            time.sleep(PAUSE_SECONDS)
        reasons = [f"{c['name']}: {c['reason']}" for c in open_ones]
        self._looks.append(Look(stage, after, wanted, code, named, reasons, ok))
        self._narrator.say(f"{after} → exit {code.value}, {code.name.lower()}")
        for reason in reasons[:REASONS_SHOWN_MAX]:
            self._narrator.say(f"    {reason}")
        if not ok:
            need = f"{wanted.name.lower()} {criterion}".strip()
            self._fail(f"{stage}, {after}: {code.name.lower()} {', '.join(named)}, not {need}")

    def _fail(self, text: str) -> None:
        self._failures.append(text)
        self._narrator.say(f"{WRONG}: {text}")

    def _ask(self, *command: str, config: bool = True) -> tuple[Exit, dict[str, Any], str]:
        options = ("--config", str(self.config)) if config else ()
        try:
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, *command, *options, "--json"],
                cwd=self._place,
                env={**os.environ, **self._environment},
                capture_output=True,
                timeout=COMMAND_SECONDS_MAX,
                check=False,
            )
            code = Exit(done.returncode)
            document = msgspec.json.decode(done.stdout) if done.stdout.strip() else {}
        except (subprocess.TimeoutExpired, msgspec.DecodeError, ValueError) as error:
            raise WatcherError(f"figwatch {command[0]}: {error}") from error
        said = done.stderr.decode()[-500:]
        if code is Exit.USAGE:
            raise WatcherError(f"figwatch {' '.join(command)}: {said}")
        return code, document if isinstance(document, dict) else {"list": document}, said
