"""The settings with good defaults: the worker's bounds, the gates' criteria, the doctor's limits.

Each is a bound or a threshold by name, so that nothing grows without one. The rest of the
configuration is in `figwatch.connectors.config.root`.
"""

from typing import Literal

from pydantic import Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.secret import Secret
from figwatch.connectors.config.stages import (
    BuildGateConfig,
    DecommissionGateConfig,
    PrepareGateConfig,
    TrafficGateConfig,
    WritesGateConfig,
)


class WorkerConfig(Section):
    """How `figwatch run` works and how much it may use."""

    internal_partitions: int = Field(default=8, ge=1, le=1024)
    """Partitions of figwatch's own topics, and so the most workers that share the work. It cannot
    be changed once the topics exist."""

    internal_replication_factor: int = Field(default=1, ge=1, le=15)
    """Replicas of figwatch's own topics; 3 in production."""

    changes_retention_hours: float = Field(default=24.0, gt=0)
    """How long `<app>-changes` keeps its records: longer than the longest stop of all workers."""

    reading_interval_seconds: float = Field(default=0.2, ge=0.02, le=60)
    """Time between two looks at the replicator's committed offsets."""

    summary_interval_seconds: float = Field(default=1.0, ge=0.1, le=60)
    """Time between two summaries of a partition."""

    summary_fresh_seconds: float = Field(default=15.0, gt=0)
    """A summary older than this counts as missing, and makes the whole result inconclusive."""

    session_timeout_seconds: float = Field(default=10.0, ge=3, le=300)
    """After this much silence a worker counts as dead and the others take its partitions. Brokers
    refuse less than their `group.min.session.timeout.ms`, 6 s by default."""

    state: Literal["memory", "rocksdb"] = "memory"
    """Where the state of keys at rest is held while a partition is: `rocksdb`, in `data_dir`, for
    more keys than memory holds; it needs `pip install 'figwatch[rocksdb]'`. The changelog in Kafka
    is what survives, so it can be changed at any start."""

    data_dir: str = "figwatch-data"
    """Where a worker keeps its local state; one folder for each worker."""

    http_host: str = "127.0.0.1"
    """Address of `/metrics`, `/livez` and `/readyz`."""

    http_port: int = Field(default=6066, ge=0, le=65535)
    """Port of the same; 0 takes a free one and logs it."""

    batch_records_max: int = Field(default=2000, ge=1, le=100_000)
    """Most records that are decoded or judged in one step."""


class SyncGateConfig(Section):
    """The exit criteria of stage `sync`."""

    convergence_share: float = Field(default=0.99, gt=0, lt=1)
    """Share of source changes that must converge within the objective."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence with which the share must be shown ."""

    changes_min: int = Field(default=449, ge=1)
    """Fewest changes that count as a sample; fewer is inconclusive. 449 without a late one are what
    99 % at 95 % takes, however often one asks; what another share takes is demanded in any case."""

    window_minutes: float | None = Field(default=1440.0, ge=1, le=1440)
    """Only changes that converged in the last so many minutes count, and at least those of half
    that time, so that a stall, planned or mended, is not held against the stage for ever. Counts
    begin at fixed instants half a window apart, so that the confidence holds for all of them
    together; `null` counts all since the start. Whole minutes up to an hour, beyond it whole
    hours."""

    verified_age_max_seconds: float = Field(default=60.0, gt=0)
    """How old `verified_through` may be: the instant up to which everything was judged."""

    overdue_share_max: float = Field(default=0.0, ge=0, lt=1)
    """Share of keys that may be overdue at the moment of asking; more is inconclusive, because it
    may pass."""

    sweep_required: bool | None = None
    """Whether a clean sweep of every pair's tables is demanded (`figwatch sweep`, or the sweeps of
    `figwatch run`: `sweep.every_minutes`). When left out: where both sides have a `database`."""

    sweep_age_max_hours: float = Field(default=24.0, gt=0)
    """How old the last clean sweep may be, where one is demanded."""


class GatesConfig(Section):
    """The exit criteria, by stage."""

    sync: SyncGateConfig = SyncGateConfig()
    """Stage `sync`: the service follows the monolith."""

    prepare: PrepareGateConfig = PrepareGateConfig()
    """Stage `prepare`: domain model and event schemas are agreed."""

    build: BuildGateConfig = BuildGateConfig()
    """Stage `build`: the service is tested and deployable."""

    reads: TrafficGateConfig = TrafficGateConfig()
    """Stage `reads`: the service answers reads."""

    writes: WritesGateConfig = WritesGateConfig()
    """Stage `writes`: the service takes writes."""

    decommission: DecommissionGateConfig = DecommissionGateConfig()
    """Stage `decommission`: the legacy code goes."""

    prometheus: str | None = None
    """URL of the Prometheus that has the façade's metrics."""

    prometheus_token: Secret | None = None
    """Bearer token for it, where it demands one: `env:NAME` or `file:PATH`."""

    state_dir: str = "figwatch-gates"
    """Where approvals, baselines and results of shadow reads are kept, a folder for each
    migration."""

    reports_dir: str = "figwatch-reports"
    """Where reports are kept, a folder for each migration."""


class LimitsConfig(Section):
    """How far commands look and how much they print."""

    findings_printed_max: int = Field(default=1000, ge=1, le=1_000_000)
    """Most findings that a command lists; counts stay exact beyond it."""

    findings_listed_max: int = Field(default=80_000, ge=1, le=10_000_000)
    """Most open findings of a pair that the workers list in `<app>-findings`, shared out over the
    internal partitions. Beyond it findings are counted exactly but not listed, until there is room
    for all of them again."""

    findings_resolved_days: float = Field(default=30.0, ge=1, le=3650)
    """How long `<app>-findings` keeps a finding after it was resolved; counts are kept for ever."""

    findings_resolved_max: int = Field(default=80_000, ge=1, le=10_000_000)
    """Most resolved findings that `<app>-findings` keeps, shared out over the internal partitions;
    beyond it the oldest go."""

    kafka_timeout_seconds: float = Field(default=10.0, ge=0.5, le=600)
    """How long a command waits for an answer from Kafka."""

    http_timeout_seconds: float = Field(default=5.0, ge=0.5, le=600)
    """How long a command waits for Kafka Connect or a schema registry."""

    database_timeout_seconds: float = Field(default=5.0, ge=0.5, le=600)
    """How long a command waits for a database: connecting, and each statement."""

    explain_records_max: int = Field(default=1_000_000, ge=1)
    """Most records of each raw topic that `explain` reads back, newest first."""

    explain_versions_max: int = Field(default=200, ge=1, le=100_000)
    """Most versions of a key that `explain` shows; the oldest are left out, and it says so."""

    compacted_records_max: int = Field(default=2_000_000, ge=1)
    """Most records of an internal topic that a command reads; beyond it, it gives up and says
    so."""


class DoctorConfig(Section):
    """From where on `figwatch doctor` calls something a problem."""

    clock_difference_max_seconds: float = Field(default=1.0, gt=0)
    """Largest difference between a database's clock and this machine's."""

    slot_lag_max_mb: int = Field(default=1024, ge=1)
    """Most write-ahead log that a replication slot may hold back, in MiB."""

    retention_min_hours: float = Field(default=24.0, gt=0)
    """Shortest retention of a raw topic: what a replay needs."""

    heartbeat_age_max_seconds: float = Field(default=60.0, gt=0)
    """How old the newest heartbeat may be."""
