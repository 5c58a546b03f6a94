"""The words of the sandbox: services, endpoints, progress, status and its one error type.

Nothing here does I/O. `stack.py` is where they are put to use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from figwatch.validators.errors import FigwatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIDES = ("monolith", "service")


class Service(StrEnum):
    """One program of the stack, in the order in which they are started."""

    POSTGRES_MONOLITH = "postgres-monolith"
    """The monolith's PostgreSQL server."""
    POSTGRES_SERVICE = "postgres-service"
    """The new service's PostgreSQL server."""
    KAFKA = "kafka"
    """One Kafka node, broker and controller in one."""
    CONNECT = "connect"
    """Kafka Connect with Debezium, one distributed worker."""


class Stage(StrEnum):
    """What `Sandbox.up` is busy with."""

    DOWNLOAD = "download"
    """Fetching jars; `done` and `total` are bytes."""
    PREPARE = "prepare"
    """Making the data folders of the servers; counted in services."""
    START = "start"
    """Waiting until the servers answer; counted in services."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step forward. `done` and `total` are in the stage's unit."""

    stage: Stage
    done: int
    total: int
    detail: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the stack answers. `dsn` holds one PostgreSQL URI a side, password included."""

    bootstrap_servers: str
    connect_url: str
    dsn: Mapping[str, str] = field(repr=False)


class ServiceState(StrEnum):
    """What the keeper knows of a program."""

    RUNNING = "running"
    """The process lives; whether it answers yet is another question."""
    FROZEN = "frozen"
    """Stopped by SIGSTOP, as `Sandbox.freeze` does."""
    STOPPED = "stopped"
    """Was asked to stop, or never started."""
    DIED = "died"
    """Ended without being asked to; its log says why."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One program: `resident_bytes` counts its child processes too."""

    service: Service
    state: ServiceState
    port: int
    pid: int | None
    resident_bytes: int
    log: Path


@dataclass(frozen=True, slots=True)
class SandboxStatus:
    """What `figwatch sandbox status` shows. `endpoints` is None when nothing runs."""

    folder: Path
    running: bool
    endpoints: Endpoints | None
    services: tuple[ServiceStatus, ...]

    @property
    def resident_bytes(self) -> int:
        return sum(service.resident_bytes for service in self.services)

    @property
    def healthy(self) -> bool:
        """Every program of the stack is running."""
        return self.running and all(s.state is ServiceState.RUNNING for s in self.services)


class ErrorCode(StrEnum):
    """Stable names of what can go wrong; each raise says the cause and the fix."""

    DEPENDENCY_MISSING = "sandbox.dependency-missing"
    """A Python package of the `demo` extra is not installed."""
    JARS_MISSING = "sandbox.jars-missing"
    """A jar is in no cache and cannot be fetched."""
    JAR_MISMATCH = "sandbox.jar-mismatch"
    """A fetched jar is not the one that the lock file names."""
    TOOL_MISSING = "sandbox.tool-missing"
    """A program of the distribution is not in the cache and cannot be fetched."""
    FOLDER_UNUSABLE = "sandbox.folder-unusable"
    """The data folder cannot be written, or is no sandbox, or is of another version."""
    FOLDER_BUSY = "sandbox.folder-busy"
    """Another process is starting or stopping this sandbox."""
    NOT_RUNNING = "sandbox.not-running"
    """There is no running sandbox in the folder."""
    PRIVILEGES = "sandbox.privileges"
    """PostgreSQL refuses to run as root and no other user can reach its files."""
    START_FAILED = "sandbox.start-failed"
    """A program ended, or did not answer in time."""
    CONNECT_REFUSED = "sandbox.connect-refused"
    """Kafka Connect refused a request, or did not answer."""


class SandboxError(FigwatchError):
    """A failure that a user can act on: `code` is stable, `cause` and `fix` are sentences."""

    def __init__(self, code: ErrorCode, cause: str, fix: str) -> None:
        super().__init__(code.value, cause, fix=fix)
        self.code = code
        self.cause = cause
        self.fix = fix
