"""`figwatch.yaml` as typed values: unknown fields are errors, secrets are references.

The loader with lines and fixes is `figwatch.connectors.config.file`, the rules that span several
fields are in `figwatch.connectors.config.rules`; the mapping of columns is compiled by
`figwatch.validators.mapping.rules`.
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.canary import CanaryConfig, with_canary_pair
from figwatch.connectors.config.columns import ColumnConfig, FilterConfig
from figwatch.connectors.config.console import ConsoleConfig
from figwatch.connectors.config.limits import (
    DoctorConfig,
    GatesConfig,
    LimitsConfig,
    WorkerConfig,
)
from figwatch.connectors.config.outbox import OUTBOXES_MAX, OutboxConfig
from figwatch.connectors.config.rules import RULE_ERROR, broken_rules
from figwatch.connectors.config.secret import Secret
from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.config.tracing import TracingConfig
from figwatch.connectors.config.writes import SAGAS_MAX, SagaConfig

NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,62}$"


class KafkaConfig(Section):
    """The Kafka cluster with the change streams; figwatch's own topics live there too."""

    bootstrap_servers: str = Field(min_length=1)
    """host:port, several separated by commas."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How the connection is protected."""

    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """How figwatch signs in, where the protocol starts with SASL."""

    sasl_username: str | None = None
    """User name for SASL."""

    sasl_password: Secret | None = None
    """Password for SASL: `env:NAME` or `file:PATH`."""

    ssl_ca_file: str | None = None
    """Certificate authority of the brokers, PEM; the system's when left out."""

    ssl_certificate_file: str | None = None
    """figwatch's own certificate, PEM, where brokers demand one."""

    ssl_key_file: str | None = None
    """Private key of that certificate, PEM."""


class SideConfig(Section):
    """One of the two systems: its change stream and, where wanted, its database."""

    topic_prefix: str = Field(min_length=1)
    """Debezium's `topic.prefix` of this side's connector."""

    heartbeat_topic: str | None = None
    """Topic of plain heartbeats, `__debezium-heartbeat.<prefix>` by default in Debezium."""

    heartbeat_table: str | None = None
    """Table whose rows `heartbeat.action.query` writes. They carry the database's own commit time
    and prove more than plain heartbeats; wanted above all on the target's side."""

    heartbeat_grace_seconds: float = Field(default=10.0, ge=0)
    """How far a plain heartbeat may run ahead of the log."""

    allowed_disorder_seconds: float = Field(default=0.01, ge=0)
    """How far commit times may fall back along one partition of the log."""

    clock_skew_seconds: float = Field(default=0.0, ge=0)
    """Bound on the difference of this database's clock and figwatch's."""

    offset_gaps: Literal["suspect", "ignore"] = "suspect"
    """What missing offsets in a raw topic mean: lost records (`suspect`, their keys become
    unknown), or nothing (`ignore`: the connector writes transactions, whose markers take
    offsets)."""

    format: Literal["auto", "json", "avro"] = "auto"
    """Encoding of the records; `auto` recognises it record by record."""

    unavailable_value_placeholder: str = Field(default="__debezium_unavailable_value", min_length=1)
    """What this side's connector writes for an unchanged long value it was not sent, where its
    `unavailable.value.placeholder` is set."""

    schema_registry: str | None = None
    """URL of the schema registry, where records are Avro."""

    schema_registry_user: str | None = None
    """User name at the registry, where it demands one."""

    schema_registry_password: Secret | None = None
    """Password, or a bearer token when there is no user: `env:NAME` or `file:PATH`."""

    consumer_group: str | None = None
    """Consumer group of the replicator that reads this side's topics or, on the side that
    follows, of the service that applies them. With it a divergence is proved by the group's
    committed offsets, without it only by time."""

    replication_origin: str | None = Field(default=None, min_length=1, max_length=63)
    """Replication origin (PostgreSQL) that the sessions of the replicator into this side set. A
    write without it is then one from outside, so that echoes and loops of pairs replicated both
    ways are told apart from rows that are written again without change."""

    database: Secret | None = None
    """Data source name of the database, `env:NAME` or `file:PATH`: for `doctor`,
    `init --from-database` and the sweep."""

    connect: str | None = None
    """URL of the Kafka Connect cluster that runs this side's connector: for `doctor`."""

    connector: str | None = None
    """Name of that connector; found by its `topic.prefix` when left out."""


