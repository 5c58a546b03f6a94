"""`figwatch simulate`: migrations with known truth on a virtual clock."""

from typing import Annotated

import typer

from figwatch.cli.console import print_json, print_text
from figwatch.cli.options import AsJson
from figwatch.validators.errors import ExitCode

SEEDS_MAX = 1_000_000
FAILURES_PRINTED_MAX = 20


def simulate(
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, max=SEEDS_MAX, help="How many seeds, one after the other.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Play simulated migrations with known truth through the real decoder and judge.

    Each seed is a history of its own: crashes, redelivery, delays, planted faults. Exits 1 when
    figwatch called a healthy key divergent, or did not find a real divergence.

    Example: figwatch simulate --seed 7 --seeds 100
    """
    from figwatch.demo.simulator.check import simulate_many

    outcomes = list(simulate_many(range(seed, seed + seeds)))
    bad = [outcome for outcome in outcomes if not outcome.good]
    summary = {
        "seeds": len(outcomes),
        "keys": sum(outcome.keys for outcome in outcomes),
        "planted": sum(outcome.planted for outcome in outcomes),
        "unknown": sum(outcome.unknown for outcome in outcomes),
        "false": sum(len(outcome.false) for outcome in outcomes),
        "missed": sum(len(outcome.missed) for outcome in outcomes),
        "unsafe": sum(len(outcome.unsafe) for outcome in outcomes),
    }
    failures = [
        {"seed": o.seed, "false": o.false, "missed": o.missed, "unsafe": o.unsafe} for o in bad
    ]
    if as_json:
        print_json({"schema_version": 1, **summary, "failures": failures})
    else:
        print_text(", ".join(f"{name} {count}" for name, count in summary.items()))
        for failure in failures[:FAILURES_PRINTED_MAX]:
            print_text(f"seed {failure['seed']}: {failure}")
    if bad:
        raise typer.Exit(ExitCode.FAIL)
