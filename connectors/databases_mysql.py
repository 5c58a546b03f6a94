"""The catalogues of MariaDB and MySQL: tables, columns, keys, binlog, clock. Reads nothing else.

As `figwatch.connectors.databases`, which asks PostgreSQL; `figwatch.connectors.catalogues` chooses.
Every connection is read only, with a time limit. The data source name appears in no error.
"""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import pymysql

from figwatch.connectors.sweep.mysql import parts, reason
from figwatch.validators.doctor.facts import (
    BinlogFacts,
    ColumnFacts,
    CouldNot,
    DatabaseFacts,
    TableFacts,
)
from figwatch.validators.errors import FigwatchError

Connection: TypeAlias = "pymysql.Connection[Any]"  # generic in its stubs only
TABLES_MAX = 1000
_TROUBLE = (pymysql.MySQLError, OSError)


@contextlib.contextmanager
def connected(dsn: str, timeout_seconds: float, where: str) -> Iterator[Connection]:
    """A read-only connection. `where` is the setting to name in an error.

    Raises:
        FigwatchError: no server answers, or it refuses.
    """
    try:
        given = parts(dsn)
    except ValueError as error:  # a port that is no number
        raise FigwatchError(
            "database.dsn",
            "this is no data source name of MariaDB's or MySQL's",
            where,
            "mysql://user:password@host:3306/database",
        ) from error
    limit = max(2, round(timeout_seconds))
    try:
        connection = pymysql.connect(
            **given, charset="utf8mb4", autocommit=True, connect_timeout=limit, read_timeout=limit,
            write_timeout=limit, local_infile=False, program_name="figwatch",
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
    except _TROUBLE as error:
        raise FigwatchError(
            "database.unreachable",
            f"the database cannot be reached: {reason(error)}",
            where,
            "start the server, or correct host, user and password",
        ) from None
    with connection:
        yield connection


def read_database(
    dsn: str, tables: Iterable[str], timeout_seconds: float, where: str
) -> DatabaseFacts | CouldNot:
    """What the doctor wants to know of one side's database."""
    try:
        with connected(dsn, timeout_seconds, where) as connection:
            difference_us, uncertainty_us = _clock(connection)
            variables = _variables(connection)
            return DatabaseFacts(
                variables.get("version", ""),
                "",
                difference_us,
                uncertainty_us,
                read_tables(connection, tables),
                binlog=_binlog(variables),
            )
    except FigwatchError as error:
        problem = error.problems[0]
        return CouldNot(problem.cause, problem.fix)
    except _TROUBLE as error:
        return CouldNot(
            f"the catalogue cannot be read: {reason(error)}",
            "docs/permissions.md lists what figwatch must be allowed",
        )


def read_tables(connection: Connection, names: Iterable[str]) -> dict[str, TableFacts]:
    """Those of the tables (`database.table`) that exist and may be seen, with types as
    `figwatch.validators.canonical.kinds` names them.

    Raises:
        pymysql.MySQLError: the catalogue cannot be read.
    """
    found = {}
    for name in list(names)[:TABLES_MAX]:
        database, _, table = name.rpartition(".")
        where = (database or _text(connection.db), table)
        columns = tuple(_column(row) for row in _all(connection, COLUMNS, where))
        if columns:
            key = tuple(_text(column) for (column,) in _all(connection, PRIMARY_KEY, where))
            found[name] = TableFacts(name, "f", (), key, columns)
    return found


def _column(row: tuple[Any, ...]) -> ColumnFacts:
    name, data_type, column_type, nullable, default, digits = row
    fraction = int(digits) if digits is not None else None
    kind = type_name(_text(data_type).lower(), _text(column_type).lower(), fraction)
    # MariaDB tells the default NULL as text, MySQL as null
    has_default = default is not None and _text(default).upper() != "NULL"
    return ColumnFacts(_text(name), kind, _text(nullable) == "YES", has_default, False, fraction)  # noqa: FBT003


def type_name(data_type: str, column_type: str, digits: int | None) -> str:
    """What a column is, in words that mean the same for both sides: MySQL's `timestamp` has a
    zone, its `float` is short, its `datetime` has whole seconds unless it says more.
    """
    if data_type == "bigint" and "unsigned" in column_type:
        return "uint64"
    if data_type == "datetime":
        return f"timestamp({digits or 0})"
    if data_type == "timestamp":
        return f"timestamptz({digits or 0})"
    if data_type == "decimal":
        return "numeric" + column_type.removeprefix("decimal").partition(" ")[0]
    if column_type == "tinyint(1)" or data_type == "bit":
        return column_type
    return _NAMES.get(data_type, data_type)


_NAMES = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "year"), "integer"),
    "float": "float32",
    "double": "float64",
    **dict.fromkeys(
        ("varchar", "tinytext", "mediumtext", "longtext", "enum", "set", "inet4", "inet6"), "text"
    ),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
}


def _clock(connection: Connection) -> tuple[int, int]:
    """The database's clock minus ours, and the uncertainty: the quickest of three questions."""
    best = (0, 1 << 62)
    for _ in range(3):
        before_us = time.time_ns() // 1000
        ((theirs,),) = _all(connection, "SELECT unix_timestamp(now(6))")
        after_us = time.time_ns() // 1000
        half_us = (after_us - before_us) // 2
        best = min(
            best, (round(theirs * 1_000_000) - before_us - half_us, half_us), key=lambda two: two[1]
        )
    return best


def _variables(connection: Connection) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in _all(connection, VARIABLES)}


def _binlog(variables: dict[str, str]) -> BinlogFacts:
    seconds = float(variables.get("binlog_expire_logs_seconds") or 0)
    seconds = seconds or float(variables.get("expire_logs_days") or 0) * 86_400
    maria = "mariadb" in variables.get("version", "").lower()
    return BinlogFacts(
        variables.get("log_bin", "").upper() in {"ON", "1"},
        variables.get("binlog_format", "ROW"),  # MySQL means to drop it: there is but one
        variables.get("binlog_row_image", "FULL"),
        seconds / 3600 if seconds else None,
        partial_json="PARTIAL_JSON" in variables.get("binlog_row_value_options", "").upper(),
        exact_times=not maria and variables.get("gtid_mode", "").upper() == "ON",
    )


def _all(connection: Connection, query: str, given: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, given or None)
        return list(cursor.fetchall())


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


COLUMNS = """
SELECT column_name, data_type, column_type, is_nullable, column_default, datetime_precision
FROM information_schema.columns WHERE table_schema = %s AND table_name = %s
ORDER BY ordinal_position
"""

PRIMARY_KEY = """
SELECT column_name FROM information_schema.statistics
WHERE table_schema = %s AND table_name = %s AND index_name = 'PRIMARY' ORDER BY seq_in_index
"""

VARIABLES = """
SHOW GLOBAL VARIABLES WHERE variable_name IN ('version', 'log_bin', 'binlog_format',
'binlog_row_image', 'binlog_row_value_options', 'binlog_expire_logs_seconds', 'expire_logs_days',
'gtid_mode')
"""
