"""A monolith on MariaDB, its new service on PostgreSQL: the same rows in all common types are
consistent, and a wrong one is found.

The server is the sandbox's (Debian's packages, fetched on demand), or the one that
FIGWATCH_TEST_MARIADB names as host:port:user:password; its `mariadb` client must be on the path
then, and Connect must have Debezium's MariaDB connector.
"""

import os
import pathlib
import shutil
import time
import uuid

import psycopg
import pytest

from figwatch.connectors.config.root import Config
from figwatch.connectors.replay import replay
from figwatch.demo.sandbox import connect, debezium, mariadb
from figwatch.validators.outcome import Verdict
from tests.unit.captures.record import line, records

ADDRESS = "FIGWATCH_TEST_MARIADB"
WAIT_SECONDS = 180.0
# name, MariaDB's type, PostgreSQL's type, the type that figwatch is told, encodings if any
UNSIGNED = {"source_type": "uint64", "target_type": "numeric(20,0)", "target_encoding": "base64"}
COLUMNS = (
    ("flag", "tinyint(1)", "boolean", "bool", {}),
    ("tiny", "tinyint unsigned", "smallint", "int", {}),
    ("small", "smallint DEFAULT 7", "smallint DEFAULT 7", "int", {}),
    ("medium", "mediumint", "integer", "int", {}),
    ("whole", "int unsigned", "bigint", "int", {}),
    ("big", "bigint unsigned", "numeric(20,0)", None, UNSIGNED),
    ("price", "decimal(12,4)", "numeric(12,4)", "decimal(4)",
     {"source_encoding": "base64", "target_encoding": "base64"}),
    ("ratio", "double", "double precision", "float64", {}),
    ("part", "float", "real", "float32", {}),
    ("name", "varchar(60)", "text", "text", {}),
    ("code", "char(8)", "char(8)", "char", {}),
    ("note", "mediumtext", "text", "text", {}),
    ("data", "varbinary(40)", "bytea", "bytes",
     {"source_encoding": "base64", "target_encoding": "base64"}),
    ("day", "date", "date", "date", {}),
    ("clock", "time(6)", "time", "time", {}),
    ("at3", "datetime(3)", "timestamp(3)", "timestamp(3)", {}),
    ("at6", "datetime(6)", "timestamp", "timestamp", {}),
    ("seen", "timestamp(6) NULL", "timestamptz", "timestamptz", {}),
    ("born", "year", "integer", "int", {}),
    ("mood", "enum('sad','ok')", "text", "text", {}),
    ("tags", "set('a','b','c')", "text", "text", {}),
    ("doc", "json", "jsonb", "json", {}),
    ("bits", "bit(10)", "bit(10)", "bits(10)",
     {"source_encoding": "base64", "target_encoding": "base64"}),
)  # fmt: skip
ORDINARY = {
    "flag": 1, "tiny": 255, "small": -32768, "medium": 8388607, "whole": 4294967295,
    "big": 2**64 - 1, "price": "1234.5600", "ratio": "0.30000000000000004", "part": "0.1",
    "name": "Grüße, 世界 😀", "code": "ab", "note": "n" * 3000, "data": b"\x00\xff\x10",
    "day": "2024-02-29", "clock": "04:05:06.789012", "at3": "2024-02-29 12:00:00.123",
    "at6": "1969-12-31 23:59:59.999999", "seen": "2024-02-29 12:00:00.123456", "born": 2024,
    "mood": "ok", "tags": "a,c", "doc": '{"b": 1.50, "a": [1, null, "ü"]}', "bits": 769,
}  # fmt: skip
SMALL = ORDINARY | {
    "flag": 0, "tiny": 0, "big": 0, "price": "-0.0001", "ratio": "-1e300", "part": "-2.5",
    "name": "", "code": "", "note": "", "data": b"", "day": "1000-01-01", "clock": "00:00:00",
    "at6": "1000-01-01 00:00:00", "born": 1901, "mood": "sad", "tags": "", "doc": "[]", "bits": 0,
}  # fmt: skip
NULLS = dict.fromkeys(ORDINARY)


@pytest.fixture(scope="module")
def server(provided):
    given = os.environ.get(ADDRESS)
    if given:
        host, port, user, password = given.split(":", 3)
        client = shutil.which("mariadb")
        assert client, f"{ADDRESS} is set, but there is no `mariadb` client on the path"
        return mariadb.MariaDb(int(port), password, pathlib.Path(client), {}, host, user)
    assert provided.stack, f"these servers are not the sandbox: name a MariaDB in {ADDRESS}"
    return mariadb.start(provided.stack)


