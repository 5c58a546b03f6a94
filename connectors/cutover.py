"""Facts for a cutover out of Kafka, and the record of a turn. Reading changes nothing; a turn is
written to figwatch's own topic only. `figwatch.validators.writes.cutover` judges.
"""

import msgspec
from confluent_kafka import KafkaException, Producer

from figwatch.connectors.config.root import Config
from figwatch.connectors.kafka.admin import KafkaAdmin
from figwatch.connectors.kafka.settings import confluent_settings
from figwatch.connectors.stage_evidence.gate import sync_view
from figwatch.validators.errors import ConfigurationError, FigwatchError
from figwatch.validators.writes.cutover import CutoverFacts
from figwatch.validators.writes.records import Turn

_ENCODER = msgspec.msgpack.Encoder()


def lead_of(config: Config, side: str) -> int:
    """0 where a side is the configuration's authority, 1 for the other.

    Raises:
        ConfigurationError: it is no side.
    """
    if side not in config.sides:
        raise ConfigurationError(
            "cutover.unknown-side", f"`{side}` is not a side", "--to",
            f"the sides are {' and '.join(config.sides)}",
        )  # fmt: skip
    return 0 if side == config.authority else 1


def pairs_of(config: Config, names: list[str]) -> tuple[str, ...]:
    """The pairs that are meant; all where none is named.

    Raises:
        ConfigurationError: one of them does not exist.
    """
    known = [pair.name for pair in config.pairs]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(
            "cutover.unknown-pair", f"there is no pair `{unknown[0]}`", "--pair",
            f"the pairs are {', '.join(known)}",
        )  # fmt: skip
    return tuple(names or known)


def read_facts(config: Config, pairs: tuple[str, ...], lead: int, fenced_us: int) -> CutoverFacts:
    """Look at figwatch's summaries, then at where the leader's topics end and the replicator is.

    Raises:
        FigwatchError: Kafka does not answer.
    """
    view = sync_view(config)
    leader, follower = config.source_side, config.target_side
    chosen = [pair for pair in config.pairs if pair.name in pairs]
    topics = {t for pair in chosen for t in config.source_topics(pair)}
    if lead == 0:
        leader, follower = follower, leader
        topics = {t for pair in chosen for t in config.target_topics(pair)}
    admin = KafkaAdmin(config.kafka, config.limits.kafka_timeout_seconds)
    known = admin.topics()
    wanted = {topic: known[topic] for topic in topics if topic in known}
    ends = {where: span.end for where, span in admin.spans(wanted).items()}
    group = config.sides[follower].consumer_group
    committed = admin.committed(group, wanted) if group is not None else None
    return CutoverFacts(
        view, pairs, lead, leader, follower, fenced_us, ends, committed,
        frozenset(pair.name for pair in config.pairs if pair.two_way),
    )  # fmt: skip


def record_turn(config: Config, pairs: tuple[str, ...], at_us: int, lead: int) -> int:
    """Tell every internal partition that authority moves; returns how many heard of it.

    Raises:
        FigwatchError: Kafka does not take it, or no worker has made the topic.
    """
    topic, timeout = f"{config.app}-changes", config.limits.kafka_timeout_seconds
    settings = confluent_settings(config.kafka, "figwatch-cutover") | {
        "acks": "all",
        "enable.idempotence": True,
    }
    failures: list[str] = []
    producer = Producer(settings)
    try:
        topics = producer.list_topics(topic, timeout).topics
        partitions = len(topics[topic].partitions) if topic in topics else 0
        for partition in range(partitions):
            for pair in pairs:
                producer.produce(
                    topic,
                    _ENCODER.encode(Turn(pair, at_us, lead)),
                    partition=partition,
                    on_delivery=lambda error, _: failures.append(error.str()) if error else None,
                )
        left = producer.flush(timeout)
    except KafkaException as error:
        raise FigwatchError(
            "kafka.unreachable", f"Kafka does not answer: {error.args[0].str()}",
            "kafka.bootstrap_servers", "check the address, then record the turn again",
        ) from None  # fmt: skip
    if not partitions:
        raise FigwatchError(
            "cutover.no-worker", f"there is no topic {topic}: no `figwatch run` has made it",
            fix="start `figwatch run`",
        )  # fmt: skip
    if left or failures:
        raise FigwatchError(
            "cutover.not-recorded",
            f"{left + len(failures)} partitions were not told of the turn",
            fix="record it again with the same --at: those that know it take no harm",
        )
    return partitions
