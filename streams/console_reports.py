"""A report's page by its folder's name, for the console. Only names of reports lead anywhere."""

from figwatch.connectors.config.root import Config
from figwatch.connectors.report_files import FOLDER
from figwatch.connectors.stage_evidence.report import reports_root
from figwatch.validators.report.statement import HTML


def find_report(config: Config, name: str) -> bytes | None:
    """The page of a report, or None.

    Raises:
        OSError: it cannot be read.
    """
    if not FOLDER.match(name):
        return None
    path = reports_root(config) / name / HTML
    return path.read_bytes() if path.is_file() else None
