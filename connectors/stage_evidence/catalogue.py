"""What PostgreSQL's catalogue and statistics say of the legacy tables and of replication slots.

Only the catalogue is read. Use is the difference of two looks at the counters (pg_stat_all_tables);
the first is the baseline. Counters that were reset in between prove nothing.
"""

import time

import msgspec
import psycopg

from figwatch.connectors.databases import Connection, connected
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.facts import Dependents, Origin, Presence, TableUse

SOURCE = "database"
DEPENDENTS_MAX = 1000

# Of a partitioned table the partitions are used, not the table itself. Views have no counters.
_COUNTERS = """
WITH RECURSIVE tree (oid) AS (
  SELECT oid FROM pg_class WHERE oid = to_regclass(%s) AND relkind IN ('r', 'p')
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON i.inhparent = tree.oid
)
SELECT coalesce(to_regclass(%s)::oid::bigint, 0) * (count(*) > 0)::int,
       coalesce(sum(s.seq_scan + coalesce(s.idx_scan, 0)), 0),
       coalesce(sum(s.n_tup_ins + s.n_tup_upd + s.n_tup_del), 0)
FROM tree LEFT JOIN pg_stat_all_tables s ON s.relid = tree.oid
"""
# The reset of the database's statistics, and the server's start (a crash loses them).
_RESET = """
SELECT coalesce(extract(epoch FROM stats_reset)::bigint, 0),
       extract(epoch FROM pg_postmaster_start_time())::bigint
FROM pg_stat_database WHERE datname = current_database()
"""
_DEPENDENTS = """
SELECT 'view ' || r.ev_class::regclass::text
FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = to_regclass(%(table)s)
  AND r.ev_class <> d.refobjid
UNION SELECT 'foreign key ' || conname || ' of ' || conrelid::regclass::text
FROM pg_constraint
WHERE contype = 'f' AND confrelid = to_regclass(%(table)s) AND conrelid <> confrelid
UNION SELECT 'trigger ' || tgname FROM pg_trigger
WHERE tgrelid = to_regclass(%(table)s) AND NOT tgisinternal
UNION SELECT 'function ' || p.oid::regprocedure::text
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
WHERE d.classid = 'pg_proc'::regclass AND d.refobjid = to_regclass(%(table)s)
UNION SELECT 'publication ' || p.pubname
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
WHERE r.prrelid = to_regclass(%(table)s)
ORDER BY 1 LIMIT %(most)s
"""


class Counters(msgspec.Struct, frozen=True):
    """One look at a table's counters. `oid` 0: there is no such table."""

    oid: int
    reads: int
    writes: int
    at_us: int
    reset: tuple[int, int]
    """Times that change when counters were reset or may have been lost."""


class Catalogue:
    """One database. Whatever cannot be read ends in facts that say so."""

    def __init__(self, dsn: str, timeout_seconds: float, where: str) -> None:
        self._dsn, self._timeout_seconds, self._where = dsn, timeout_seconds, where

    def counters(self, tables: list[str]) -> dict[str, Counters] | Trouble:
        """The counters of the tables, now."""
        try:
            with connected(self._dsn, self._timeout_seconds, self._where) as connection:
                return {table: _counters(connection, table) for table in tables}
        except (FigwatchError, psycopg.Error) as error:
            return _trouble(error)

    def dependents(self, tables: list[str]) -> list[Dependents]:
        """What depends on each table."""
        now_us = time.time_ns() // 1000
        try:
            with connected(self._dsn, self._timeout_seconds, self._where) as connection:
                return [
                    Dependents(
                        table,
                        Origin(SOURCE, f"what depends on {table}", now_us, samples=1),
                        tuple(
                            name
                            for (name,) in connection.execute(
                                _DEPENDENTS, {"table": table, "most": DEPENDENTS_MAX}
                            )
                        ),
                    )
                    for table in tables
                ]
        except (FigwatchError, psycopg.Error) as error:
            trouble = _trouble(error)
            return [Dependents(table, trouble.origin(SOURCE, table)) for table in tables]

    def slots(self, names: list[str]) -> list[Presence]:
        """Whether each replication slot exists."""
        now_us = time.time_ns() // 1000
        try:
            with connected(self._dsn, self._timeout_seconds, self._where) as connection:
                rows = connection.execute("SELECT slot_name::text FROM pg_replication_slots")
                there = {name for (name,) in rows}
        except (FigwatchError, psycopg.Error) as error:
            trouble = _trouble(error)
            return [Presence(f"slot {name}", trouble.origin(SOURCE, name)) for name in names]
        query = "pg_replication_slots"
        return [
            Presence(f"slot {name}", Origin(SOURCE, query, now_us, samples=1), name in there)
            for name in names
        ]


def use_since(table: str, before: Counters | None, now: Counters | Trouble) -> TableUse:
    """Reads and writes between two looks."""
    query = f"pg_stat_all_tables of {table}"
    if isinstance(now, Trouble):
        return TableUse(table, now.origin(SOURCE, query))
    if not now.oid and (before is None or not before.oid):
        # A table that never was there is more likely misspelt than gone.
        cause = f"there is no table {table}, and the baseline has none"
        fix = "correct gates.decommission.tables; record the baseline before the table is dropped"
        return TableUse(table, Trouble(cause, fix).origin(SOURCE, query))
    if before is None:
        trouble = Trouble("there is no first look", "`figwatch baseline --stage decommission`")
        return TableUse(table, trouble.origin(SOURCE, query))
    origin = Origin(SOURCE, query, now.at_us, before.at_us, samples=2)
    if not now.oid:
        return TableUse(table, origin, exists=False)
    if now.oid != before.oid or now.reset != before.reset:
        cause = "the counters were reset, the server restarted or the table made anew"
        trouble = Trouble(cause, "`figwatch baseline --stage decommission`, then wait anew")
        return TableUse(table, trouble.origin(SOURCE, query, before.at_us))
    return TableUse(table, origin, now.reads - before.reads, now.writes - before.writes)


def _counters(connection: Connection, table: str) -> Counters:
    now_us = time.time_ns() // 1000
    reset = connection.execute(_RESET).fetchone() or (0, 0)
    row = connection.execute(_COUNTERS, (table, table)).fetchone() or (0, 0, 0)
    oid, reads, writes = (int(value) for value in row)
    return Counters(oid, reads, writes, now_us, (int(reset[0]), int(reset[1])))


def _trouble(error: FigwatchError | psycopg.Error) -> Trouble:
    if isinstance(error, FigwatchError):
        return Trouble(error.problems[0].cause, error.problems[0].fix)
    said = error.diag.message_primary or type(error).__name__
    return Trouble(
        f"the catalogue cannot be read: {said}", "docs/permissions.md says what it needs"
    )
