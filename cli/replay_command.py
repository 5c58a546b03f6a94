"""`figwatch replay`: the decoder and the judge over a capture."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import print_json
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.cli.result_tables import print_result
from figwatch.validators.errors import ExitCode

if TYPE_CHECKING:
    from figwatch.connectors.replay import Replayed


def replay(
    files: Annotated[
        list[pathlib.Path],
        typer.Argument(
            help="Captures: JSON lines as kcat -C -J prints them, also in gzip or zst; - is stdin.",
            metavar="FILE...",
        ),
    ],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 when a finding is open at the end.")
    ] = False,
) -> None:
    """Judge a recorded capture of the change streams, without Kafka or databases.

    Time is the capture's own. Every finding is listed, resolved ones too.

    Example: figwatch replay --json capture.jsonl
    """
    from figwatch.cli.evidence_view import two_way_of
    from figwatch.connectors.replay import replay as replay_files
    from figwatch.validators.result import result

    settings = load(config)
    done = replay_files(settings, files)
    sides = {"source": settings.source_side, "target": settings.target_side}
    document = result(done.summary, done.findings, sides, done.key_names)
    for name, pair in done.summary.pairs.items():
        document["pairs"][name] |= two_way_of(settings, name, pair, done.key_names)
    if as_json:
        print_json(document)
    else:
        print_result(document, settings.limits.findings_printed_max)
    if exit_code and _is_open(done):
        raise typer.Exit(ExitCode.FAIL)


def _is_open(done: "Replayed") -> bool:
    return any(finding.resolved_us is None for finding in done.findings)
