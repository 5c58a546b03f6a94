"""Raw topics of both sides to `<app>-changes`: decode, re-key, deliver, and only then acknowledge.

Each raw batch is decoded at once and scattered over the internal partitions; its offset is
acknowledged when every internal partition has acknowledged its part. What was covered is told by
marks, behind the data (`figwatch.streams.stretch`), heartbeats become barriers
(`figwatch.streams.heartbeats`). Next on the path: `figwatch.streams.judge_agent`.
"""

import asyncio
import base64
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec
import xxhash

from figwatch.connectors.debezium.malformed import Reason
from figwatch.streams.consumer import RawBatch
from figwatch.streams.heartbeats import Heartbeats
from figwatch.streams.plan import Plan
from figwatch.streams.sender import Delivery, KeyValue, Lanes
from figwatch.streams.stretch import Batch, Decoded, Progress, destination, observe, partition_of
from figwatch.streams.tracing import Spans, traces_in
from figwatch.validators.change import Change, Gap, Heartbeat, Malformed, Side, Topology, encode
from figwatch.validators.errors import FigwatchError

log = logging.getLogger("figwatch")

BATCHES_ON_THE_WAY_MAX = 32
"""Raw batches decoded but not yet acknowledged; beyond it the agent waits."""
MARK_SECONDS = 0.2
"""Shortest time between two marks of a raw partition."""
MARKS_PER_SECOND_MAX = 500
"""Marks slow down beyond this rate, so that they never outnumber the data."""
LETTER_BYTES_MAX = 64 * 1024
"""Most bytes of a key or value that a dead letter keeps."""
DECODER_SECONDS = 1.0
"""Wait before a record is decoded again whose schema could not be had."""
DECODER_FAILED = "decoder_failed"
"""Reason of a record that the decoder stumbled over: a bug, and still no reason to stop."""


Headers: TypeAlias = Sequence[tuple[str, bytes | None]]
Decode: TypeAlias = Callable[
    [int, int, int, Headers, bytes | None, bytes | None], Sequence[Decoded]
]
"""(partition, offset, append time in microseconds, headers, key, value) to facts."""


class Decoder(Protocol):
    """What turns raw records into facts: `figwatch.connectors.debezium.decoder.Decoder`.

    `changed` counts how often facts became incomparable with those made before.
    """

    @property
    def changed(self) -> int: ...
    def for_topic(self, topic: str) -> Decode: ...
    def for_batch(self, topic: str, records: Sequence[Any]) -> Decode: ...
    def learn(
        self, topic: str, headers: Headers, key: bytes | None, value: bytes | None
    ) -> None: ...
    def memory(self) -> bytes: ...
    def recall(self, memory: bytes) -> None: ...


class Agreement(Protocol):
    """What all workers know: `figwatch.streams.agreement.SharedAgreement`."""

    async def refresh(self) -> None: ...
    async def settle(self) -> None: ...


class DeadLetter(msgspec.Struct, frozen=True):
    """A record that could not be decoded, as JSON in `<app>-dead-letters`."""

    topic: str
    partition: int
    offset: int
    side: str
    pair: str | None
    reason: str
    detail: str
    key_base64: str | None
    value_base64: str | None
    truncated: bool
    """The key or the value was longer than what is kept."""


