"""`figwatch findings`: what is or was divergent."""

from typing import Annotated

import typer

from figwatch.cli.console import print_json, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode


def findings(
    config: ConfigPath = DEFAULT_CONFIG,
    pair: Annotated[str | None, typer.Option(help="Only this pair.")] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those not resolved.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when a finding is open.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the findings: key, kind, differing columns, since when, by what evidence.

    Resolved findings stay on record. Exits 3 when a partition has no fresh summary: there may be
    findings that are not listed yet.

    Example: figwatch findings --open --pair stock
    """
    from figwatch.cli.evidence_view import read_view, view_document
    from figwatch.cli.result_tables import print_findings

    settings = load(config)
    if pair is not None and settings.pair(pair) is None:
        raise unknown_pair(pair, [known.name for known in settings.pairs])
    view, found = read_view(settings, findings=True)
    shown = [
        finding
        for finding in found
        if pair in (None, finding.pair) and not (only_open and finding.resolved_us is not None)
    ]
    document = view_document(settings, view, shown)
    if as_json:
        short = {
            name: {"findings": body["findings"], "left_out": body["left_out"]}
            for name, body in document["pairs"].items()
            if pair in (None, name)
        }
        top = ("schema_version", "as_of_us", "complete", "reason")
        print_json({name: document[name] for name in top} | {"pairs": short})
    else:
        print_findings(document, settings.limits.findings_printed_max)
        if not view.complete:
            print_text(f"incomplete: {view.reason}")
    if exit_code and any(finding.resolved_us is None for finding in shown):
        raise typer.Exit(ExitCode.FAIL)
    raise typer.Exit(ExitCode.OK if view.complete else ExitCode.INCONCLUSIVE)


def unknown_pair(name: str, known: list[str]) -> ConfigurationError:
    """The error for a pair that the configuration does not have."""
    from figwatch.connectors.config.rules import closest

    fix = f"{closest(name, known)}the pairs are {', '.join(known)}"
    return ConfigurationError("usage.unknown-pair", f"there is no pair `{name}`", fix=fix)
