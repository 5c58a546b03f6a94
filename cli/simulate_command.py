"""`figwatch simulate`: migrations with known truth on a virtual clock."""

import pathlib
from typing import Annotated

import typer

from figwatch.cli.options import AsJson

SEEDS_MAX = 1_000_000


def simulate(
    seed: Annotated[int, typer.Option(min=0, help="First seed.")] = 0,
    seeds: Annotated[
        int, typer.Option(min=1, max=SEEDS_MAX, help="How many seeds, one after the other.")
    ] = 1,
    capture: Annotated[
        pathlib.Path | None,
        typer.Option(help="Write one seed as a capture file, its configuration beside it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play simulated migrations with known truth through the real decoder and judge.

    Each seed is a history of its own: crashes, redelivery, delays, planted faults. One seed prints
    its history, many print a summary. Exits 1 when figwatch called a healthy key divergent, or did
    not find a real divergence.

    Example: figwatch simulate --seed 7 --seeds 100
    """
    from figwatch.demo.simulator.command import run_simulate

    raise typer.Exit(run_simulate(seed, seeds, json_output=as_json, capture=capture))
