"""Questions to the Kafka cluster beside the streams: topics, end offsets, committed offsets.

Asked with aiokafka on the worker's own event loop. (librdkafka's admin client, as of 2.11, aborts
the whole process on a failed assertion when a broker dies under such a question.)
`figwatch.streams.topics` uses it at start, `readings` and `heartbeats` while running.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from figwatch.validators.errors import FigwatchError

SAMPLE_SECONDS = 2.0
"""Longest wait for a sample record: the newest offsets may hold none."""


class Cluster:
    """Clients whose answers are awaited. Every question has the same time limit."""

    def __init__(self, settings: Mapping[str, Any], timeout_seconds: float) -> None:
        self._settings = {**settings, "request_timeout_ms": int(timeout_seconds * 1000)}
        self._timeout_seconds = timeout_seconds
        self._consumer: Any = None
        self._admin: Any = None
        self.partitions: dict[str, int] = {}
        """Partitions of the topics asked for; it only grows."""

    async def start(self) -> None:
        """Connect.

        Raises:
            FigwatchError: no broker answers in time.
        """
        self._consumer = AIOKafkaConsumer(**self._settings, enable_auto_commit=False)
        self._admin = AIOKafkaAdminClient(**self._settings)
        library = logging.getLogger("aiokafka")
        level = library.level
        library.setLevel(logging.CRITICAL)  # the error below says it, once and with its fix
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._consumer.start()
                await self._admin.start()
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            raise FigwatchError(
                "kafka.unreachable",
                f"no Kafka broker answers at {self._settings['bootstrap_servers']}",
                "kafka.bootstrap_servers",
                "start the broker, or correct the address and the security settings",
            ) from error
        finally:
            library.setLevel(level)

    async def stop(self) -> None:
        """Disconnect."""
        for client in (self._admin, self._consumer):
            with contextlib.suppress(KafkaError, AttributeError):
                await (client.close() if client is self._admin else client.stop())

    async def describe(self, topics: Iterable[str]) -> dict[str, int]:
        """Partition counts of those topics that exist. Asks for all, which creates none.

        Raises:
            KafkaError: no broker answered.
        """
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001
        counts = {name: len(cluster.partitions_for_topic(name) or ()) for name in topics}
        found = {name: count for name, count in counts.items() if count}
        for name, count in found.items():
            self.partitions[name] = max(count, self.partitions.get(name, 0))
        return found

    async def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """End offset of every partition of topics described before.

        Raises:
            KafkaError: a broker did not answer.
        """
        ends = await self._consumer.end_offsets(self._known(topics))
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def committed(self, group: str, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """Committed offsets of a group, where it has any.

        Raises:
            KafkaError: the group's coordinator did not answer.
        """
        known = self._known(topics)
        answer = await self._admin.list_consumer_group_offsets(group, partitions=known)
        return {
            (tp.topic, tp.partition): found.offset
            for tp, found in answer.items()
            if found.offset >= 0
        }

    async def group_exists(self, group: str) -> bool:
        """Whether a group of that name is known to a broker; no, where brokers cannot list.

        Raises:
            KafkaError: a broker did not answer.
        """
        try:
            return any(name == group for name, *_ in await self._admin.list_consumer_groups())
        except IncompatibleBrokerVersion:
            return False

    async def create(
        self, topic: str, partitions: int, replicas: int, settings: Mapping[str, str]
    ) -> None:
        """Create a topic of figwatch's own; one that another worker has just made is as good.

        Raises:
            FigwatchError: the broker refuses.
        """
        new = NewTopic(topic, partitions, replicas, topic_configs=dict(settings))
        response = await self._admin.create_topics([new])
        _, code, *reason = response.topic_errors[0]
        if code not in (0, TopicAlreadyExistsError.errno):
            raise FigwatchError(
                "kafka.create-failed",
                f"the topic {topic} cannot be created: {for_code(code).__name__} {reason}",
                "",
                "give figwatch the right to create it, or create it as docs/permissions.md says",
            )

    async def samples(self, topics: Iterable[str]) -> list[Any]:
        """The first and the newest record of every partition, as aiokafka's ConsumerRecords.

        Where two schemas write a value differently and no type is configured, the decoder must
        know what they have in common before the first comparison, in every worker alike.

        Raises:
            KafkaError: a broker did not answer.
        """
        parts, found = self._known(topics), []
        async with AIOKafkaConsumer(**self._settings, enable_auto_commit=False) as reader:
            begins, ends = await reader.beginning_offsets(parts), await reader.end_offsets(parts)
            for tp in parts:
                reader.assign([tp])
                for offset in {begins[tp], ends[tp] - 1} if ends[tp] > begins[tp] else ():
                    reader.seek(tp, offset)
                    with contextlib.suppress(TimeoutError):
                        found.append(await asyncio.wait_for(reader.getone(), SAMPLE_SECONDS))
        return found

    def _known(self, topics: Iterable[str]) -> list[Any]:
        return [
            TopicPartition(topic, number)
            for topic in sorted(topics)
            for number in range(self.partitions.get(topic, 0))
        ]
