"""`figwatch doctor`: what would make verdicts wrong or weak."""

from typing import Annotated

import typer

from figwatch.cli.console import print_json, print_table, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ExitCode

DOCTOR_VERSION = 1


def doctor(
    config: ConfigPath = DEFAULT_CONFIG,
    show_all: Annotated[bool, typer.Option("--all", help="Show what is in order, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at connectors, topics, the consumer group and both databases; change nothing.

    Every problem is told with its exact remedy. Exits 0 when all is in order, 1 when something
    makes verdicts wrong or weak, 3 when something could not be looked at.
    """
    from figwatch.connectors.doctor import examine, limits_of
    from figwatch.validators.doctor.checks import assess, exit_outcome
    from figwatch.validators.doctor.facts import Outcome

    settings = load(config)
    checks = assess(examine(settings), limits_of(settings))
    outcome = exit_outcome(checks)
    counts = {kind.value: sum(check.outcome is kind for check in checks) for kind in Outcome}
    if as_json:
        listed = [
            {
                "name": check.name,
                "subject": check.subject,
                "outcome": check.outcome.value,
                "cause": check.cause,
                "remedy": check.remedy or None,
            }
            for check in checks
        ]
        print_json({"schema_version": DOCTOR_VERSION, "counts": counts, "checks": listed})
    else:
        shown = [check for check in checks if show_all or check.outcome is not Outcome.OK]
        rows = [(c.outcome.value, c.name, c.subject, c.cause, c.remedy) for c in shown]
        if rows:
            print_table("", ("outcome", "check", "subject", "cause", "remedy"), rows)
        print_text(", ".join(f"{count} {name}" for name, count in counts.items()))
    codes = {
        Outcome.OK: ExitCode.OK,
        Outcome.WRONG: ExitCode.FAIL,
        Outcome.COULD_NOT_CHECK: ExitCode.INCONCLUSIVE,
    }
    raise typer.Exit(codes[outcome])
