"""Speaking to a folder's keeper: one JSON line there, one JSON line back, on loopback.

The keeper's address and token stand in `keeper.json`, readable by its owner only.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from figwatch.demo.sandbox.model import ErrorCode, SandboxError, ServiceState

CALL_SECONDS = 10.0
SPAWN_SECONDS = 30.0
END_SECONDS = 40.0
POLL_SECONDS = 0.05
LINE_CHARACTERS = 300


_SPAWNED: dict[int, subprocess.Popen[bytes]] = {}
"""Keepers that are our children: they must be reaped, or they look alive for ever."""


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """What the keeper needs to run a program.

    Programs of a higher wave are stopped earlier. At the end, `stop_signal` is followed by
    SIGKILL after `stop_seconds`; `death_signal` is what the kernel sends if the keeper is killed.
    """

    name: str
    argv: tuple[str, ...]
    log: str
    cwd: str
    wave: int
    env: dict[str, str] = field(default_factory=dict)
    user_id: int | None = None
    stop_signal: int = signal.SIGTERM
    death_signal: int = signal.SIGKILL
    stop_seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What the keeper says of a program; `exit_code` is None while it lives."""

    state: ServiceState
    pid: int
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class KeeperClient:
    """A running keeper, as found in its folder."""

    pid: int
    port: int
    token: str

    @classmethod
    def find(cls, folder: Path) -> KeeperClient | None:
        """The folder's keeper, or None when none answers (a stale file counts as none)."""
        try:
            client = cls(**json.loads((folder / "keeper.json").read_text("utf-8")))
            client.programs()
        except (OSError, ValueError, TypeError, SandboxError):
            return None
        return client

    @classmethod
    def spawn(cls, folder: Path, log: Path, *, attached: bool) -> KeeperClient:
        """Start a keeper, which ends with this process if `attached`.

        Raises:
            SandboxError: START_FAILED when it does not answer in time.
        """
        command = [sys.executable, "-m", "figwatch.demo.sandbox.keeper", str(folder)]
        if attached:
            command += ["--parent", str(os.getpid())]
        (folder / "keeper.json").unlink(missing_ok=True)
        with log.open("ab") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        _SPAWNED[process.pid] = process
        deadline = time.monotonic() + SPAWN_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            client = cls.find(folder)
            if client is not None:
                return client
            time.sleep(POLL_SECONDS)
        process.kill()
        process.wait()
        raise SandboxError(
            ErrorCode.START_FAILED,
            "The sandbox's keeper process did not come up.",
            f"Its log is {log}.",
        )

    def start(self, spec: ProgramSpec) -> None:
        """Start a program that is not running."""
        self._call({"command": "start", "spec": asdict(spec)})

    def run(self, spec: ProgramSpec, timeout_seconds: float) -> None:
        """Run a program to its end.

        Raises:
            SandboxError: START_FAILED when it fails, or is not done in time.
        """
        self.start(spec)
        deadline = time.monotonic() + timeout_seconds
        while (exit_code := self.programs()[spec.name].exit_code) is None:
            if time.monotonic() > deadline:
                self.signal(spec.name, signal.SIGKILL)
                break
            time.sleep(POLL_SECONDS)
        if exit_code != 0:
            outcome = "took too long" if exit_code is None else f"failed ({exit_code})"
            raise SandboxError(
                ErrorCode.START_FAILED,
                f"{spec.name} {outcome}: {_last_line(Path(spec.log))}",
                f"See {spec.log}; check that {spec.cwd} can be written and has room.",
            )

    def signal(self, name: str, number: int) -> None:
        """SIGSTOP, SIGCONT and SIGKILL go to the whole process tree, others ask it to stop."""
        self._call({"command": "signal", "name": name, "signal": int(number)})

    def stop(self, name: str, timeout_seconds: float = END_SECONDS) -> None:
        """Ask a program to stop, and wait until it has.

        Raises:
            SandboxError: NOT_RUNNING when it still runs after the timeout.
        """
        self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + timeout_seconds
        while self.programs()[name].exit_code is None:
            if time.monotonic() > deadline:
                raise SandboxError(
                    ErrorCode.NOT_RUNNING,
                    f"{name} does not stop.",
                    "See `figwatch sandbox status` for its log.",
                )
            time.sleep(POLL_SECONDS)

    def programs(self) -> dict[str, ProgramState]:
        """Every program that was ever started, by name."""
        reply = self._call({"command": "list"})
        return {
            name: ProgramState(ServiceState(p["state"]), p["pid"], p["exit_code"])
            for name, p in reply["programs"].items()
        }

    def end(self) -> None:
        """Stop every program and the keeper; returns when all are gone.

        Raises:
            SandboxError: FOLDER_BUSY when it takes longer than the keeper's own bounds allow.
        """
        self._call({"command": "end"})
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if not _alive(self.pid):
                return
            time.sleep(POLL_SECONDS)
        raise SandboxError(
            ErrorCode.FOLDER_BUSY,
            f"The sandbox's keeper (process {self.pid}) has not ended in {END_SECONDS:.0f} s.",
            f"Look at it with `ps`, then `kill -9 {self.pid}`.",
        )

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        address = ("127.0.0.1", self.port)
        try:
            with (
                socket.create_connection(address, timeout=CALL_SECONDS) as connection,
                connection.makefile("rwb") as stream,
            ):
                stream.write(json.dumps({"token": self.token} | request).encode() + b"\n")
                stream.flush()
                reply: dict[str, Any] = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            raise SandboxError(
                ErrorCode.NOT_RUNNING,
                f"The sandbox's keeper does not answer ({type(error).__name__}).",
                "Start the sandbox again with `figwatch sandbox up`.",
            ) from error
        if "error" in reply:
            raise SandboxError(
                ErrorCode.START_FAILED, f"{reply['error']}.", "See `figwatch sandbox status`."
            )
        return reply


def _last_line(log: Path) -> str:
    text = log.read_text("utf-8", "replace")[-LINE_CHARACTERS:].strip()
    return text.splitlines()[-1] if text else "it said nothing."


def _alive(pid: int) -> bool:
    """Whether the keeper runs; a zombie does not, even if nobody reaps it (as in containers)."""
    if pid in _SPAWNED:
        return _SPAWNED[pid].poll() is None
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
