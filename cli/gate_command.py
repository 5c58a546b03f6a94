"""`figwatch gate check`: may the next stage begin?"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from figwatch.cli.console import print_json, print_table, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ExitCode

if TYPE_CHECKING:
    from figwatch.connectors.config import Config
    from figwatch.validators.gate import GateResult, SyncCriteria

app = typer.Typer(help="A stage's exit criteria.", no_args_is_help=True)

GATE_VERSION = 1


class Stage(StrEnum):
    """Stages whose gate this version can evaluate."""

    SYNC = "sync"


@app.callback()
def _group() -> None:
    """A stage's exit criteria."""


@app.command()
def check(
    stage: Annotated[Stage, typer.Option(help="The stage that is to be left.")],
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Evaluate the exit criteria of a stage.

    Exits 0 when all pass, 1 when one fails, 3 when one is inconclusive (too few samples, stale or
    incomplete evidence), 4 when Kafka could not be asked.

    Example: figwatch gate check --stage sync && ./shift-traffic.sh
    """
    from figwatch.cli.evidence_view import read_view
    from figwatch.validators.gate import Answer, sync_gate

    settings = load(config)
    view, _ = read_view(settings, findings=False)
    result = sync_gate(view, criteria_of(settings))
    if as_json:
        print_json(document_of(result, stage.value))
    else:
        _print(result)
    codes = {
        Answer.PASS: ExitCode.OK,
        Answer.FAIL: ExitCode.FAIL,
        Answer.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    }
    raise typer.Exit(codes[result.answer])


def criteria_of(config: "Config") -> "SyncCriteria":
    """The thresholds out of the configuration."""
    from figwatch.validators.gate import SyncCriteria

    sync = config.gates.sync
    return SyncCriteria(
        pairs=tuple(pair.name for pair in config.pairs),
        convergence_share=sync.convergence_share,
        confidence=sync.confidence,
        changes_min=sync.changes_min,
        verified_age_max_us=round(sync.verified_age_max_seconds * 1e6),
        overdue_share_max=sync.overdue_share_max,
        sweep_required=sync.sweep_required,
    )


def document_of(result: "GateResult", stage: str) -> dict[str, Any]:
    """The gate's answer as JSON."""
    return {
        "schema_version": GATE_VERSION,
        "stage": stage,
        "verdict": result.answer.value,
        "as_of_us": result.as_of_us,
        "criteria": [
            {
                "name": criterion.name,
                "pair": criterion.pair or None,
                "verdict": criterion.answer.value,
                "reason": criterion.reason,
                "missing": criterion.missing or None,
            }
            for criterion in result.criteria
        ],
        "not_checked": list(result.not_checked),
    }


def _print(result: "GateResult") -> None:
    rows = [(c.name, c.pair or "-", c.answer.value, c.reason, c.missing) for c in result.criteria]
    print_table(
        f"stage {result.stage}", ("criterion", "pair", "verdict", "reason", "missing"), rows
    )
    for text in result.not_checked:
        print_text(f"not checked: {text}")
    print_text(f"{result.stage}: {result.answer.value}")
