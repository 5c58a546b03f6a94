"""MariaDB and MySQL for the sweep: read-only sessions that cannot do harm.

What the catalogue says is read by `figwatch.connectors.sweep.mysql_catalogue`, statements are made
in `figwatch.connectors.sweep.mysql_statements`: each row comes as one text in the form of
PostgreSQL's COPY, so that equal rows of both engines are equal lines.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import CR, ER

from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.sweep import mysql_catalogue as catalogue
from figwatch.connectors.sweep.mysql_statements import MySqlStatements
from figwatch.connectors.sweep.session import DatabaseError, Trouble
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.facts import ServerFacts, TableFacts

if TYPE_CHECKING:
    from figwatch.connectors.sweep.rows import MakeStatements

CONNECT_SECONDS = 10
SCHEMES = ("mysql", "mariadb")
# Backslashes mean themselves and "" quotes names, whatever the server's own mode is.
_SETTINGS = (
    "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "SET SESSION time_zone = '+00:00'",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION TRANSACTION READ ONLY",
)


def is_mysql(dsn: str) -> bool:
    """Whether a data source name is of MariaDB's or MySQL's."""
    return dsn.partition("://")[0].lower() in SCHEMES


class MySqlSession:
    """See `figwatch.connectors.sweep.session.Session`."""

    def __init__(self, dsn: str, side: str, settings: SweepConfig) -> None:
        self.side = side
        self.statements: MakeStatements = MySqlStatements
        self._dsn = dsn
        self._settings = settings
        self._connection: pymysql.Connection[Any] | None = None

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                self._connection.close()
            self._connection = None

    @property
    def connection(self) -> "pymysql.Connection[Any]":
        """The open connection.

        Raises:
            FigwatchError: the database cannot be reached.
        """
        if self._connection is None or not self._connection.open:
            self._connection = self._open()
        return self._connection

    def _open(self) -> "pymysql.Connection[Any]":
        longest = self._settings.statement_timeout_seconds
        lock_seconds = max(round(self._settings.lock_timeout_seconds), 1)
        try:
            connection = pymysql.connect(
                **parts(self._dsn), charset="utf8mb4", use_unicode=True, autocommit=True,
                connect_timeout=CONNECT_SECONDS, read_timeout=longest + CONNECT_SECONDS,
                conv={}, local_infile=False, program_name="figwatch-sweep",
            )  # fmt: skip
            with connection.cursor() as cursor:
                cursor.execute("SELECT version()")
                maria = "mariadb" in str((cursor.fetchone() or ("",))[0]).lower()
                limit = (
                    f"SET SESSION max_statement_time = {longest:f}"
                    if maria
                    else f"SET SESSION max_execution_time = {longest * 1000:.0f}"
                )
                waits = (
                    f"SET SESSION lock_wait_timeout = {lock_seconds}",
                    f"SET SESSION innodb_lock_wait_timeout = {lock_seconds}",
                )
                for statement in (*_SETTINGS, limit, *waits):
                    cursor.execute(statement)
        except (pymysql.MySQLError, OSError) as error:
            raise FigwatchError(
                "sweep.unreachable",
                f"the database of side `{self.side}` cannot be reached: {reason(error)}",
                fix="check `database` of that side, and that the server answers",
            ) from None
        return connection

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with _translated(), self.connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def rows_of_all(self, query: str) -> list[tuple[Any, ...]]:
        return self.rows(query)  # its planner goes by the pages unless told otherwise

    def lines(self, query: str) -> list[bytes]:
        found = []
        for (line,) in self.rows(query):
            if line is None:  # its text is longer than the server may hold
                raise DatabaseError(
                    Trouble.OTHER, "a row is longer than the server's max_allowed_packet"
                )
            found.append(line if isinstance(line, bytes) else line.encode())
        return found

    def burden(self) -> tuple[float, int]:
        running = self.rows("SHOW GLOBAL STATUS LIKE 'Threads_running'")[0][1]
        lag_seconds = 0.0
        with contextlib.suppress(DatabaseError):  # without the right to ask, it is not known
            lag_seconds = self._lag_seconds()
        return lag_seconds, max(int(running) - 1, 0)

    def _lag_seconds(self) -> float:
        with _translated(), self.connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            found = [row.get("Seconds_Behind_Master") for row in cursor.fetchall()]
        return max((float(seconds) for seconds in found if seconds is not None), default=0.0)

    def still(self, seconds: float) -> bool:  # noqa: ARG002  # nothing here asks it
        return False

    def table_facts(self, name: str) -> TableFacts | None:
        return catalogue.table_facts(self.rows, name)

    def server_facts(self) -> ServerFacts:
        return catalogue.server_facts(self.rows)


def parts(dsn: str) -> dict[str, Any]:
    """The parts of `mysql://user:password@host:3306/database`."""
    url = urlsplit(dsn)
    given = {
        "host": url.hostname or "127.0.0.1",
        "port": url.port or 3306,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "database": unquote(url.path.lstrip("/")) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


_TROUBLES = {
    Trouble.DENIED: {
        ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR,
        ER.ACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR,
    },
    Trouble.TOO_LONG: {ER.QUERY_INTERRUPTED, 1969, 3024},
    Trouble.CHANGED: {
        ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR, ER.BAD_TABLE_ERROR, ER.BAD_DB_ERROR, 1412,
    },
    Trouble.PASSING: {
        ER.LOCK_WAIT_TIMEOUT, ER.LOCK_DEADLOCK, ER.SERVER_SHUTDOWN, ER.CON_COUNT_ERROR,
        CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR, CR.CR_CONN_HOST_ERROR, 1927,
    },
}  # fmt: skip
"""By error number (1969, 3024: a statement's time limit; 1412: the table definition has changed;
1927: the connection was killed).
"""


def trouble_of(error: Exception) -> Trouble:
    """What is to be done about an error of PyMySQL's."""
    number = error.args[0] if error.args else None
    for trouble, numbers in _TROUBLES.items():
        if number in numbers:
            return trouble
    passing = isinstance(error, pymysql.err.InterfaceError | OSError)
    return Trouble.PASSING if passing else Trouble.OTHER


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (pymysql.MySQLError, OSError) as error:
        raise DatabaseError(trouble_of(error), reason(error)) from None


def reason(error: Exception) -> str:
    """What the server said."""
    said = error.args[1] if len(error.args) > 1 else error.args[0] if error.args else ""
    return str(said).strip().split("\n")[0] or "no answer"
