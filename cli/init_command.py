"""`figwatch init`: a first figwatch.yaml, out of flags and the databases' catalogues."""

import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import note, print_json, print_text
from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from figwatch.validators.errors import ConfigurationError, FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.config.starter import PairTables, StarterSide
    from figwatch.validators.doctor.facts import TableFacts


def init(
    *,
    config: ConfigPath = DEFAULT_CONFIG,
    migration: Annotated[str, typer.Option(help="Name of the migration.")] = "inventory",
    bootstrap_servers: Annotated[str, typer.Option(help="Kafka.")] = "localhost:9092",
    source: Annotated[
        str, typer.Option(help="Side that owns the data, NAME or NAME:TOPIC_PREFIX.")
    ] = "monolith",
    target: Annotated[
        str, typer.Option(help="Side that must follow, NAME or NAME:TOPIC_PREFIX.")
    ] = "service",
    consumer_group: Annotated[str | None, typer.Option(help="The replicator's group.")] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(help="NAME=SOURCE_TABLE:TARGET_TABLE; once for each pair."),
    ] = None,
    from_database: Annotated[
        list[str] | None,
        typer.Option(
            help="SIDE=VARIABLE: read keys, columns and types from the database whose DSN is in "
            "this environment variable; once for each side.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a figwatch.yaml to start from. Asks nothing; never overwrites without --force.

    Example: figwatch init --pair stock=public.inventory:public.stock_levels
    --from-database monolith=MONOLITH_DSN --from-database service=SERVICE_DSN
    """
    from figwatch.connectors.config.file import parse_config
    from figwatch.connectors.config.starter import parse_pair, starter_text

    variables = _variables(from_database or [])
    ours, theirs = _side(source, variables, None), _side(target, variables, consumer_group)
    unknown = sorted(set(variables) - {ours.name, theirs.name})
    if unknown:
        raise ConfigurationError(
            "usage.unknown-side",
            f"--from-database names no side: {', '.join(unknown)}",
            fix=f"the sides are {ours.name} and {theirs.name}",
        )
    pairs = [parse_pair(text) for text in pair or ["stock=public.inventory:public.stock_levels"]]
    tables = _tables(pairs, ours, theirs)
    text = starter_text(
        migration=migration,
        bootstrap_servers=bootstrap_servers,
        source=ours,
        target=theirs,
        pairs=pairs,
        tables=tables,
    )
    parse_config(text, str(config))  # what is written can be loaded
    _write(config, text, force=force)
    if as_json:
        print_json({"file": str(config), "pairs": [one.name for one in pairs]})
    else:
        print_text(f"wrote {config}")
        note("next: look through it, then `figwatch config check` and `figwatch doctor`")


def _variables(given: list[str]) -> dict[str, str]:
    variables = {}
    for text in given:
        side, _, name = text.partition("=")
        name = name.removeprefix("env:")
        if not (side and name.isidentifier()):
            raise ConfigurationError(
                "usage.from-database",
                "--from-database takes SIDE=VARIABLE, not a data source name",
                fix="export the DSN in a variable and name that: --from-database service=DSN",
            )
        variables[side] = name
    return variables


def _side(text: str, variables: dict[str, str], group: str | None) -> "StarterSide":
    from figwatch.connectors.config.starter import StarterSide

    name, _, prefix = text.partition(":")
    return StarterSide(name, prefix or name, variables.get(name), group)


def _tables(
    pairs: "list[PairTables]", source: "StarterSide", target: "StarterSide"
) -> "dict[str, dict[str, TableFacts]]":
    """The catalogues' view of the pairs' tables, where a database was named.

    Raises:
        FigwatchError: a database does not answer, or has no such table.
    """
    from figwatch.connectors.catalogues import read_tables
    from figwatch.connectors.config.limits import LimitsConfig
    from figwatch.connectors.config.secret import Secret

    found = {}
    seconds = LimitsConfig().database_timeout_seconds
    for side, names in ((source, [p.source for p in pairs]), (target, [p.target for p in pairs])):
        if side.database is None:
            continue
        where = f"--from-database {side.name}={side.database}"
        dsn = Secret(f"env:{side.database}", where).reveal()
        found[side.name] = read_tables(dsn, names, seconds, where)
        absent = sorted(set(names) - set(found[side.name]))
        if absent:
            raise FigwatchError(
                "database.no-table",
                f"side {side.name} has no table {', '.join(absent)}",
                where,
                "write it as SCHEMA.TABLE (MariaDB, MySQL: DATABASE.TABLE), or grant select on it",
            )
    return found


def _write(path: pathlib.Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(
            "init.exists", f"{path} exists already", fix="--force overwrites it"
        ) from None
    except OSError as error:
        raise FigwatchError(
            "init.unwritable", f"{path} cannot be written: {error.strerror}", fix="name another"
        ) from error
