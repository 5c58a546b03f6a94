"""What runs beside the agents: telling marks and barriers, looking after the group membership and
after topics that are made anew. An error in any of it crashes the app, as one in an agent does.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.errors import KafkaError

from figwatch.connectors.kafka.cluster import Cluster
from figwatch.streams.agreement import SPREAD_SECONDS, SharedAgreement
from figwatch.streams.decode_agent import DecodeAgent
from figwatch.streams.heartbeats import Heartbeats
from figwatch.streams.plan import Plan
from figwatch.streams.topics import made_anew

ENDS_SECONDS = 5.0
"""Time between two looks for topics that were made anew."""
TELL_SECONDS = 0.1
"""Time between two looks for marks and heartbeats that may be sent."""

log = logging.getLogger("figwatch")


class Upkeep:
    """`applied` says how far the judges of this worker have applied each raw partition."""

    def __init__(
        self,
        app: Any,
        plan: Plan,
        cluster: Cluster,
        *,
        decode: DecodeAgent,
        agreement: SharedAgreement,
        heartbeats: Heartbeats,
        applied: Callable[[], Mapping[tuple[str, int], int]],
    ) -> None:
        self._app, self._plan, self._cluster = app, plan, cluster
        self._decode, self._agreement, self._heartbeats = decode, agreement, heartbeats
        self._applied = applied

    async def tell(self) -> None:
        marks_at = 0.0
        try:
            while True:
                await asyncio.sleep(TELL_SECONDS)
                await self._app.consumer.check()
                if time.monotonic() >= marks_at:
                    self._decode.tell(self._app.consumer.origins)
                    marks_at = time.monotonic() + self._decode.mark_seconds
                await self._heartbeats.tell()
        except Exception as error:  # noqa: BLE001
            await self._app.crash(error)

    async def agree(self) -> None:
        """Share what is learned of the users' schemas with the other workers."""
        try:
            await self._agreement.begin()
            while True:
                await asyncio.sleep(SPREAD_SECONDS / 2)
                with contextlib.suppress(KafkaError):  # asked again soon
                    await self._agreement.follow()
                await self._agreement.settle()
        except Exception as error:  # noqa: BLE001
            await self._app.crash(error)

    async def watch_ends(self) -> None:
        """Crash when a raw topic was deleted and made anew."""
        suspects: set[tuple[str, int]] = set()
        try:
            while True:
                await asyncio.sleep(ENDS_SECONDS)
                with contextlib.suppress(KafkaError):  # asked again soon
                    suspects = await self._look(suspects)
        except Exception as error:  # noqa: BLE001
            await self._app.crash(error)

    async def _look(self, suspects: set[tuple[str, int]]) -> set[tuple[str, int]]:
        """Partitions that end before what was applied of them.

        Once may be a new leader that has not caught up.

        Raises:
            ConfigurationError: one of `suspects` still does.
        """
        applied = self._applied()
        ends = await self._cluster.end_offsets(self._plan.data_topics)
        short = {at for at, end in ends.items() if applied.get(at, 0) > end}
        for at in short & suspects:
            raise made_anew(at, applied[at], ends[at])
        return short
