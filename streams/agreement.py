"""What the workers have learned of both sides' schemas, shared and kept in `<app>-schemas`.

Where two schemas write a value differently and no type is configured, values are compared in what
both have in common. All workers must know the same, or a side decoded by one is not comparable
with the other side decoded by another; and so must a worker that starts again later. When a
record's schema makes the common ground coarser, everything read before it is unknown.
`figwatch.streams.decode_agent` asks before it hands such a record on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import msgspec

from figwatch.streams.sender import KeyValue

SPREAD_SECONDS = 2.0
"""Time that the other workers get to follow, which look twice in it."""
KEY = b"agreement"
"""The topic's only key."""

Read = Callable[[int], AsyncIterator[Any]]
"""Reads the topic's records from an offset to its end."""

log = logging.getLogger("figwatch")


class Learner(Protocol):
    """The decoder, as far as it learns (see `figwatch.connectors.debezium.decoder.Decoder`)."""

    @property
    def changed(self) -> int: ...
    def memory(self) -> bytes: ...
    def recall(self, memory: bytes) -> None: ...


class Learned(msgspec.Struct, array_like=True):
    """A record of the topic. `settled`: what was read before it was made unknown."""

    settled: bool
    memory: bytes


class SharedAgreement:
    """`distrust` makes everything read so far unknown; it returns when the judges will be told."""

    def __init__(
        self,
        decoder: Learner,
        *,
        read: Read,
        write: Callable[[KeyValue], Awaitable[object]],
        distrust: Callable[[], Awaitable[None]],
    ) -> None:
        self._decoder = decoder
        self._read, self._write, self._distrust = read, write, distrust
        self._offset = 0
        self._known: Learned | None = None
        self._changed = decoder.changed
        self._turn = asyncio.Lock()

    async def load(self, learn: Callable[[], None]) -> None:
        """Take over what earlier workers knew, and then `learn` from samples, before the first
        record is decoded.
        """
        await self._take_new()
        self._changed = self._decoder.changed
        if self._known is not None and not self._known.settled:
            self._changed -= 1  # another worker could not finish
        learn()
        if self._known is None:
            self._changed = self._decoder.changed  # nothing was decoded before

    async def follow(self) -> None:
        """Take over what another worker has learned since; it is that one's to tell the judges."""
        async with self._turn:
            before = self._decoder.changed
            await self._take_new()
            self._changed += self._decoder.changed - before

    async def begin(self) -> None:
        """With the producer at hand: tell what the samples taught."""
        await self.settle()
        if self._known is None or self._known.memory != self._decoder.memory():
            await self._tell(settled=True)

    @property
    def unsettled(self) -> bool:
        """Whether the decoder has learned what makes earlier facts incomparable."""
        return self._decoder.changed != self._changed

    async def settle(self) -> None:
        """Make unknown what was read before, here and in the other workers. The order makes it
        survive a crash at any point: what is not said to be settled is done again.
        """
        async with self._turn:
            if not self.unsettled:
                return
            log.warning("a new schema changes how columns are compared; earlier rows are unknown")
            await self._distrust()
            await self._tell(settled=False)
            await asyncio.sleep(SPREAD_SECONDS)
            self._changed = self._decoder.changed
            await self._distrust()
            await self._tell(settled=True)

    async def _tell(self, *, settled: bool) -> None:
        self._known = Learned(settled, self._decoder.memory())
        await self._write((KEY, msgspec.msgpack.encode(self._known)))

    async def _take_new(self) -> None:
        async for record in self._read(self._offset):
            self._offset = record.offset + 1
            try:
                learned = msgspec.msgpack.decode(record.value or b"", type=Learned)
                self._decoder.recall(learned.memory)
            except msgspec.DecodeError as error:
                log.warning("schemas learned by another version are not taken over: %s", error)
                continue
            self._known = learned
