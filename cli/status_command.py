"""`figwatch status`: where the migration stands."""

import typer

from figwatch.cli.console import print_json, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ExitCode


def status(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show keys by verdict, latencies, and the open findings, over all workers.

    Exits 3 when a partition has no fresh summary, because then the numbers are only a part.
    """
    from figwatch.cli.evidence_view import read_view, view_document
    from figwatch.cli.result_tables import print_result

    settings = load(config)
    view, findings = read_view(settings, findings=True)
    still_open = [finding for finding in findings if finding.resolved_us is None]
    document = view_document(settings, view, still_open)
    if as_json:
        print_json(document)
    else:
        print_result(document, settings.limits.findings_printed_max)
        if not view.complete:
            print_text(f"incomplete: {view.reason}")
    raise typer.Exit(ExitCode.OK if view.complete else ExitCode.INCONCLUSIVE)
