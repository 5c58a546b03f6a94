"""Which servers the end-to-end tests run on, and how they are had.

The embedded sandbox by default. Real servers when their addresses stand in the environment.
Containers when asked for: never by guess, and never replaced by something else in silence.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import Endpoints, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

BOOTSTRAP = "FIGWATCH_TEST_BOOTSTRAP"
CONNECT_URL = "FIGWATCH_TEST_CONNECT_URL"
DSNS = {"monolith": "FIGWATCH_TEST_MONOLITH_DSN", "service": "FIGWATCH_TEST_SERVICE_DSN"}
ADDRESSES = (BOOTSTRAP, CONNECT_URL, *DSNS.values())
CONTAINERS = "FIGWATCH_TEST_CONTAINERS"


class Servers(StrEnum):
    ENVIRONMENT = "the servers named in the environment"
    CONTAINERS = "containers"
    SANDBOX = "the embedded sandbox"


class CannotChooseError(Exception):
    """The environment asks for something that cannot be had."""


@dataclass(frozen=True)
class Provided:
    """Servers ready for tests; `stack` only where the tests may break them."""

    endpoints: Endpoints
    stack: Sandbox | None


def choose(environment: Mapping[str, str], engine_answers: Callable[[], bool]) -> Servers:
    """Decide; the container engine is asked only when containers are wanted."""
    named = [name for name in ADDRESSES if environment.get(name)]
    if named:
        missing = [name for name in ADDRESSES if name not in named]
        if missing:
            raise CannotChooseError(f"{named[0]} is set, but not {', '.join(missing)}")
        return Servers.ENVIRONMENT
    if environment.get(CONTAINERS) == "1":
        if not engine_answers():
            raise CannotChooseError(f"{CONTAINERS}=1, but no container engine answers")
        return Servers.CONTAINERS
    return Servers.SANDBOX


def engine_answers() -> bool:
    """Whether Docker's API answers a ping; an installed client alone is not enough."""
    try:
        import docker
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=5)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except docker.errors.DockerException:
        return False


@contextmanager
def provide(servers: Servers, environment: Mapping[str, str], folder: Path) -> Iterator[Provided]:
    """The chosen servers, for as long as the context lasts."""
    with ExitStack() as stack:
        if servers is Servers.ENVIRONMENT:
            dsn = {side: environment[name] for side, name in DSNS.items()}
            endpoints = Endpoints(environment[BOOTSTRAP], environment[CONNECT_URL], dsn)
            yield Provided(endpoints, None)
        elif servers is Servers.CONTAINERS:
            from tests.e2e.containers import running

            yield Provided(stack.enter_context(running(folder)), None)
        else:
            sandbox = Sandbox.up(folder, attached=True)
            stack.callback(sandbox.down)
            yield Provided(sandbox.endpoints, sandbox)
