"""The sandbox itself: starting, resuming, breaking and stopping the embedded stack.

`Sandbox.up` fetches the jars (`jars.py`), prepares each server's folder (`postgres.py`,
`kafka.py`, `worker.py`), has the keeper start them (`keeper_client.py`) and waits until they
answer. What to do with the stack then is in `connect.py` and `debezium.py`.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import connect, jars, java, postgres
from figwatch.demo.sandbox.folder import Folder, Remembered
from figwatch.demo.sandbox.keeper_client import KeeperClient
from figwatch.demo.sandbox.locks import exclusive
from figwatch.demo.sandbox.model import (
    SIDES,
    Endpoints,
    ErrorCode,
    Progress,
    SandboxError,
    Service,
    ServiceState,
    Stage,
)
from figwatch.demo.sandbox.orphans import end_orphans
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.sandbox.programs import JAVA, PortTakenError, Programs

if TYPE_CHECKING:
    from pathlib import Path

READY_SECONDS = 120.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1
FOLDER_LOCK_SECONDS = 180.0
START_ATTEMPTS = 3
"""How often other ports are tried when somebody takes one between choice and use."""
CONTROLLER = "kafka-controller"
ALIVE = {ServiceState.RUNNING, ServiceState.FROZEN}

Report = Callable[[Progress], None]


def silent(_progress: Progress) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running stack. Make one with `up`, or `find` the one that runs."""

    programs: Programs
    keeper: KeeperClient

    @classmethod
    def up(cls, folder: Path, *, report: Report = silent, attached: bool = False) -> Sandbox:
        """Start the stack, or what of it does not run; returns when all of it answers.

        Attached, it ends when this process ends, however that happens; otherwise it stays until
        `down`. A sandbox that runs already is joined and keeps the attachment that it has.

        Raises:
            SandboxError: with the code of what stood in the way.
        """
        place = Folder(folder.absolute())
        place.make()
        java.java()
        postgres.binaries()
        jars.ensure(jars.read_lock(), jars.cache_folder(), report)
        with place.errors(), exclusive(place.root / "up.lock", FOLDER_LOCK_SECONDS):
            place.recall()  # a folder of another format or user is refused before anything starts
            keeper = KeeperClient.find(place.root)
            if keeper is not None:
                return cls._start(place, keeper, report)
            keeper = KeeperClient.spawn(place.root, place.logs / "keeper.log", attached=attached)
            try:
                end_orphans(place.root)
                return cls._start(place, keeper, report)
            except BaseException:
                with contextlib.suppress(SandboxError):  # the first error is the one to tell
                    keeper.end()  # all or nothing
                raise

    @classmethod
    def find(cls, folder: Path) -> Sandbox:
        """The sandbox that runs in the folder.

        Raises:
            SandboxError: NOT_RUNNING.
        """
        place = Folder(folder.absolute())
        remembered = place.recall()
        keeper = KeeperClient.find(place.root)
        if remembered is None or keeper is None:
            raise SandboxError(
                ErrorCode.NOT_RUNNING,
                f"No sandbox runs in {place.root}.",
                "Start one with `figwatch sandbox up`.",
            )
        return cls(Programs(place, remembered), keeper)

    @property
    def endpoints(self) -> Endpoints:
        return self.programs.endpoints

    @property
    def folder(self) -> Folder:
        return self.programs.folder

    def down(self) -> None:
        """Stop everything, Connect first; data is kept. Returns when no process is left."""
        with exclusive(self.folder.root / "up.lock", FOLDER_LOCK_SECONDS):
            self.keeper.end()

    def start_service(self, service: Service) -> None:
        """Start a stopped or killed program, on its old port, and wait until it answers.

        Raises:
            SandboxError: START_FAILED.
        """
        try:
            self._launch([service], silent)
        except PortTakenError:
            raise SandboxError(
                ErrorCode.START_FAILED,
                f"The port of {service.value} was taken while it was stopped.",
                "Run `figwatch sandbox down` and `up`, which chooses another.",
            ) from None

    def stop_service(self, service: Service) -> None:
        """End a program as its operator would; by SIGKILL if it does not heed."""
        number = signal.SIGTERM if service in JAVA else postgres.STOP_SIGNAL
        self.keeper.signal(service, number)
        if not self._gone(service):
            self.kill(service)

    def kill(self, service: Service) -> None:
        """SIGKILL, the whole process tree; returns when it is gone."""
        self.keeper.signal(service, signal.SIGKILL)
        self._gone(service)

    def freeze(self, service: Service) -> None:
        """SIGSTOP: connections stay open and nothing moves, as in a long pause."""
        self.keeper.signal(service, signal.SIGSTOP)

    def thaw(self, service: Service) -> None:
        """Let a frozen program go on."""
        self.keeper.signal(service, signal.SIGCONT)

    @classmethod
    def _start(cls, place: Folder, keeper: KeeperClient, report: Report) -> Sandbox:
        """Start what does not run. Where a port was taken meanwhile, again on others."""
        for _ in range(START_ATTEMPTS):
            before = place.recall() or Remembered()
            states = keeper.programs()
            running = {s for s in Service if s in states and states[s].state in ALIVE}
            stopped = [s for s in Service if s not in running]
            names = [s.value for s in stopped]
            if Service.KAFKA in stopped:
                names.append(CONTROLLER)
            after = replace(before, ports=before.ports | choose(names, before.ports))
            place.remember(after)
            sandbox = cls(Programs(place, after), keeper)
            if Service.CONNECT in running and after.ports["kafka"] != before.ports["kafka"]:
                sandbox.stop_service(Service.CONNECT)  # it knows the old address
                stopped.append(Service.CONNECT)
            try:
                sandbox._prepare(stopped, report)
                sandbox._launch(stopped, report)
            except PortTakenError:
                for service, state in keeper.programs().items():
                    if service in stopped and state.state in ALIVE:
                        sandbox.kill(Service(service))
                continue
            sandbox._repoint(before)
            return sandbox
        raise SandboxError(
            ErrorCode.START_FAILED,
            f"Somebody took a port of the sandbox {START_ATTEMPTS} times in a row.",
            "Look for a program that opens ports on 127.0.0.1 without end, and try again.",
        )

    def _prepare(self, services: Sequence[Service], report: Report) -> None:
        """All at once: the first time, initdb and Java take a second each."""
        with ThreadPoolExecutor(len(Service)) as pool:
            tasks = {s: pool.submit(self.programs.prepare, s, self.keeper) for s in services}
            for done, (service, task) in enumerate(tasks.items(), 1):
                task.result()
                report(Progress(Stage.PREPARE, done, len(tasks), service.value))

    def _launch(self, services: Sequence[Service], report: Report) -> None:
        """Start the services and wait until every one answers.

        Raises:
            PortTakenError: one ended because its port was taken.
            SandboxError: START_FAILED: one ended for another reason, or time is up.
        """
        logs_bytes = {service: self.programs.log_bytes(service) for service in services}
        for service in services:
            self.keeper.start(self.programs.spec(service))
        waiting = list(services)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            states = self.keeper.programs()
            for service in list(waiting):
                if states[service].state not in ALIVE:
                    raise self.programs.why_ended(service, logs_bytes[service])
                if self.programs.answers(service):
                    waiting.remove(service)
                    done = len(services) - len(waiting)
                    report(Progress(Stage.START, done, len(services), service.value))
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise SandboxError(
                    ErrorCode.START_FAILED,
                    f"{waiting[0].value} does not answer after {READY_SECONDS:.0f} s.",
                    f"Its log is {self.folder.log(waiting[0])}.",
                )
            time.sleep(POLL_SECONDS)

    def _gone(self, service: Service) -> bool:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if self.keeper.programs()[service].state not in ALIVE:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _repoint(self, before: Remembered) -> None:
        """Tell the connectors that were kept when a server moved to another port."""
        for side in SIDES:
            name = f"postgres-{side}"
            old, new = before.ports.get(name), self.programs.remembered.ports[name]
            if old not in {None, new}:
                connect.repoint(self.endpoints.connect_url, str(old), str(new))
