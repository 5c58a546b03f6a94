"""Plants the canary: one row that differs between the two databases, in a table made for it.

THE ONLY PLACE WHERE FIGWATCH WRITES TO A DATABASE, and it writes to that table alone. A table is
written to only if its comment is `MARKER`, so that a wrong name in the configuration can not touch
anybody's data. `figwatch.cli.canary_command` runs it; `figwatch.validators.canary` judges.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
from psycopg import conninfo, sql

from figwatch.connectors.config.root import Config
from figwatch.connectors.evidence import read_evidence
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.errors import FigwatchError

MARKER = "figwatch canary: figwatch writes and deletes rows here; keep nothing else in it"
POLL_SECONDS = 0.5
INIT_SQL = """\
-- Run this in BOTH databases, as the owner of the schema, then
--   add {table} to table.include.list of both connectors
--   (and to the publication, where it does not publish all tables).
CREATE TABLE {table} (id bigint PRIMARY KEY, value text NOT NULL);
COMMENT ON TABLE {table} IS {marker};
-- For figwatch's role, if it is not the owner:
-- GRANT SELECT, INSERT, DELETE ON {table} TO figwatch;
"""


@dataclass(frozen=True)
class Flight:
    """One canary. Times in seconds, from its commit on the target; None: not found in time."""

    key: int
    planted_us: int
    found_seconds: float | None
    """Until figwatch's judge detected it."""
    told_seconds: float | None
    """Until it stood in the findings."""


def init_sql(table: str) -> str:
    """The SQL with which the user makes the table. It is printed, never run by figwatch."""
    name = sql.Identifier(*table.split(".")).as_string(None)
    return INIT_SQL.format(table=name, marker=sql.Literal(MARKER).as_string(None))


def fly(config: Config, seconds_max: float) -> Flight:
    """Plant a canary, wait until it is found, and take it away again, found or not.

    Rows that a canary before this one left behind are deleted first.

    Raises:
        FigwatchError: a database does not answer, the table is missing or is not marked as the
            canary's, or Kafka cannot be read.
    """
    source, target = config.source_side, config.target_side
    with _table(config, source) as on_source, _table(config, target) as on_target:
        for clear in (on_source.clear, on_target.clear):
            clear()
        key = time.time_ns() // 1000
        try:
            on_source.insert(key, "what the source says")
            on_target.insert(key, "what the target says")
            planted = time.time_ns() // 1000
            return _watch(config, key, planted, seconds_max)
        finally:
            on_source.clear()
            on_target.clear()


def _watch(config: Config, key: int, planted_us: int, seconds_max: float) -> Flight:
    found = detection(config)
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        detected_us = found(key)
        if detected_us is not None:
            told = (time.time_ns() // 1000 - planted_us) / 1e6
            return Flight(key, planted_us, max(0.0, (detected_us - planted_us) / 1e6), told)
        time.sleep(POLL_SECONDS)
    return Flight(key, planted_us, None, None)


def detection(config: Config) -> Callable[[int], int | None]:
    """Return a question: when was the canary of that key detected (None: not yet)?"""
    from figwatch.connectors.debezium.decoder import Decoder

    decoder = Decoder(config)

    def ask(key: int) -> int | None:
        for finding in read_evidence(config, findings=True).findings:
            ours = finding.pair == CANARY_PAIR and not finding.void
            if ours and decoder.decode_key(CANARY_PAIR, finding.key).get("id") == key:
                return finding.detected_us
        return None

    return ask


class _Table:
    """The canary's table on one side."""

    def __init__(self, connection: psycopg.Connection, name: str) -> None:
        self._connection, self._name = connection, sql.Identifier(*name.split("."))

    def insert(self, key: int, value: str) -> None:
        self._connection.execute(
            sql.SQL("INSERT INTO {} (id, value) VALUES (%s, %s)").format(self._name), (key, value)
        )

    def clear(self) -> None:
        self._connection.execute(sql.SQL("DELETE FROM {}").format(self._name))


@contextlib.contextmanager
def _table(config: Config, side: str) -> Iterator[_Table]:
    """The table of one side, on a connection of its own, once it is known to be the canary's."""
    name, where = config.canary.table, f"sides.{side}.database"
    secret = config.sides[side].database
    assert secret is not None  # `config.rules`: an enabled canary has both databases
    limit_seconds = config.limits.database_timeout_seconds
    options = f"-c statement_timeout={round(limit_seconds * 1000)}"
    try:
        dsn = secret.reveal()
        given = conninfo.conninfo_to_dict(dsn).get("options") or ""
        with psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=max(2, round(limit_seconds)),
            application_name="figwatch canary",
            options=f"{given} {options}".strip(),
        ) as connection:
            _must_be_marked(connection, name, where)
            yield _Table(connection, name)
    except psycopg.Error as error:
        reason = (str(error).strip().split("\n")[0]) or type(error).__name__
        raise FigwatchError(
            "canary.database",
            f"the canary's table {name} cannot be written: {reason}",
            where,
            "start the server, or grant SELECT, INSERT and DELETE on that table",
        ) from error


def _must_be_marked(connection: psycopg.Connection, name: str, where: str) -> None:
    row = connection.execute(
        "SELECT obj_description(to_regclass(%s), 'pg_class')",
        (sql.Identifier(*name.split(".")).as_string(connection),),
    ).fetchone()
    if row is None or row[0] != MARKER:
        raise FigwatchError(
            "canary.not-its-table",
            f"{name} is missing, or is not marked as the canary's; nothing was written",
            where,
            "make it with the SQL that `figwatch canary --init-sql` prints",
        )
