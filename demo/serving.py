"""Serves an ASGI application on loopback, as a program or inside the demo's event loop."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.applications import Starlette

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  # compared with; the sample in a container is told to
START_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """How a program is started: its name, the variable that holds its one address, its port."""

    name: str
    variable: str
    port: int


def required(name: str, program: str) -> str:
    """An environment variable, or an exit with code 2 and the way out."""
    value = os.environ.get(name, "")
    if not value:
        sys.stderr.write(f"{program}: set {name}\n")
        raise SystemExit(2)
    return value


def serve_main(program: Program, create: Callable[[str], Starlette]) -> None:
    """`python -m figwatch.demo.<program> [--port N]`; the address comes from the environment."""
    parser = argparse.ArgumentParser(prog=f"python -m figwatch.demo.{program.name}")
    parser.add_argument("--port", type=int, default=program.port)
    port = parser.parse_args().port
    app = create(required(program.variable, program.name))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


@asynccontextmanager
async def serving(
    app: Starlette, address: tuple[str, int] = ("127.0.0.1", 0)
) -> AsyncIterator[str]:
    """Serve `app` for as long as the block runs, by default on a free port of loopback; yields its
    URL.

    Raises:
        RuntimeError: the application did not start (its pool found no database, say).
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
        config = uvicorn.Config(
            app, log_level="critical", lifespan="on", timeout_graceful_shutdown=2, ws="none"
        )
        server = _QuietServer(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                while not server.started:
                    if running.done():
                        raise RuntimeError("an application of the demo did not start")
                    await asyncio.sleep(0.02)
            host = "127.0.0.1" if address[0] == ANY_ADDRESS else address[0]
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            with suppress(SystemExit):
                await running


class _QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers: the demo decides when its servers stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
