"""The doctor on Debezium connectors: settings that make verdicts wrong or weak.

Pure; facts in, checks out. Called by `figwatch.validators.doctor.checks`. Defaults and effects of
the settings are those of Debezium 3.6's documentation.
"""

import re
from collections.abc import Mapping

from figwatch.validators.doctor.facts import (
    Check,
    ConnectorFacts,
    CouldNot,
    DatabaseFacts,
    Expected,
    ExpectedTable,
    Outcome,
)

HEARTBEAT_PREFIX = "__debezium-heartbeat"
TIME_TYPES = ("time", "timestamp", "timestamptz", "timetz")
MILLISECONDS = 3
NO_SNAPSHOT = {"never", "no_data", "schema_only", "recovery", "schema_only_recovery"}


def assess_running(side: Expected, connector: ConnectorFacts) -> list[Check]:
    """A connector that does not run shows nothing new, which looks like quiet."""
    name, subject = "connector", f"{side.side}: {connector.name}"
    states = {connector.state, *connector.tasks}
    if states <= {"RUNNING"} and connector.tasks:
        return [Check(name, subject, Outcome.OK, "running")]
    broken = ", ".join(sorted(states - {"RUNNING"})) or "without a task"
    return [
        Check(
            name,
            subject,
            Outcome.WRONG,
            f"the connector is {broken.lower()}",
            f"restart it: POST /connectors/{connector.name}/restart?includeTasks=true; "
            "its status says why it stopped",
        )
    ]


def assess_nulls(
    side: Expected, connector: ConnectorFacts, database: DatabaseFacts | CouldNot
) -> list[Check]:
    """Connect's converters write a column's DEFAULT in place of NULL, unless told not to."""
    name, subject = "null_or_default", f"{side.side}: {connector.name}"
    if not isinstance(database, CouldNot):
        columns = [
            f"{table}.{column.name}"
            for table, expected in side.tables.items()
            if table in database.tables
            for column in database.tables[table].columns
            if column.name in expected.mapped and column.nullable and column.has_default
        ]
        if not columns:
            return [Check(name, subject, Outcome.OK, "no nullable column has a default")]
        about = ", ".join(sorted(columns))
    else:
        about = "columns that can be null and have a default"
    checks = []
    for setting in _null_settings(connector):
        value = connector.config.get(setting)
        if value == "false":
            continue
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                f"NULL arrives as the column's DEFAULT, so that the two look equal: {about}",
                f'set "{setting}": "false" in the connector',
            )
        )
    if "value.converter" not in connector.config:
        checks.append(
            Check(
                name,
                subject,
                Outcome.COULD_NOT_CHECK,
                f"the converter is the Connect worker's, which REST does not show ({about})",
                'set "value.converter" and "value.converter.replace.null.with.default": "false" '
                "in the connector",
            )
        )
    return checks or [Check(name, subject, Outcome.OK, "NULL stays NULL")]


def _null_settings(connector: ConnectorFacts) -> list[str]:
    config = connector.config
    found = []
    if "value.converter" in config:
        found.append("value.converter.replace.null.with.default")
    for transform in config.get("transforms", "").split(","):
        kind = config.get(f"transforms.{transform.strip()}.type", "")
        if kind.endswith("ExtractNewRecordState"):
            found.append(f"transforms.{transform.strip()}.replace.null.with.default")
    return found


def assess_heartbeat(side: Expected, connector: ConnectorFacts) -> list[Check]:
    """Without heartbeats the watermark of an idle side stands still; without heartbeat rows it
    rests on the connector's clock.
    """
    name, subject = "heartbeat", f"{side.side}: {connector.name}"
    config, checks = connector.config, []
    if not _positive(config.get("heartbeat.interval.ms")):
        return [
            Check(
                name,
                subject,
                Outcome.WEAK,
                "the connector writes no heartbeats: an idle side looks like a stalled one",
                'set "heartbeat.interval.ms": "1000" in the connector',
            )
        ]
    prefix = config.get("topic.heartbeat.prefix", HEARTBEAT_PREFIX)
    written = f"{prefix}.{config.get('topic.prefix', side.topic_prefix)}"
    if side.heartbeat_topic is not None and side.heartbeat_topic != written:
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                f"heartbeats go to {written}, but {side.heartbeat_topic} is read",
                f"sides.{side.side}.heartbeat_topic: {written}",
            )
        )
    table = side.heartbeat_table
    if table is not None and not config.get("heartbeat.action.query"):
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                f"nothing writes rows into {table}",
                f'set "heartbeat.action.query" in the connector to an upsert into {table}',
            )
        )
    if table is not None and not captures(config, table):
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                f"the connector does not capture {table}",
                f'add {table} to "table.include.list" and to the publication',
            )
        )
    return checks or [Check(name, subject, Outcome.OK, "heartbeats are written")]


