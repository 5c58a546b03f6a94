"""The process that holds the stack's programs as its children, and never outlives its reason.

It knows nothing of Kafka or PostgreSQL: `stack.py` tells it over a loopback socket what to
start, stop and signal (`keeper_client.py`). It ends, and all its children with it, when told to,
on SIGTERM, or when the process that it was attached to is gone. Should it be killed itself, the
kernel ends its children (PR_SET_PDEATHSIG; Linux only, elsewhere the next `up` clears them away).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from figwatch.demo.sandbox.model import ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

TICK_SECONDS = 0.1
REQUEST_SECONDS = 2.0
REQUEST_BYTES_MAX = 1 << 20
LOCK_SECONDS = 20.0
"""How long to wait for an earlier keeper of the folder to end: two waves, and some."""
PR_SET_PDEATHSIG = 1


@dataclass(slots=True)
class Child:
    """A program: `spec` is what `keeper_client.ProgramSpec` was sent as."""

    spec: dict[str, Any]
    process: subprocess.Popen[bytes]
    asked_to_stop: bool = False
    frozen: bool = False

    @property
    def state(self) -> ServiceState:
        if self.process.poll() is None:
            return ServiceState.FROZEN if self.frozen else ServiceState.RUNNING
        return ServiceState.STOPPED if self.asked_to_stop else ServiceState.DIED

    def signal_tree(self, number: int) -> None:
        """Signal the program and its children (PostgreSQL's have sessions of their own)."""
        if self.process.poll() is not None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            # Children first when killing: an orphan would escape the tree.
            parent = psutil.Process(self.process.pid)
            family = [*parent.children(recursive=True), parent]
            if number == signal.SIGSTOP:
                family.reverse()  # stop the parent first, so that it spawns no more
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.send_signal(number)


class Keeper:
    def __init__(self, folder: Path, parent: int) -> None:
        self._folder = folder
        self._parent = parent
        self._token = secrets.token_hex(16)
        self._children: dict[str, Child] = {}
        self._ending = False
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def run(self) -> None:
        """Serve requests until there is a reason to end, then end every child."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(TICK_SECONDS)
            self._announce(listener.getsockname()[1])
            while not self._ending and self._wanted():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listener.accept()
                    with connection:
                        self._serve(connection)
        self._end_children()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _wanted(self) -> bool:
        """Polled, not signalled: a parent's death signal would follow its *thread*."""
        return self._parent == 0 or os.getppid() == self._parent

    def _announce(self, port: int) -> None:
        path = self._folder / "keeper.json"
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"pid": os.getpid(), "port": port, "token": self._token}))
        draft.replace(path)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(REQUEST_SECONDS)
        try:
            with connection.makefile("rwb") as stream:
                request = json.loads(stream.readline(REQUEST_BYTES_MAX))
                if not secrets.compare_digest(str(request.get("token")), self._token):
                    return
                reply = self._obey(request)
                stream.write(json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError, AttributeError) as error:
            # A stranger on the port, or a client that died: no reason to end.
            sys.stderr.write(f"request dropped: {type(error).__name__}\n")

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        command = request.get("command")
        if command == "start":
            return self._start(request["spec"])
        if command == "signal":
            return self._signal(request["name"], request["signal"])
        if command == "end":
            self._ending = True
        return {"programs": {name: self._describe(c) for name, c in self._children.items()}}

    @staticmethod
    def _describe(child: Child) -> dict[str, Any]:
        return {
            "state": child.state.value,
            "pid": child.process.pid,
            "exit_code": child.process.poll(),
        }

    def _start(self, spec: dict[str, Any]) -> dict[str, Any]:
        running = self._children.get(spec["name"])
        if running is not None and running.process.poll() is None:
            return {"error": f"{spec['name']} is running already"}
        try:
            with Path(spec["log"]).open("ab") as log:
                process = subprocess.Popen(
                    spec["argv"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=spec["cwd"],
                    env=spec["env"],
                    user=spec["user_id"],
                    group=spec["user_id"],
                    extra_groups=None if spec["user_id"] is None else [],
                    start_new_session=True,  # a terminal's Ctrl-C is for the parent alone
                    preexec_fn=self._leash(spec["death_signal"]),  # noqa: PLW1509 - one thread
                )
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": f"{spec['name']} cannot be started: {error}"}
        self._children[spec["name"]] = Child(spec, process)
        return {"pid": process.pid}

    def _leash(self, number: int) -> Callable[[], None] | None:
        libc, keeper = self._libc, os.getpid()
        if libc is None:
            return None

        def leash() -> None:
            libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
            if os.getppid() != keeper:  # it died before the leash was on
                os._exit(1)

        return leash

    def _signal(self, name: str, number: int) -> dict[str, Any]:
        child = self._children.get(name)
        if child is None or child.process.poll() is not None:
            return {"error": f"{name} is not running"}
        if number in {signal.SIGSTOP, signal.SIGCONT}:
            child.frozen = number == signal.SIGSTOP
            child.signal_tree(number)
        elif number == signal.SIGKILL:
            child.asked_to_stop = True
            child.signal_tree(number)
        else:
            self._ask_to_stop(child)
        return self._describe(child)

    @staticmethod
    def _ask_to_stop(child: Child) -> None:
        child.asked_to_stop = True
        if child.process.poll() is None:
            child.process.send_signal(child.spec["stop_signal"])
            child.frozen = False
            child.signal_tree(signal.SIGCONT)  # a frozen program hears nothing

    def _end_children(self) -> None:
        """In waves, last started first: Connect leaves its group while Kafka still answers."""
        waves = sorted({child.spec["wave"] for child in self._children.values()}, reverse=True)
        for wave in waves:
            members = [c for c in self._children.values() if c.spec["wave"] == wave]
            for child in members:
                self._ask_to_stop(child)
            grace_seconds = max(child.spec["stop_seconds"] for child in members)
            deadline = time.monotonic() + grace_seconds
            while time.monotonic() < deadline and any(c.process.poll() is None for c in members):
                time.sleep(TICK_SECONDS / 2)
            for child in members:
                child.signal_tree(signal.SIGKILL)
                child.process.wait()


def take(descriptor: int) -> None:
    """Lock the folder; an earlier keeper that is just ending its children is waited for."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit("another keeper holds this folder")
            time.sleep(TICK_SECONDS)
        else:
            return


def main() -> None:
    """Take the folder's lock for life, then keep."""
    parser = argparse.ArgumentParser(prog="figwatch.demo.sandbox.keeper")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parent", type=int, default=0, help="end with this process; 0: detached")
    arguments = parser.parse_args()
    with (arguments.folder / "keeper.lock").open("wb") as lock:
        take(lock.fileno())
        try:
            Keeper(arguments.folder, arguments.parent).run()
        finally:
            (arguments.folder / "keeper.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
