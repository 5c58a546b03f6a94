"""What the workers have learned of both sides' schemas, shared and kept in `<app>-schemas`.

Where two schemas write a value differently and no type is configured, values are compared in what
both have in common. All workers must know the same, or a side decoded by one is not comparable
with the other side decoded by another; and so must a worker that starts again later. When a
record's schema makes the common ground coarser, everything read before it is unknown.

Facts of before and of after never meet, however late a worker hears of it:

- Nobody decodes a batch whose last look at the topic began `SPREAD_SECONDS` ago (`refresh`).
- Who learns something, by a record or from the topic, hands nothing on until it is settled
  (`settle`): the first to learn tells it, waits `SPREAD_SECONDS`, makes unknown all that stands in
  the raw topics by then, and tells that too; the others wait for that.

So a batch that was decoded without knowing had been read before the raw topics' ends were asked
for, and its facts are unknown, whenever they come. Nobody's clock is compared with another's.
`figwatch.streams.decode_agent` asks before it decodes and before it hands facts on.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import msgspec
from aiokafka.errors import KafkaError

from figwatch.streams.sender import KeyValue

SPREAD_SECONDS = 2.0
"""For so long facts may be made without another look at what the others know."""
LOST_SECONDS = 6.0
"""Time that the worker gets which learned first; then it is taken for dead."""
KEY = b"agreement"
"""The topic's only key."""

Read = Callable[[int], AsyncIterator[Any]]
"""Reads the topic's records from an offset to its end."""

_UNKNOWN = "a new schema changes how columns are compared; earlier rows are unknown"

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
        """How often the decoder's facts had become incomparable when that was last settled."""
        self._following = 0
        """How often since then because of what another worker is settling,"""
        self._settling = b""
        """which told this."""
        self._looked_at = 0.0
        self._used = False
        """Facts were made from what this worker knew."""
        self._turn = asyncio.Lock()

    async def load(self, learn: Callable[[], None]) -> None:
        """Take over what earlier workers knew, and then `learn` from samples, before the first
        record is decoded.
        """
        await self._look()
        self._changed, self._following = self._decoder.changed, 0
        if self._known is not None and not self._known.settled:
            self._changed -= 1  # another worker may not have finished
        learn()
        if self._known is None:
            self._changed = self._decoder.changed  # nothing was decoded before

    async def follow(self) -> None:
        """Take over what another worker has learned since."""
        async with self._turn:
            await self._look()

    async def refresh(self) -> None:
        """Return when records that are at hand may be decoded: this worker knows what the others
        knew a moment ago.
        """
        while time.monotonic() - self._looked_at >= SPREAD_SECONDS:
            try:
                await self.follow()
            except KafkaError as error:
                log.warning("decoding waits for what other workers know of the schemas: %s", error)
                await asyncio.sleep(SPREAD_SECONDS)
        self._used = True

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
        """Return when all that was read before the last change is unknown, here and in the other
        workers. What is not said to be settled is done again after a crash.
        """
        until = time.monotonic() + LOST_SECONDS
        while self._is_followed and time.monotonic() < until:
            await asyncio.sleep(SPREAD_SECONDS / 4)
            with contextlib.suppress(KafkaError):  # asked again
                await self.follow()
        async with self._turn:
            while self.unsettled:
                log.warning(_UNKNOWN)
                changed = self._decoder.changed
                await self._tell(settled=False)
                await asyncio.sleep(SPREAD_SECONDS)
                await self._distrust()
                await self._tell(settled=changed == self._decoder.changed)
                self._changed, self._following = changed, 0

    @property
    def _is_followed(self) -> bool:
        """Whether all that is unsettled was learned from another worker, which settles it."""
        return self.unsettled and self._decoder.changed == self._changed + self._following

    async def _tell(self, *, settled: bool) -> None:
        self._known = Learned(settled, self._decoder.memory())
        await self._write((KEY, msgspec.msgpack.encode(self._known)))

    async def _look(self) -> None:
        """Take over what stands in the topic."""
        began = time.monotonic()
        async for record in self._read(self._offset):
            self._offset = record.offset + 1
            try:
                learned = msgspec.msgpack.decode(record.value or b"", type=Learned)
                before = self._decoder.changed
                self._decoder.recall(learned.memory)
            except msgspec.DecodeError as error:
                log.warning("schemas learned by another version are not taken over: %s", error)
                continue
            self._known = learned
            news = self._decoder.changed - before
            if not learned.settled:
                self._following, self._settling = self._following + news, learned.memory
            elif learned.memory == self._settling:
                self._changed += self._following
                self._following, self._settling = 0, b""
            elif not self._used:
                self._changed += news
        self._looked_at = began
