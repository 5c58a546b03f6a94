"""`figwatch sweep`: are the two tables of a pair equal? Asked of the databases themselves."""

import dataclasses
import pathlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import note, print_json, print_table, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load

if TYPE_CHECKING:
    from collections.abc import Callable

    from figwatch.connectors.config.root import Config, PairConfig
    from figwatch.connectors.sweep.options import Options, Report
    from figwatch.connectors.sweep.repair import RepairFile
    from figwatch.validators.sweep.result import PairSweep

LISTED_MAX = 50
"""Differences that are shown to people; `--json` has them all."""


def sweep(
    pairs: Annotated[
        list[str] | None, typer.Argument(help="Pairs to sweep; all when left out.", metavar="PAIR")
    ] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    databases_only: Annotated[
        bool,
        typer.Option("--databases-only", help="Ask the databases alone, without Kafka."),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say how each pair would be swept, and why.")
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="A quick look at about N random rows.", metavar="N"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a sweep was cut short.")
    ] = False,
    limit_differences: Annotated[
        int | None, typer.Option(min=1, help="Stop at so many differences.", metavar="N")
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after so many seconds.", metavar="SECONDS")
    ] = None,
    settle: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="How long a difference must stand still (sweep.settle_seconds).",
            metavar="SECONDS",
        ),
    ] = None,
    repair_sql: Annotated[
        pathlib.Path | None,
        typer.Option(help="Write SQL that would repair the target; runs nothing.", metavar="FILE"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the tables of each pair, row by row, and name every difference.

    Without --databases-only the judges of `figwatch run` settle every difference against the
    streams: a row in flight is none, and a new one becomes a finding (evidence `sweep`). What was
    swept is evidence for `figwatch gate check`. Both databases are only read.

    Exits 0 when all pairs are equal, 1 when any differs, 3 when a comparison is incomplete, 2 or 4
    when one could not be made.

    Example: figwatch sweep stock --databases-only --settle 0 --json
    """
    from figwatch.connectors.sweep.judges import Judges
    from figwatch.connectors.sweep.options import Options
    from figwatch.validators.sweep.result import exit_code

    settings = _settings(load(config), settle)
    chosen = _chosen(settings, pairs or [])
    _usable(resume=resume, repair=repair_sql is not None)
    if explain:
        _explain(settings, chosen, as_json=as_json)
        return
    options = Options(
        resume=resume,
        differences_max=limit_differences,
        seconds_max=time_limit,
        on_progress=_progress() if sys.stderr.isatty() else None,
        judges=None if databases_only or sample is not None else Judges(settings),
    )
    results = _swept(settings, chosen, options, sample, repair_sql)
    _tell(results, as_json=as_json)
    raise typer.Exit(exit_code(results))


def _swept(
    config: "Config", pairs: "list[PairConfig]", options: "Options", sample: int | None,
    repair_sql: pathlib.Path | None,
) -> "list[PairSweep]":  # fmt: skip
    """Each pair's result. The repair's file is whole, and the judges have all, at the end."""
    import contextlib

    from figwatch.connectors.sweep.repair import RepairFile

    with contextlib.ExitStack() as opened:
        if options.judges is not None:
            opened.callback(options.judges.close)
        if repair_sql is not None:
            repair = RepairFile(repair_sql)
            opened.callback(_close_repair, repair, repair_sql)
            options = dataclasses.replace(options, on_outcome=(repair.add,))
        return [_one(config, pair, options, sample) for pair in pairs]


def _close_repair(repair: "RepairFile", path: pathlib.Path) -> None:
    repair.close()
    note(f"{repair.statements} statements written to {path}; nothing was executed")


def _tell(results: "list[PairSweep]", *, as_json: bool) -> None:
    if as_json:
        print_json({"pairs": {result.name: result.json() for result in results}})
        return
    for result in results:
        _show(result)


def _settings(config: "Config", settle: float | None) -> "Config":
    if settle is None:
        return config
    return config.model_copy(
        update={"sweep": config.sweep.model_copy(update={"settle_seconds": settle})}
    )


def _chosen(config: "Config", names: list[str]) -> "list[PairConfig]":
    from figwatch.connectors.config.rules import closest
    from figwatch.validators.canary import CANARY_PAIR
    from figwatch.validators.errors import ConfigurationError

    known = [pair.name for pair in config.pairs]
    for name in names:
        if name not in known:
            guess = closest(name, known)
            raise ConfigurationError(
                "sweep.no-such-pair",
                f"there is no pair `{name}`",
                fix=f"{guess}the pairs are {', '.join(known)}",
            )
    wanted = names or [name for name in known if name != CANARY_PAIR]  # that one differs on purpose
    return [pair for pair in config.pairs if pair.name in wanted]


def _usable(*, resume: bool, repair: bool) -> None:
    from figwatch.validators.errors import ConfigurationError

    if resume and repair:
        raise ConfigurationError(
            "sweep.repair-resumed",
            "--repair-sql needs the whole sweep, --resume leaves out what was swept before",
            fix="leave one of them out",
        )


def _one(
    config: "Config", pair: "PairConfig", options: "Options", sample: int | None
) -> "PairSweep":
    """One pair; what keeps it from being swept is its result, and the others go on."""
    from figwatch.connectors.sweep.asking import sweep_pair
    from figwatch.connectors.sweep.prepare import prepare
    from figwatch.connectors.sweep.sample import sample_pair
    from figwatch.validators.errors import ConfigurationError, FigwatchError
    from figwatch.validators.sweep.result import PairSweep

    try:
        prepared = prepare(config, pair)
        try:
            if sample is not None:
                return sample_pair(prepared, config, sample)
            return sweep_pair(prepared, config, options)
        finally:
            prepared.close()
    except ConfigurationError:
        raise
    except FigwatchError as error:
        return PairSweep(pair.name, complete=False, way="none", problems=error.problems)


def _explain(config: "Config", pairs: "list[PairConfig]", *, as_json: bool) -> None:
    from figwatch.connectors.sweep.prepare import prepare

    plans = {}
    for pair in pairs:
        prepared = prepare(config, pair)
        plans[pair.name] = prepared.plan
        prepared.close()
    if as_json:
        print_json(
            {
                "pairs": {
                    name: {"way": plan.way.value, "reasons": list(plan.reasons)}
                    for name, plan in plans.items()
                }
            }
        )
        return
    for name, plan in plans.items():
        print_text(f"{name}: {plan.way.value}")
        for reason in plan.reasons:
            print_text(f"  {reason}")


def _progress() -> "Callable[[Report], None]":
    """A line on stderr that is written over, twice a second at most."""
    import time

    last = 0.0

    def tell(report: "Report") -> None:
        nonlocal last
        if time.monotonic() - last < 0.5:  # noqa: PLR2004
            return
        last = time.monotonic()
        sys.stderr.write(
            f"\r{report.pair}: {report.rows} rows, {report.rows_per_second:.0f}/s, "
            f"{report.share:.0%}, {report.seconds_left:.0f} s left, "
            f"{report.differences} differences, {report.waiting} to settle\x1b[K"
        )

    return tell


def _show(result: "PairSweep") -> None:
    from figwatch.cli.console import print_problem

    verdict = "equal" if result.complete else "incomplete"
    if result.differences_total:
        verdict = f"{result.differences_total} differences"
    if result.problems:
        verdict = "could not be swept"
    print_text(
        f"{result.name}: {verdict} ({result.source_rows} and {result.target_rows} rows, "
        f"{result.way}, {result.seconds:.1f} s)"
    )
    for reason in result.reasons:
        print_text(f"  {reason}")
    for problem in result.problems:
        print_problem(problem, "error")
    rows = [
        (
            " ".join(f"{k}={v}" for k, v in d.key.items()),
            d.kind.value + (f" ({d.settled.replace('_', ' ')})" if d.settled else ""),
            " ".join(d.columns),
        )
        for d in result.differences[:LISTED_MAX]
    ]
    if rows:
        print_table("", ("key", "kind", "columns"), rows)
    if len(result.differences) > LISTED_MAX:
        print_text(f"... and {len(result.differences) - LISTED_MAX} more: see --json")
