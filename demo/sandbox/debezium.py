"""Settings of a Debezium PostgreSQL connector as figwatch wants to see one.

The heartbeat *row* is the point: it is captured like any table and so proves, with the
database's own commit time, how far the log was read. `connect.register` takes the result.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from figwatch.demo.sandbox.connect import ConnectorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEARTBEAT_TABLE = "public.figwatch_heartbeat"
HEARTBEAT_DDL = f"""
CREATE TABLE IF NOT EXISTS {HEARTBEAT_TABLE} (
    topic_prefix text PRIMARY KEY,
    beaten_at timestamptz NOT NULL
)
"""
PARTITIONS = 4


def create_heartbeat_table(dsn: str) -> None:
    """Make the table that the connector's heartbeat writes; it must exist before `register`."""
    with psycopg.connect(dsn) as connection:
        connection.execute(HEARTBEAT_DDL)


def postgres_connector(
    name: str,
    dsn: str,
    topic_prefix: str,
    tables: Sequence[str],
    *,
    heartbeat_seconds: float = 1.0,
    heartbeat_rows: bool = True,
    partitions: int = PARTITIONS,
    schemas: bool = False,
    overrides: Mapping[str, str] | None = None,
) -> ConnectorSpec:
    """A connector that captures `tables` (`schema.table`) into `<topic_prefix>.<schema>.<table>`.

    Slot and publication bear the connector's name and hold just these tables; what an update or
    delete shows of the old row is up to each table's REPLICA IDENTITY. Topics are made with
    `partitions` partitions, heartbeats with one. `schemas` puts the schema into each JSON
    message. `overrides` has the last word on any setting, e.g. `decimal.handling.mode`.
    """
    target = conninfo_to_dict(dsn)
    captured = [*tables, HEARTBEAT_TABLE] if heartbeat_rows else list(tables)
    identifier = re.sub(r"[^a-z0-9_]", "_", f"figwatch_{name}".lower())[:63]
    settings = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "database.hostname": str(target.get("host", "localhost")),
        "database.port": str(target.get("port", 5432)),
        "database.user": str(target.get("user", "postgres")),
        "database.password": str(target.get("password", "")),
        "database.dbname": str(target.get("dbname", "postgres")),
        "topic.prefix": topic_prefix,
        "table.include.list": ",".join(captured),
        "plugin.name": "pgoutput",
        "slot.name": identifier,
        "publication.name": identifier,
        "publication.autocreate.mode": "filtered",
        "snapshot.mode": "initial",
        "decimal.handling.mode": "precise",
        "tombstones.on.delete": "true",
        # Latency: look for events often, tell the server what was read as often.
        "poll.interval.ms": "10",
        "status.update.interval.ms": "1000",
        # A database that is away for a while is waited for.
        "errors.max.retries": "-1",
        "retriable.restart.connector.wait.ms": "1000",
        "heartbeat.interval.ms": str(round(heartbeat_seconds * 1000)),
    }
    settings |= _heartbeat_action(topic_prefix) if heartbeat_rows else {}
    settings |= _converters(schemas=schemas)
    settings |= _topics(topic_prefix, partitions)
    return ConnectorSpec(name, settings | dict(overrides or {}))


def _heartbeat_action(topic_prefix: str) -> dict[str, str]:
    quoted = topic_prefix.replace("'", "''")
    return {
        "heartbeat.action.query": (
            f"INSERT INTO {HEARTBEAT_TABLE} (topic_prefix, beaten_at)"  # noqa: S608 - our own text
            f" VALUES ('{quoted}', clock_timestamp())"
            " ON CONFLICT (topic_prefix) DO UPDATE SET beaten_at = EXCLUDED.beaten_at"
        )
    }


def _converters(*, schemas: bool) -> dict[str, str]:
    settings: dict[str, str] = {}
    for part in ("key", "value"):
        settings |= {
            f"{part}.converter": "org.apache.kafka.connect.json.JsonConverter",
            f"{part}.converter.schemas.enable": str(schemas).lower(),
            # Otherwise a NULL in a column with a default is reported as the default.
            f"{part}.converter.replace.null.with.default": "false",
        }
    return settings


def _topics(topic_prefix: str, partitions: int) -> dict[str, str]:
    prefix = re.escape(topic_prefix)
    table = re.escape(HEARTBEAT_TABLE)
    return {
        "topic.creation.default.partitions": str(partitions),
        "topic.creation.default.replication.factor": "1",
        "topic.creation.groups": "heartbeat",
        "topic.creation.heartbeat.include": rf"__debezium-heartbeat\.{prefix},{prefix}\.{table}",
        "topic.creation.heartbeat.partitions": "1",
        "topic.creation.heartbeat.replication.factor": "1",
    }
