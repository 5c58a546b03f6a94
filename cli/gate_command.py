"""`figwatch gate check`: may the next stage begin?"""

import pathlib
import re
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli import gate_serve
from figwatch.cli.console import note, print_json, print_table, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ExitCode, FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config
    from figwatch.validators.stages.criterion import GateResult

app = typer.Typer(help="A stage's exit criteria.", no_args_is_help=True)
app.command("serve")(gate_serve.serve)

LOOK_SECONDS = 10.0
"""Time between two looks while waiting."""
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Stage(StrEnum):
    """The stages of a migration, in their order."""

    PREPARE = "prepare"
    BUILD = "build"
    SYNC = "sync"
    READS = "reads"
    WRITES = "writes"
    DECOMMISSION = "decommission"


StageOption = Annotated[Stage, typer.Option(help="The stage that is to be left.")]


@app.callback()
def _group() -> None:
    """A stage's exit criteria."""


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smh])", text)
    if not match:
        raise typer.BadParameter("a time like 90s, 30m or 2h")
    return float(match.group(1)) * _UNITS[match.group(2)]


@app.command()
def check(
    stage: StageOption,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    wait: Annotated[
        str, typer.Option(help="Ask again for this long while it is inconclusive: 90s, 30m, 2h.")
    ] = "0s",
    junit: Annotated[
        pathlib.Path | None, typer.Option(help="Write JUnit XML there, too.", metavar="FILE")
    ] = None,
) -> None:
    """Evaluate the exit criteria of a stage.

    Exits 0 when all pass, 1 when one fails, 3 when one is inconclusive (too few samples, stale or
    incomplete evidence), 4 when the gate could not be evaluated (Kafka could not be asked).

    Example: figwatch gate check --stage sync --wait 30m && ./shift-traffic.sh
    """
    from figwatch.validators.report.junit import junit as junit_xml
    from figwatch.validators.stages.document import gate_document

    wait_seconds = _seconds(wait)
    settings = load(config)
    result = _look_until_clear(settings, stage, wait_seconds)
    document = gate_document(settings.migration, result)
    if junit is not None:
        _write(junit, junit_xml(document))
    if as_json:
        print_json(document)
    else:
        print_gate(result)
    raise typer.Exit(exit_code(result))


def exit_code(result: "GateResult") -> ExitCode:
    """What a pipeline is told."""
    from figwatch.validators.stages.criterion import Answer

    codes = {
        Answer.PASS: ExitCode.OK,
        Answer.FAIL: ExitCode.FAIL,
        Answer.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }
    return codes[result.answer]


def _look_until_clear(config: "Config", stage: Stage, wait_seconds: float) -> "GateResult":
    """Look until the gate passes or fails, at most for the given time.

    Raises:
        FigwatchError: the last look could not be taken.
    """
    from figwatch.connectors.stage_evidence.gate import check_stage
    from figwatch.validators.stages.criterion import Answer

    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            result = check_stage(config, stage.value, time.time_ns() // 1000)
            if result.answer is not Answer.INCONCLUSIVE or time.monotonic() >= deadline:
                return result
            open_ones = [c.name for c in result.criteria if c.answer is Answer.INCONCLUSIVE]
            said = ", ".join(dict.fromkeys(open_ones))
        except FigwatchError as error:
            if error.exit_code is not ExitCode.ERROR or time.monotonic() >= deadline:
                raise
            said = error.problems[0].cause
        left_seconds = max(0.0, deadline - time.monotonic())
        note(f"{stage.value}: inconclusive ({said}); {left_seconds:.0f} s left")
        time.sleep(min(LOOK_SECONDS, left_seconds))


def print_gate(result: "GateResult") -> None:
    """The answer as a table."""
    from figwatch.validators.stages.document import wait_seconds
    from figwatch.validators.stages.forecast import duration

    rows = [
        (c.name, c.pair or c.subject or "-", c.answer.value, c.reason, c.missing)
        for c in result.criteria
    ]
    print_table(f"stage {result.stage}", ("criterion", "of", "verdict", "reason", "missing"), rows)
    for text in result.not_checked:
        print_text(f"not checked: {text}")
    wait = wait_seconds(result)
    when = f", at the present rate it could pass in about {duration(wait * 1e6)}" if wait else ""
    print_text(f"{result.stage}: {result.answer.value}{when}")


def _write(path: pathlib.Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FigwatchError(
            "gate.unwritable", f"{path} cannot be written: {error.strerror}", "--junit"
        ) from error
