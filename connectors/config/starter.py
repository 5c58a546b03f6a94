"""Writes a first figwatch.yaml: `figwatch init`. Text, for its comments; the loader checks it.

With the databases' catalogues (`figwatch.connectors.databases`) keys and columns are filled in,
and the types that plain JSON does not carry are named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from figwatch.validators.canonical.kinds import Base, Kind, kind_of
from figwatch.validators.doctor.facts import ColumnFacts, TableFacts
from figwatch.validators.errors import ConfigurationError

NEED_NO_TYPE = {Base.INT, Base.TEXT, Base.BOOL, Base.UUID}
"""Kinds that mean the same in plain JSON without being named, where both sides have them."""
FLAG = "tinyint(1)"
"""MySQL's boolean, and a number like any other beside anything else than a boolean."""


@dataclass(frozen=True)
class PairTables:
    """One pair to write: tables as `schema.table`."""

    name: str
    source: str
    target: str


@dataclass(frozen=True)
class StarterSide:
    """One side to write. `database` names the environment variable of its DSN."""

    name: str
    topic_prefix: str
    database: str | None
    consumer_group: str | None = None


def parse_pair(text: str) -> PairTables:
    """`stock=public.inventory:public.stock_levels`.

    Raises:
        ConfigurationError: it is not of this form.
    """
    name, _, tables = text.partition("=")
    source, _, target = tables.partition(":")
    if not (name and source and target):
        raise ConfigurationError(
            "usage.pair",
            f"`{text}` is no pair",
            fix="--pair NAME=SCHEMA.TABLE:SCHEMA.TABLE, the source's table first",
        )
    return PairTables(name, source, target)


def starter_text(
    *,
    migration: str,
    bootstrap_servers: str,
    source: StarterSide,
    target: StarterSide,
    pairs: Sequence[PairTables],
    tables: Mapping[str, Mapping[str, TableFacts]],
) -> str:
    """The file. `tables` has each side's tables by name, where the catalogue was read."""
    lines = [
        f"# figwatch: is the new service's copy true? Side {source.name} owns the data,",
        f"# side {target.name} follows. `figwatch config schema` describes every setting.",
        f"migration: {migration}",
        f'kafka: {{bootstrap_servers: "{bootstrap_servers}"}}',
        "sides:",
        *_side(source, follows=False),
        *_side(target, follows=True),
        f"authority: {source.name}",
        "pairs:",
    ]
    for pair in pairs:
        lines += _pair(
            pair,
            tables.get(source.name, {}).get(pair.source),
            tables.get(target.name, {}).get(pair.target),
        )
    lines += ["objective: {convergence_seconds: 1.0, give_up_seconds: 60}", "ring_size: 8", ""]
    return "\n".join(lines)


def _side(side: StarterSide, *, follows: bool) -> list[str]:
    prefix = side.topic_prefix
    lines = [
        f"  {side.name}:",
        f"    topic_prefix: {prefix}",
        f"    heartbeat_topic: __debezium-heartbeat.{prefix}",
        "    # Better: rows that heartbeat.action.query writes into a captured table.",
        "    # heartbeat_table: public.figwatch_heartbeat",
    ]
    if follows and side.consumer_group:
        lines.append(f"    consumer_group: {side.consumer_group}")
    elif follows:
        lines.append("    # The replicator's group: with it a loss is proved, not inferred.")
        lines.append("    # consumer_group: my-replicator")
    if side.database:
        lines.append(f"    database: env:{side.database}")
    return lines


def _pair(pair: PairTables, source: TableFacts | None, target: TableFacts | None) -> list[str]:
    lines = [f"  - name: {pair.name}", f"    source: {pair.source}", f"    target: {pair.target}"]
    if source is None:
        return [
            *lines,
            "    key: {id: id}             # source column: target column",
            "    columns: {}               # the columns to compare, likewise",
        ]
    known = {column.name for column in target.columns} if target is not None else None
    lines.append("    key:")
    keys = source.primary_key or ("id",)
    lines += [f"      {_entry(name, source, target, known)}" for name in keys]
    rest = [c.name for c in source.columns if c.name not in source.primary_key]
    if not rest:
        return lines
    lines.append("    columns:")
    return lines + [f"      {_entry(name, source, target, known)}" for name in rest]


def _entry(name: str, source: TableFacts, target: TableFacts | None, known: set[str] | None) -> str:
    ours = source.column(name)
    theirs = target.column(name) if target is not None else None
    parts = [f"to: {name}", *_types(ours, theirs)]
    value = name if len(parts) == 1 else f"{{{', '.join(parts)}}}"
    missing = "   # the target has no such column: name the one that holds it"
    return f"{name}: {value}" + (missing if known is not None and name not in known else "")


def _types(ours: ColumnFacts | None, theirs: ColumnFacts | None) -> list[str]:
    """The settings that say what a column is; none where plain JSON does."""
    mine, other = (None if column is None else _kind(column.type) for column in (ours, theirs))
    if ours is None or mine is None:
        return []
    same = other is None or mine.base is other.base
    if FLAG in (ours.type, theirs.type if theirs is not None else "") and same:
        return [] if theirs is None else ["type: int" if ours.type == theirs.type else "type: bool"]
    if same and mine.base in NEED_NO_TYPE:
        return []
    if theirs is None or other is None or ours.type == theirs.type:
        return [f'type: "{ours.type}"']
    return [f'source_type: "{ours.type}"', f'target_type: "{theirs.type}"']


def _kind(name: str) -> Kind | None:
    """None for a type of the user's own (an enum), which comes as text."""
    try:
        return kind_of(name)
    except ValueError:
        return None
