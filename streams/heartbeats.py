"""Heartbeats to barriers: after a heartbeat was read, ask where the side's data partitions end.

Consumption past that end proves the heartbeat's time. Taken from `figwatch.streams.decode_agent`,
sent through the same lanes as the data; `figwatch.validators.stream` uses them.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from figwatch.streams.plan import Plan
from figwatch.streams.sender import Lanes
from figwatch.validators.change import Barrier, Heartbeat, encode

SETTLE_SECONDS = 0.2
"""Wait between a heartbeat and the question for end offsets: Connect's producer writes to several
partitions side by side, so a heartbeat may be visible shortly before data that it covers."""
BARRIERS_PER_SECOND_MAX = 200
"""Barriers slow down beyond this rate, as marks do."""

EndOffsets = Callable[[frozenset[str]], Awaitable[Mapping[tuple[str, int], int]]]


class Heartbeats:
    """Newest heartbeat of each side, until it has become barriers."""

    def __init__(self, plan: Plan, changes: Lanes, end_offsets: EndOffsets) -> None:
        self._plan, self._changes, self._end_offsets = plan, changes, end_offsets
        self._waiting: dict[str, tuple[int, float]] = {}
        self._next_at: dict[str, float] = {}
        self.heard_us: dict[str, int] = {}
        """Newest heartbeat's time by side, in microseconds."""
        self.failures: Counter[str] = Counter()

    def heard(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat; of several that wait the one that proves most counts."""
        side = heartbeat.side
        self.heard_us[side] = max(heartbeat.commit_us, self.heard_us.get(side, 0))
        if not heartbeat.exact and side in self._plan.exact_heartbeats:
            return
        grace_us = 0 if heartbeat.exact else self._plan.grace_us[side]
        proved_us = heartbeat.commit_us - grace_us
        if proved_us > self._waiting.get(side, (0, 0.0))[0]:
            self._waiting[side] = (proved_us, time.monotonic())

    async def tell(self) -> None:
        """Send barriers for heartbeats that have settled. An error costs one heartbeat only."""
        now = time.monotonic()
        for side, (proved_us, heard_at) in list(self._waiting.items()):
            if now - heard_at < SETTLE_SECONDS or now < self._next_at.get(side, 0.0):
                continue
            del self._waiting[side]
            try:
                ends = await self._end_offsets(self._plan.topics_of[side])
            except Exception as error:  # noqa: BLE001  counted; the next heartbeat proves more
                self.failures[type(error).__name__] += 1
                continue
            barriers = [
                (None, encode(Barrier(topic, partition, end, proved_us)))
                for (topic, partition), end in sorted(ends.items())
            ]
            self._changes.put_all(barriers)
            sent = len(barriers) * self._changes.partitions
            self._next_at[side] = now + sent / BARRIERS_PER_SECOND_MAX
