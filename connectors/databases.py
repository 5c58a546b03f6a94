"""PostgreSQL's catalogues: tables, columns, keys, publications, slots, clock. Reads nothing else.

Every connection is read only, with a time limit on connecting and on each statement. `doctor` and
`init --from-database` ask. The data source name is a secret and appears in no error.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import LiteralString

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow

from figwatch.validators.doctor.facts import (
    ColumnFacts,
    CouldNot,
    DatabaseFacts,
    PublicationFacts,
    SlotFacts,
    TableFacts,
)
from figwatch.validators.errors import FigwatchError

Connection = psycopg.Connection[TupleRow]
TABLES_MAX = 1000


@contextlib.contextmanager
def connected(dsn: str, timeout_seconds: float, where: str) -> Iterator[Connection]:
    """A read-only connection. `where` is the setting to name in an error.

    Raises:
        FigwatchError: no PostgreSQL answers, or it refuses.
    """
    limit_ms = round(timeout_seconds * 1000)
    options = f"-c default_transaction_read_only=on -c statement_timeout={limit_ms}"
    try:
        given = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise FigwatchError(
            "database.dsn",
            "this is no PostgreSQL data source name",
            where,
            "postgresql://user:password@host:5432/database, or host=... dbname=...",
        ) from error
    try:
        connection = psycopg.connect(
            dsn,
            connect_timeout=max(2, round(timeout_seconds)),
            autocommit=True,
            application_name="figwatch",
            options=f"{given.get('options') or ''} {options}".strip(),
        )
    except psycopg.OperationalError as error:
        raise FigwatchError(
            "database.unreachable",
            f"the database cannot be reached: {_first_line(error)}",
            where,
            "start the server, or correct host, user and password",
        ) from error
    with connection:
        yield connection


def read_database(
    dsn: str, tables: Iterable[str], timeout_seconds: float, where: str
) -> DatabaseFacts | CouldNot:
    """What the doctor wants to know of one side's database."""
    try:
        with connected(dsn, timeout_seconds, where) as connection:
            return _read(connection, tuple(tables))
    except FigwatchError as error:
        problem = error.problems[0]
        return CouldNot(problem.cause, problem.fix)
    except psycopg.Error as error:
        return CouldNot(
            f"the catalogue cannot be read: {_first_line(error)}",
            "docs/permissions.md lists what figwatch must be allowed",
        )


def read_tables(connection: Connection, names: Iterable[str]) -> dict[str, TableFacts]:
    """Those of the tables (`schema.table`) that exist and may be seen.

    Raises:
        psycopg.Error: the catalogue cannot be read.
    """
    wanted = list(names)[:TABLES_MAX]
    found = {
        name: (identity, identity_columns, primary_key)
        for name, identity, identity_columns, primary_key in _all(connection, TABLES, wanted)
    }
    columns: dict[str, list[ColumnFacts]] = {name: [] for name in found}
    for name, *facts in _all(connection, COLUMNS, wanted):
        columns[name].append(ColumnFacts(*facts))
    return {
        name: TableFacts(name, identity, tuple(index), tuple(key), tuple(columns[name]))
        for name, (identity, index, key) in found.items()
    }


def _read(connection: Connection, tables: tuple[str, ...]) -> DatabaseFacts:
    difference_us, uncertainty_us = _clock(connection)
    version, wal_level = _one(
        connection, "SELECT current_setting('server_version'), current_setting('wal_level')"
    )
    publications = {
        name: PublicationFacts(name, all_tables, frozenset(members), frozenset(operations))
        for name, all_tables, members, operations in _all(connection, PUBLICATIONS)
    }
    slots = {
        name: SlotFacts(name, active, wal_status, held_bytes)
        for name, active, wal_status, held_bytes in _all(connection, SLOTS)
    }
    return DatabaseFacts(
        version,
        wal_level,
        difference_us,
        uncertainty_us,
        read_tables(connection, tables),
        slots,
        publications,
    )


def _clock(connection: Connection) -> tuple[int, int]:
    """The database's clock minus ours, and the uncertainty: the quickest of three questions."""
    best = (0, 1 << 62)
    for _ in range(3):
        before_us = time.time_ns() // 1000
        (theirs_us,) = _one(
            connection, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        )
        after_us = time.time_ns() // 1000
        half_us = (after_us - before_us) // 2
        best = min(best, (theirs_us - before_us - half_us, half_us), key=lambda pair: pair[1])
    return best


def _one(connection: Connection, query: LiteralString) -> TupleRow:
    row = connection.execute(query).fetchone()
    assert row is not None  # a SELECT without FROM has one row
    return row


def _all(
    connection: Connection, query: LiteralString, names: list[str] | None = None
) -> list[TupleRow]:
    return connection.execute(query, None if names is None else {"names": names}).fetchall()


def _first_line(error: psycopg.Error) -> str:
    text = str(error).strip().split("\n")[0]
    return text or type(error).__name__


TABLES: LiteralString = """
SELECT n.nspname || '.' || c.relname,
       c.relreplident::text,
       ARRAY(SELECT a.attname::text FROM pg_index i
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
             WHERE i.indrelid = c.oid AND i.indisreplident ORDER BY a.attnum),
       ARRAY(SELECT a.attname::text FROM pg_index i
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname || '.' || c.relname = ANY (%(names)s)
"""

# A value can be left out of an update's event when its type may be stored out of line; short
# varchars are never long enough (2000 bytes is the default threshold of a tuple).
COLUMNS: LiteralString = """
SELECT n.nspname || '.' || c.relname,
       a.attname::text,
       format_type(a.atttypid, a.atttypmod),
       NOT a.attnotnull,
       a.atthasdef AND a.attgenerated = '',
       a.attlen = -1 AND a.attstorage IN ('x', 'e', 'm')
           AND NOT (a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype)
                    AND a.atttypmod BETWEEN 0 AND 500)
           AND NOT (a.atttypid = 'numeric'::regtype AND a.atttypmod >= 0),
       CASE WHEN a.atttypid NOT IN ('time'::regtype, 'timetz'::regtype, 'timestamp'::regtype,
                                    'timestamptz'::regtype) THEN NULL
            WHEN a.atttypmod < 0 THEN 6
            ELSE a.atttypmod END
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p')
  AND n.nspname || '.' || c.relname = ANY (%(names)s)
ORDER BY 1, a.attnum
"""

PUBLICATIONS: LiteralString = """
SELECT p.pubname::text, p.puballtables,
       ARRAY(SELECT t.schemaname || '.' || t.tablename FROM pg_publication_tables t
             WHERE t.pubname = p.pubname AND NOT p.puballtables),
       array_remove(ARRAY[CASE WHEN p.pubinsert THEN 'insert' END,
                          CASE WHEN p.pubupdate THEN 'update' END,
                          CASE WHEN p.pubdelete THEN 'delete' END,
                          CASE WHEN p.pubtruncate THEN 'truncate' END], NULL)
FROM pg_publication p
"""

SLOTS: LiteralString = """
SELECT slot_name::text, active, coalesce(wal_status, ''),
       coalesce(CASE WHEN pg_is_in_recovery() THEN 0
                     ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) END, 0)::bigint
FROM pg_replication_slots WHERE database = current_database()
"""
