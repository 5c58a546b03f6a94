"""The doctor on the databases: tables, replica identity, publication, slot, clock. Pure.

Called by `figwatch.validators.doctor.checks`. The meaning of the catalogue's columns is
PostgreSQL's documentation, chapter "System Catalogs".
"""

from figwatch.validators.doctor.connectors import NO_SNAPSHOT
from figwatch.validators.doctor.facts import (
    Check,
    ConnectorFacts,
    CouldNot,
    DatabaseFacts,
    Expected,
    ExpectedTable,
    Limits,
    Outcome,
    TableFacts,
)

ALL_OPERATIONS = ("insert", "update", "delete")
LISTED_MAX = 10


def assess_table(
    side: Expected,
    name: str,
    database: DatabaseFacts,
    connector: ConnectorFacts | CouldNot,
) -> list[Check]:
    """A table of a pair: it exists, has the mapped columns, its key tells rows apart, and its
    updates carry what is compared.
    """
    subject = f"{side.side}: {name}"
    expected, table = side.tables[name], database.tables.get(name)
    if table is None:
        return [
            Check(
                "table",
                subject,
                Outcome.WRONG,
                "the table does not exist, or may not be seen",
                "correct the pair, or grant usage on the schema and select on the table",
            )
        ]
    checks = [
        *_columns(side, subject, expected, table),
        *_key(subject, expected, table),
        *_identity(subject, expected, table, connector),
    ]
    return checks or [Check("table", subject, Outcome.OK, "columns, key and identity fit")]


def _columns(
    side: Expected, subject: str, expected: ExpectedTable, table: TableFacts
) -> list[Check]:
    names = {column.name for column in table.columns}
    checks = []
    absent = sorted(expected.mapped - names)
    if absent:
        checks.append(
            Check(
                "columns",
                subject,
                Outcome.WRONG,
                f"mapped columns do not exist: {', '.join(absent)}",
                f"correct the pair; the table has {', '.join(sorted(names)[:LISTED_MAX])}",
            )
        )
    left_out = sorted(names - expected.mapped - expected.ignored)
    if left_out and not side.follows:
        checks.append(
            Check(
                "columns",
                subject,
                Outcome.WEAK,
                f"columns that are not compared: {', '.join(left_out)}",
                "map them, or name them in the pair's ignored_columns",
            )
        )
    return checks


def _key(subject: str, expected: ExpectedTable, table: TableFacts) -> list[Check]:
    if not table.primary_key:
        return [
            Check(
                "key",
                subject,
                Outcome.WRONG,
                "the table has no primary key: its records may have no key",
                "add a primary key",
            )
        ]
    if expected.key == set(table.primary_key):
        return []
    return [
        Check(
            "key",
            subject,
            Outcome.WRONG,
            f"the pair's key ({', '.join(sorted(expected.key))}) is not the primary key "
            f"({', '.join(table.primary_key)}), which the records bear",
            'map the primary key, or set "message.key.columns" in the connector to the pair\'s key',
        )
    ]


def _identity(
    subject: str, expected: ExpectedTable, table: TableFacts, connector: ConnectorFacts | CouldNot
) -> list[Check]:
    full = f"ALTER TABLE {table.name} REPLICA IDENTITY FULL"
    if table.identity == "n":
        cause = "replica identity NOTHING: updates and deletes cannot be published"
        return [Check("replica_identity", subject, Outcome.WRONG, cause, full)]
    if table.identity == "i" and not expected.key <= set(table.identity_columns):
        cause = "the replica identity's index lacks the key: deletes bear a wrong key"
        return [
            Check(
                "replica_identity",
                subject,
                Outcome.WRONG,
                cause,
                f"ALTER TABLE {table.name} REPLICA IDENTITY DEFAULT, or FULL",
            )
        ]
    if table.identity == "f":
        return []
    long = [c.name for c in table.columns if c.toastable and c.name in expected.mapped]
    if not long:
        return []
    started_whole = (
        isinstance(connector, ConnectorFacts)
        and connector.config.get("snapshot.mode", "initial") not in NO_SNAPSHOT
    )
    return [
        Check(
            "replica_identity",
            subject,
            Outcome.NOTE if started_whole else Outcome.WEAK,
            "a long value that an update leaves alone is not in its event, and unknown unless an "
            f"earlier event showed it: {', '.join(long)}",
            full,
        )
    ]


