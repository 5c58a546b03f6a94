"""A pair made ready for its sweep: connections, catalogues, plan, readers.

`figwatch.connectors.sweep.runner` sweeps it.
"""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.config.root import Config, PairConfig
from figwatch.connectors.sweep.keys import PlainKeys
from figwatch.connectors.sweep.mysql import MySqlSession, is_mysql
from figwatch.connectors.sweep.postgres import PostgresSession
from figwatch.connectors.sweep.rows import RowReader, agreements
from figwatch.connectors.sweep.session import Session, check_readable, described
from figwatch.validators.change import Side
from figwatch.validators.errors import ConfigurationError, FigwatchError
from figwatch.validators.mapping.rules import PairRule
from figwatch.validators.sweep.facts import ServerFacts, TableFacts
from figwatch.validators.sweep.plan import Refusal, SweepPlan, Way, plan_pair


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A pair that can be swept. Close it."""

    rule: PairRule
    plan: SweepPlan
    tables: tuple[TableFacts, TableFacts]
    sessions: tuple[Session, Session]
    readers: tuple[RowReader, RowReader]
    keys: PlainKeys
    engines: tuple[str, str]

    def close(self) -> None:
        for session in self.sessions:
            session.close()


def prepare(config: Config, pair: PairConfig) -> Prepared:
    """Connect, read the catalogues, plan.

    Raises:
        FigwatchError: a database is away, a table is missing, or the pair cannot be swept.
    """
    rule = pair_rule(pair)
    _known_replicas(config)
    sessions = _session(config, config.source_side), _session(config, config.target_side)
    try:
        with ThreadPoolExecutor(len(sessions)) as both:
            source, target = both.map(_facts, sessions, (pair.source, pair.target))
        tables, servers = (source[0], target[0]), (source[1], target[1])
        only = None if config.sweep.way == "auto" else Way(config.sweep.way)
        plan = _accepted(plan_pair(rule, *tables, servers, only=only), pair.name)
        agreed = agreements(rule, *tables)
        readers = (
            RowReader(rule, Side.SOURCE, tables[0], plan, agreed, sessions[0].statements),
            RowReader(rule, Side.TARGET, tables[1], plan, agreed, sessions[1].statements),
        )
        keys = PlainKeys(rule, [a.kind for a in agreed[0]], tables)
        for session, reader in zip(sessions, readers, strict=True):
            check_readable(session, reader.statements.nothing())
    except BaseException:
        for session in sessions:
            session.close()
        raise
    engines = servers[0].engine, servers[1].engine
    return Prepared(rule, plan, tables, sessions, readers, keys, engines)


def _known_replicas(config: Config) -> None:
    for side in config.sweep.replicas:
        if side not in config.sides:
            raise ConfigurationError(
                "config.unknown-side",
                f"`{side}` is not a side",
                f"sweep.replicas.{side}",
                f"the sides are {' and '.join(config.sides)}",
            )


def _accepted(plan: SweepPlan | Refusal, pair: str) -> SweepPlan:
    if isinstance(plan, Refusal):
        raise FigwatchError(plan.code, plan.cause, f"pair {pair}", plan.fix)
    return plan


def _session(config: Config, side: str) -> Session:
    secret = config.sweep.replicas.get(side) or config.sides[side].database
    if secret is None:
        raise ConfigurationError(
            "sweep.no-database",
            f"side `{side}` has no database to sweep",
            f"sides.{side}.database",
            "name it: database: env:NAME",
        )
    dsn = secret.reveal()
    return (MySqlSession if is_mysql(dsn) else PostgresSession)(dsn, side, config.sweep)


def _facts(session: Session, name: str) -> tuple[TableFacts, ServerFacts]:
    with described(session.side):
        facts = session.table_facts(name)
    if facts is None:
        raise FigwatchError(
            "sweep.no-such-table",
            f"side `{session.side}` has no table {name}",
            fix="correct the pair's table, or the database of that side",
        )
    return facts, session.server_facts()
