"""A stage's report: the gate's answer with all its evidence, for people and auditors.

One JSON document is the source; Markdown, HTML, JUnit (`report.markdown`, `report.html`,
`report.junit`) and the in-toto statement (`report.statement`) are made of it. Its JSON Schema comes
from the types here. It holds no row values; keys of findings only where somebody asked for them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from figwatch.validators.convergence import bucket_seconds
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.document import GateDocument
from figwatch.validators.summary import PairSummary, Summary

REPORT_VERSION = 1
CURVE_POINTS_MAX = 60
REPORT_BYTES_MAX = 64_000_000
SCHEMA_ID = "urn:figwatch:report:1"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Previous(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The report before this one, by the digest of its statement."""

    folder: str
    sha256: str


class StreamPosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a raw partition was applied when the gate looked."""

    topic: str
    partition: int
    next_offset: int
    watermark_us: int
    gap: str = ""


class ConvergenceFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Convergence times of a pair's changes."""

    count: int
    within_objective: int
    unshown: int
    p50_seconds: float
    p99_seconds: float
    max_seconds: float
    curve: list[tuple[float, float]]
    """(seconds, share of changes that converged within them)."""


class PairFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the streams say of a pair."""

    keys: dict[str, int]
    unknown: dict[str, int]
    open_findings: dict[str, int]
    verified_through_us: int
    convergence: ConvergenceFigures


class ReportFinding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding with its key: only where it was asked for."""

    pair: str
    key: dict[str, Any]
    kind: str
    columns: list[str]
    since_us: int
    resolved_us: int | None
    evidence: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """report.json."""

    schema_version: int = REPORT_VERSION
    figwatch_version: str
    migration: str
    stage: str
    sequence: int
    """Number of the report in the migration's chain, from 1."""
    previous: Previous | None
    created_us: int
    config_sha256: str
    """Digest of figwatch.yaml."""
    signed_by: str
    """Id of the signer's key; empty for a report without signature."""
    objective_seconds: float
    settings: dict[str, Any]
    """The stage's section of `gates`, defaults included."""
    gate: GateDocument
    pairs: dict[str, PairFigures]
    streams: list[StreamPosition]
    findings: list[ReportFinding] | None = None


def pair_figures(summary: Summary | None) -> dict[str, PairFigures]:
    """The figures of every pair; none without a summary."""
    return {name: _pair(pair) for name, pair in summary.pairs.items()} if summary else {}


def stream_positions(summary: Summary | None) -> list[StreamPosition]:
    """Topic offsets up to which the figures speak."""
    return [
        StreamPosition(s.topic, s.partition, s.next_offset, s.watermark_us, s.gap_reason)
        for s in (summary.streams if summary else ())
    ]


def encode_report(report: Report) -> bytes:
    """report.json, readable and the same for the same report."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode_report(data: bytes, where: str = "report.json") -> Report:
    """Read report.json.

    Raises:
        FigwatchError: it is cut short, no report, or of another version.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise FigwatchError(
            "report.damaged", "the report is cut short or was changed", where, "take the original"
        ) from None
    if version != REPORT_VERSION:
        raise FigwatchError(
            "report.version",
            f"the report has version {version}, this figwatch reads {REPORT_VERSION}",
            where,
            "use the figwatch that made it, or a newer one",
        )
    try:
        return msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FigwatchError(
            "report.damaged", f"the report was changed: {error}", where, "take the original"
        ) from None


class _Versioned(msgspec.Struct):
    schema_version: int


def report_schema() -> Mapping[str, Any]:
    """The JSON Schema of report.json."""
    return {"$schema": DIALECT, "$id": SCHEMA_ID, **msgspec.json.schema(Report)}


def _pair(pair: PairSummary) -> PairFigures:
    times = pair.convergence
    return PairFigures(
        dict(pair.keys),
        dict(pair.unknown),
        dict(pair.open_findings),
        pair.verified_through_us,
        ConvergenceFigures(
            times.count,
            times.within,
            pair.unshown,
            times.quantile_seconds(0.5),
            times.quantile_seconds(0.99),
            times.max_us / 1e6,
            _curve(times.buckets, times.count),
        ),
    )


def _curve(buckets: Mapping[int, int], count: int) -> list[tuple[float, float]]:
    """The distribution function at the buckets' upper bounds, thinned to `CURVE_POINTS_MAX`."""
    points, seen = [], 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        points.append((round(bucket_seconds(bucket), 6), seen / count))
    step = -(-len(points) // CURVE_POINTS_MAX) or 1
    return points[::-step][::-1]