def assess_publication(
    side: Expected, database: DatabaseFacts, connector: ConnectorFacts
) -> list[Check]:
    """The publication decides what leaves the database at all."""
    name = connector.config.get("publication.name", "dbz_publication")
    subject = f"{side.side}: {name}"
    publication = database.publications.get(name)
    if publication is None:
        return [
            Check(
                "publication",
                subject,
                Outcome.WRONG,
                "the publication does not exist",
                f"CREATE PUBLICATION {name} FOR TABLE {', '.join(sorted(side.tables))}",
            )
        ]
    checks = []
    wanted = {*side.tables, *([side.heartbeat_table] if side.heartbeat_table else [])}
    absent = [] if publication.all_tables else sorted(wanted - publication.tables)
    if absent:
        checks.append(
            Check(
                "publication",
                subject,
                Outcome.WRONG,
                f"tables are not in the publication: {', '.join(absent)}",
                f"ALTER PUBLICATION {name} ADD TABLE {', '.join(absent)}",
            )
        )
    silent = [op for op in ALL_OPERATIONS if op not in publication.operations]
    if silent:
        publish = "insert, update, delete, truncate"
        checks.append(
            Check(
                "publication",
                subject,
                Outcome.WRONG,
                f"the publication leaves out: {', '.join(silent)}",
                f"ALTER PUBLICATION {name} SET (publish = '{publish}')",
            )
        )
    if not publication.all_tables:
        checks.append(
            Check(
                "publication",
                subject,
                Outcome.NOTE,
                "the publication lists its tables: one that is created or re-created later is "
                "not captured until it is added",
                f"ALTER PUBLICATION {name} ADD TABLE ..., when a table is created",
            )
        )
    return checks or [Check("publication", subject, Outcome.OK, "publishes the pairs' tables")]


def assess_slot(
    side: Expected, database: DatabaseFacts, connector: ConnectorFacts, limits: Limits
) -> list[Check]:
    """A slot that falls behind fills the disk, or is dropped and takes changes with it."""
    name = connector.config.get("slot.name", "debezium")
    subject = f"{side.side}: {name}"
    slot = database.slots.get(name)
    if slot is None:
        return [
            Check(
                "slot",
                subject,
                Outcome.WRONG,
                "the replication slot does not exist: changes are being lost",
                "restart the connector with snapshot.mode=when_needed",
            )
        ]
    checks = []
    if slot.wal_status in {"lost", "unreserved"}:
        checks.append(
            Check(
                "slot",
                subject,
                Outcome.WRONG,
                f"the write-ahead log that the slot needs is {slot.wal_status}: changes are or "
                "will be lost",
                "raise max_slot_wal_keep_size; if it is lost, drop the slot and snapshot again",
            )
        )
    if not slot.active:
        checks.append(
            Check("slot", subject, Outcome.WRONG, "nobody reads the slot", "start the connector")
        )
    if slot.held_bytes > limits.slot_held_max_bytes:
        mib = slot.held_bytes >> 20
        checks.append(
            Check(
                "slot",
                subject,
                Outcome.WEAK,
                f"{mib} MiB of write-ahead log wait for the slot",
                "find out why the connector is slow; a heartbeat row keeps an idle slot moving",
            )
        )
    return checks or [
        Check("slot", subject, Outcome.OK, f"active, {slot.held_bytes >> 10} KiB behind")
    ]


def assess_clock(side: Expected, database: DatabaseFacts, limits: Limits) -> list[Check]:
    """Commit times of two databases are compared, and with figwatch's clock."""
    difference_us = abs(database.clock_difference_us)
    sure_us = max(0, difference_us - database.clock_uncertainty_us)
    text = f"{database.clock_difference_us / 1e6:+.3f} s against this machine"
    allowed_us = max(limits.clock_difference_max_us, side.clock_skew_us)
    if sure_us > allowed_us:
        seconds = -(-difference_us // 1_000_000)
        return [
            Check(
                "clock",
                side.side,
                Outcome.WRONG,
                f"the database's clock is {text}",
                "run NTP on both machines; meanwhile "
                f"sides.{side.side}.clock_skew_seconds: {seconds}",
            )
        ]
    return [Check("clock", side.side, Outcome.OK, text)]


def assess_wal_level(side: Expected, database: DatabaseFacts) -> list[Check]:
    """Logical decoding needs wal_level logical."""
    if database.wal_level == "logical":
        return [Check("wal_level", side.side, Outcome.OK, "logical")]
    return [
        Check(
            "wal_level",
            side.side,
            Outcome.WRONG,
            f"wal_level is {database.wal_level}: changes cannot be captured",
            "ALTER SYSTEM SET wal_level = logical, and restart the server",
        )
    ]
