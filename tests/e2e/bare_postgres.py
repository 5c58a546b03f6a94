"""PostgreSQL servers alone, for tests that need no Kafka: each with its own folder and port.

Two kinds: the sandbox's binaries, and the machine's own of another version where there are any.
"""

from __future__ import annotations

import pathlib
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg

from figwatch.demo.sandbox import ports, unprivileged
from figwatch.demo.sandbox.postgres import binaries

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 180
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "autovacuum": "off",
}


def other_binaries() -> pathlib.Path | None:
    """The newest PostgreSQL of the distribution, usually of another version."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


@contextmanager
def server(
    folder: pathlib.Path, where: pathlib.Path | None = None, **settings: str
) -> Iterator[str]:
    """A running server; yields the data source name of its database `postgres`."""
    made = ("initdb", "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--no-locale")
    with _cluster(folder, where or binaries(), (*made, "--no-sync"), settings) as dsn:
        yield dsn


@contextmanager
def standby(folder: pathlib.Path, dsn: str, where: pathlib.Path | None = None) -> Iterator[str]:
    """A streaming replica of a server that was started with `where` as well; its data source
    name.
    """
    made = ("pg_basebackup", "-d", dsn, "-R", "-X", "stream", "-c", "fast", "--no-sync")
    with _cluster(folder, where or binaries(), made, {}) as replica:
        yield replica


@contextmanager
def _cluster(
    folder: pathlib.Path, programs: pathlib.Path, made: tuple[str, ...], settings: dict[str, str]
) -> Iterator[str]:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    user = unprivileged.run_as((folder, programs), "QUIT")
    cluster = folder / "data"
    cluster.mkdir(mode=0o700)
    user.own(cluster)
    as_user = {"user": user.user_id} if user.user_id is not None else {}
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    subprocess.run(
        [*user.prefix, programs / made[0], "-D", cluster, *made[1:]],
        check=True, capture_output=True, env=environment, cwd=cluster, **as_user,
    )  # fmt: skip
    port = ports.choose(["postgres"], {})["postgres"]
    given = SETTINGS | settings
    options = [part for name, value in given.items() for part in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*user.prefix, programs / "postgres", "-D", cluster, "-p", str(port), *options],
            stdout=log, stderr=log, env=environment, cwd=cluster, **as_user,
        )  # fmt: skip
    dsn = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        _await(dsn, process)
        yield dsn
    finally:
        process.send_signal(signal.SIGINT)  # fast: open connections do not hold it
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        shutil.rmtree(cluster, ignore_errors=True)


def _await(dsn: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "PostgreSQL ended while starting"
        try:
            psycopg.connect(dsn, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("PostgreSQL did not start")


def database(dsn: str, name: str, options: str = "") -> str:
    """A new, empty database on a server; its data source name."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {options}")
    return dsn.rsplit("/", 1)[0] + f"/{name}"
