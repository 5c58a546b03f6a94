"""Fetches what the doctor looks at: connectors, topics, the group, both databases.

Nothing is changed anywhere, no consumer group joined. `figwatch.validators.doctor.checks` judges;
what cannot be fetched becomes a `CouldNot` and never stops the rest.
"""

import time
from collections.abc import Iterable, Mapping

from figwatch.connectors.catalogues import read_database
from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.config.root import Config, PairConfig, SideConfig
from figwatch.connectors.connect_rest import read_connector
from figwatch.connectors.kafka.admin import KafkaAdmin, Span
from figwatch.connectors.kafka.cluster import Where
from figwatch.connectors.kafka.reader import read_spans
from figwatch.validators.change import Side
from figwatch.validators.doctor.checks import Examined
from figwatch.validators.doctor.facts import (
    ConnectorFacts,
    CouldNot,
    DatabaseFacts,
    Expected,
    ExpectedTable,
    GroupFacts,
    Limits,
    TopicFacts,
)
from figwatch.validators.errors import FigwatchError

SAMPLE_RECORDS = 50
"""Newest records of each partition that are looked at, for their keys and times."""


def examine(config: Config) -> Examined:
    """Fetch everything. Never raises for what is away: that is a finding."""
    source = expected_side(config, config.source_side)
    target = expected_side(config, config.target_side)
    group_name = config.sides[target.side].consumer_group
    topics, group = _kafka(config, source, target, group_name)
    return Examined(
        source=source,
        target=target,
        connectors={name: _connector(config, name) for name in config.sides},
        databases={side.side: _database(config, side) for side in (source, target)},
        topics=topics,
        group_name=group_name,
        group=group,
        now_us=time.time_ns() // 1000,
    )


def limits_of(config: Config) -> Limits:
    """The doctor's thresholds out of the configuration."""
    doctor = config.doctor
    return Limits(
        round(doctor.clock_difference_max_seconds * 1e6),
        doctor.slot_lag_max_mb << 20,
        doctor.retention_min_hours,
        round(doctor.heartbeat_age_max_seconds * 1e6),
    )


def expected_side(config: Config, name: str) -> Expected:
    """What the configuration says about one side: its tables, columns and topics."""
    side = config.sides[name]
    follows = name == config.target_side
    topics: dict[str, None] = {}
    tables: dict[str, ExpectedTable] = {}
    for pair in config.pairs:
        for topic in config.target_topics(pair) if follows else config.source_topics(pair):
            topics[topic] = None
        table = pair.target if follows else pair.source
        tables[table] = _joined(tables.get(table), _needed(pair, follows=follows))
    return Expected(
        name,
        follows,
        side.topic_prefix,
        side.heartbeat_topic,
        side.heartbeat_table,
        round(side.clock_skew_seconds * 1e6),
        tuple(topics),
        tables,
        round(side.allowed_disorder_seconds * 1e6),
    )


def _needed(pair: PairConfig, *, follows: bool) -> ExpectedTable:
    rule = pair_rule(pair)
    side = Side.TARGET if follows else Side.SOURCE
    key = frozenset(column for one in rule.key for column in one.columns(side))
    mapped = key.union(column for one in rule.columns for column in one.columns(side))
    filtered = frozenset(column for column, _ in rule.filter(side))
    ignored = frozenset() if follows else frozenset(pair.ignored_columns)
    return ExpectedTable(key, mapped | filtered, ignored)


def _joined(before: ExpectedTable | None, new: ExpectedTable) -> ExpectedTable:
    """One table in several pairs: a column compared in one of them is compared."""
    if before is None:
        return new
    return ExpectedTable(new.key, before.mapped | new.mapped, before.ignored | new.ignored)


def _connector(config: Config, name: str) -> ConnectorFacts | CouldNot:
    side = config.sides[name]
    if side.connect is None:
        return CouldNot(
            "the connector was not looked at", f"sides.{name}.connect: the URL of Kafka Connect"
        )
    timeout_seconds = config.limits.http_timeout_seconds
    return read_connector(side.connect, side.connector, side.topic_prefix, timeout_seconds)


def _database(config: Config, side: Expected) -> DatabaseFacts | CouldNot:
    dsn = config.sides[side.side].database
    where = f"sides.{side.side}.database"
    if dsn is None:
        return CouldNot("the database was not looked at", f"{where}: env:NAME of its DSN")
    try:
        text = dsn.reveal()
    except FigwatchError as error:
        return CouldNot(error.problems[0].cause, error.problems[0].fix)
    return read_database(text, side.tables, config.limits.database_timeout_seconds, where)


def _heartbeat_topics(side: Expected, config: SideConfig) -> list[str]:
    table = config.heartbeat_table
    names = [config.heartbeat_topic, f"{side.topic_prefix}.{table}" if table else None]
    return [name for name in names if name]


Topics = Mapping[str, TopicFacts | CouldNot | None]


def _kafka(
    config: Config, source: Expected, target: Expected, group_name: str | None
) -> tuple[Topics, GroupFacts | CouldNot | None]:
    heartbeats = [
        name
        for side in (source, target)
        for name in _heartbeat_topics(side, config.sides[side.side])
    ]
    wanted = list(dict.fromkeys([*source.topics, *target.topics, *heartbeats]))
    try:
        admin = KafkaAdmin(config.kafka, config.limits.kafka_timeout_seconds)
        present = admin.topics()
        found = {name: present[name] for name in wanted if name in present}
        topics = {**dict.fromkeys(wanted), **_topics(admin, found)}
    except FigwatchError as error:
        away = CouldNot(error.problems[0].cause, error.problems[0].fix)
        return dict.fromkeys(wanted, away), away if group_name else None
    if group_name is None:
        return topics, None
    try:
        group = admin.group(group_name)
        of_source = {name: found[name] for name in source.topics if name in found}
        committed = admin.committed(group_name, of_source)
    except FigwatchError as error:
        return topics, CouldNot(error.problems[0].cause, error.problems[0].fix)
    return topics, GroupFacts(group.name, group.state, group.members, committed)


def _topics(admin: KafkaAdmin, found: Mapping[str, int]) -> dict[str, TopicFacts]:
    settings, spans = admin.topic_settings(found), admin.spans(found)
    sampled = _sample(admin, spans, found)
    facts = {}
    for name, partitions in found.items():
        own = {n: spans[name, n] for n in range(partitions)}
        retention_ms = float(settings[name].get("retention.ms", -1))
        count, keyless, newest_us = sampled.get(name, (0, 0, 0))
        facts[name] = TopicFacts(
            name,
            settings[name].get("cleanup.policy", "delete"),
            None if retention_ms < 0 else retention_ms / 3_600_000,
            float(settings[name].get("retention.bytes", -1)) >= 0,
            {n: span.end for n, span in own.items()},
            tuple(n for n, span in own.items() if span.begin > 0),
            count,
            keyless,
            newest_us,
        )
    return facts


def _sample(
    admin: KafkaAdmin, spans: Mapping[Where, Span], names: Iterable[str]
) -> dict[str, tuple[int, int, int]]:
    """Records looked at, those without a key, and the newest time, by topic."""
    newest = {
        where: Span(max(span.begin, span.end - SAMPLE_RECORDS), span.end)
        for where, span in spans.items()
    }
    seen = dict.fromkeys(names, (0, 0, 0))
    for record in read_spans(admin.kafka, newest, admin.timeout_seconds):
        count, keyless, newest_us = seen[record.topic]
        seen[record.topic] = (
            count + 1,
            keyless + (record.key is None),
            max(newest_us, record.append_us),
        )
    return seen
