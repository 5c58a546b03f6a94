"""Reads how far a migration has come from its reports."""

import msgspec

from figwatch.connectors.config.root import Config
from figwatch.connectors.report_files import read_report, report_folders
from figwatch.connectors.stage_evidence.report import reports_root
from figwatch.validators.report.document import decode_report
from figwatch.validators.report.statement import REPORT
from figwatch.validators.stages.progress import stage_of


class Progress(msgspec.Struct, frozen=True):
    """One migration of an installation."""

    migration: str
    stage: str
    """The stage to leave next, or `done`."""
    last_report: str
    last_verdict: str


def progress_of(config: Config) -> Progress:
    """The migration's stage by its reports.

    Raises:
        FigwatchError: a report cannot be read.
    """
    folders = report_folders(reports_root(config))
    found = [decode_report(read_report(f).get(REPORT, b""), str(f / REPORT)) for f in folders]
    stage = stage_of((report.stage, report.gate.verdict) for report in found)
    last = found[-1] if found else None
    return Progress(
        config.migration,
        stage,
        folders[-1].name if folders else "",
        last.gate.verdict if last else "",
    )
