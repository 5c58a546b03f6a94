"""What PostgreSQL's catalogue says of a table and a server.

Used by `figwatch.connectors.sweep.postgres`.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from psycopg import sql

from figwatch.connectors.sweep.session import DatabaseError
from figwatch.validators.sweep.facts import ColumnFacts, Family, ServerFacts, TableFacts

Ask: TypeAlias = Callable[[sql.SQL | sql.Composed], list[tuple[Any, ...]]]

_BYTEWISE = frozenset({"C", "POSIX", "ucs_basic", "pg_c_utf8", "C.UTF-8", "C.utf8"})


def split_name(name: str) -> tuple[str, str]:
    """Schema and table of a configured name; `public` when there is none."""
    schema, _, table = name.rpartition(".")
    return schema or "public", table


_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
       t.typtype, b.typcategory, b.typname,
       a.attnotnull AND NOT EXISTS (  -- since 18 a constraint may not have been checked yet
         SELECT FROM pg_constraint n WHERE n.conrelid = a.attrelid AND n.contype = 'n'
            AND NOT n.convalidated AND a.attnum = ANY (n.conkey)),
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


def table_facts(rows: Ask, name: str) -> TableFacts | None:
    """What the catalogue says of a table; None when there is none of that name."""
    schema, table = split_name(name)
    found = rows(
        sql.SQL(
            "SELECT c.oid::int8, c.relkind::text, greatest(c.reltuples, 0)::int8, (WITH RECURSIVE"
            " part (oid) AS (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid UNION"
            " SELECT inhrelid FROM pg_inherits JOIN part ON inhparent = part.oid)"
            " SELECT md5(string_agg(oid::text, ' ' ORDER BY oid)) FROM part) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = {} AND c.relname = {} AND c.relkind IN ('r', 'p', 'm', 'v', 'f')"
        ).format(sql.Literal(schema), sql.Literal(table))
    )
    if not found:
        return None
    oid, relation_kind, estimate, parts = found[0]
    columns = rows(sql.SQL(_COLUMNS).format(oid=sql.Literal(oid)))
    indexes = rows(sql.SQL(_INDEXES).format(oid=sql.Literal(oid)))
    return TableFacts(
        name,
        f"{oid}{relation_kind}" + (f":{parts}" if parts else ""),
        tuple(_column(row) for row in columns),
        tuple(tuple(row[0]) for row in indexes if row[0]),
        estimate,
        inherited=relation_kind == "r" and parts is not None,
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


_PROBE = """
SELECT hashint4extended(7, 1), hashint8extended(7, 1), hashint8extended(-8589934592, 2),
       hash_numeric_extended(12.50, 3), hashtextextended('figwatch \u00e4' COLLATE "C", 4),
       uuid_hash_extended('7f3b9c1e-0000-4000-8000-00000000002a', 5),
       hashfloat8extended(1.5, 6), hashfloat4extended(1.5::float4, 7),
       timestamp_hash_extended('2024-02-29 12:00:00.5', 8),
       timestamp_hash_extended(date_bin('4294.967296 s', timestamp '2024-02-29', '2000-01-01'), 9),
       hash_record_extended(ROW('\\x00ff'::bytea), 12)
"""


def server_facts(rows: Ask) -> ServerFacts:
    """Version, encoding and the hashes of known values."""
    version, encoding = rows(
        sql.SQL("SELECT current_setting('server_version_num')::int / 10000, "
                "current_setting('server_encoding')")
    )[0]  # fmt: skip
    probe: tuple[str, ...] = ()
    with contextlib.suppress(DatabaseError):  # an old server lacks a function
        probe = tuple(str(value) for value in rows(sql.SQL(_PROBE))[0])
    return ServerFacts("postgresql", version, encoding, probe)
