"""Readings: how far the replicator has committed, then where the source's partitions end.

Taken several times a second beside the agents and handed to every judge of this worker. The order
matters (see `figwatch.validators.change.Reading`): the committed offset is asked for first, then
the end offset, then the time is noted. An error is counted and yields no reading; nothing is ever
made up in its place.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from figwatch.validators.change import Reading

Where: TypeAlias = tuple[str, int]
Offsets: TypeAlias = Callable[[], Awaitable[Mapping[Where, int]]]


class Readings:
    """Takes a reading of every source partition at an interval.

    `committed` is None when no group is configured: then a reading only says where partitions
    end. `clock_us` is figwatch's own clock, the one the judges use.
    """

    def __init__(
        self,
        committed: Offsets | None,
        ends: Offsets,
        hand_out: Callable[[list[Reading]], None],
        clock_us: Callable[[], int],
        interval_seconds: float,
    ) -> None:
        self._committed, self._ends, self._hand_out = committed, ends, hand_out
        self._clock_us, self._interval_seconds = clock_us, interval_seconds
        self.failures: Counter[str] = Counter()
        """Errors by their name, since this worker started."""
        self.taken = 0
        self.ends: Mapping[Where, int] = {}
        """End offsets of the last reading."""

    async def run(self) -> None:
        """Read for ever; an error costs one reading."""
        while True:
            try:
                self._hand_out(await self.take())
            except Exception as error:  # noqa: BLE001  an unreachable group proves nothing, only
                self.failures[type(error).__name__] += 1
            await asyncio.sleep(self._interval_seconds)

    async def take(self) -> list[Reading]:
        """One reading of every source partition."""
        requested_us = self._clock_us()
        committed = await self._committed() if self._committed is not None else {}
        ends = await self._ends()
        answered_us = self._clock_us()
        self.taken += 1
        self.ends = ends
        return [
            Reading(topic, partition, committed.get((topic, partition)), end,
                    requested_us, answered_us)
            for (topic, partition), end in sorted(ends.items())
        ]  # fmt: skip
