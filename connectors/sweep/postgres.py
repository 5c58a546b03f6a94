"""PostgreSQL for the sweep: read-only sessions that cannot do harm.

What its catalogue says is read by `figwatch.connectors.sweep.postgres_catalogue`, statements are
made in `figwatch.connectors.sweep.statements`.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.pq import ConnStatus, ExecStatus

from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.sweep import postgres_catalogue as catalogue
from figwatch.connectors.sweep.session import DatabaseError, Trouble
from figwatch.connectors.sweep.statements import PostgresStatements
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.facts import ServerFacts, TableFacts

if TYPE_CHECKING:
    from figwatch.connectors.sweep.rows import MakeStatements

CONNECT_SECONDS = 10
# A server that is cut off is noticed after a minute, whatever waits for its answer.
_ALIVE: dict[str, Any] = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_SETTINGS = {
    "default_transaction_read_only": "on",
    "search_path": "pg_catalog",  # no operator or function of anybody else's
    "row_security": "off",  # an error instead of rows silently left out
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "application_name": "figwatch-sweep",
    "max_parallel_workers_per_gather": "0",  # one core of the server, no more
    "enable_seqscan": "off",  # what is asked of a range goes through the key's index
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
}


class PostgresSession:
    """See `figwatch.connectors.sweep.session.Session`."""

    def __init__(self, dsn: str, side: str, settings: SweepConfig) -> None:
        self.side = side
        self.statements: MakeStatements = PostgresStatements
        self._dsn = dsn
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None
        self._looked: tuple[str | None, float] = None, 0.0
        """How far the server had written its log, and when that was asked; None: it did not say."""

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The open connection.

        Raises:
            FigwatchError: the database cannot be reached.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._open()
        return self._connection

    def _open(self) -> psycopg.Connection[Any]:
        try:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=CONNECT_SECONDS,
                prepare_threshold=None,
                **_ALIVE,
            )
        except psycopg.Error as error:
            raise FigwatchError(
                "sweep.unreachable",
                f"the database of side `{self.side}` cannot be reached: {reason(error)}",
                fix="check `database` of that side, and that the server answers",
            ) from None
        timeouts = {
            "statement_timeout": f"{self._settings.statement_timeout_seconds * 1000:.0f}ms",
            "lock_timeout": f"{self._settings.lock_timeout_seconds * 1000:.0f}ms",
        }
        for name, value in (_SETTINGS | timeouts).items():
            connection.execute(
                sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            )
        self._looked = _look(connection)
        return connection

    def rows(self, query: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        with _translated():
            found: list[tuple[Any, ...]] = self.connection.execute(query).fetchall()
        return found

    def rows_of_all(self, query: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        connection = self.connection
        with _translated(), connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = on")
            found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found

    def lines(self, query: sql.Composable) -> list[bytes]:
        """Straight from libpq: a quarter of the time that psycopg's own reading takes for each row,
        and other threads run meanwhile.
        """
        statement = sql.SQL("COPY ({}) TO STDOUT").format(query).as_bytes(self.connection)
        found: list[bytes] = []
        with _translated():
            wire = self.connection.pgconn
            result = wire.exec_(statement)
            while result.status == ExecStatus.COPY_OUT:
                count, data = wire.get_copy_data(0)
                if count < 0:
                    break
                found.append(bytes(data[:-1]))
            self._finish(result)
        return found

    def _finish(self, result: psycopg.pq.abc.PGresult) -> None:
        """Read what comes behind the rows.

        Raises:
            psycopg.Error: the server broke off.
        """
        wire = self.connection.pgconn
        results = [result]
        while (following := wire.get_result()) is not None:
            results.append(following)
            if following.status == ExecStatus.COPY_OUT:
                break  # rows are left: the connection is given up
        for each in results:
            if each.status == ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(each)
        if wire.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection was lost")

    def still(self, seconds: float) -> bool:
        for _ in range(2):  # our own reading of the catalogue may have pruned its pages
            position, since = self._looked
            time.sleep(max(0.0, since + seconds - time.monotonic()))
            self._looked = _look(self.connection)
            if position is not None and position == self._looked[0]:
                return True
        return False

    def burden(self) -> tuple[float, int]:
        lag_seconds, active = self.rows(_BURDEN)[0]
        return lag_seconds, active

    def table_facts(self, name: str) -> TableFacts | None:
        return catalogue.table_facts(self.rows, name)

    def server_facts(self) -> ServerFacts:
        return catalogue.server_facts(self.rows)


def _look(connection: psycopg.Connection[Any]) -> tuple[str | None, float]:
    try:
        found = connection.execute(LOG_POSITION).fetchone()
    except psycopg.Error:  # not every service lets its log be asked for
        found = None
    return (found[0] if found else None), time.monotonic()


LOG_POSITION = sql.SQL("""
SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
        ELSE pg_current_wal_lsn() END)::text
""")
# A replica that has replayed all it received is not behind, however old its last transaction; one
# that receives nothing, because its primary is cut off, is.
_BURDEN = sql.SQL("""
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM now()
                 - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
       END::float8,
       (SELECT count(*) FROM pg_stat_activity
         WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid())
""")

_CHANGED = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedObject,
    psycopg.errors.DatatypeMismatch,
    psycopg.errors.InvalidTextRepresentation,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.CannotCoerce,
)


def trouble_of(error: Exception) -> Trouble:
    """What is to be done about an error of psycopg's."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return Trouble.DENIED
    if isinstance(error, psycopg.errors.QueryCanceled):
        return Trouble.TOO_LONG
    if isinstance(error, _CHANGED):
        return Trouble.CHANGED
    passing = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return Trouble.PASSING if passing else Trouble.OTHER


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseError(trouble_of(error), reason(error)) from None


def reason(error: psycopg.Error) -> str:
    """What the server said, without its DETAIL (which may quote a row)."""
    primary = error.diag.message_primary
    return primary or str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
