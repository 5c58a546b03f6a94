"""The facts of stage `decommission`, and the baseline that they are compared with."""

import time

from figwatch.connectors.config.root import Config, SideConfig
from figwatch.connectors.stage_evidence.baseline import Baseline
from figwatch.connectors.stage_evidence.catalogue import Catalogue, use_since
from figwatch.connectors.stage_evidence.leftovers import (
    connector_present,
    lines_of_code,
    resource,
)
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.stages.decommission import DecommissionFacts
from figwatch.validators.stages.facts import Dependents, Level, Origin, Presence

NO_BASELINE = Trouble("there is no baseline", "`figwatch baseline --stage decommission`")
NO_DATABASE = Trouble("the side has no `database`", "set its `database`: env:NAME")
NO_CONNECT = Trouble("the side has no `connect`", "set its `connect` URL")


def legacy_side(config: Config) -> tuple[str, SideConfig]:
    """The side that is taken out of service.

    Raises:
        ConfigurationError: it is no side of this migration.
    """
    name = config.gates.decommission.side or config.authority
    if name not in config.sides:
        raise ConfigurationError(
            "config.unknown-side",
            f"`{name}` is not a side",
            "gates.decommission.side",
            f"the sides are {' and '.join(config.sides)}",
        )
    return name, config.sides[name]


def legacy_tables(config: Config) -> list[str]:
    """Its tables: those named, else those of its pairs."""
    name, _ = legacy_side(config)
    of_pairs = [p.source if name == config.source_side else p.target for p in config.pairs]
    return config.gates.decommission.tables or list(dict.fromkeys(of_pairs))


def catalogue(config: Config) -> Catalogue | None:
    """The legacy side's database; None where none is configured."""
    name, side = legacy_side(config)
    if side.database is None:
        return None
    where = f"sides.{name}.database"
    return Catalogue(side.database.reveal(), config.limits.database_timeout_seconds, where)


def read_facts(
    config: Config, recorded: Baseline | Trouble | None, server: Prometheus | None, now_us: int
) -> DecommissionFacts:
    """Everything that stage `decommission` looks at."""
    settings = config.gates.decommission
    _, side = legacy_side(config)
    tables = legacy_tables(config)
    database = catalogue(config)
    baseline = recorded or NO_BASELINE
    before = {} if isinstance(baseline, Trouble) else baseline.tables
    now = database.counters(tables) if database else NO_DATABASE
    if isinstance(baseline, Trouble) and not isinstance(now, Trouble):
        now = baseline
    use = [
        use_since(table, before.get(table), now if isinstance(now, Trouble) else now[table])
        for table in tables
    ]
    if database:
        dependents, slots = database.dependents(tables), database.slots(settings.slots)
    else:
        origin = NO_DATABASE.origin("database")
        dependents = [Dependents(table, origin) for table in tables]
        slots = [Presence(f"slot {name}", origin) for name in settings.slots]
    return DecommissionFacts(
        use,
        dependents,
        [*_connectors(config, side, now_us), *slots],
        _size(config, baseline, now_us),
        _resources(config, baseline, server, now_us),
    )


def record(config: Config, server: Prometheus | None) -> tuple[Baseline, list[str]]:
    """The baseline as of now, and what could not be recorded."""
    settings = config.gates.decommission
    now_us = time.time_ns() // 1000
    problems = []
    database = catalogue(config)
    tables = database.counters(legacy_tables(config)) if database else NO_DATABASE
    if isinstance(tables, Trouble):
        problems.append(f"tables: {tables.cause}")
        tables = {}
    lines: int | None = None
    if settings.repository:
        counted = lines_of_code(settings.repository, settings.code)
        if isinstance(counted, Trouble):
            problems.append(f"code: {counted.cause}")
        else:
            lines = counted
    resources = {}
    for name, query in settings.resources.items():
        value = resource(server, query, now_us)
        if isinstance(value, Trouble):
            problems.append(f"{name}: {value.cause}")
        else:
            resources[name] = value
    baseline = Baseline("decommission", now_us, tables=tables, lines=lines, resources=resources)
    return baseline, problems


def _connectors(config: Config, side: SideConfig, now_us: int) -> list[Presence]:
    names = config.gates.decommission.connectors
    if side.connect is None:
        return [Presence(f"connector {n}", NO_CONNECT.origin("connect")) for n in names]
    timeout_seconds = config.limits.http_timeout_seconds
    return [connector_present(side.connect, n, timeout_seconds, now_us) for n in names]


def _size(config: Config, baseline: Baseline | Trouble, now_us: int) -> list[Level]:
    settings = config.gates.decommission
    if settings.repository is None:
        return []
    query = f"lines of {' '.join(settings.code)} at HEAD"
    now = lines_of_code(settings.repository, settings.code)
    before = baseline if isinstance(baseline, Trouble) else baseline.lines
    return [_level("lines of code", "git", query, now, before, "lines", now_us)]


def _resources(
    config: Config, baseline: Baseline | Trouble, server: Prometheus | None, now_us: int
) -> list[Level]:
    found = []
    for name, query in config.gates.decommission.resources.items():
        now = resource(server, query, now_us)
        before = baseline if isinstance(baseline, Trouble) else baseline.resources.get(name)
        found.append(_level(name, "prometheus", query, now, before, "", now_us))
    return found


def _level(  # the parts of one fact
    name: str,
    source: str,
    query: str,
    now: float | Trouble,
    before: float | Trouble | None,
    unit: str,
    now_us: int,
) -> Level:
    before = NO_BASELINE if before is None else before
    for part in (now, before):
        if isinstance(part, Trouble):
            return Level(name, part.origin(source, query))
    assert not isinstance(now, Trouble)
    assert not isinstance(before, Trouble)
    return Level(name, Origin(source, query, now_us, samples=1), now, before, unit)
