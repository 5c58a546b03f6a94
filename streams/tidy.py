"""Bounds what `<app>-findings` keeps: resolved findings go when they are old, or too many.

Compaction keeps the newest record of every finding for ever, and the commands read them all. Open
findings stay, and so do the counts, which are in the summaries. Each worker looks through the
partitions whose judges it holds, because only their findings stand there.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from figwatch.streams.sender import KeyValue
from figwatch.validators.finding import decode_finding

TIDY_SECONDS = 3600.0
"""Time between two looks; the first comes after one of them."""
TOMBSTONES_MAX = 10_000
"""Most findings that one look drops from a partition: the rest goes at the next."""

Read = Callable[[int], AsyncIterator[Any]]
"""Reads the records of a partition of the topic to its end."""

log = logging.getLogger("figwatch")


class Tidy:
    """`held` are the partitions of this worker; of each, `resolved_max` findings are kept."""

    def __init__(
        self,
        *,
        held: Callable[[], Iterable[int]],
        read: Read,
        write: Callable[[int, list[KeyValue]], Awaitable[object]],
        clock_us: Callable[[], int],
        resolved_us: int,
        resolved_max: int,
    ) -> None:
        self._held, self._read, self._write, self._clock_us = held, read, write, clock_us
        self._resolved_us, self._resolved_max = resolved_us, resolved_max

    async def run(self) -> None:
        """Look now and then; what fails is done at the next look."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            for partition in list(self._held()):
                with contextlib.suppress(KafkaError):
                    await self.tidy(partition)

    async def tidy(self, partition: int) -> int:
        """Drop resolved findings that are too old, and the oldest that are too many; returns how
        many.

        Raises:
            aiokafka.errors.KafkaError: a broker did not answer.
        """
        resolved: dict[bytes, int] = {}
        async for record in self._read(partition):
            resolved.pop(record.key, None)
            at_us = _resolved_us(record.value)
            if at_us is not None:
                resolved[record.key] = at_us
        since_us = self._clock_us() - self._resolved_us
        oldest_first = sorted(resolved, key=lambda key: resolved[key])
        too_many = len(oldest_first) - self._resolved_max
        gone = [
            key
            for number, key in enumerate(oldest_first)
            if number < too_many or resolved[key] < since_us
        ][:TOMBSTONES_MAX]
        if not gone or partition not in self._held():
            return 0
        await self._write(partition, [(key, None) for key in gone])
        log.info("%d resolved findings of partition %d are kept no longer", len(gone), partition)
        return len(gone)


def _resolved_us(value: bytes | None) -> int | None:
    """When a finding was resolved; None for an open one, and for what cannot be read."""
    try:
        return decode_finding(value).resolved_us if value is not None else None
    except msgspec.DecodeError:
        return None
