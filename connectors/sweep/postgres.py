"""PostgreSQL for the sweep: read-only sessions that cannot do harm, and what its catalogue says.

Statements are made in `figwatch.connectors.sweep.statements`.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from figwatch.connectors.config_sweep import SweepConfig
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep_facts import ColumnFacts, Family, ServerFacts, TableFacts

CONNECT_SECONDS = 10
_BYTEWISE = frozenset({"C", "POSIX", "ucs_basic", "pg_c_utf8", "C.UTF-8", "C.utf8"})
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
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
}


class Session:
    """One connection to one database, opened again after it was lost."""

    def __init__(self, dsn: str, side: str, settings: SweepConfig) -> None:
        self.side = side
        self._dsn = dsn
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None

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
                self._dsn, autocommit=True, connect_timeout=CONNECT_SECONDS, prepare_threshold=None
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
        return connection

    def rows(self, query: sql.SQL | sql.Composed) -> list[tuple[Any, ...]]:
        """All rows of a small result."""
        found: list[tuple[Any, ...]] = self.connection.execute(query).fetchall()
        return found

    def lines(self, query: sql.Composable) -> list[bytes]:
        """The rows of a query as lines of COPY's text format, without their ends."""
        statement = sql.SQL("COPY ({}) TO STDOUT").format(query)
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            return [bytes(line) for line in copy]


def reason(error: psycopg.Error) -> str:
    """What the server said, without its DETAIL (which may quote a row)."""
    primary = error.diag.message_primary
    return primary or str(error).strip().splitlines()[0] if str(error).strip() else "no answer"


def split_name(name: str) -> tuple[str, str]:
    """Schema and table of a configured name; `public` when there is none."""
    schema, _, table = name.rpartition(".")
    return schema or "public", table


_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
       t.typtype, b.typcategory, b.typname, a.attnotnull,
       c.collname, c.collprovider, c.collisdeterministic,
       pg_collation_actual_version(c.oid),
       (SELECT datcollate FROM pg_database WHERE datname = current_database()),
       (SELECT to_jsonb(d)->>'datlocprovider' FROM pg_database d
         WHERE datname = current_database()),
       (SELECT coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') FROM pg_database d
         WHERE datname = current_database())
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
  LEFT JOIN pg_collation c ON c.oid = a.attcollation
 WHERE a.attrelid = {oid} AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
"""
_INDEXES = """
SELECT (SELECT array_agg(a.attname ORDER BY k.ord)
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, ord)
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
         WHERE k.ord <= i.indnkeyatts)::text[]
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
 WHERE i.indrelid = {oid} AND i.indisunique AND i.indisvalid AND i.indisready
   AND i.indpred IS NULL AND i.indexprs IS NULL AND m.amname = 'btree'
 ORDER BY i.indisprimary DESC, i.indexrelid
"""


def table_facts(session: Session, name: str) -> TableFacts | None:
    """What the catalogue says of a table; None when there is none of that name."""
    schema, table = split_name(name)
    found = session.rows(
        sql.SQL(
            "SELECT c.oid::int8, c.relkind::text, greatest(c.reltuples, 0)::int8 FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p', 'm', 'v', 'f')"
        ).format(sql.Literal(schema), sql.Literal(table))
    )
    if not found:
        return None
    oid, relation_kind, estimate = found[0]
    columns = session.rows(sql.SQL(_COLUMNS).format(oid=sql.Literal(oid)))
    indexes = session.rows(sql.SQL(_INDEXES).format(oid=sql.Literal(oid)))
    return TableFacts(
        name,
        f"{oid}{relation_kind}",
        tuple(_column(row) for row in columns),
        tuple(tuple(row[0]) for row in indexes if row[0]),
        estimate,
    )


def _column(row: Sequence[Any]) -> ColumnFacts:
    name, declared, base, _, category, type_name, not_null = row[:7]
    written = base or declared
    if category == "E":
        return ColumnFacts(name, declared, Family.ENUM, not_null)
    return ColumnFacts(name, written, _family(category, type_name), not_null, _collation(row))


_FAMILIES = {
    **dict.fromkeys(("int2", "int4", "int8"), Family.INT),
    "numeric": Family.NUMERIC,
    "float4": Family.FLOAT4,
    "float8": Family.FLOAT8,
    "bool": Family.BOOL,
    **dict.fromkeys(("text", "varchar", "name"), Family.TEXT),
    "bpchar": Family.CHAR,
    "uuid": Family.UUID,
    "bytea": Family.BYTES,
    "date": Family.DATE,
    "time": Family.TIME,
    "timestamp": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMPTZ,
    "jsonb": Family.JSONB,
    **dict.fromkeys(("bit", "varbit"), Family.BITS),
}


def _family(category: str, type_name: str) -> Family:
    if category == "A":
        return Family.ARRAY
    return _FAMILIES.get(type_name, Family.OTHER)


def _collation(row: Sequence[Any]) -> str:
    """Identity of a column's order; C stands for the order of bytes."""
    name, provider, deterministic, version, database, db_provider, db_locale = row[7:]
    if name is None:
        return ""
    if name in _BYTEWISE:
        return "C"
    if name == "default":
        if (db_provider == "c" or db_provider is None) and database in _BYTEWISE:
            return "C"
        if db_provider == "b":  # built in: the order of code points
            return "C"
        return f"default:{db_provider}:{db_locale or database}:{version}"
    return f"{name}:{provider}:{version}" + ("" if deterministic else ":nondeterministic")


@contextlib.contextmanager
def described(side: str) -> Iterator[None]:
    """Turn what the server refuses into an error for people."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise FigwatchError(
            "sweep.permission",
            f"side `{side}`: {reason(error)}",
            fix="GRANT SELECT on the table to figwatch's user (and BYPASSRLS where it has row "
            "security)",
        ) from None
    except psycopg.Error as error:
        raise FigwatchError(
            "sweep.database", f"side `{side}`: {reason(error)}", fix="see the server's log"
        ) from None


def check_readable(session: Session, query: sql.Composed) -> None:
    """Raise FigwatchError where the user may not read what `query` reads; anything else that is
    wrong shows, and is tried again, when ranges are read.
    """
    with described(session.side), contextlib.suppress(psycopg.OperationalError):
        session.rows(query)


_PROBE = """
SELECT hashint4extended(7, 1), hashint8extended(7, 1), hashint8extended(-8589934592, 2),
       hash_numeric_extended(12.50, 3), hashtextextended('figwatch \u00e4' COLLATE "C", 4),
       uuid_hash_extended('7f3b9c1e-0000-4000-8000-00000000002a', 5),
       hashfloat8extended(1.5, 6), hashfloat4extended(1.5::float4, 7),
       timestamp_hash_extended('2024-02-29 12:00:00.5', 8), time_hash_extended('12:00:01', 9),
       jsonb_hash_extended('{"a": [1, null, "x"]}', 10),
       hash_record_extended(ROW(date '2024-02-29'), 11),
       hash_record_extended(ROW('\\x00ff'::bytea), 12)
"""


def server_facts(session: Session) -> ServerFacts:
    """Version, encoding and the hashes of known values."""
    version, encoding = session.rows(
        sql.SQL("SELECT current_setting('server_version_num')::int / 10000, "
                "current_setting('server_encoding')")
    )[0]  # fmt: skip
    probe: tuple[str, ...] = ()
    with contextlib.suppress(psycopg.Error):  # an old server lacks a function
        probe = tuple(str(value) for value in session.connection.execute(_PROBE).fetchall()[0])
    return ServerFacts("postgresql", version, encoding, probe)
