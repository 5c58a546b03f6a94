"""Makes a stage's report: the gate's answer, the streams' figures, all forms, the signature."""

import importlib.metadata
import pathlib
import time
from collections.abc import Mapping

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.evidence import read_evidence
from figwatch.connectors.report_files import newest
from figwatch.connectors.stage_evidence.gate import check_stage, sync_view
from figwatch.validators.report.document import (
    Report,
    ReportFinding,
    encode_report,
    pair_figures,
    stream_positions,
)
from figwatch.validators.report.html import html
from figwatch.validators.report.junit import junit
from figwatch.validators.report.markdown import markdown
from figwatch.validators.report.signature import PrivateKey, key_id, sign
from figwatch.validators.report.statement import (
    ENVELOPE,
    HTML,
    JUNIT,
    MARKDOWN,
    REPORT,
    STATEMENT,
    sha256,
    statement,
)
from figwatch.validators.stages.document import gate_document

STREAM_STAGES = {"sync", "reads", "writes"}


def reports_root(config: Config) -> pathlib.Path:
    """Where the reports of this migration are."""
    return pathlib.Path(config.gates.reports_dir) / config.migration


def make_report(
    config: Config, config_file: bytes, stage: str, key: PrivateKey | None, *, findings: bool
) -> Report:
    """Look at the gate now and write down what it saw.

    Raises:
        FigwatchError: the change streams' summaries cannot be read (sync, reads, writes), or the
            report before is damaged.
    """
    now_us = time.time_ns() // 1000
    # One reading for the verdict and for the figures beside it.
    view = sync_view(config) if stage in STREAM_STAGES else None
    result = check_stage(config, stage, now_us, view)
    summary = view.merged if view else None
    sequence, previous = newest(reports_root(config))
    return Report(
        figwatch_version=importlib.metadata.version("figwatch"),
        migration=config.migration,
        stage=stage,
        sequence=sequence,
        previous=previous,
        created_us=now_us,
        config_sha256=sha256(config_file),
        signed_by=key_id(key.public_key()) if key else "",
        objective_seconds=config.objective.convergence_seconds,
        settings=getattr(config.gates, stage).model_dump(mode="json"),
        gate=gate_document(config.migration, result),
        pairs=pair_figures(summary),
        streams=stream_positions(summary),
        findings=_findings(config) if findings and stage in STREAM_STAGES else None,
    )


def report_files(report: Report, key: PrivateKey | None) -> Mapping[str, bytes]:
    """All forms of a report, and its statement."""
    files = {
        REPORT: encode_report(report),
        MARKDOWN: markdown(report).encode(),
        HTML: html(report).encode(),
        JUNIT: junit(report.gate).encode(),
    }
    files[STATEMENT] = statement(report, files)
    if key is not None:
        files[ENVELOPE] = sign(files[STATEMENT], key)
    return files


def _findings(config: Config) -> list[ReportFinding]:
    key_names = Decoder(config).decode_key
    found = read_evidence(config, findings=True).findings
    return [
        ReportFinding(
            finding.pair,
            dict(key_names(finding.pair, finding.key)),
            finding.kind,
            list(finding.columns),
            finding.since_us,
            finding.resolved_us,
            finding.evidence,
        )
        for finding in found[-config.limits.findings_printed_max :]
        if not finding.void
    ]
