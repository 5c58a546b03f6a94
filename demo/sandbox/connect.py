"""Kafka Connect's REST interface, as far as the sandbox, the demo and the tests need it.

Works on any Connect cluster; `debezium.py` makes the settings of a connector.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import httpx

from figwatch.demo.sandbox.model import ErrorCode, SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST_SECONDS = 30.0
RETRY_SECONDS = 90.0
"""How long a request is repeated while the worker rebalances (409) or starts (503)."""
RUNNING_SECONDS = 180.0
POLL_SECONDS = 0.1
CAUSE_CHARACTERS = 300


class State(StrEnum):
    """Kafka Connect's states of a connector or task."""

    UNASSIGNED = "UNASSIGNED"
    """Given to no worker yet."""
    RUNNING = "RUNNING"
    """At work."""
    PAUSED = "PAUSED"
    """Holds its resources, reads nothing."""
    STOPPED = "STOPPED"
    """Has let its tasks go; keeps its offsets."""
    FAILED = "FAILED"
    """Ended by an error; needs `restart`."""
    RESTARTING = "RESTARTING"
    """On its way back."""
    DESTROYED = "DESTROYED"
    """Deleted; seen for a moment only."""


@dataclass(frozen=True, slots=True)
class ConnectorSpec:
    """A connector's name and settings, Connect's own keys and values."""

    name: str
    settings: Mapping[str, str] = field(repr=False)  # with passwords


@dataclass(frozen=True, slots=True)
class ConnectorStatus:
    """A connector and its tasks; `error` is the first line of the first failed one's trace."""

    name: str
    state: State
    tasks: tuple[State, ...]
    error: str | None

    @property
    def running(self) -> bool:
        """The connector runs and has tasks, all of which run."""
        return self.state is State.RUNNING and set(self.tasks) == {State.RUNNING}


def register(connect_url: str, spec: ConnectorSpec, *, wait: bool = True) -> ConnectorStatus | None:
    """Create the connector, or change its settings; waits until its tasks run, if asked to.

    Raises:
        SandboxError: CONNECT_REFUSED with Connect's reason, or when it does not run in time.
    """
    _request(connect_url, "PUT", f"/connectors/{spec.name}/config", json=dict(spec.settings))
    return wait_running(connect_url, spec.name) if wait else None


def wait_running(connect_url: str, name: str) -> ConnectorStatus:
    """Until the connector's tasks run.

    Raises:
        SandboxError: CONNECT_REFUSED when a task has failed, or time is up.
    """
    deadline = time.monotonic() + RUNNING_SECONDS
    while True:
        now = status(connect_url, name)
        if now is not None and now.running:
            return now
        if now is not None and now.error is not None:
            raise _refused(f"The connector {name} failed: {now.error}")
        if time.monotonic() > deadline:
            raise _refused(f"The connector {name} does not run after {RUNNING_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


def status(connect_url: str, name: str) -> ConnectorStatus | None:
    """The connector's state; None when there is none of that name."""
    reply = _request(connect_url, "GET", f"/connectors/{name}/status", missing_ok=True)
    if reply is None:
        return None
    parts = [reply["connector"], *reply["tasks"]]
    traces = [part.get("trace", "") for part in parts if part["state"] == State.FAILED]
    return ConnectorStatus(
        name=name,
        state=State(reply["connector"]["state"]),
        tasks=tuple(State(task["state"]) for task in reply["tasks"]),
        error=_first_cause(traces[0]) if traces else None,
    )


def names(connect_url: str) -> tuple[str, ...]:
    """The names of all connectors."""
    return tuple(sorted(_request(connect_url, "GET", "/connectors") or ()))


def pause(connect_url: str, name: str) -> None:
    """Stop reading, keep the task; `resume` undoes it."""
    _request(connect_url, "PUT", f"/connectors/{name}/pause")


def stop(connect_url: str, name: str) -> None:
    """Let the tasks go, keep settings and offsets; `resume` undoes it."""
    _request(connect_url, "PUT", f"/connectors/{name}/stop")


def resume(connect_url: str, name: str) -> None:
    """Undo `pause` or `stop`."""
    _request(connect_url, "PUT", f"/connectors/{name}/resume")


def restart(connect_url: str, name: str) -> None:
    """Start a connector and its tasks anew: it reads on from its last stored offset."""
    _request(connect_url, "POST", f"/connectors/{name}/restart?includeTasks=true")


def delete(connect_url: str, name: str) -> None:
    """Delete the connector, if there is one. Its offsets, topics and slot stay."""
    _request(connect_url, "DELETE", f"/connectors/{name}", missing_ok=True)


def repoint(connect_url: str, old_port: str, new_port: str) -> None:
    """Give connectors to a database on this machine its new port."""
    for name in names(connect_url):
        settings = _request(connect_url, "GET", f"/connectors/{name}/config") or {}
        if (
            settings.get("database.hostname") == "127.0.0.1"
            and settings.get("database.port") == old_port
        ):
            moved = ConnectorSpec(name, settings | {"database.port": new_port})
            register(connect_url, moved, wait=False)


def _request(
    connect_url: str, method: str, path: str, *, json: Any = None, missing_ok: bool = False
) -> Any:
    """Ask once the worker can answer. Returns the decoded body, None where there is none."""
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            reply = httpx.request(method, connect_url + path, json=json, timeout=REQUEST_SECONDS)
        except httpx.HTTPError as error:
            raise _refused(
                f"Kafka Connect does not answer at {connect_url} ({type(error).__name__})."
            ) from error
        busy = reply.status_code in {httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE}
        if not busy or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    if reply.status_code == httpx.codes.NOT_FOUND and missing_ok:
        return None
    if reply.is_error:
        raise _refused(f"Kafka Connect refused {method} {path}: {_message(reply)}")
    return reply.json() if reply.content else None


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["message"])[:CAUSE_CHARACTERS]
    except (ValueError, KeyError, TypeError):
        return f"HTTP {reply.status_code}"


def _first_cause(trace: str) -> str:
    """The innermost cause of a Java stack trace: the part that names what is wrong."""
    causes = [line for line in trace.splitlines() if line.startswith("Caused by: ")]
    first = causes[-1].removeprefix("Caused by: ") if causes else trace.split("\n", 1)[0]
    return first[:CAUSE_CHARACTERS] or "no reason given"


def _refused(cause: str) -> SandboxError:
    return SandboxError(
        ErrorCode.CONNECT_REFUSED,
        cause,
        "Check the connector's settings and the worker's log (`figwatch sandbox status`).",
    )
