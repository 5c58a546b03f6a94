"""A MariaDB server in the sandbox, on demand: a monolith's database that is no PostgreSQL.

Debian's server (`tools.py`) and Debezium's connector (`mariadb.lock`) are fetched when first asked
for; Connect is started anew once, to see the connector. It ends with the sandbox.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from figwatch.demo.sandbox import plugins, tools, unprivileged
from figwatch.demo.sandbox.connect import ConnectorSpec
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.model import ErrorCode, SandboxError, ServiceState
from figwatch.demo.sandbox.ports import choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from figwatch.demo.sandbox.jars import Report
    from figwatch.demo.sandbox.stack import Sandbox

NAME = "mariadb"
USER = "figwatch"
LOCK = "mariadb.lock"
INSTALL_SECONDS = 120.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.2
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "socket": "mariadb.sock",  # in the data folder: its whole path may be longer than a socket's
    "pid-file": "mariadb.pid",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_general_ci",
    "default-time-zone": "+00:00",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "16M",
    "aria-pagecache-buffer-size": "8M",
    "aria-log-file-size": "16M",
    "performance-schema": "OFF",
    # The data is to outlive its processes, not the machine.
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
}


@dataclass(frozen=True, slots=True)
class MariaDb:
    """A running server, and the client that came with it."""

    port: int
    password: str = field(repr=False)
    client: Path
    environment: Mapping[str, str]
    host: str = "127.0.0.1"
    user: str = USER

    def execute(self, statements: str, database: str = "") -> str:
        """Run statements with the server's own client; returns what it prints.

        Raises:
            SandboxError: START_FAILED: the server refused, with its reason.
        """
        argv = [
            *(str(self.client), "--no-defaults", "--protocol=tcp", f"--host={self.host}"),
            *(f"--port={self.port}", f"--user={self.user}", "--default-character-set=utf8mb4"),
            *("--batch", "--skip-column-names", *([database] if database else [])),
        ]
        done = subprocess.run(
            argv, input=statements, capture_output=True, text=True, check=False,
            env={**self.environment, "MYSQL_PWD": self.password}, timeout=READY_SECONDS,
        )  # fmt: skip
        if done.returncode != 0:
            raise SandboxError(
                ErrorCode.START_FAILED,
                f"MariaDB refused a statement: {_last_line(done.stderr)}",
                "Correct the statement.",
            )
        return done.stdout


def start(sandbox: Sandbox, report: Report = lambda _progress: None) -> MariaDb:
    """Start the server beside the running stack, or join the one that runs.

    Raises:
        SandboxError: TOOL_MISSING or JARS_MISSING when a part cannot be had, START_FAILED.
    """
    tool = tools.ensure(tools.MARIADB)
    plugins.add(sandbox, LOCK, report)
    folder = sandbox.folder.root / NAME
    folder.mkdir(exist_ok=True)
    user = unprivileged.run_as((folder, tool.root), "TERM")
    if user.owner is not None:
        folder.chmod(0o711)
    data, secret, kept = folder / "data", folder / "password", folder / "port"
    if not (data / "mysql").is_dir():
        _install(sandbox, tool, data, user)
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(18), "ascii")
    password = secret.read_text("ascii")
    before = {NAME: int(kept.read_text("ascii"))} if kept.exists() else {}
    state = sandbox.keeper.programs().get(NAME)
    running = state is not None and state.state is ServiceState.RUNNING
    port = before[NAME] if running and before else choose([NAME], before)[NAME]
    kept.write_text(str(port), "ascii")
    if not running:
        sandbox.keeper.start(_server(sandbox, tool, data, user, port, password))
    server = MariaDb(port, password, tool.program("mariadb"), tool.environment)
    _wait(sandbox, server)
    return server


def connector(
    name: str,
    server: MariaDb,
    topic_prefix: str,
    tables: Sequence[str],
    bootstrap_servers: str,
    overrides: Mapping[str, str] | None = None,
) -> ConnectorSpec:
    """A connector that captures `tables` (`database.table`); `overrides` has the last word."""
    settings = {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "tasks.max": "1",
        "database.hostname": server.host,
        "database.port": str(server.port),
        "database.user": server.user,
        "database.password": server.password,
        "database.server.id": str(10_000 + server.port),
        "database.ssl.mode": "disable",
        "topic.prefix": topic_prefix,
        "table.include.list": ",".join(tables),
        "schema.history.internal.kafka.bootstrap.servers": bootstrap_servers,
        "schema.history.internal.kafka.topic": f"{topic_prefix}-schema-history",
        "schema.history.internal.store.only.captured.tables.ddl": "true",
        "snapshot.locking.mode": "none",
        "poll.interval.ms": "10",
        "heartbeat.interval.ms": "500",
        "topic.creation.default.partitions": "2",
        "topic.creation.default.replication.factor": "1",
        **{
            f"{part}.converter{setting}": value
            for part in ("key", "value")
            for setting, value in (
                ("", "org.apache.kafka.connect.json.JsonConverter"),
                (".schemas.enable", "false"),
                (".replace.null.with.default", "false"),
            )
        },
    }
    return ConnectorSpec(name, settings | dict(overrides or {}))


def _last_line(text: str) -> str:
    """The client repeats the statement, values and all, before it says what is wrong."""
    said = [line for line in text.splitlines() if line.startswith("ERROR")]
    return said[-1][:300] if said else "no reason given"


def _install(sandbox: Sandbox, tool: tools.Unpacked, data: Path, user: unprivileged.RunAs) -> None:
    # Made beside its place and moved in whole: one that was cut short leaves no half.
    draft = data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    user.own(draft)
    command = (
        *("/bin/sh", str(tool.program("mariadb-install-db")), "--no-defaults"),
        *(f"--basedir={tool.root / 'usr'}", f"--datadir={draft}", "--skip-test-db"),
        *("--auth-root-authentication-method=normal", "--skip-name-resolve", "--cross-bootstrap"),
    )
    sandbox.keeper.run(_spec(sandbox, tool, f"{NAME}-install", command, user), INSTALL_SECONDS)
    draft.rename(data)


def _server(  # made in one place
    sandbox: Sandbox,
    tool: tools.Unpacked,
    data: Path,
    user: unprivileged.RunAs,
    port: int,
    password: str,
) -> ProgramSpec:
    first = data.parent / "init.sql"
    first.unlink(missing_ok=True)
    first.touch(mode=0o600)
    user.own(first)
    first.write_text(
        f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n",
        "ascii",
    )
    usr = tool.root / "usr"
    command = (
        *(str(tool.program("mariadbd")), "--no-defaults", f"--basedir={usr}"),
        *(f"--datadir={data}", f"--port={port}", f"--init-file={first}"),
        *(f"--lc-messages-dir={usr / 'share' / 'mysql'}", f"--tmpdir={data}"),
        *(f"--{name}={value}" for name, value in SETTINGS.items()),
    )
    return _spec(sandbox, tool, NAME, command, user)


def _spec(
    sandbox: Sandbox,
    tool: tools.Unpacked,
    name: str,
    command: tuple[str, ...],
    user: unprivileged.RunAs,
) -> ProgramSpec:
    return ProgramSpec(
        name=name,
        argv=(*user.prefix, *command),
        log=str(sandbox.folder.logs / f"{name}.log"),
        cwd=str(sandbox.folder.root / NAME),
        env={"PATH": PATH, "LC_ALL": "C", "TZ": "UTC", **tool.environment},
        wave=0,
        user_id=user.user_id,
    )


def _wait(sandbox: Sandbox, server: MariaDb) -> None:
    deadline = time.monotonic() + READY_SECONDS
    log = sandbox.folder.logs / f"{NAME}.log"
    while True:
        try:
            with socket.create_connection(("127.0.0.1", server.port), 1):
                server.execute("SELECT 1")
                return
        except (OSError, SandboxError, subprocess.TimeoutExpired):
            ended = sandbox.keeper.programs()[NAME].state is not ServiceState.RUNNING
            if ended or time.monotonic() > deadline:
                raise SandboxError(
                    ErrorCode.START_FAILED,
                    f"MariaDB {'ended' if ended else 'does not answer'} after its start.",
                    f"Its log is {log}.",
                ) from None
            time.sleep(POLL_SECONDS)
