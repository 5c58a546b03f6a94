"""Questions to the Kafka cluster beside the streams: topics, end offsets, committed offsets.

Answers come from librdkafka's own thread, so that a slow broker never holds the event loop up.
`figwatch.streams.topics` uses it at start, `readings` and `heartbeats` while running.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from figwatch.validators.errors import FigwatchError


class Cluster:
    """An admin client whose answers are awaited. Every question has the same time limit."""

    def __init__(self, settings: Mapping[str, Any], timeout_seconds: float) -> None:
        self._client = AdminClient(dict(settings))
        self._servers = settings["bootstrap.servers"]
        self._timeout_seconds = timeout_seconds
        self.partitions: dict[str, int] = {}
        """Partitions of the topics last asked for; it only grows."""

    async def describe(self, topics: Iterable[str]) -> dict[str, int]:
        """Partition counts of those topics that exist.

        Raises:
            FigwatchError: no broker answers in time.
        """
        try:
            listed = await asyncio.to_thread(
                self._client.list_topics, timeout=self._timeout_seconds
            )
        except KafkaException as error:
            raise FigwatchError(
                "kafka.unreachable",
                f"no Kafka broker answers at {self._servers}: {error.args[0].str()}",
                "kafka.bootstrap_servers",
                "start the broker, or correct the address and the security settings",
            ) from error
        found = {
            name: len(listed.topics[name].partitions)
            for name in topics
            if name in listed.topics and listed.topics[name].error is None
        }
        for name, count in found.items():
            self.partitions[name] = max(count, self.partitions.get(name, 0))
        return found

    async def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """End offset of every partition of topics described before.

        Raises:
            KafkaException: a broker did not answer.
        """
        asked = {tp: OffsetSpec.latest() for tp in self._known(topics)}
        if not asked:
            return {}
        futures = self._client.list_offsets(asked, request_timeout=self._timeout_seconds)
        return {
            (tp.topic, tp.partition): (await asyncio.wrap_future(future)).offset
            for tp, future in futures.items()
        }

    async def committed(self, group: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Committed offsets of a group, where it has any.

        Raises:
            KafkaException: the group's coordinator did not answer.
        """
        asked = ConsumerGroupTopicPartitions(group, self._known(topics))
        future = self._client.list_consumer_group_offsets(
            [asked], request_timeout=self._timeout_seconds
        )[group]
        answer = await asyncio.wrap_future(future)
        return {
            (tp.topic, tp.partition): tp.offset
            for tp in answer.topic_partitions
            if tp.offset >= 0 and tp.error is None
        }

    async def group_exists(self, group: str) -> bool:
        """Whether a group of that name is known to a broker.

        Raises:
            KafkaException: no broker answered.
        """
        future = self._client.list_consumer_groups(request_timeout=self._timeout_seconds)
        listed = await asyncio.wrap_future(future)
        return any(known.group_id == group for known in listed.valid)

    async def create(
        self, topic: str, partitions: int, replicas: int, settings: Mapping[str, str]
    ) -> None:
        """Create a topic of figwatch's own; one that another worker has just made is as good.

        Raises:
            FigwatchError: the broker refuses.
        """
        new = NewTopic(topic, partitions, replicas, config=dict(settings))
        future = self._client.create_topics([new], request_timeout=self._timeout_seconds)[topic]
        try:
            await asyncio.wrap_future(future)
        except KafkaException as error:
            if error.args[0].name() == "TOPIC_ALREADY_EXISTS":
                return
            raise FigwatchError(
                "kafka.create-failed",
                f"the topic {topic} cannot be created: {error.args[0].str()}",
                "",
                "give figwatch the right to create it, or create it as docs/permissions.md says",
            ) from error

    def _known(self, topics: Iterable[str]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number)
            for topic in sorted(topics)
            for number in range(self.partitions.get(topic, 0))
        ]