class DecodeAgent:
    """Decodes the raw partitions of this worker.

    `changes` are the lanes of `<app>-changes`, `letters` those of `<app>-dead-letters`; what the
    `agreement` says is asked before records are decoded, and before facts are handed on.
    """

    def __init__(
        self,
        plan: Plan,
        decoder: Decoder,
        *,
        changes: Lanes,
        letters: Lanes,
        heartbeats: Heartbeats,
        agreement: Agreement,
        crash: Callable[[BaseException], Awaitable[None]],
        spans: Spans | None = None,
    ) -> None:
        self._plan, self._decoder, self._agreement = plan, decoder, agreement
        self._changes, self._letters = changes, letters
        self._heartbeats, self._crash, self._spans = heartbeats, crash, spans
        self._slots = asyncio.Semaphore(BATCHES_ON_THE_WAY_MAX)
        self.progress: dict[tuple[str, int], Progress] = {}
        self.records = 0
        reasons = (*Reason, DECODER_FAILED)
        self.malformed: Counter[tuple[str, str]] = Counter(
            {(plan.side_name(side), str(reason)): 0 for side in Side for reason in reasons}
        )
        """By side and reason, since this worker started: shown before there is one (see
        `figwatch.streams.metrics`).
        """
        self.gaps = 0
        self.waits = 0
        """How often decoding waited for a server."""

    async def run(self, stream: Any) -> None:
        """Faust's agent: never returns, an error of any kind crashes the app before an ack."""
        try:
            async for event in stream.noack().events():
                await self._slots.acquire()
                await self._take(event)
        except Exception as error:  # noqa: BLE001
            await self._crash(error)
            await asyncio.Event().wait()

    # -- assignment ------------------------------------------------------------------------------

    def revoked(self) -> None:
        """Forget where the partitions stood: the next reading begins at the committed offsets."""
        self.progress.clear()

    def assigned(self, partitions: dict[str, int]) -> None:
        """Tell every internal partition how many partitions the raw topics have, before data."""
        told = [(None, encode(Topology(t, n))) for t, n in sorted(partitions.items()) if n]
        self._changes.put_all(told)

    # -- data ------------------------------------------------------------------------------------

    async def _take(self, event: Any) -> None:
        batch: RawBatch = event.value
        topic, partition = event.message.topic, event.message.partition
        await self._agreement.refresh()
        began_ns = time.time_ns() if self._spans is not None else 0
        found = await self._decode(topic, partition, batch)
        if self._spans is not None:
            traces = traces_in(batch.records)
            self._spans.done("decode", began_ns, traces, topic=topic, partition=partition,
                             first_offset=batch.first_offset, records=len(batch.records),
                             facts=len(found))  # fmt: skip
        await self._agreement.settle()
        marked: list[tuple[Progress, Batch]] = []
        if topic in self._plan.data_topics:
            marked.append(self._advance(topic, partition, batch, found))

        def done() -> None:
            for progress, part in marked:
                progress.delivered(part)
            event.ack()
            self._slots.release()

        delivery = Delivery(done)
        self._scatter(batch, found, delivery)
        delivery.settle()

    async def _decode(self, topic: str, partition: int, batch: RawBatch) -> list[Decoded]:
        decode = self._ahead(topic, batch)
        found = self._holes(topic, partition, batch)
        for r in batch.records:
            try:
                found += decode(partition, r.offset, r.timestamp * 1000, r.headers, r.key, r.value)
            except Exception as error:  # noqa: BLE001  a bug must not stop the watch
                found += await self._again(decode, topic, r, error)
        self.records += len(batch.records)
        return found

    def _ahead(self, topic: str, batch: RawBatch) -> Decode:
        try:
            return self._decoder.for_batch(topic, batch.records)
        except Exception:  # a bug must not stop the watch: one by one, bad ones are found
            log.exception("records of %s cannot be read many at once", topic)
            return self._decoder.for_topic(topic)

    async def _again(
        self, decode: Decode, topic: str, record: Any, error: Exception
    ) -> Sequence[Decoded]:
        """Wait while a server that decoding needs is away; anything else is the record's fate."""
        at = (record.partition, record.offset, record.timestamp * 1000)
        while isinstance(error, FigwatchError):
            self.waits += 1
            log.warning("decoding waits: %s", error)
            await asyncio.sleep(DECODER_SECONDS)
            try:
                return decode(*at, record.headers, record.key, record.value)
            except Exception as next_error:  # noqa: BLE001
                error = next_error
        side, detail = self._plan.role(topic), type(error).__name__
        return (Malformed(None, side, None, DECODER_FAILED, detail, topic, *at),)

    def _holes(self, topic: str, partition: int, batch: RawBatch) -> list[Decoded]:
        """One gap from the first missing offset to behind the last one, if any is missing."""
        missing = batch.next_offset - batch.first_offset - len(batch.records)
        if not missing or not self._plan.gaps_count(topic):
            return []
        expected, first, end = batch.first_offset, -1, -1
        for offset in (*(r.offset for r in batch.records), batch.next_offset):
            if offset > expected:
                first, end = (expected if first < 0 else first), offset
            expected = offset + 1
        self.gaps += 1
        return [Gap(topic, partition, first, end)]

    def _advance(
        self, topic: str, partition: int, batch: RawBatch, found: Sequence[Decoded]
    ) -> tuple[Progress, Batch]:
        progress = self.progress.get((topic, partition))
        if progress is None:
            progress = Progress(topic, partition, batch.first_offset)
            self.progress[topic, partition] = progress
        marks = observe(topic, partition, batch.first_offset, batch.next_offset, found)
        return progress, progress.take(marks)

    def _scatter(self, batch: RawBatch, found: Sequence[Decoded], delivery: Delivery) -> None:
        """Queue every record for its internal partition, in order; some for every one."""
        n = self._changes.partitions
        parts: list[list[KeyValue]] = [[] for _ in range(n)]
        for record in found:
            if isinstance(record, Change):  # nearly always
                where = partition_of(record.pair, record.key, n)
                parts[where].append((None, encode(record)))
                continue
            if isinstance(record, Heartbeat):
                self._heartbeats.heard(record)
                continue
            if isinstance(record, Malformed):
                self._bury(batch, record, delivery)
            entry = (None, encode(record))
            place = destination(record, n)
            for part in parts if place is None else (parts[place],):
                part.append(entry)
        for number, part in enumerate(parts):
            if part:
                self._changes.put(number, part, delivery)

    def _bury(self, batch: RawBatch, bad: Malformed, delivery: Delivery) -> None:
        side = self._plan.side_name(bad.side)
        self.malformed[side, bad.reason] += 1
        raw = next((r for r in batch.records if r.offset == bad.offset), None)
        key, value = (raw.key, raw.value) if raw is not None else (None, None)
        letter = DeadLetter(
            bad.topic, bad.partition, bad.offset, side, bad.pair, bad.reason, bad.detail,
            _bounded(key), _bounded(value),
            truncated=any(len(b or b"") > LETTER_BYTES_MAX for b in (key, value)),
        )  # fmt: skip
        name = f"{bad.topic}-{bad.partition}-{bad.offset}".encode()
        where = xxhash.xxh3_64_intdigest(name) % self._letters.partitions
        self._letters.put(where, [(name, msgspec.json.encode(letter))], delivery)

    # -- marks -----------------------------------------------------------------------------------

    @property
    def mark_seconds(self) -> float:
        """Time between two marks: longer, the more partitions there are on either side."""
        marks = len(self.progress) * self._changes.partitions
        return max(MARK_SECONDS, marks / MARKS_PER_SECOND_MAX)

    def tell(self, origins: dict[tuple[str, int], int]) -> None:
        """Send a mark for every raw partition with news; `origins` is where reading began."""
        for (topic, partition), offset in origins.items():
            if topic in self._plan.data_topics and (topic, partition) not in self.progress:
                self.progress[topic, partition] = Progress(topic, partition, offset)
        marks = [mark for p in self.progress.values() for mark in p.tell()]
        if marks:
            self._changes.put_all([(None, encode(mark)) for mark in marks])

    async def distrust(self, ends: Mapping[tuple[str, int], int]) -> None:
        """Make all that was read unknown; `ends` were asked for after the decoder's facts became
        incomparable with earlier ones. Returns when the judges will be told.
        """
        told = asyncio.Event()
        delivery = Delivery(told.set)
        gaps = [Gap(*where, 0, end, distrust=True) for where, end in sorted(ends.items())]
        self._changes.put_all([(None, encode(gap)) for gap in gaps], delivery)
        delivery.settle()
        await told.wait()


def _bounded(raw: bytes | None) -> str | None:
    return None if raw is None else base64.b64encode(raw[:LETTER_BYTES_MAX]).decode()
