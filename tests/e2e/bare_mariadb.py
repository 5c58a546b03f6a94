"""A MariaDB server alone, for tests that need no Kafka: Debian's, with its own folder and port."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pymysql

from figwatch.demo.sandbox import ports, unprivileged
from figwatch.demo.sandbox.tools import MARIADB, ensure

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

START_SECONDS = 180


@contextmanager
def server(folder: pathlib.Path) -> Iterator[str]:
    """A running server; yields the data source name of its database `shop`."""
    tool = ensure(MARIADB)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    user = unprivileged.run_as((folder, tool.root), "TERM")
    data = folder / "data"
    data.mkdir(mode=0o700)
    user.own(data)
    as_user = {"user": user.user_id} if user.user_id is not None else {}
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"} | tool.environment
    share = tool.root / "usr" / "share" / "mysql"
    daemon = tool.program("mariadbd")
    common = [f"--datadir={data}", f"--lc-messages-dir={share}", "--no-defaults"]
    common = [common[-1], *common[:-1]]  # --no-defaults must come first
    system = "\n".join(
        (share / name).read_text("utf-8")
        for name in ("mysql_system_tables.sql", "mysql_system_tables_data.sql")
    )
    (folder / "bootstrap.sql").write_text(
        f"CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n{system}\n",
        "utf-8",
    )
    with (folder / "bootstrap.sql").open("rb") as script, (folder / "log").open("wb") as log:
        subprocess.run(
            [*user.prefix, daemon, *common, "--bootstrap", "--skip-networking"],
            stdin=script, stdout=log, stderr=log, check=True, env=environment, cwd=data, **as_user,
        )  # fmt: skip
    port = ports.choose(["mariadb"], {})["mariadb"]
    socket = f"--socket={data}/s"
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*user.prefix, daemon, *common, "--bind-address=127.0.0.1", f"--port={port}", socket,
             "--skip-grant-tables", "--skip-networking=0", "--innodb-flush-log-at-trx-commit=0",
             "--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4", "--pid-file=pid"],
            stdout=log, stderr=log, env=environment, cwd=data, **as_user,
        )  # fmt: skip
    try:
        _await(port, process)
        yield f"mysql://root@127.0.0.1:{port}/shop"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        shutil.rmtree(data, ignore_errors=True)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "MariaDB ended while starting"
        try:
            with connect(port) as connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE IF NOT EXISTS shop")
        except pymysql.OperationalError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("MariaDB did not start")


def connect(port: int, database: str | None = None) -> pymysql.Connection:
    """A writing connection."""
    return pymysql.connect(
        host="127.0.0.1", port=port, user="root", database=database, autocommit=True
    )
