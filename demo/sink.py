"""The way back by Debezium's JDBC sink connector: keeps the monolith's inventory after the
service's topics, once the service has the writes.

Names differ, so the sink gets flat rows under the monolith's (`ExtractNewRecordState`,
`ReplaceField`). Types differ too: with `stringtype=unspecified` PostgreSQL itself reads a text as
the column's type, which is exact where a cast to a double would not be. `update` follows items that
both systems have, and inserts none: the service does not know all that a row of the monolith needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition
from psycopg.conninfo import conninfo_to_dict

from figwatch.demo.sandbox.connect import ConnectorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "monolith-inventory-sink"
GROUP = f"connect-{NAME}"
TOPICS = ("inv.public.stock_levels", "inv.public.inventory_items")
ANSWER_SECONDS_MAX = 30.0
KEY = {"sku": "item_id"}
RENAMES = KEY | {
    "on_hand": "quantity",
    "held": "reserved",
    "price": "unit_price",
    "title": "name",
    "changed_at": "updated_at",
}
LEFT_OUT = ("state", "remarks")
"""No command of the service changes them; padded, and absent from most records."""


def sink_connector(dsn: str) -> ConnectorSpec:
    """Reads records that carry their schemas (`MigrationSettings.schemas`), writes to `dsn`."""
    target = conninfo_to_dict(dsn)
    address = f"{target.get('host', 'localhost')}:{target.get('port', 5432)}"
    database = target.get("dbname", "postgres")
    settings = {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": "1",
        "topics": ",".join(TOPICS),
        "connection.url": f"jdbc:postgresql://{address}/{database}?stringtype=unspecified",
        "connection.username": str(target.get("user", "postgres")),
        "connection.password": str(target.get("password", "")),
        "collection.name.format": "inventory",
        "insert.mode": "update",
        "primary.key.mode": "record_key",
        "primary.key.fields": "item_id",
        "schema.evolution": "none",
        "transforms": "row,key,value",
        "transforms.row.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.row.delete.tombstone.handling.mode": "drop",
        "transforms.value.exclude": ",".join(LEFT_OUT),
        "consumer.override.fetch.max.wait.ms": "50",
    }
    for part in ("key", "value"):
        settings |= {
            f"transforms.{part}.type": (
                f"org.apache.kafka.connect.transforms.ReplaceField${part.title()}"
            ),
            f"transforms.{part}.renames": _renames(RENAMES if part == "value" else KEY),
            f"{part}.converter": "org.apache.kafka.connect.json.JsonConverter",
            f"{part}.converter.schemas.enable": "true",
        }
    return ConnectorSpec(NAME, settings)


def _renames(names: Mapping[str, str]) -> str:
    return ",".join(f"{old}:{new}" for old, new in names.items())


def ends(bootstrap_servers: str) -> dict[str, int]:
    """How many records each of the topics has had.

    Raises:
        KafkaException: Kafka does not answer.
    """
    consumer = _member(bootstrap_servers)
    try:
        found = dict.fromkeys(TOPICS, 0)
        for place in _ends(consumer):
            found[place.topic] += place.offset
        return found
    finally:
        consumer.close()


def begin_at_end(bootstrap_servers: str) -> None:
    """Commit the topics' ends for the sink's group while nobody is in it: what is there by now, the
    monolith had itself.

    Raises:
        KafkaException: Kafka refuses, or somebody is in the group.
    """
    consumer = _member(bootstrap_servers)
    try:
        consumer.commit(offsets=_ends(consumer), asynchronous=False)
    finally:
        consumer.close()


def _member(bootstrap_servers: str) -> Consumer:
    return Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": GROUP, "enable.auto.commit": False}
    )


def _ends(consumer: Consumer) -> list[TopicPartition]:
    topics = consumer.list_topics(timeout=ANSWER_SECONDS_MAX).topics
    places = [TopicPartition(name, n) for name in TOPICS for n in topics[name].partitions]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, ANSWER_SECONDS_MAX)[1]
    return places
