"""Questions of the commands to Kafka: topics, their settings, offsets, groups. Read only.

`figwatch.connectors.kafka.cluster` asks them; `figwatch.connectors.kafka.reader` reads records.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    GroupIdNotFound,
    KafkaError,
    TopicAuthorizationFailedError,
)

from figwatch.connectors.config.root import KafkaConfig
from figwatch.connectors.kafka.cluster import Cluster, Where
from figwatch.connectors.kafka.errors import refused, unreachable, unusable_settings
from figwatch.connectors.kafka.settings import aiokafka_settings
from figwatch.validators.errors import FigwatchError

Answer = TypeVar("Answer")
ATTEMPTS = 8
"""How often a question is asked while the cluster is settling (a topic just made, a new leader)."""
PAUSE_SECONDS = 0.25

_DENIED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
)


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
    """The cluster of a configuration. Every question connects anew and raises `FigwatchError` when
    no broker answers in time. Not to be asked from an event loop: it would stand still.
    """

    def __init__(self, kafka: KafkaConfig, timeout_seconds: float) -> None:
        self.kafka, self.timeout_seconds = kafka, timeout_seconds
        try:
            self._settings = aiokafka_settings(kafka)
        except OSError as error:
            raise unusable_settings(str(error)) from error

    def topics(self) -> dict[str, int]:
        """Every topic that may be seen, with its number of partitions."""
        return self._ask({}, lambda cluster: cluster.topics())

    def topic_settings(self, topics: Iterable[str]) -> dict[str, dict[str, str]]:
        """Settings of existing topics, by Kafka's names (`cleanup.policy`)."""
        wanted = list(topics)
        return self._ask({}, lambda cluster: cluster.settings(wanted)) if wanted else {}

    def spans(self, topics: Mapping[str, int]) -> dict[Where, Span]:
        """First and end offset of every partition of topics (name to number of partitions)."""

        async def spans(cluster: Cluster) -> dict[Where, Span]:
            ends = await cluster.end_offsets(topics)
            firsts = await cluster.first_offsets(topics)
            return {where: Span(firsts[where], end) for where, end in ends.items()}

        return self._ask(topics, spans) if any(topics.values()) else {}

    def group(self, name: str) -> Group:
        """A consumer group; one that does not exist is Dead and has no members."""
        try:
            state, members = self._ask({}, lambda cluster: cluster.group(name))
        except FigwatchError as error:
            if isinstance(error.__cause__, GroupIdNotFound):
                return Group(name, "Dead", 0)
            raise
        return Group(name, state, members)

    def committed(self, group: str, topics: Mapping[str, int]) -> dict[Where, int]:
        """Committed offsets of a group in those topics, where it has any."""
        return self._ask(topics, lambda cluster: cluster.committed(group, topics))

    def _ask(
        self, topics: Mapping[str, int], question: Callable[[Cluster], Awaitable[Answer]]
    ) -> Answer:
        return asyncio.run(self._asked(topics, question))

    async def _asked(
        self, topics: Mapping[str, int], question: Callable[[Cluster], Awaitable[Answer]]
    ) -> Answer:
        """The answer, asked for again while a broker says that another one has it by now.

        Raises:
            FigwatchError: no broker answers, or one refuses.
        """
        servers = self.kafka.bootstrap_servers
        cluster = Cluster(self._settings, self.timeout_seconds)
        await cluster.start()
        cluster.partitions.update(topics)
        attempts = ATTEMPTS
        try:
            while True:
                attempts -= 1
                try:
                    async with asyncio.timeout(self.timeout_seconds):
                        return await question(cluster)
                except KafkaError as error:
                    if not (is_settling(error) and attempts):
                        denied = isinstance(error, _DENIED)
                        raise refused(servers, str(error), denied=denied) from error
                except TimeoutError as error:
                    raise unreachable(servers) from error
                await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await cluster.stop()


def is_settling(error: KafkaError) -> bool:
    """Whether a cluster may answer soon: a leader or a coordinator is being chosen."""
    return bool(error.retriable)
