"""`figwatch status`: where the migration stands."""

from typing import Annotated

import typer

from figwatch.cli.console import print_json, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode


def status(
    config: ConfigPath = DEFAULT_CONFIG,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep looking, until Ctrl-C: the state at a glance.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=1, help="With --watch: seconds between two looks.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Show keys by verdict, latencies, and the open findings, over all workers.

    Exits 3 when a partition has no fresh summary, because then the numbers are only a part.

    Example: figwatch status --watch
    """
    from figwatch.cli.evidence_view import read_view, view_document
    from figwatch.cli.result_tables import print_result

    if watch and as_json:
        raise ConfigurationError(
            "usage.watch", "--watch is for people", "--json", "leave one of the two out"
        )
    settings = load(config)
    if watch:
        from figwatch.cli.status_watch import watch as keep_looking

        raise typer.Exit(keep_looking(settings, every))
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
