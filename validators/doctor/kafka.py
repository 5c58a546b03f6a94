"""The doctor on Kafka: raw topics and the replicator's consumer group. Pure.

Called by `figwatch.validators.doctor.checks`.
"""

from collections.abc import Mapping

from figwatch.validators.doctor.facts import (
    Check,
    CouldNot,
    Expected,
    GroupFacts,
    Limits,
    Outcome,
    TopicFacts,
    could_not,
)


def assess_topic(name: str, topic: TopicFacts | CouldNot | None, limits: Limits) -> list[Check]:
    """A raw topic must keep every record, with its key, for as long as a replay needs."""
    if isinstance(topic, CouldNot):
        return [could_not("topic", name, topic)]
    if topic is None:
        return [
            Check(
                "topic",
                name,
                Outcome.WRONG,
                "the topic does not exist",
                "correct topic_prefix and the pair's table; Debezium creates the topic with the "
                "first record, so check the connector's table.include.list too",
            )
        ]
    checks = []
    if "compact" in topic.cleanup_policy:
        checks.append(
            Check(
                "topic",
                name,
                Outcome.WRONG,
                "the topic is compacted: versions disappear, and healthy keys may look divergent",
                f"kafka-configs --alter --topic {name} --add-config cleanup.policy=delete",
            )
        )
    hours = topic.retention_hours
    if hours is not None and hours < limits.retention_min_hours:
        ms = round(limits.retention_min_hours * 3_600_000)
        checks.append(
            Check(
                "topic",
                name,
                Outcome.WEAK,
                f"records are kept for {hours:g} hours, a replay needs "
                f"{limits.retention_min_hours:g}",
                f"kafka-configs --alter --topic {name} --add-config retention.ms={ms}",
            )
        )
    if topic.bytes_bound:
        checks.append(
            Check(
                "topic",
                name,
                Outcome.NOTE,
                "records are dropped by size too (retention.bytes): a burst shortens their time",
                f"kafka-configs --alter --topic {name} --add-config retention.bytes=-1",
            )
        )
    if topic.begun_late:
        partitions = ", ".join(map(str, topic.begun_late))
        checks.append(
            Check(
                "topic",
                name,
                Outcome.NOTE,
                f"the first records of partition {partitions} are gone: keys are known from their "
                "next event or snapshot on",
                "an incremental snapshot shows the rows again",
            )
        )
    if topic.keyless:
        checks.append(
            Check(
                "topic",
                name,
                Outcome.WRONG,
                f"{topic.keyless} of the {topic.sampled} newest records have no key, so that no "
                "verdict on their rows is possible",
                'give the table a primary key, or set "message.key.columns" in the connector',
            )
        )
    return checks or [Check("topic", name, Outcome.OK, "every record is kept, with its key")]


def assess_heartbeat_topic(
    side: Expected, topics: Mapping[str, TopicFacts | CouldNot | None], now_us: int, limits: Limits
) -> list[Check]:
    """Heartbeats must be configured, there, and fresh; on the side that follows, better as rows."""
    subject = side.side
    table_topic = f"{side.topic_prefix}.{side.heartbeat_table}" if side.heartbeat_table else None
    wanted = [topic for topic in (table_topic, side.heartbeat_topic) if topic]
    if not wanted:
        return [
            Check(
                "heartbeat",
                subject,
                Outcome.WEAK,
                "no heartbeat is configured: while the side is idle nothing can be verified",
                f"set heartbeat.interval.ms in the connector and sides.{side.side}.heartbeat_topic:"
                f" __debezium-heartbeat.{side.topic_prefix}",
            )
        ]
    checks = []
    if side.follows and table_topic is None:
        checks.append(
            Check(
                "heartbeat",
                subject,
                Outcome.WEAK,
                "the side that follows has plain heartbeats only: they prove the connector's clock,"
                " not its place in the log",
                "set heartbeat.action.query in the connector to an upsert into a table that it "
                f"captures, and sides.{side.side}.heartbeat_table",
            )
        )
    for name in wanted:
        checks += _fresh(subject, name, topics.get(name), now_us, limits)
    return checks


def _fresh(
    subject: str, name: str, topic: TopicFacts | CouldNot | None, now_us: int, limits: Limits
) -> list[Check]:
    if isinstance(topic, CouldNot):
        return [could_not("heartbeat", subject, topic)]
    remedy = "check heartbeat.interval.ms and that the connector runs"
    if topic is None:
        return [
            Check("heartbeat", subject, Outcome.WEAK, f"the topic {name} does not exist", remedy)
        ]
    if not topic.newest_us:
        return [Check("heartbeat", subject, Outcome.WEAK, f"{name} holds no heartbeat", remedy)]
    age_us = now_us - topic.newest_us
    if age_us > limits.heartbeat_age_max_us:
        cause = f"the newest heartbeat in {name} is {age_us / 1e6:.0f} s old"
        return [Check("heartbeat", subject, Outcome.WEAK, cause, remedy)]
    return [Check("heartbeat", subject, Outcome.OK, f"fresh in {name}")]


def assess_group(
    side: Expected,
    name: str | None,
    group: GroupFacts | CouldNot | None,
    source_topics: tuple[str, ...],
    topics: Mapping[str, TopicFacts | CouldNot | None],
) -> list[Check]:
    """The replicator's committed offsets are what proves a loss."""
    where = f"sides.{side.side}.consumer_group"
    if name is None:
        return [
            Check(
                "consumer_group",
                side.side,
                Outcome.WEAK,
                "no consumer group is configured: a loss is only inferred from time",
                f"name the replicator's group in {where}; for a sink connector it is connect-NAME",
            )
        ]
    if group is None:
        return []
    if isinstance(group, CouldNot):
        return [could_not("consumer_group", name, group)]
    if not group.committed:
        return [
            Check(
                "consumer_group",
                name,
                Outcome.WRONG if group.state == "Dead" else Outcome.WEAK,
                "the group has committed nothing in the source's topics: "
                f"{', '.join(source_topics)}",
                f"correct {where}; the group must be the one that applies them, and commit after "
                "its write",
            )
        ]
    checks = []
    if not group.members:
        checks.append(
            Check(
                "consumer_group",
                name,
                Outcome.WEAK,
                "the group has no member: nothing is being replicated",
                "start the replicator",
            )
        )
    uncommitted = _uncommitted(group, source_topics, topics)
    if uncommitted:
        checks.append(
            Check(
                "consumer_group",
                name,
                Outcome.WEAK,
                f"nothing is committed in {', '.join(uncommitted)}: no loss there can be proved",
                "make the replicator subscribe to these topics and commit there",
            )
        )
    checks.append(
        Check(
            "consumer_group",
            name,
            Outcome.NOTE,
            "a proof by committed offsets rests on a replicator that commits after its write is "
            "committed, and that goes back only by committing an earlier offset",
            "ask those who wrote it",
        )
    )
    return checks


def _uncommitted(
    group: GroupFacts,
    source_topics: tuple[str, ...],
    topics: Mapping[str, TopicFacts | CouldNot | None],
) -> list[str]:
    """Partitions with records in which the group has committed nothing."""
    found = []
    for name in source_topics:
        topic = topics.get(name)
        if isinstance(topic, TopicFacts):
            found += [
                f"{name}[{partition}]"
                for partition, end in sorted(topic.ends.items())
                if end and (name, partition) not in group.committed
            ]
    return found
