"""Questions to the Kafka cluster, asked with aiokafka: topics, settings, offsets, groups.

(librdkafka's admin client, as of 2.11, aborts the whole process on a failed assertion when a
broker dies under such a question.) The worker awaits the answers on its own event loop; the
commands ask through `figwatch.connectors.kafka.admin`.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAlreadyExistsError,
    UnsupportedSaslMechanismError,
    for_code,
)

from figwatch.connectors.kafka.errors import not_accepted, unreachable
from figwatch.validators.errors import FigwatchError

SAMPLE_SECONDS = 2.0
"""Longest wait for a sample record: the newest offsets may hold none."""

Where = tuple[str, int]
"""Topic and partition."""

_NOT_ACCEPTED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)


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
            FigwatchError: no broker answers in time, or none accepts the credentials.
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
            raise await self._why_not() from error
        finally:
            library.setLevel(level)

    async def stop(self) -> None:
        """Disconnect."""
        for client in (self._admin, self._consumer):
            with contextlib.suppress(KafkaError, AttributeError):
                await (client.close() if client is self._admin else client.stop())

    async def topics(self) -> dict[str, int]:
        """Every topic that may be seen, with its number of partitions. Asking creates none.

        Raises:
            KafkaError: no broker answered.
        """
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001
        counts = {t: len(cluster.partitions_for_topic(t) or ()) for t in cluster.topics()}
        return {name: count for name, count in counts.items() if count}

    async def describe(self, topics: Iterable[str]) -> dict[str, int]:
        """Partition counts of those topics that exist; from now on their offsets can be had.

        Raises:
            KafkaError: no broker answered.
        """
        present = await self.topics()
        found = {name: present[name] for name in topics if name in present}
        for name, count in found.items():
            self.partitions[name] = max(count, self.partitions.get(name, 0))
        return found

    async def settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Settings of existing topics, by Kafka's names (`cleanup.policy`).

        Raises:
            KafkaError: a broker did not answer, or refused.
        """
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
        found: dict[str, dict[str, str]] = {}
        for response in await self._admin.describe_configs(wanted) if wanted else ():
            for code, reason, _, name, entries in response.resources:
                if code:
                    raise for_code(code)(f"{name}: {reason}")
                found[name] = {entry[0]: str(entry[1]) for entry in entries}
        return found

    async def end_offsets(self, topics: Iterable[str]) -> dict[Where, int]:
        """End offset of every partition of topics described before.

        Raises:
            KafkaError: a broker did not answer.
        """
        ends = await self._consumer.end_offsets(self._known(topics))
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    async def first_offsets(self, topics: Iterable[str]) -> dict[Where, int]:
        """First offset that exists of every partition of topics described before.

        Raises:
            KafkaError: a broker did not answer.
        """
        firsts = await self._consumer.beginning_offsets(self._known(topics))
        return {(tp.topic, tp.partition): first for tp, first in firsts.items()}

    async def committed(self, group: str, topics: Iterable[str]) -> dict[Where, int]:
        """Committed offsets of a group, where it has any.

        Raises:
            KafkaError: the group's coordinator did not answer.
        """
        known = self._known(topics)
        if not known:  # asked for nothing, the client would answer with everything
            return {}
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

    async def group(self, name: str) -> tuple[str, int]:
        """State of a group in Kafka's word (Stable, Empty, Dead, ...), and how many members.

        Raises:
            KafkaError: the group's coordinator did not answer, or refused.
        """
        (response,) = await self._admin.describe_consumer_groups([name])
        code, _, state, _, _, members, *_ = response.groups[0]
        if code:
            raise for_code(code)(f"the group {name} cannot be described")
        return state, len(members)

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

    async def records(self, topic: str, partition: int, offset: int = 0) -> AsyncIterator[Any]:
        """A partition's records from an offset to its present end, as aiokafka's ConsumerRecords.

        Raises:
            KafkaError: a broker did not answer.
        """
        part = TopicPartition(topic, partition)
        end = (await self._consumer.end_offsets([part]))[part]
        if end <= offset:
            return
        async with AIOKafkaConsumer(**self._settings, enable_auto_commit=False) as reader:
            reader.assign([part])
            reader.seek(part, offset)
            while await reader.position(part) < end:
                for records in (await reader.getmany(timeout_ms=500)).values():
                    for record in records:
                        yield record

    def _known(self, topics: Iterable[str]) -> list[Any]:
        return [
            TopicPartition(topic, number)
            for topic in sorted(topics)
            for number in range(self.partitions.get(topic, 0))
        ]

    async def _why_not(self) -> FigwatchError:
        """The clients tell their log, and nobody else, why no broker took them: try once more."""
        servers = self._settings["bootstrap_servers"]
        if self._settings.get("security_protocol", "").startswith("SASL"):
            for server in servers.split(","):
                host, _, port = server.strip().rpartition(":")
                try:
                    async with asyncio.timeout(self._timeout_seconds):
                        (await create_conn(host, int(port), **self._connection())).close()
                except _NOT_ACCEPTED:
                    return not_accepted(servers)
                except (KafkaError, OSError, TimeoutError, ValueError):
                    continue
        return unreachable(servers)

    def _connection(self) -> dict[str, Any]:
        return {k: v for k, v in self._settings.items() if k != "bootstrap_servers"}
