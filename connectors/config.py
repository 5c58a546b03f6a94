"""`figwatch.yaml` as typed values: unknown fields are errors, secrets are references.

The loader with lines and fixes is `figwatch.connectors.config_file`; the mapping of columns is
compiled by `figwatch.validators.mapping`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from figwatch.connectors.config_columns import ColumnConfig


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaConfig(_Model):
    bootstrap_servers: str


class SideConfig(_Model):
    topic_prefix: str
    heartbeat_topic: str | None = None
    heartbeat_table: str | None = None
    heartbeat_grace_seconds: float = Field(default=10.0, ge=0)
    clock_skew_seconds: float = Field(default=0.0, ge=0)
    format: Literal["auto", "json", "avro"] = "auto"
    schema_registry: str | None = None
    consumer_group: str | None = None
    database: str | None = None


class PairConfig(_Model):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    source: str
    target: str
    key: dict[str, str | ColumnConfig]
    columns: dict[str, str | ColumnConfig] = {}


class ObjectiveConfig(_Model):
    convergence_seconds: float = Field(default=1.0, gt=0)
    give_up_seconds: float = Field(default=60.0, gt=0)


class Config(_Model):
    migration: str
    kafka: KafkaConfig
    sides: dict[str, SideConfig]
    authority: str
    pairs: list[PairConfig] = Field(min_length=1)
    objective: ObjectiveConfig = ObjectiveConfig()
    ring_size: int = Field(default=8, ge=2, le=64)
