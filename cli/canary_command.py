"""`figwatch canary`: prove, at intervals, that a divergence is found. The flight itself is
`figwatch.connectors.canary`.
"""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import print_json, print_problem, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError, ExitCode, FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.canary import Flight

CANARY_VERSION = 1


def canary(
    config: ConfigPath = DEFAULT_CONFIG,
    once: Annotated[bool, typer.Option("--once", help="Plant one and end.")] = False,
    init_sql: Annotated[
        bool, typer.Option("--init-sql", help="Print the SQL that makes the table, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plant a known divergence and see that figwatch finds it, every canary.interval_seconds.

    THIS WRITES to both databases: one row in canary.table, a table of its own, taken away again.
    It is the only thing figwatch ever writes to a database, and only to a table whose comment
    says so. Run one such process for a migration.

    With --once it exits 0 when the canary was found in time, 1 when not, 4 when it could not be
    planted or looked for. Without, it runs until it is stopped.

    Example: figwatch canary --init-sql | psql "$MONOLITH_DSN"
    """
    from figwatch.connectors.canary import fly
    from figwatch.connectors.canary import init_sql as statements

    settings = load(config)
    wanted = settings.canary
    if init_sql:
        print_text(statements(wanted.table))
        return
    if not wanted.enabled:
        raise ConfigurationError(
            "canary.disabled",
            "the canary is not enabled, and so nothing is written",
            "canary.enabled",
            "make its tables with --init-sql, then set canary.enabled: true",
        )
    while True:
        began = time.monotonic()
        try:
            found = _tell(fly(settings, wanted.found_max_seconds), as_json=as_json)
        except FigwatchError as error:
            if once:
                raise
            for problem in error.problems:
                print_problem(problem, "error")
            found = False
        if once:
            raise typer.Exit(ExitCode.OK if found else ExitCode.FAIL)
        time.sleep(max(0.0, wanted.interval_seconds - (time.monotonic() - began)))


def _tell(flight: "Flight", *, as_json: bool) -> bool:
    found = flight.found_seconds is not None
    if as_json:
        print_json(
            {
                "schema_version": CANARY_VERSION,
                "key": flight.key,
                "planted_us": flight.planted_us,
                "found": found,
                "found_seconds": flight.found_seconds,
                "told_seconds": flight.told_seconds,
            }
        )
    elif found:
        print_text(f"canary {flight.key}: found after {flight.found_seconds:.1f} s")
    else:
        print_text(
            f"canary {flight.key}: NOT FOUND in canary.found_max_seconds; look at `figwatch status`"
        )
    return found
