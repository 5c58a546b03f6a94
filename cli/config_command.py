"""`figwatch config schema|check`: the configuration itself."""

from typing import Annotated

import typer

from figwatch.cli.console import print_json, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load
from figwatch.validators.errors import ConfigurationError

app = typer.Typer(
    help="The configuration file: its schema, and whether it holds.", no_args_is_help=True
)


@app.command()
def schema(
    config: ConfigPath = DEFAULT_CONFIG,  # noqa: ARG001  # every command takes it
    as_json: AsJson = False,  # noqa: ARG001  # the schema is JSON either way
) -> None:
    """Print the JSON Schema of figwatch.yaml, so that editors complete and check it.

    Example: figwatch config schema > figwatch.schema.json, and as the file's first line:
    # yaml-language-server: $schema=figwatch.schema.json
    """
    from figwatch.connectors.config.schema import json_schema

    print_json(json_schema())


@app.command()
def check(
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
    secrets: Annotated[
        bool, typer.Option(help="Read the secrets too (they are never shown).")
    ] = True,
) -> None:
    """Check figwatch.yaml and name everything that is wrong with it, with line and fix."""
    from figwatch.connectors.config.file import check_secrets

    loaded = load(config)
    problems = check_secrets(loaded) if secrets else []
    if problems:
        raise ConfigurationError.of(tuple(problems))
    if as_json:
        print_json({"file": str(config), "ok": True})
    else:
        print_text(f"{config}: ok, {len(loaded.pairs)} pair(s) of migration {loaded.migration}")
