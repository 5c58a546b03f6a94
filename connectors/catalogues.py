"""The catalogue of whichever database a data source name is of: PostgreSQL, MariaDB, MySQL.

`figwatch.connectors.databases` and `figwatch.connectors.databases_mysql` read them.
"""

from collections.abc import Iterable

import psycopg
import pymysql

from figwatch.connectors import databases, databases_mysql
from figwatch.connectors.sweep.mysql import is_mysql, reason
from figwatch.validators.doctor.facts import CouldNot, DatabaseFacts, TableFacts
from figwatch.validators.errors import FigwatchError


def read_database(
    dsn: str, tables: Iterable[str], timeout_seconds: float, where: str
) -> DatabaseFacts | CouldNot:
    """What the doctor wants to know of one side's database."""
    if is_mysql(dsn):
        return databases_mysql.read_database(dsn, tables, timeout_seconds, where)
    return databases.read_database(dsn, tables, timeout_seconds, where)


def read_tables(
    dsn: str, names: Iterable[str], timeout_seconds: float, where: str
) -> dict[str, TableFacts]:
    """Those of the tables that exist and may be seen. `where` is the setting to name in an error.

    Raises:
        FigwatchError: no database answers, or its catalogue cannot be read.
    """
    try:
        if is_mysql(dsn):
            with databases_mysql.connected(dsn, timeout_seconds, where) as session:
                return databases_mysql.read_tables(session, names)
        with databases.connected(dsn, timeout_seconds, where) as connection:
            return databases.read_tables(connection, names)
    except (psycopg.Error, pymysql.MySQLError, OSError) as error:
        raise FigwatchError(
            "database.catalogue",
            f"the catalogue cannot be read: {reason(error)}",
            where,
            "docs/permissions.md lists what figwatch must be allowed",
        ) from None
