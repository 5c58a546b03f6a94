"""Before a worker starts: the users' topics are there, figwatch's own are made and fit.

Everything that is wrong is said at once, with its fix. `figwatch.streams.app` goes on from here.
"""

from dataclasses import dataclass

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.cluster import Cluster
from figwatch.streams.plan import Plan
from figwatch.validators.errors import ConfigurationError, Problem

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class InternalTopic:
    """A topic of figwatch's own. `settings` are Kafka's."""

    name: str
    partitions: int
    settings: tuple[tuple[str, str], ...]


def internal_topics(plan: Plan, config: Config) -> tuple[InternalTopic, ...]:
    """Return what figwatch needs. State and results are compacted, traffic expires."""
    count = config.worker.internal_partitions
    kept_ms = str(round(config.worker.changes_retention_hours * _HOUR_MS))
    expires = (("cleanup.policy", "delete"), ("retention.ms", kept_ms))
    compacted = (("cleanup.policy", "compact"),)
    return (
        InternalTopic(plan.changes, count, expires),
        InternalTopic(plan.changelog, count, compacted),
        InternalTopic(plan.findings, count, compacted),
        InternalTopic(plan.summaries, count, compacted),
        InternalTopic(plan.dead_letters, 1, expires),
        InternalTopic(plan.sweeps, 1, expires),
        InternalTopic(plan.schemas, 1, compacted),
    )


async def prepare(cluster: Cluster, plan: Plan, config: Config) -> dict[str, int]:
    """Check the users' topics and group, make figwatch's own topics; returns partition counts.

    Raises:
        ConfigurationError: topics or the group are missing, or do not fit.
        FigwatchError: no broker answers, or a topic cannot be created.
    """
    wanted = internal_topics(plan, config)
    found = await cluster.describe({*plan.raw_topics, *(t.name for t in wanted)})
    problems = [*_missing(plan, config, found), *_unfit(wanted, found)]
    if plan.group is not None and not await _group_exists(cluster, plan, plan.group):
        problems.append(_no_group(plan))
    if problems:
        raise ConfigurationError.of(tuple(problems))
    replicas = config.worker.internal_replication_factor
    for topic in wanted:
        if topic.name not in found:
            await cluster.create(topic.name, topic.partitions, replicas, dict(topic.settings))
    made = {t.name: t.partitions for t in wanted if t.name not in found}
    cluster.partitions.update(made)
    return found | made


async def _group_exists(cluster: Cluster, plan: Plan, group: str) -> bool:
    """Whether the group has committed something here, or at least is known."""
    committed = await cluster.committed(group, plan.topics_of[plan.source_side])
    return bool(committed) or await cluster.group_exists(group)


def _missing(plan: Plan, config: Config, found: dict[str, int]) -> list[Problem]:
    """Topics of the users that do not exist. figwatch would never create them."""
    problems = []
    for side, topics in plan.topics_of.items():
        fix = (
            f"check sides.{side}.topic_prefix and the pairs' tables against the connector's "
            "table.include.list; Debezium creates a topic with the table's first record"
        )
        problems += [
            Problem("kafka.no-topic", f"the topic {t} of side {side} does not exist", "pairs", fix)
            for t in sorted(topics)
            if t not in found
        ]
    for side, topics in plan.heartbeat_topics.items():
        fix = "set heartbeat.interval.ms on the connector, or remove the setting"
        where = f"sides.{side}.heartbeat_topic"
        if config.sides[side].heartbeat_topic is None:
            where = f"sides.{side}.heartbeat_table"
        problems += [
            Problem("kafka.no-heartbeats", f"the heartbeat topic {t} does not exist", where, fix)
            for t in sorted(topics)
            if t not in found
        ]
    return problems


def _unfit(wanted: tuple[InternalTopic, ...], found: dict[str, int]) -> list[Problem]:
    """Figwatch's own topics whose partitions are not what the setting says."""
    return [
        Problem(
            "kafka.partitions-changed",
            f"the topic {t.name} has {found[t.name]} partitions, not {t.partitions}",
            "worker.internal_partitions",
            f"set it to {found[t.name]}, or stop all workers and delete figwatch's own topics "
            "to begin anew",
        )
        for t in wanted
        if t.partitions > 1 and found.get(t.name, t.partitions) != t.partitions
    ]


def _no_group(plan: Plan) -> Problem:
    return Problem(
        "kafka.no-group",
        f"the consumer group {plan.group} does not exist",
        f"sides.{plan.target_side}.consumer_group",
        "start the replicator first, correct the name, or remove the setting "
        "(divergence is then proved only by time)",
    )


def made_anew(where: tuple[str, int], known: int, offset: int) -> ConfigurationError:
    """Say that offsets went back. Going on would drop records and look like a healthy silence."""
    return ConfigurationError(
        "kafka.topic-made-anew",
        f"offsets of {where[0]}, partition {where[1]}, went back from {known} to {offset}: "
        "the topic was deleted and made anew, and what figwatch knows is of the old one",
        "migration",
        "stop all workers and begin anew: delete figwatch's own topics and its consumer group, "
        "or give the migration another name",
    )