class PairConfig(Section):
    """One table of the source side, compared with one table of the target side."""

    name: str = Field(pattern=NAME_PATTERN)
    """Name of the pair in commands, metrics and reports."""

    source: str = Field(min_length=1)
    """Table on the side that owns the data, with its schema: `public.inventory`."""

    target: str = Field(min_length=1)
    """Table on the side that must follow."""

    source_topics: list[str] = Field(default=[])
    """Topics of the source table; `<topic_prefix>.<source>` when left out. Several where
    partitions of the table or a router write to several."""

    target_topics: list[str] = Field(default=[])
    """Topics of the target table, likewise."""

    source_tables: list[str] = Field(default=[])
    """Tables (`schema.table`; MySQL and MariaDB `database.table`) whose rows in those topics are
    the source table's: for topics that a router fills from several tables. Left out, it is `source`
    where pairs of several tables read a topic, and all that a topic carries otherwise."""

    target_tables: list[str] = Field(default=[])
    """Tables whose rows are the target table's, likewise."""

    key: dict[str, str | ColumnConfig] = Field(min_length=1)
    """Key columns: source column to target column (`item_id: sku`), or to a mapping with a type."""

    columns: dict[str, str | ColumnConfig] = Field(default={})
    """Columns that are compared, likewise. A column that is not named is not compared."""

    two_way: bool = False
    """The pair is replicated both ways, or will be: both directions are judged, so that authority
    can turn round while figwatch runs (`figwatch cutover`), and so that the way back is verified.
    The replicator back is proved by the `consumer_group` of the side that has authority. Takes
    about twice the memory."""

    ignored_columns: list[str] = Field(default=[])
    """Source columns that are not compared on purpose; `doctor` names all others that are not."""

    source_filter: FilterConfig = Field(default={})
    """Only source rows with these values take part; the others count as absent."""

    target_filter: FilterConfig = Field(default={})
    """Only target rows with these values take part."""


class ObjectiveConfig(Section):
    """How fast the target must follow."""

    convergence_seconds: float = Field(default=1.0, gt=0)
    """A source change should show on the target within this time."""

    give_up_seconds: float = Field(default=60.0, gt=0)
    """Without a consumer group: age from which a change that does not show is called divergent."""


class EchoesConfig(Section):
    """What counts as a copy of a write, and as a loop, where a pair is replicated both ways."""

    within_seconds: float = Field(default=5.0, gt=0)
    """How soon a copy must follow what it copies to be taken for one."""

    loop_hops: int = Field(default=6, ge=2, le=1000)
    """Copies of copies, from side to side without a write from outside, that make a loop. Fewer
    than 4 mistake a row that is written twice without change, where no `replication_origin` tells
    them apart."""


class Config(Section):
    """figwatch.yaml: one migration."""

    migration: str = Field(pattern=NAME_PATTERN)
    """Name of the migration; figwatch's own topics are called `figwatch-<migration>-...`."""

    kafka: KafkaConfig
    """The Kafka cluster."""

    sides: dict[str, SideConfig] = Field(min_length=2, max_length=2)
    """The two systems, by name."""

    authority: str
    """Name of the side that owns the data now; the other one must follow."""

    pairs: list[PairConfig] = Field(min_length=1)
    """What is compared with what."""

    objective: ObjectiveConfig = ObjectiveConfig()
    """How fast the target must follow, and when to give a change up."""

    echoes: EchoesConfig = EchoesConfig()
    """Pairs replicated both ways: writes that come round."""

    ring_size: int = Field(default=8, ge=2, le=64)
    """Versions of a key that are kept on the source's side."""

    sagas: list[SagaConfig] = Field(default=[], max_length=SAGAS_MAX)
    """Business operations that span services."""

    outboxes: list[OutboxConfig] = Field(default=[], max_length=OUTBOXES_MAX)
    """Tables whose changes must publish events."""

    tracing: TracingConfig = TracingConfig()
    """Where the traces of requests are looked at."""

    worker: WorkerConfig = WorkerConfig()
    """How `figwatch run` works."""

    gates: GatesConfig = GatesConfig()
    """Exit criteria of the stages."""

    limits: LimitsConfig = LimitsConfig()
    """Bounds of the commands."""

    sweep: SweepConfig = SweepConfig()
    """How `figwatch sweep` compares the two tables."""

    canary: CanaryConfig = CanaryConfig()
    """The self-test. Off by default: it is the only part of figwatch that writes to a database."""

    console: ConsoleConfig = ConsoleConfig()
    """The live page of `figwatch run --console`."""

    doctor: DoctorConfig = DoctorConfig()
    """From where on `doctor` calls something a problem."""

    @model_validator(mode="before")
    @classmethod
    def _watch_the_canary(cls, data: Any) -> Any:
        """The canary's tables are compared like any others."""
        return with_canary_pair(data)

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        broken = broken_rules(self)
        if broken:
            raise PydanticCustomError(
                RULE_ERROR, "{text}", {"text": broken[0].cause, "broken": broken}
            )
        return self

    @property
    def app(self) -> str:
        """Prefix of figwatch's own topics and its consumer groups."""
        return f"figwatch-{self.migration}"

    @property
    def source_side(self) -> str:
        """Name of the side that owns the data."""
        return self.authority

    @property
    def target_side(self) -> str:
        """Name of the side that must follow."""
        return next(name for name in self.sides if name != self.authority)

    def pair(self, name: str) -> PairConfig | None:
        """The pair of that name."""
        return next((pair for pair in self.pairs if pair.name == name), None)

    def source_topics(self, pair: PairConfig) -> list[str]:
        """Raw topics that carry the source table of a pair."""
        prefix = self.sides[self.source_side].topic_prefix
        return pair.source_topics or [f"{prefix}.{pair.source}"]

    def target_topics(self, pair: PairConfig) -> list[str]:
        """Raw topics that carry the target table of a pair."""
        prefix = self.sides[self.target_side].topic_prefix
        return pair.target_topics or [f"{prefix}.{pair.target}"]
