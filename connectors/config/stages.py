"""The settings of the gates beside `sync`: where each stage's evidence is, and what it must show.

Part of `figwatch.connectors.config.root`; read by `figwatch.connectors.stage_evidence`. Paths are
taken from the folder in which figwatch runs.
"""

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.columns import ColumnConfig

FILES_MAX = 100


def _instant(text: str) -> str:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a time like 2026-03-01T08:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError("needs its time zone: 2026-03-01T08:00:00Z")
    return text


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Instant = Annotated[str, AfterValidator(_instant)]


class DocumentConfig(Section):
    """A document that people must agree on before anything is built."""

    path: str = Field(min_length=1)
    """The file."""

    kind: Literal["domain_model", "asyncapi", "avro", "json_schema"]
    """What it is: the domain model (any text), or an event schema."""

    subject: str | None = None
    """Subject in the schema registry (avro, json_schema): its history decides compatibility."""


class PrepareGateConfig(Section):
    """Exit criteria of stage `prepare`: signed-off domain model and event schemas."""

    documents: list[DocumentConfig] = Field(default=[], max_length=FILES_MAX)
    """The domain model and the event schemas."""

    approvals_min: int = Field(default=1, ge=1, le=100)
    """How many different people must approve a document (`figwatch approve`)."""

    registry: str | None = None
    """URL of the schema registry; the following side's when left out."""


class BuildGateConfig(Section):
    """Exit criteria of stage `build`: tests, coverage, quality, deployable."""

    coverage: dict[str, str] = Field(default={}, max_length=FILES_MAX)
    """Name to file, Cobertura XML (coverage.xml) or lcov: `unit: build/coverage.xml`."""

    junit: list[str] = Field(default=[], max_length=FILES_MAX)
    """Test results, JUnit XML."""

    sarif: list[str] = Field(default=[], max_length=FILES_MAX)
    """Results of static analysis, SARIF 2.1."""

    health: str | None = None
    """URL that answers 200 when the deployed service is well."""

    coverage_min: float = Field(default=0.9, ge=0, lt=1)
    """Share of lines: more than this must be covered."""

    skipped_share_max: float = Field(default=0.1, ge=0, le=1)
    """Share of tests that may be skipped; more is inconclusive."""

    errors_max: int = Field(default=0, ge=0)
    """Most errors of static analysis."""

    warnings_max: int | None = Field(default=None, ge=0)
    """Most warnings; any number when left out."""

    age_max_hours: float = Field(default=168.0, gt=0)
    """How old the reports may be."""


class TrafficConfig(Section):
    """Where requests are counted."""

    facade: Literal[
        "opentelemetry", "ingress-nginx", "envoy", "kong", "traefik", "nginx-log", "envoy-log"
    ]
    """Whose metrics (from Prometheus) or JSON access log these are."""

    selector: str = ""
    """Labels that choose the requests answered by the service, as in PromQL:
    `http_route="/api/inventory/{itemId}",upstream="service"`."""

    baseline_selector: str = ""
    """Labels that choose the same requests answered by the monolith: for `figwatch baseline`."""

    log: str | None = None
    """Access log of the service's requests, one JSON object a line."""

    baseline_log: str | None = None
    """The monolith's."""

    path_pattern: Pattern | None = None
    """Regular expression that the path of a request in the log must match."""

    methods: list[str] = Field(default=[], max_length=20)
    """Methods of the requests in the log that count; all when left out."""


class ShadowConfig(Section):
    """`figwatch shadow`: the same request to both systems, the answers compared."""

    monolith: str = Field(min_length=1)
    """Base URL of the monolith."""

    service: str = Field(min_length=1)
    """Base URL of the service."""

    requests: str = Field(min_length=1)
    """File with one path a line; a sample of them is asked."""

    fields: dict[str, str | ColumnConfig] = Field(min_length=1)
    """Members of the JSON answers that must agree, as in a pair's `columns`."""

    sample_max: int = Field(default=10_000, ge=1, le=1_000_000)
    """Most requests in one run."""

    per_second_max: float = Field(default=20.0, gt=0, le=1000)
    """Most requests a second to each system."""

    retry_seconds: float = Field(default=2.0, ge=0, le=600)
    """After a difference both are asked again this much later: the change may be under way."""


