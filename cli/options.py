"""Options that commands share, and the configuration they lead to."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import print_problem

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config

ConfigPath = Annotated[
    pathlib.Path,
    typer.Option("--config", "-c", help="Configuration of the migration.", metavar="FILE"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, on stdout.")]

DEFAULT_CONFIG = pathlib.Path("figwatch.yaml")


def load(path: pathlib.Path) -> "Config":
    """The configuration; what should be better about it is said on stderr.

    Raises:
        ConfigurationError: with every problem.
    """
    from figwatch.connectors.config.file import load_config

    loaded = load_config(path)
    for warning in loaded.warnings:
        print_problem(warning, "warning")
    return loaded.config
