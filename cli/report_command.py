"""`figwatch report`: writes a stage's report; `report verify` checks one."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import print_json, print_table, print_text
from figwatch.cli.gate_command import Stage
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from figwatch.validators.report.signature import PublicKey
    from figwatch.validators.report.verify import Verified

app = typer.Typer(help="Reports of a stage.", invoke_without_command=True)

KEY_BYTES_MAX = 65_536
Key = Annotated[pathlib.Path | None, typer.Option("--key", help="PEM file.", metavar="FILE")]


@app.callback()
def report(
    context: typer.Context,
    stage: Annotated[Stage | None, typer.Option(help="The stage to report on.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    key: Key = None,
    with_findings: Annotated[
        bool, typer.Option(help="List findings with their keys: they are row values.")
    ] = False,
) -> None:
    """Write the report of a stage: JSON, Markdown, HTML, JUnit and an in-toto statement.

    Each report is chained to the one before by its digest; with --key it is signed (Ed25519 or
    ECDSA P-256, PEM). Exits as `gate check` does.

    Example: figwatch report --stage sync --key report-key.pem
    """
    if context.invoked_subcommand is not None:
        return
    if stage is None:
        raise ConfigurationError(
            "report.stage", "no stage is named", fix=f"--stage {' | '.join(Stage)}"
        )
    from figwatch.connectors.report_files import write_report
    from figwatch.connectors.stage_evidence.report import make_report, report_files, reports_root
    from figwatch.validators.report.signature import private_key

    settings = load(config)
    signing = private_key(_pem(key)) if key else None
    made = make_report(settings, config.read_bytes(), stage.value, signing, findings=with_findings)
    folder = reports_root(settings) / f"{made.sequence:04d}-{stage.value}"
    write_report(folder, report_files(made, signing))
    if as_json:
        print_json({"folder": str(folder), "verdict": made.gate.verdict, "report": made})
    else:
        print_text(f"{stage.value}: {made.gate.verdict}; the report is in {folder}")
    codes = {"pass": ExitCode.OK, "fail": ExitCode.FAIL, "inconclusive": ExitCode.INCONCLUSIVE}
    raise typer.Exit(codes[made.gate.verdict])


@app.command()
def verify(
    folder: Annotated[pathlib.Path, typer.Argument(help="Folder of a report.")],
    as_json: AsJson = False,
    key: Key = None,
    alone: Annotated[bool, typer.Option(help="Do not ask for the reports before it.")] = False,
) -> None:
    """Check that a report and all before it are as they were written.

    Exits 0 when they are, 1 when anything was changed, cut short or removed, 3 when a report before
    it is not at hand. With --key (public key, PEM) each must be signed by it.
    """
    from figwatch.validators.report.signature import public_key
    from figwatch.validators.stages.criterion import Answer

    expected = public_key(_pem(key)) if key else None
    results = _verify_chain(folder.absolute(), expected, alone=alone)
    answers = {verified.answer for _, verified in results}
    if as_json:
        print_json(
            [
                {
                    "folder": name,
                    "verdict": verified.answer.value,
                    "checks": {c.name: f"{c.answer.value}: {c.text}" for c in verified.checks},
                }
                for name, verified in results
            ]
        )
    else:
        rows = [(name, c.name, c.answer.value, c.text) for name, v in results for c in v.checks]
        print_table("", ("report", "check", "verdict", "because"), rows)
    if Answer.FAIL in answers:
        raise typer.Exit(ExitCode.FAIL)
    raise typer.Exit(ExitCode.INCONCLUSIVE if Answer.INCONCLUSIVE in answers else ExitCode.OK)


@app.command()
def schema() -> None:
    """Print the JSON Schema of report.json."""
    from figwatch.validators.report.document import report_schema

    print_json(report_schema())


def _verify_chain(
    folder: pathlib.Path, key: "PublicKey | None", *, alone: bool
) -> "list[tuple[str, Verified]]":
    """The report, then each before it, as far back as they are at hand."""
    from figwatch.connectors.report_files import number, read_report
    from figwatch.validators.report.verify import Verified, verify

    results = []
    files = read_report(folder)
    while True:
        before_folder = _before(folder, files)
        before = read_report(before_folder) if before_folder else None
        verified = verify(files, before, key)
        if alone:
            kept = tuple(check for check in verified.checks if check.name != "chain")
            return [(folder.name, Verified(kept, verified.report))]
        results.append((folder.name, verified))
        # A report may only follow one with a smaller number, or this would not end.
        if before_folder is None or before is None or number(before_folder) >= number(folder):
            return results
        folder, files = before_folder, before


def _before(folder: pathlib.Path, files: "Mapping[str, bytes]") -> pathlib.Path | None:
    """Folder of the report before, where it is at hand beside this one."""
    from figwatch.connectors.report_files import FOLDER
    from figwatch.validators.errors import FigwatchError
    from figwatch.validators.report.document import decode_report
    from figwatch.validators.report.statement import REPORT

    try:
        previous = decode_report(files.get(REPORT, b"")).previous
    except FigwatchError:
        return None
    if previous is None or not FOLDER.match(previous.folder):
        return None
    path = folder.parent / previous.folder
    return path if path.is_dir() else None


def _pem(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(KEY_BYTES_MAX)
    except OSError as error:
        raise ConfigurationError(
            "report.key", f"the key {path} cannot be read: {error.strerror}", "--key"
        ) from error
