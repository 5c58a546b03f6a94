"""The demo's `figwatch.yaml`. Used by `run`, and by `stages`; also an example to copy from.

Written as text, for its comments. It says in figwatch's words what `projection` does in SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from figwatch.demo.connectors import (
    SOURCE_CONNECTOR,
    SOURCE_PREFIX,
    TARGET_CONNECTOR,
    TARGET_PREFIX,
)
from figwatch.demo.orders.choreography import TOPICS
from figwatch.demo.replicator import GROUP
from figwatch.demo.sink import GROUP as SINK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from figwatch.demo.sandbox import Endpoints

SOURCE_DSN = "MONOLITH_DSN"
TARGET_DSN = "SERVICE_DSN"

SIDES = """\
# The sample migration: a monolith's inventory on its way into a service.
migration: inventory
kafka: {{bootstrap_servers: "{bootstrap_servers}"}}
sides:
  monolith:
    topic_prefix: {source_prefix}
    heartbeat_topic: __debezium-heartbeat.{source_prefix}
    heartbeat_table: public.figwatch_heartbeat
    database: env:{source_dsn}
    connect: {connect_url}
    connector: {source_connector}{back}
  service:
    topic_prefix: {target_prefix}
    heartbeat_topic: __debezium-heartbeat.{target_prefix}
    heartbeat_table: public.figwatch_heartbeat{forth}
    database: env:{target_dsn}
    connect: {connect_url}
    connector: {target_connector}
"""
FENCE = "\n    consumer_group: {group}      # it commits offsets after its write: the fence"
FORTH = """\
authority: monolith
pairs:
  - name: stock
    source: public.inventory
    target: public.stock_levels{two_way}
    key: {{item_id: {{to: sku, cast: int}}}}            # bigint there, text here
    columns:
      quantity: on_hand
      reserved: held
      # numeric(10,2) as Connect's bytes there, numeric(12,4) as text here
      unit_price:
        {{to: price, type: "decimal(2)", source_encoding: base64, target_encoding: string}}
  - name: items
    source: public.inventory
    target: public.inventory_items{two_way}
    key: {{item_id: {{to: sku, cast: int}}}}
    columns:
      name: {{to: title, type: text}}
      category: {{to: category, type: text, cast: text}}          # smallint there
      status: {{to: state, type: text, trim: true}}               # char(8) here
      notes: {{to: remarks, type: text, null_as: ""}}             # NOT NULL here
      updated_at: {{to: changed_at, type: timestamptz, precision: ms}}
"""
OUTBOX = """\
outboxes:
  # what `service` must tell of its stock, and nothing else; `choreography` makes the topic
  - name: stock
    side: service
    table: public.stock_levels
    aggregate_column: sku
    topic: outbox.event.StockLevel
    transaction: header:txId
    request: header:requestedAt
    within_seconds: 3
    while_leading: stock               # what the replicator writes publishes nothing
    events:
      - type: StockAdjusted
        changed: [on_hand]
        content: {on_hand: "value:onHand", "delta:on_hand": "value:delta"}
      - type: ItemReserved
        operations: [update]
        grew: [held]
        content: {held: "value:held", "delta:held": "value:quantity"}
      - type: ReservationReleased
        operations: [update]
        fell: [held]
        content: {held: "value:held"}
"""
TWO_WAY = "\n    two_way: true        # judged both ways, for the cutover"
SAGAS = """\
sagas:
  # `demo/orders`: the same order, once by events between small programs ...
  - name: order
    time_limit_seconds: {limit}
    start: [OrderPlaced]
    steps:
      - {{name: reserve, done: ItemReserved, failed: StockRefused, undone: ReservationReleased}}
      - {{name: pay, done: PaymentTaken, failed: PaymentRefused}}
      - {{name: confirm, done: OrderConfirmed}}
    ignored_events: [PaymentRequested, OrderCancelled, StockAdjusted]
    topics:
{topics}
  # ... and once by an orchestrator, whose memory is captured
  - name: order-orchestrated
    time_limit_seconds: {limit}
    steps: [{{name: reserve, compensable: true}}, {{name: pay}}, {{name: confirm}}]
    state: {{side: service, table: public.sagastate, layout: debezium, type_value: order}}
"""
SAGA_TOPIC = (
    "      - {{side: service, topic: {topic}, correlation: 'value:reference',"
    " correlation_pattern: '(order-.+)'}}"
)
REST = """\
objective: {{convergence_seconds: 1.0, give_up_seconds: 60}}
ring_size: 8
worker:
  internal_partitions: 4
  http_port: 0
  summary_interval_seconds: 0.5
console: {{port: {console_port}, values: true}}     # sample rows are nobody's data
gates:
  sync:
    # The demo stops the replicator and the connector on purpose, and those changes count.
    convergence_share: {convergence_share}
    sweep_required: {sweep_required}     # `demo --all-stages` sweeps; real ones should
"""


def configuration(
    endpoints: Endpoints,
    *,
    convergence_share: float = 0.99,
    console_port: int = 0,
    two_way: bool = False,
    sweep_required: bool = False,
    saga_seconds: float | None = None,
) -> str:
    """The text of the file; the databases are named through environment variables. `two_way`: both
    directions are judged, for a cutover after which `sink` keeps the monolith, and the service's
    events against its changes. `saga_seconds`: orders are placed, and are to be over within this
    time.
    """
    sides = SIDES.format(
        bootstrap_servers=endpoints.bootstrap_servers,
        connect_url=endpoints.connect_url,
        source_prefix=SOURCE_PREFIX,
        target_prefix=TARGET_PREFIX,
        source_connector=SOURCE_CONNECTOR,
        target_connector=TARGET_CONNECTOR,
        source_dsn=SOURCE_DSN,
        target_dsn=TARGET_DSN,
        forth=FENCE.format(group=GROUP),
        back=FENCE.format(group=SINK) if two_way else "",
    )
    rest = REST.format(
        convergence_share=convergence_share,
        console_port=console_port,
        sweep_required=str(sweep_required).lower(),
    )
    forth = FORTH.format(two_way=TWO_WAY if two_way else "")
    writes = _sagas(saga_seconds) + (OUTBOX if two_way else "")
    return sides + forth + writes + rest


def _sagas(limit: float | None) -> str:
    if limit is None:
        return ""
    topics = "\n".join(SAGA_TOPIC.format(topic=topic) for topic in TOPICS)
    return SAGAS.format(limit=limit, topics=topics)


def environment(endpoints: Endpoints) -> Mapping[str, str]:
    """The variables that the file refers to."""
    return {SOURCE_DSN: endpoints.dsn["monolith"], TARGET_DSN: endpoints.dsn["service"]}