class Twins:
    """One table on each side, with connectors, and statements for both."""

    def __init__(self, server, endpoints, folder):
        self.name = f"t{uuid.uuid4().hex[:8]}"
        self.server, self.endpoints, self.folder = server, endpoints, folder
        self.prefixes = {"monolith": f"{self.name}mono", "service": f"{self.name}inv"}
        self.target = f"public.{self.name}"
        self.source = f"{self.name}.items"
        columns = ", ".join(f"{name} {kind}" for name, kind, *_ in COLUMNS)
        server.execute(
            f"CREATE DATABASE {self.name}; CREATE TABLE {self.source}"
            f" (id bigint unsigned PRIMARY KEY, {columns})"
        )
        columns = ", ".join(f"{name} {kind}" for name, _, kind, *_ in COLUMNS)
        debezium.create_heartbeat_table(endpoints.dsn["service"])
        self.postgres(f"CREATE TABLE {self.target} (id numeric(20,0) PRIMARY KEY, {columns})")

    def postgres(self, statement):
        with psycopg.connect(self.endpoints.dsn["service"], connect_timeout=10) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(statement)

    def capture(self):
        """Start the connectors."""
        url, servers = self.endpoints.connect_url, self.endpoints.bootstrap_servers
        mono, inv = self.prefixes.values()
        connect.register(url, mariadb.connector(mono, self.server, mono, [self.source], servers))
        connect.register(
            url,
            debezium.postgres_connector(
                inv, self.endpoints.dsn["service"], inv, [self.target], heartbeat_seconds=0.5
            ),
        )

    def close(self):
        for prefix in self.prefixes.values():
            connect.delete(self.endpoints.connect_url, prefix)
        self.server.execute(f"DROP TABLE {self.source}")
        slot = f"figwatch_{self.prefixes['service']}"
        self.postgres(f"DROP TABLE {self.target}")
        for _ in range(50):  # the task lets go of it a moment later
            try:
                self.postgres(f"SELECT pg_drop_replication_slot('{slot}')")
            except psycopg.errors.ObjectInUse:
                time.sleep(0.2)
            except psycopg.errors.UndefinedObject:
                return
            else:
                return

    def insert(self, key, row):
        names = ", ".join(("id", *row))
        mine = ", ".join((str(key), *map(_mariadb, row.items())))
        theirs = ", ".join((str(key), *map(_postgres, row.items())))
        self.both(
            f"INSERT INTO {self.source} ({names}) VALUES ({mine})",
            f"INSERT INTO {self.target} ({names}) VALUES ({theirs})",
        )

    def both(self, monolith, service):
        self.server.execute(monolith)
        self.postgres(service)

    def everywhere(self, statement):
        self.both(statement.format(table=self.source), statement.format(table=self.target))

    def until(self, seen):
        """Record until `seen` of the raw payloads, and a second of heartbeats more."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = records(self.endpoints.bootstrap_servers, self.prefixes.values())
            payloads = {p: b"\n".join(m.value() or b"" for m in many) for p, many in found.items()}
            if all(seen(payload) for payload in payloads.values()):
                break
            assert time.monotonic() < deadline, {p: len(many) for p, many in found.items()}
            time.sleep(0.5)
        time.sleep(4)  # past the objective and the give-up age, on either side's heartbeats
        return records(self.endpoints.bootstrap_servers, self.prefixes.values())

    def replay(self, found):
        everything = sorted(
            (m for many in found.values() for m in many), key=lambda m: m.timestamp()[1]
        )
        path = self.folder / "capture.jsonl"
        path.write_text("\n".join(map(line, everything)) + "\n", "utf-8")
        return replay(self.config(), [path])

    def config(self):
        mono, inv = self.prefixes.values()
        columns = {
            name: ({"type": kind} if kind else {}) | more for name, _, _, kind, more in COLUMNS
        }
        pair = {"name": "items", "source": self.source, "target": self.target,
                "key": {"id": UNSIGNED}, "columns": columns}  # fmt: skip
        sides = {
            "monolith": {
                "topic_prefix": mono, "heartbeat_topic": f"__debezium-heartbeat.{mono}",
                "heartbeat_grace_seconds": 1,
                "allowed_disorder_seconds": 1,  # its commit times are whole seconds
            },
            "service": {
                "topic_prefix": inv, "heartbeat_topic": f"__debezium-heartbeat.{inv}",
                "heartbeat_table": debezium.HEARTBEAT_TABLE,
            },
        }  # fmt: skip
        return Config.model_validate(
            {"migration": "m", "kafka": {"bootstrap_servers": "x:1"}, "sides": sides,
             "authority": "monolith", "pairs": [pair], "objective": {"give_up_seconds": 1}}
        )  # fmt: skip


def _mariadb(item):
    _, value = item
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return _quoted(value)


def _postgres(item):
    name, value = item
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if name == "bits" and value is not None:
        return f"B'{value:010b}'"
    if name == "flag" and value is not None:
        return "true" if value else "false"
    if name == "seen" and value is not None:
        return f"'{value}+00'"
    return _quoted(value)


def _quoted(value):
    if isinstance(value, int):
        return str(value)
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


@pytest.fixture
def twins(server, sandbox, tmp_path):
    made = Twins(server, sandbox, tmp_path)
    yield made
    made.close()


def test_all_common_types_of_mariadb_equal_their_copies_in_postgresql(twins):
    for key, row in enumerate((ORDINARY, SMALL, NULLS), 1):
        twins.insert(key, row)
    twins.capture()
    time.sleep(2)  # the rest comes from the log
    for key, row in enumerate((ORDINARY, SMALL, NULLS, ORDINARY), 11):
        twins.insert(key, row)
    twins.insert(2**64 - 1, ORDINARY)
    twins.everywhere("UPDATE {table} SET name = 'changed', small = NULL WHERE id IN (1, 11)")
    twins.everywhere("DELETE FROM {table} WHERE id IN (2, 12)")
    twins.everywhere("UPDATE {table} SET id = 99 WHERE id = 14")
    twins.everywhere("UPDATE {table} SET name = 'the end' WHERE id = 1")
    done = twins.replay(twins.until(lambda payload: b"the end" in payload))
    assert () == done.findings
    assert {} == done.summary.malformed
    told = {key: done.verdict("items", {"id": key}) for key in (1, 2, 3, 11, 12, 13, 99, 2**64 - 1)}
    assert dict.fromkeys(told, Verdict.CONSISTENT) == told

    twins.postgres(f"UPDATE {twins.target} SET price = price + 0.0001 WHERE id = 11")
    time.sleep(3)  # an idle MariaDB has no heartbeats: only a later change shows what was read
    twins.everywhere("UPDATE {table} SET name = 'true end' WHERE id = 1")
    done = twins.replay(twins.until(lambda payload: b"true end" in payload))
    found = [(done.key_names("items", f.key)["id"], f.columns) for f in done.findings]
    assert [(11, ("price",))] == found
