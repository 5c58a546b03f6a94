"""Ordered, gapless delivery to explicit partitions in batches.

`send_ordered` never has two batches for one partition on the way, so that a failed delivery leaves
neither a hole nor a changed order. `Lanes` does that for every partition of a topic side by side
and tells when what belonged to one input batch has been acknowledged.
`figwatch.streams.decode_agent` and `figwatch.streams.table` use it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

KeyValue: TypeAlias = tuple[bytes | None, bytes | None]

LANE_BATCH_RECORDS_MAX = 5000
"""Most records that a lane puts together for one round of sending."""


async def send_ordered(
    producer: Any,
    topic: str,
    partition: int,
    records: Iterable[KeyValue],
    headers: Sequence[tuple[str, bytes]] = (),
) -> list[tuple[int, int]]:
    """Write records in order, all with these headers; returns (first offset, count) of each batch.

    Raises:
        aiokafka.errors.KafkaError: a delivery failed for good; what follows it was not sent.
    """
    written: list[tuple[int, int]] = []
    shared = list(headers)  # the client takes nothing else
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None, headers=shared) is None:
            written.append(await _send(producer, topic, partition, batch))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=shared)
    if batch.record_count():
        written.append(await _send(producer, topic, partition, batch))
    return written


async def _send(producer: Any, topic: str, partition: int, batch: Any) -> tuple[int, int]:
    batch.close()
    metadata = await (await producer.send_batch(batch, topic, partition=partition))
    return metadata.offset, batch.record_count()


class Delivery:
    """Calls `done` once everything that was put under it is acknowledged, and it was sealed."""

    __slots__ = ("_done", "_open")

    def __init__(self, done: Callable[[], None]) -> None:
        self._open = 1
        self._done = done

    def add(self) -> None:
        """One more thing to wait for."""
        self._open += 1

    def settle(self) -> None:
        """One thing less; also the seal, once nothing more will be put."""
        self._open -= 1
        if not self._open:
            self._done()


class Lanes:
    """One queue and one sending task for each partition of a topic.

    `producer` is asked for at each round, because Faust makes it when it starts. `crash` is told
    of a failed delivery; nothing is sent after one. The queues are bounded by their users: the
    decode agent holds back while too many input batches are on the way.
    """

    def __init__(
        self,
        topic: str,
        partitions: int,
        producer: Callable[[], Any],
        crash: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self.topic, self.partitions = topic, partitions
        self._producer, self._crash = producer, crash
        self._queues: list[deque[tuple[Sequence[KeyValue], Delivery | None]]] = [
            deque() for _ in range(partitions)
        ]
        self._wake = [asyncio.Event() for _ in range(partitions)]
        self._tasks: list[asyncio.Task[None]] = []
        self._sending = 0
        self.records = 0
        """Records acknowledged so far."""

    def start(self) -> None:
        """Begin sending."""
        self._tasks = [
            asyncio.create_task(self._run(p), name=f"{self.topic}-{p}")
            for p in range(self.partitions)
        ]

    async def stop(self) -> None:
        """Stop sending; what is queued is lost to nobody, because it was not acknowledged."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def put(
        self, partition: int, records: Sequence[KeyValue], delivery: Delivery | None = None
    ) -> None:
        """Queue records for one partition."""
        if delivery is not None:
            delivery.add()
        self._queues[partition].append((records, delivery))
        self._wake[partition].set()

    def put_all(self, records: Sequence[KeyValue], delivery: Delivery | None = None) -> None:
        """Queue the same records for every partition."""
        for partition in range(self.partitions):
            self.put(partition, records, delivery)

    @property
    def idle(self) -> bool:
        """Nothing is queued or on the way."""
        return not self._sending and not any(self._queues)

    async def _run(self, partition: int) -> None:
        queue, wake = self._queues[partition], self._wake[partition]
        try:
            while True:
                await wake.wait()
                wake.clear()
                while queue:
                    await self._round(partition, queue)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, nothing may be sent after it
            await self._crash(error)

    async def _round(
        self, partition: int, queue: "deque[tuple[Sequence[KeyValue], Delivery | None]]"
    ) -> None:
        records: list[KeyValue] = []
        deliveries: list[Delivery] = []
        while queue and len(records) < LANE_BATCH_RECORDS_MAX:
            more, delivery = queue.popleft()
            records += more
            if delivery is not None:
                deliveries.append(delivery)
        self._sending += 1
        try:
            await send_ordered(self._producer(), self.topic, partition, records)
        finally:
            self._sending -= 1
        self.records += len(records)
        for delivery in deliveries:
            delivery.settle()
