"""The four programs of the stack under one roof: prepare, start, ask whether it answers.

`postgres.py`, `kafka.py` and `worker.py` know the details; `stack.py` is the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import jars, java, kafka, postgres, worker
from figwatch.demo.sandbox.model import SIDES, Endpoints, ErrorCode, SandboxError, Service

if TYPE_CHECKING:
    from figwatch.demo.sandbox.folder import Folder, Remembered
    from figwatch.demo.sandbox.keeper_client import KeeperClient, ProgramSpec

LOG_TAIL_BYTES = 64 << 10
PORT_TAKEN = "Address already in use"
JAVA = {Service.KAFKA, Service.CONNECT}


class PortTakenError(Exception):
    """A server found its port taken."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one folder, at the ports that it remembers."""

    folder: Folder
    remembered: Remembered

    @property
    def endpoints(self) -> Endpoints:
        ports = self.remembered.ports
        return Endpoints(
            bootstrap_servers=f"127.0.0.1:{ports[Service.KAFKA]}",
            connect_url=f"http://127.0.0.1:{ports[Service.CONNECT]}",
            dsn={
                side: postgres.dsn(side, ports[f"postgres-{side}"], self.remembered.password)
                for side in SIDES
            },
        )

    def prepare(self, service: Service, keeper: KeeperClient) -> None:
        """Write its settings, and make its data the first time.

        Raises:
            SandboxError: START_FAILED or PRIVILEGES.
        """
        bundles, cache = jars.read_lock(), jars.cache_folder()
        if service is Service.KAFKA:
            path = java.class_path(bundles, cache)
            kafka.prepare(self.folder, self.remembered, path, keeper)
        elif service is Service.CONNECT:
            worker.prepare(self.folder, self.remembered.ports, bundles, cache)
        else:
            side = postgres.side_of(service)
            postgres.prepare(self.folder, side, self.remembered.password, keeper)

    def spec(self, service: Service) -> ProgramSpec:
        """What the keeper is to run."""
        if service not in JAVA:
            return postgres.spec(service, self.folder, self.remembered.ports[service])
        path = java.class_path(jars.read_lock(), jars.cache_folder())
        make = kafka.spec if service is Service.KAFKA else worker.spec
        return make(self.folder, path)

    def answers(self, service: Service) -> bool:
        """Whether it serves clients now; takes a second or two at most."""
        port = self.remembered.ports[service]
        if service is Service.KAFKA:
            return kafka.answers(port)
        if service is Service.CONNECT:
            return worker.answers(port)
        return postgres.answers(postgres.side_of(service), port, self.remembered.password)

    def log_bytes(self, service: Service) -> int:
        """The size of its log; what comes later is said by a later start."""
        log = self.folder.log(service)
        return log.stat().st_size if log.exists() else 0

    def why_ended(self, service: Service, since_bytes: int) -> Exception:
        """What to raise for a program that ended while it was to start."""
        log = self.folder.log(service)
        text = ""
        if log.exists():
            size_bytes = log.stat().st_size
            with log.open("rb") as file:
                # A log that was rolled meanwhile is shorter than it was: then all of it is new.
                start = since_bytes if since_bytes <= size_bytes else 0
                file.seek(max(start, size_bytes - LOG_TAIL_BYTES))
                text = file.read().decode("utf-8", "replace")
        if PORT_TAKEN in text:
            return PortTakenError(service)
        lines = [line for line in text.splitlines() if "ERROR" in line or "FATAL" in line]
        said = f" Its last complaint: {lines[-1][:300]}" if lines else ""
        return SandboxError(
            ErrorCode.START_FAILED,
            f"{service.value} ended while it was starting.{said}",
            f"Its log is {log}.",
        )
