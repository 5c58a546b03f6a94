"""The demo's two Debezium connectors. Used by `migration`.

They differ on purpose, as connectors of two teams do: the monolith's writes decimals as bytes,
the service's as text; the service's also routes its outbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from figwatch.demo.sandbox.debezium import postgres_connector

if TYPE_CHECKING:
    from figwatch.demo.sandbox.connect import ConnectorSpec

SOURCE_PREFIX = "mono"
TARGET_PREFIX = "inv"
SOURCE_CONNECTOR = "monolith-inventory"
TARGET_CONNECTOR = "inventory-service"
SOURCE_TABLES = ("public.inventory",)
TARGET_TABLES = (
    "public.inventory_items",
    "public.stock_levels",
    "public.outbox",
    "public.sagastate",
)

# Debezium's EventRouter, for rows of the outbox only.
OUTBOX = {
    "transforms": "outbox",
    "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
    "transforms.outbox.table.fields.additional.placement": (
        "type:header:eventType,traceparent:header:traceparent,"
        "requested_at:header:requestedAt,tx_id:header:txId"
    ),
    "transforms.outbox.predicate": "isOutbox",
    "predicates": "isOutbox",
    "predicates.isOutbox.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    "predicates.isOutbox.pattern": rf"{TARGET_PREFIX}\.public\.outbox",
}


def source_connector(dsn: str, *, schemas: bool = False) -> ConnectorSpec:
    return postgres_connector(SOURCE_CONNECTOR, dsn, SOURCE_PREFIX, SOURCE_TABLES, schemas=schemas)


def target_connector(dsn: str, *, schemas: bool = False) -> ConnectorSpec:
    return postgres_connector(
        TARGET_CONNECTOR,
        dsn,
        TARGET_PREFIX,
        TARGET_TABLES,
        schemas=schemas,
        overrides={"decimal.handling.mode": "string"} | OUTBOX,
    )
