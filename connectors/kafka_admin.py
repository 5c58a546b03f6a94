"""Questions of the commands to Kafka: topics, their settings, offsets, groups. Read only.

`figwatch.connectors.kafka_reader` reads records; the worker has questions of its own.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType

from figwatch.connectors.config import KafkaConfig
from figwatch.connectors.kafka_settings import confluent_settings
from figwatch.validators.errors import FigwatchError

if TYPE_CHECKING:
    from concurrent.futures import Future

Answer = TypeVar("Answer")
ATTEMPTS = 8
"""How often a question is asked while the cluster is settling (a topic just made, a new leader)."""
PAUSE_SECONDS = 0.25
SETTLING = frozenset(
    (
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    )
)
"""Answers that another moment changes. (librdkafka's `retriable()` speaks of its producer only.)"""
Where = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True)
class Span:
    """The offsets of a partition: the first that exists, and the next that will be written."""

    begin: int
    end: int


@dataclass(frozen=True)
class Group:
    """A consumer group. `state` is Kafka's word: Stable, Empty, Dead, ..."""

    name: str
    state: str
    members: int


class KafkaAdmin:
    """The cluster of a configuration. Every question raises `FigwatchError` when no broker
    answers in time.
    """

    def __init__(self, kafka: KafkaConfig, timeout_seconds: float) -> None:
        self.kafka, self.timeout_seconds = kafka, timeout_seconds
        self._seen: list[KafkaError] = []
        settings = confluent_settings(kafka) | {"error_cb": self._seen.append}
        try:
            self._client = AdminClient(settings)
        except KafkaException as error:
            raise unusable_settings(error) from error

    def topics(self) -> dict[str, int]:
        """Every topic that may be seen, with its number of partitions."""
        try:
            listed = self._client.list_topics(timeout=self.timeout_seconds)
        except KafkaException as error:
            raise unreachable(self.kafka, [*self._seen, error.args[0]]) from error
        return {
            name: len(topic.partitions)
            for name, topic in listed.topics.items()
            if topic.error is None
        }

    def topic_settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Settings of existing topics, by Kafka's names (`cleanup.policy`)."""
        wanted = [ConfigResource(ResourceType.TOPIC, name) for name in topics]
        if not wanted:
            return {}
        return self._settled(lambda: self._topic_settings(wanted))

    def _topic_settings(self, wanted: list[ConfigResource]) -> dict[str, dict[str, str]]:
        futures = self._client.describe_configs(wanted, request_timeout=self.timeout_seconds)
        return {
            resource.name: {name: str(entry.value) for name, entry in self._wait(future).items()}
            for resource, future in futures.items()
        }

    def spans(self, topics: Mapping[str, int]) -> dict[Where, Span]:
        """First and end offset of every partition of topics (name to number of partitions)."""
        parts = [TopicPartition(name, n) for name, count in topics.items() for n in range(count)]
        ends = self._settled(lambda: self._offsets(parts, OffsetSpec.latest()))
        begins = self._settled(lambda: self._offsets(parts, OffsetSpec.earliest()))
        return {where: Span(begins[where], end) for where, end in ends.items()}

    def group(self, name: str) -> Group:
        """A consumer group; one that does not exist is Dead and has no members."""
        try:
            described = self._settled(lambda: self._describe(name))
        except FigwatchError as error:
            if isinstance(error.__cause__, KafkaException) and _is_absent(error.__cause__):
                return Group(name, "Dead", 0)
            raise
        state = described.state.name.replace("_", " ").capitalize()
        return Group(name, state, len(described.members))

    def _describe(self, group: str) -> Any:
        futures = self._client.describe_consumer_groups(
            [group], request_timeout=self.timeout_seconds
        )
        return self._wait(futures[group])

    def committed(self, group: str, topics: Mapping[str, int]) -> dict[Where, int]:
        """Committed offsets of a group in those topics, where it has any."""
        parts = [TopicPartition(name, n) for name, count in topics.items() for n in range(count)]
        if not parts:
            return {}
        answer = self._settled(lambda: self._committed(group, parts))
        return {
            (part.topic, part.partition): part.offset
            for part in answer.topic_partitions
            if part.offset >= 0
        }

    def _committed(self, group: str, parts: list[TopicPartition]) -> Any:
        asked = ConsumerGroupTopicPartitions(group, parts)
        futures = self._client.list_consumer_group_offsets(
            [asked], request_timeout=self.timeout_seconds
        )
        return self._wait(futures[group])

    def _settled(self, ask: Callable[[], Answer]) -> Answer:
        """The answer, asked for again while a broker says that another one has it by now."""
        for _ in range(ATTEMPTS - 1):
            try:
                return ask()
            except FigwatchError as error:
                if not is_settling(error):
                    raise
                time.sleep(PAUSE_SECONDS)
        return ask()

    def _offsets(self, parts: list[TopicPartition], spec: OffsetSpec) -> dict[Where, int]:
        if not parts:
            return {}
        futures = self._client.list_offsets(
            dict.fromkeys(parts, spec), request_timeout=self.timeout_seconds
        )
        return {
            (part.topic, part.partition): self._wait(future).offset
            for part, future in futures.items()
        }

    def _wait(self, future: "Future[Any]") -> Any:
        try:
            return future.result(timeout=self.timeout_seconds + 1)
        except KafkaException as error:
            raise refused(self.kafka, error.args[0]) from error
        except TimeoutError as error:
            raise unreachable(self.kafka, self._seen) from error


def is_settling(error: FigwatchError) -> bool:
    """Whether the cluster has only not settled yet, so that the question is worth asking again."""
    cause = error.__cause__
    return isinstance(cause, KafkaException) and cause.args[0].code() in SETTLING


def unreachable(kafka: KafkaConfig, seen: "list[KafkaError]") -> FigwatchError:
    """No broker answered; `seen` holds what librdkafka said meanwhile, the cause among it."""
    codes = {error.code() for error in seen}
    if KafkaError._AUTHENTICATION in codes:  # noqa: SLF001  # the library's public constant
        return FigwatchError(
            "kafka.authentication",
            f"Kafka at {kafka.bootstrap_servers} does not accept the credentials",
            "kafka.sasl_username",
            "correct sasl_mechanism, sasl_username and sasl_password",
        )
    return FigwatchError(
        "kafka.unreachable",
        f"no Kafka broker answers at {kafka.bootstrap_servers}",
        "kafka.bootstrap_servers",
        "start the broker, or correct the address and the security settings",
    )


def refused(kafka: KafkaConfig, error: KafkaError) -> FigwatchError:
    """A broker answered with an error."""
    fix = (
        "docs/permissions.md lists what figwatch must be allowed"
        if _is_denied(error)
        else ("try again; if it stays, look into the broker's log")
    )
    return FigwatchError(
        "kafka.refused",
        f"Kafka at {kafka.bootstrap_servers} refused a question: {error.str()}",
        "kafka",
        fix,
    )


def unusable_settings(error: KafkaException) -> FigwatchError:
    """The client itself does not accept the settings (a certificate file, say)."""
    return FigwatchError(
        "kafka.settings",
        f"the Kafka client does not accept the settings: {error.args[0].str()}",
        "kafka",
        "correct the files and the protocol named there",
    )


def _is_denied(error: KafkaError) -> bool:
    return error.code() in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }


def _is_absent(error: KafkaException) -> bool:
    absent = {KafkaError.GROUP_ID_NOT_FOUND}
    return error.args[0].code() in absent
