"""Everything the doctor checks, out of facts that were fetched or could not be. Pure.

`figwatch.connectors.doctor` fetches. A fact that could not be fetched is a check of its own, apart
from problems: it is not known to be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from figwatch.validators.doctor.binlog import assess_binlog
from figwatch.validators.doctor.connectors import (
    assess_capture,
    assess_heartbeat,
    assess_nulls,
    assess_precision,
    assess_running,
)
from figwatch.validators.doctor.databases import (
    assess_clock,
    assess_publication,
    assess_slot,
    assess_table,
    assess_wal_level,
)
from figwatch.validators.doctor.facts import (
    Check,
    ConnectorFacts,
    CouldNot,
    DatabaseFacts,
    Expected,
    GroupFacts,
    Limits,
    Outcome,
    TopicFacts,
    could_not,
)
from figwatch.validators.doctor.kafka import assess_group, assess_heartbeat_topic, assess_topic

PROBLEMS = frozenset({Outcome.WRONG, Outcome.WEAK})


@dataclass(frozen=True)
class Examined:
    """All facts of a migration. Sides by name; `topics` by name, None for one that is absent."""

    source: Expected
    target: Expected
    connectors: Mapping[str, ConnectorFacts | CouldNot]
    databases: Mapping[str, DatabaseFacts | CouldNot]
    topics: Mapping[str, TopicFacts | CouldNot | None]
    group_name: str | None
    group: GroupFacts | CouldNot | None
    now_us: int


def assess(facts: Examined, limits: Limits) -> list[Check]:
    """Every check, the sides one after the other, then what they share."""
    checks: list[Check] = []
    for side in (facts.source, facts.target):
        checks += _assess_side(side, facts, limits)
    checks += assess_group(
        facts.target, facts.group_name, facts.group, facts.source.topics, facts.topics
    )
    return checks


def exit_outcome(checks: list[Check]) -> Outcome:
    """WRONG where anything is a problem, else COULD_NOT_CHECK where anything is, else OK."""
    outcomes = {check.outcome for check in checks}
    if outcomes & PROBLEMS:
        return Outcome.WRONG
    if Outcome.COULD_NOT_CHECK in outcomes:
        return Outcome.COULD_NOT_CHECK
    return Outcome.OK


def _assess_side(side: Expected, facts: Examined, limits: Limits) -> list[Check]:
    connector, database = facts.connectors[side.side], facts.databases[side.side]
    checks: list[Check] = []
    for name in side.topics:
        checks += assess_topic(name, facts.topics.get(name), limits)
    checks += assess_heartbeat_topic(side, facts.topics, facts.now_us, limits)
    if isinstance(connector, CouldNot):
        checks.append(could_not("connector", side.side, connector))
    else:
        checks += assess_running(side, connector)
        checks += assess_heartbeat(side, connector)
        checks += assess_capture(side, connector)
        checks += assess_nulls(side, connector, database)
        checks += assess_precision(side, connector, database)
    if isinstance(database, CouldNot):
        checks.append(could_not("database", side.side, database))
    else:
        if database.binlog is None:
            checks += assess_wal_level(side, database)
        else:
            checks += assess_binlog(side, database.binlog, limits)
        checks += assess_clock(side, database, limits)
        for name in side.tables:
            checks += assess_table(side, name, database, connector)
    if (
        isinstance(connector, ConnectorFacts)
        and isinstance(database, DatabaseFacts)
        and database.binlog is None
    ):
        checks += assess_publication(side, database, connector)
        checks += assess_slot(side, database, connector, limits)
    return checks
