"""What the catalogue of MariaDB or MySQL says of a table and a server.

Used by `figwatch.connectors.sweep.mysql`.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from figwatch.validators.sweep.facts import ColumnFacts, Family, ServerFacts, TableFacts

Ask: TypeAlias = Callable[[str], list[tuple[Any, ...]]]

_BYTEWISE = frozenset({"utf8mb4_nopad_bin", "utf8mb3_nopad_bin", "utf8mb4_0900_bin"})
"""Collations that sort as PostgreSQL's C. (Those without `nopad` take trailing blanks for nothing.)
"""
_FAMILIES = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), Family.INT),
    "decimal": Family.NUMERIC,
    "float": Family.FLOAT4,
    "double": Family.FLOAT8,
    **dict.fromkeys(("varchar", "tinytext", "text", "mediumtext", "longtext"), Family.TEXT),
    "char": Family.CHAR,
    "enum": Family.ENUM,
    "uuid": Family.UUID,
    **dict.fromkeys(
        ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Family.BYTES
    ),
    "date": Family.DATE,
    "time": Family.TIME,
    "datetime": Family.TIMESTAMP,
    "timestamp": Family.TIMESTAMPTZ,
    "bit": Family.BITS,
}


def quoted(name: str) -> str:
    """A name, as ANSI_QUOTES has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text, as NO_BACKSLASH_ESCAPES has it."""
    return "'" + text.replace("'", "''") + "'"


def _place(name: str) -> tuple[str, str]:
    """Conditions on schema and table; the connection's database when no schema is named."""
    schema, _, table = name.rpartition(".")
    return literal(schema) if schema else "database()", literal(table)


def table_facts(rows: Ask, name: str) -> TableFacts | None:
    """What the catalogue says of a table; None when there is none of that name."""
    schema, table = _place(name)
    where = f"table_schema = {schema} AND table_name = {table}"
    found = rows(
        "SELECT create_time, coalesce(table_rows, 0), engine"  # noqa: S608  # quoted
        f" FROM information_schema.tables WHERE {where}"
    )
    if not found:
        return None
    columns = rows(
        "SELECT column_name, data_type, column_type, is_nullable, datetime_precision,"  # noqa: S608
        f" collation_name FROM information_schema.columns WHERE {where} ORDER BY ordinal_position"
    )
    indexes: dict[str, list[str]] = {}
    for index, column, part in rows(
        "SELECT index_name, column_name, sub_part FROM information_schema.statistics"  # noqa: S608
        f" WHERE {where} AND non_unique = 0 ORDER BY index_name <> 'PRIMARY', index_name,"
        " seq_in_index"
    ):
        # An index of a column's beginning does not hold the column.
        indexes.setdefault(_text(index), []).append("" if part is not None else _text(column))
    created, estimate, engine = found[0]
    return TableFacts(
        name,
        f"{_text(created)} {_text(engine)}",
        tuple(_column(row) for row in columns),
        tuple(tuple(names) for names in indexes.values() if "" not in names),
        int(estimate),
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _column(row: Sequence[Any]) -> ColumnFacts:
    name, data_type, column_type, nullable, digits, collation = (
        None if value is None else _text(value) for value in row
    )
    assert name is not None  # no column is without one
    family = _FAMILIES.get(data_type or "", Family.OTHER)
    written = column_type or ""
    if data_type in {"datetime", "timestamp", "time"}:
        zone = " with time zone" if data_type == "timestamp" else ""
        word = "time" if data_type == "time" else "timestamp"
        written = f"{word}({int(digits or 0)}){zone}"
    if data_type == "year":
        written = "int"
    order = "" if collation is None else "C" if collation in _BYTEWISE else f"mysql:{collation}"
    return ColumnFacts(name, written, family, nullable == "NO", order)


def server_facts(rows: Ask) -> ServerFacts:
    """Engine and version. Hashes are not compared: rows of these engines are compared here."""
    version = _text(rows("SELECT version()")[0][0])
    engine = "mariadb" if "mariadb" in version.lower() else "mysql"
    return ServerFacts(engine, int(version.split(".")[0]), "UTF8")
