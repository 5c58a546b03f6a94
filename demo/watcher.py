"""Asking figwatch, as an engineer or a pipeline would: through its commands. Used by `story`.

`Watcher` is what the story needs; `CommandWatcher` runs `figwatch status|findings|gate check`
and reads the published JSON, so the demo knows nothing that a user could not know.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from figwatch.demo.comparison import Found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND_SECONDS_MAX = 60.0
SCRIPT = "from figwatch.cli.main import main; main()"


class Exit(IntEnum):
    """The commands' exit codes (docs: the public contract)."""

    PASS = 0
    """Passed, or fine."""
    FAIL = 1
    """A criterion is not met."""
    USAGE = 2
    """The command or the configuration is wrong."""
    INCONCLUSIVE = 3
    """Too little is known, or it is stale."""
    ERROR = 4
    """Could not be evaluated."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Keys of all pairs by verdict."""

    consistent: int
    in_flight: int
    overdue: int
    divergent: int
    unknown: int


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """What the gate said; `reasons` are its criteria that do not pass, for the narration."""

    exit: Exit
    reasons: tuple[str, ...] = ()


class WatcherError(Exception):
    """figwatch could not be asked, or its answer was not understood."""


class Watcher(Protocol):
    """figwatch, as far as the story needs it. All raise `WatcherError`."""

    def counts(self) -> Counts | None:
        """The keys by verdict; None while figwatch cannot tell (it starts, or is stale)."""

    def findings(self) -> tuple[Found, ...]:
        """Every finding on record, resolved ones too."""

    def gate(self, stage: str) -> GateAnswer:
        """The gate's answer for a stage."""


@dataclass(frozen=True, slots=True)
class CommandWatcher:
    """Runs the commands with a configuration file and an environment."""

    config: Path
    environment: Mapping[str, str]

    def counts(self) -> Counts | None:
        code, document, _ = self._ask("status")
        if code in {Exit.INCONCLUSIVE, Exit.ERROR} or "pairs" not in document:
            return None
        keys = [pair["keys"] for pair in document["pairs"].values()]
        return Counts(**{name: sum(key.get(name, 0) for key in keys) for name in Counts.__slots__})

    def findings(self) -> tuple[Found, ...]:
        code, document, text = self._ask("findings")
        if code in {Exit.USAGE, Exit.ERROR}:
            raise WatcherError(f"figwatch findings ended with {code}: {text}")
        return parse_findings(document)

    def gate(self, stage: str) -> GateAnswer:
        code, document, _ = self._ask("gate", "check", "--stage", stage)
        return GateAnswer(code, parse_reasons(document))

    def _ask(self, *command: str) -> tuple[Exit, dict[str, Any], str]:
        try:
            done = subprocess.run(
                [sys.executable, "-c", SCRIPT, *command, "--config", self.config, "--json"],
                env={**os.environ, **self.environment},
                capture_output=True,
                timeout=COMMAND_SECONDS_MAX,
                check=False,
            )
            code = Exit(done.returncode)
            document = msgspec.json.decode(done.stdout) if done.stdout.strip() else {}
        except (subprocess.TimeoutExpired, msgspec.DecodeError, ValueError) as error:
            raise WatcherError(f"figwatch {command[0]}: {error}") from error
        if code is Exit.USAGE:
            raise WatcherError(f"figwatch {command[0]}: {done.stderr.decode()[-500:]}")
        return code, document, done.stderr.decode()[-500:]


def parse_findings(document: Mapping[str, Any]) -> tuple[Found, ...]:
    """The findings of `findings --json` (and of `status --json`, in the same places)."""
    try:
        return tuple(
            Found(
                pair=name,
                item_id=int(finding["key"]["item_id"]),
                kind=finding["kind"],
                columns=frozenset(finding["columns"]),
                since_us=finding["since_us"],
                detected_us=finding["detected_us"],
                resolved_us=finding["resolved_us"],
                evidence=finding["evidence"],
            )
            for name, pair in document["pairs"].items()
            for finding in pair["findings"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WatcherError(f"figwatch findings: unexpected answer: {error!r}") from error


def parse_reasons(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The gate's criteria that do not pass, by pair and name."""
    return tuple(
        " ".join(filter(None, (one.get("pair"), one.get("name"))))
        for one in document.get("criteria", ())
        if one.get("verdict") != "pass"
    )
