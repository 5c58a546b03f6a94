"""The `figwatch` command: its name, its version, its commands. Composition starts here.

Each command lives in a module of its own and imports what it needs when it runs, so that
`figwatch --help` is quick. Errors end in `figwatch.cli.boundary`.
"""

import sys
from typing import Annotated

import typer

from figwatch.cli import (
    canary_command,
    config_command,
    cutover_command,
    demo_command,
    doctor_command,
    explain_command,
    findings_command,
    gate_command,
    init_command,
    replay_command,
    report_command,
    run_command,
    sandbox_command,
    simulate_command,
    stage_commands,
    status_command,
    sweep_command,
)
from figwatch.cli.boundary import exit_code_of

EPILOG = (
    "Exit codes: 0 passed or done; 1 failed; 2 wrong usage or configuration; "
    "3 inconclusive or stale; 4 could not evaluate."
)

app = typer.Typer(
    name="figwatch",
    help="Proof, beside a live strangler-fig migration, that the new service holds what the "
    "monolith holds.",
    epilog=EPILOG,
    no_args_is_help=True,
    # Boxes are for people; a file or a program gets plain text.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        import importlib.metadata

        sys.stdout.write(f"figwatch {importlib.metadata.version('figwatch')}\n")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of figwatch itself."""


WATCH = "Watch a migration"
ASK = "Ask about it"
RECORD = "Record for the gates"
SET_UP = "Set up and try"

app.command("run", rich_help_panel=WATCH)(run_command.run)
app.command("canary", rich_help_panel=WATCH)(canary_command.canary)
app.command("status", rich_help_panel=ASK)(status_command.status)
app.command("findings", rich_help_panel=ASK)(findings_command.findings)
app.command("explain", rich_help_panel=ASK)(explain_command.explain)
app.add_typer(gate_command.app, name="gate", rich_help_panel=ASK)
app.add_typer(cutover_command.app, name="cutover", rich_help_panel=ASK)
app.command("sweep", rich_help_panel=ASK)(sweep_command.sweep)
app.add_typer(report_command.app, name="report", rich_help_panel=ASK)
app.command("stages", rich_help_panel=ASK)(stage_commands.stages)
app.command("replay", rich_help_panel=ASK)(replay_command.replay)
app.command("approve", rich_help_panel=RECORD)(stage_commands.approve)
app.command("baseline", rich_help_panel=RECORD)(stage_commands.baseline)
app.command("shadow", rich_help_panel=RECORD)(stage_commands.shadow)
app.command("doctor", rich_help_panel=SET_UP)(doctor_command.doctor)
app.command("init", rich_help_panel=SET_UP)(init_command.init)
app.add_typer(config_command.app, name="config", rich_help_panel=SET_UP)
app.command("demo", rich_help_panel=SET_UP)(demo_command.demo)
app.add_typer(sandbox_command.app, name="sandbox", rich_help_panel=SET_UP)
app.command("simulate", rich_help_panel=SET_UP)(simulate_command.simulate)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(exit_code_of(app))