class TrafficGateConfig(Section):
    """Exit criteria of the stages `reads` and `writes`."""

    traffic: TrafficConfig | None = None
    """Where requests are counted."""

    since: Instant | None = None
    """From when on requests count: the start of the stage. Without it the last `window_hours`
    count, and up to as many before them."""

    window_hours: float = Field(default=24.0, gt=0, le=2160)
    """How far back requests count where `since` is left out: so far at least and twice as far at
    most, since fixed beginnings so far apart, the first of them so long before the baseline."""

    latency_seconds: float = Field(default=0.05, gt=0)
    """A request should be answered within this time."""

    latency_share: float = Field(default=0.99, gt=0, lt=1)
    """Share of requests that must be; 0.99 for p99."""

    error_share_max: float = Field(default=0.0001, gt=0, lt=1)
    """Share of requests that may fail (status 5xx)."""

    latency_margin: float = Field(default=0.005, gt=0, lt=1)
    """How much smaller than the monolith's the share of timely answers may be."""

    error_margin: float = Field(default=0.0001, gt=0, lt=1)
    """How much larger than the monolith's the share of errors may be."""

    mismatch_share_max: float = Field(default=0.001, gt=0, lt=1)
    """Share of shadow reads that may differ."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of each of these statements, however often the gate is asked."""

    samples_min: int = Field(default=300, ge=1)
    """Fewest requests that count as a sample."""

    age_max_seconds: float = Field(default=300.0, gt=0)
    """How old the newest evidence may be."""

    shadow: ShadowConfig | None = None
    """Shadow reads (stage `reads`)."""

    shadow_age_max_hours: float = Field(default=24.0, gt=0)
    """How old the last run of `figwatch shadow` may be."""

    saga_success_min: float = Field(default=0.9999, gt=0, lt=1)
    """Share of the sagas that must be a success (stage `writes`)."""

    fallback_age_max_seconds: float = Field(default=60.0, gt=0)
    """How long ago the monolith may be known to be complete: the way back."""


class WritesGateConfig(TrafficGateConfig):
    """Exit criteria of stage `writes`, besides those of `reads`."""

    adjustment_share: float = Field(default=0.99, gt=0, lt=1)
    """Share of adjustments that the other side must show within `objective_seconds` of their
    request, of each outbox with `request`."""

    without: list[Literal["sagas", "reverse_replication", "no_loops"]] = Field(
        default=[], max_length=3
    )
    """Criteria that this migration has no use for. The gate and the report name them."""


class DecommissionGateConfig(Section):
    """Exit criteria of stage `decommission`: the monolith works without the legacy code."""

    side: str | None = None
    """The side that is taken out of service; the authority when left out."""

    tables: list[str] = Field(default=[], max_length=1000)
    """Its legacy tables; the tables of its pairs when left out."""

    connectors: list[str] = Field(default=[], max_length=100)
    """Connectors that must be gone."""

    slots: list[str] = Field(default=[], max_length=100)
    """Replication slots that must be gone."""

    quiet_hours: float = Field(default=24.0, gt=0)
    """For how long nothing may have read or written the tables."""

    reads_max: int = Field(default=0, ge=0)
    """Scans of a table that are not counted against it (backups, figwatch's own)."""

    repository: str | None = None
    """Git checkout of the monolith."""

    code: list[str] = Field(default=["."], max_length=100)
    """Folders and files of its code that are counted."""

    resources: dict[str, str] = Field(default={}, max_length=20)
    """Name to PromQL of what the monolith uses: `cpu: sum(rate(...[1h]))`. One value each."""

    resource_ratio_max: float = Field(default=1.0, gt=0)
    """How many times the baseline each may be."""