def assess_precision(
    side: Expected, connector: ConnectorFacts, database: DatabaseFacts | CouldNot
) -> list[Check]:
    """Encodings that lose digits: differences below them cannot be seen."""
    name, subject = "precision", f"{side.side}: {connector.name}"
    config, checks = connector.config, []
    if config.get("time.precision.mode") == "connect" and _has_microseconds(side, database):
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                "times are cut to milliseconds, so that they are compared no finer",
                'set "time.precision.mode": "adaptive_time_microseconds", or map the columns with '
                "`precision: ms`",
            )
        )
    if config.get("decimal.handling.mode") == "double" and _has_type(side, database, "numeric"):
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                "decimals are sent as floating point and lose digits",
                'set "decimal.handling.mode": "precise" or "string"',
            )
        )
    return checks or [Check(name, subject, Outcome.OK, "no digits are lost")]


def _has_microseconds(side: Expected, database: DatabaseFacts | CouldNot) -> bool:
    """Whether a mapped column has finer times; assumed where the catalogue was not read."""
    if isinstance(database, CouldNot):
        return True
    return any(
        (column.fraction_digits or 0) > MILLISECONDS
        for table, expected in side.tables.items()
        if table in database.tables
        for column in database.tables[table].columns
        if column.name in expected.mapped
    )


def _has_type(side: Expected, database: DatabaseFacts | CouldNot, kind: str) -> bool:
    if isinstance(database, CouldNot):
        return True
    return any(
        column.type.startswith(kind)
        for table, expected in side.tables.items()
        if table in database.tables
        for column in database.tables[table].columns
        if column.name in expected.mapped
    )


def assess_capture(side: Expected, connector: ConnectorFacts) -> list[Check]:
    """What the connector leaves out: tables, columns, rows of before, truncates."""
    name, subject = "capture", f"{side.side}: {connector.name}"
    config, checks = connector.config, []
    prefix = config.get("topic.prefix")
    if prefix not in (None, side.topic_prefix):
        checks.append(
            Check(
                name,
                subject,
                Outcome.WRONG,
                f"the connector's topic.prefix is {prefix}, not {side.topic_prefix}",
                f"sides.{side.side}.topic_prefix: {prefix}",
            )
        )
    for table, expected in side.tables.items():
        if not captures(config, table):
            checks.append(
                Check(
                    name,
                    f"{side.side}: {table}",
                    Outcome.WRONG,
                    "the connector does not capture this table",
                    f'add {table} to "table.include.list"',
                )
            )
        checks += _hidden_columns(side, config, table, expected)
    mode = config.get("snapshot.mode", "initial")
    if mode in NO_SNAPSHOT:
        checks.append(
            Check(
                name,
                subject,
                Outcome.WEAK,
                f"snapshot.mode is {mode}: rows that nobody touches are never seen",
                "run an incremental snapshot of the pairs' tables (an execute-snapshot signal)",
            )
        )
    if "t" in config.get("skipped.operations", "t"):
        checks.append(
            Check(
                name,
                subject,
                Outcome.NOTE,
                "truncates are not reported: after one, the emptied rows still look alive",
                'set "skipped.operations": "none", or do not truncate these tables',
            )
        )
    return checks or [Check(name, subject, Outcome.OK, "the pairs' tables are captured whole")]


def _hidden_columns(
    side: Expected, config: Mapping[str, str], table: str, expected: ExpectedTable
) -> list[Check]:

    hidden = sorted(c for c in expected.mapped if not _column_captured(config, f"{table}.{c}"))
    if not hidden:
        return []
    return [
        Check(
            "capture",
            f"{side.side}: {table}",
            Outcome.WRONG,
            f"mapped columns are excluded by the connector: {', '.join(hidden)}",
            'let "column.include.list" or "column.exclude.list" pass them',
        )
    ]


def captures(config: Mapping[str, str], table: str) -> bool:
    """Whether table.include.list and table.exclude.list let a table through.

    Both are lists of regular expressions that must match the whole name, without case. What a
    schema is to PostgreSQL is a database to MariaDB and MySQL.
    """
    schema = table.rsplit(".", 1)[0]
    lists = (("table", table), ("schema", schema), ("database", schema))
    for kind, name in lists:
        include, exclude = config.get(f"{kind}.include.list"), config.get(f"{kind}.exclude.list")
        if include and not _matches(include, name):
            return False
        if exclude and _matches(exclude, name):
            return False
    return True


def _column_captured(config: Mapping[str, str], column: str) -> bool:
    include, exclude = config.get("column.include.list"), config.get("column.exclude.list")
    if include and not _matches(include, column):
        return False
    return not (exclude and _matches(exclude, column))


def _matches(patterns: str, name: str) -> bool:
    for pattern in patterns.split(","):
        try:
            if re.fullmatch(pattern.strip(), name, re.IGNORECASE):
                return True
        except re.error:  # Java's dialect has more: take it for a match rather than a fault
            return True
    return False


def _positive(text: str | None) -> bool:
    try:
        return float(text or 0) > 0
    except ValueError:
        return False
