"""`<app>-changes` to findings and summaries: one judge at work for each internal partition.

The order within a batch is what makes it survive: apply, send on what belongs to other keys,
write the state to the changelog, publish findings, and only then acknowledge. Every step is
awaited. The rules are `figwatch.validators.judge`'s; the changelog is `figwatch.streams.table`'s.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from figwatch.streams import outbox
from figwatch.streams.consumer import RawBatch
from figwatch.streams.sender import KeyValue
from figwatch.streams.store import Store
from figwatch.streams.stretch import partition_of
from figwatch.streams.tracing import Spans
from figwatch.validators.change import (
    Forwarded,
    Gap,
    Reading,
    Record,
    SweepAnswer,
    decode_record,
    encode,
)
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.finding import Finding, encode_finding, finding_id
from figwatch.validators.summary import Summary, encode_summary
from figwatch.validators.writes.records import Trip

BATCHES_WAITING_MAX = 4
"""Batches that wait for one judge; beyond it the agent, and with it the consumer, waits."""

SHARE_MAX = 0.05
"""Share of its time that a judge spends on judging all pending keys again, and on summing up: in
a catch-up, when many are pending, both are done less often."""

log = logging.getLogger("figwatch")


class Judge(Protocol):
    """What judges one partition: `figwatch.validators.judge.Judge`."""

    def apply(self, record: Record, now_us: int) -> None: ...
    def read(self, reading: Reading) -> None: ...
    def evaluate(self, now_us: int) -> None: ...
    def take_findings(self) -> list[Finding]: ...
    def take_moved(self) -> Sequence[Forwarded]: ...
    def take_answers(self) -> list[SweepAnswer]: ...
    def take_dirty(self) -> Iterable[tuple[bytes, bytes | None]]: ...
    def load(self, states: MutableMapping[bytes, bytes], now_us: int) -> None: ...
    def summary(self, now_us: int, worker: str = "") -> Summary: ...
    def state_of(self, pair: str, key: bytes) -> Any: ...


Write = Callable[[str, int, Iterable[KeyValue]], Awaitable[object]]
"""Writes records to a partition of a topic, in order; returns when all are acknowledged."""
WriteState = Callable[[int, Mapping[bytes, bytes | None]], Awaitable[None]]
"""Writes a partition's changed state to the changelog; returns when all is acknowledged."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every seat shares: where things go, and how often. Clock in microseconds."""

    changes: str
    findings: str
    summaries: str
    sweeps: str
    partitions: int
    write: Write
    write_state: WriteState
    crash: Callable[[BaseException], Awaitable[None]]
    clock_us: Callable[[], int]
    worker: str
    evaluate_seconds: float
    summary_seconds: float
    touched: Callable[[Collection[bytes]], None]
    """Told of the keys of the join table that changed."""
    raw_ends: Callable[[], Awaitable[Mapping[tuple[str, int], int]]]
    """Asks for the end offset of every raw partition."""
    spans: Spans | None = None


class Seat:
    """One partition's judge with its queue. A batch in the queue is not acknowledged yet."""

    def __init__(self, desk: Desk, partition: int, judge: Judge) -> None:
        self.partition, self.judge = partition, judge
        self.summary = judge.summary(desk.clock_us(), desk.worker)
        """The last one that was made."""
        self._desk = desk
        self._queue: asyncio.Queue[Any] = asyncio.Queue(BATCHES_WAITING_MAX)
        self._evaluate_at = 0.0
        self._summary_at = 0.0
        self._outbox_chunks = 0
        self._resend: list[Finding] = []
        self._task: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()
        """Held during each step; whoever else holds it keeps the judge from writing."""

    def load(self, restored: Store) -> None:
        """Restore the judge from the changelog, and what it had not published for sure. The judge
        takes the dict over.

        Raises:
            ConfigurationError: another version of figwatch wrote it.
        """
        unsent, self._outbox_chunks = outbox.take(restored)
        try:
            self.judge.load(restored, self._desk.clock_us())
        except msgspec.DecodeError as error:
            raise ConfigurationError(
                "state.version",
                f"figwatch's state of partition {self.partition} cannot be read: {error}",
                "migration",
                "every older version is read, so a newer figwatch wrote it: run that one; or begin "
                "anew: stop all workers and delete figwatch's own topics and its consumer group, "
                "and the raw topics are read from their beginning",
            ) from error
        self._resend = [f for f in unsent if outbox.holds(f, self.judge.state_of(f.pair, f.key))]
        self.summary = self.judge.summary(self._desk.clock_us(), self._desk.worker)

    def start(self) -> None:
        """Begin working."""
        self._task = asyncio.create_task(self._run(), name=f"judge-{self.partition}")

    async def stop(self) -> None:
        """Stop, wherever it stands: what was not acknowledged comes again."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def put(self, event: Any) -> None:
        """Queue a batch of `<app>-changes`."""
        await self._queue.put(event)

    async def _run(self) -> None:
        try:
            async with self.turn:
                await self._publish(self._resend)
            while True:
                wait = min(self._evaluate_at, self._summary_at) - time.monotonic()
                event = None
                if wait > 0:
                    with contextlib.suppress(TimeoutError):
                        event = await asyncio.wait_for(self._queue.get(), wait)
                elif not self._queue.empty():
                    event = self._queue.get_nowait()
                async with self.turn:
                    await self._step(event)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  nothing may be acknowledged after it
            await self._desk.crash(error)

    async def _step(self, event: Any) -> None:
        now_us = self._desk.clock_us()
        if event is not None and self._desk.spans is not None:
            await self._traced(event.value, now_us, self._desk.spans)
        elif event is not None:
            await self._apply(event.value, now_us)
        if time.monotonic() >= self._evaluate_at:
            began = time.monotonic()
            self.judge.evaluate(now_us)
            ended = time.monotonic()
            pause = max(self._desk.evaluate_seconds, (ended - began) / SHARE_MAX)
            self._evaluate_at = ended + pause
        await self._flush()
        if event is not None:
            event.ack()
        if time.monotonic() >= self._summary_at:
            began = time.monotonic()
            self.summary = self.judge.summary(self._desk.clock_us(), self._desk.worker)
            ended = time.monotonic()
            pause = max(self._desk.summary_seconds, (ended - began) / SHARE_MAX)
            self._summary_at = ended + pause
            await self._tell(self.summary)

    async def _apply(self, batch: RawBatch, now_us: int) -> None:
        """Apply a batch. Offsets that no longer exist held records nobody judged (this topic holds
        no others): what of a raw partition was not judged by then is a gap.
        """
        records = batch.records
        first = records[0].offset if records else batch.next_offset
        if first > batch.first_offset:
            log.error(
                "%s-%d lost offsets %d to %d to its retention before they were judged; see "
                "worker.changes_retention_hours",
                self._desk.changes, self.partition, batch.first_offset, first - 1,
            )  # fmt: skip
            for (topic, partition), end in sorted((await self._desk.raw_ends()).items()):
                self.judge.apply(Gap(topic, partition, 0, end), now_us)
        for record in records:
            self.judge.apply(decode_record(record.value), now_us)

    async def _traced(self, batch: RawBatch, now_us: int, spans: Spans) -> None:
        """Apply a batch, with a span that is linked to the requests whose changes it completes."""
        began_ns = time.time_ns()
        await self._apply(batch, now_us)
        records = (decode_record(record.value) for record in batch.records)
        traces = (record.trace for record in records if isinstance(record, Trip) and record.trace)
        spans.done("judge", began_ns, traces, partition=self.partition,
                   first_offset=batch.first_offset, records=len(batch.records))  # fmt: skip

    async def _flush(self) -> None:
        """Write what changed; findings stand in the changelog until they are published."""
        desk = self._desk
        await self._forward(self.judge.take_moved())
        findings = self.judge.take_findings()
        changed: dict[bytes, bytes | None] = {}
        if findings:
            waiting, self._outbox_chunks = outbox.put(findings, self._outbox_chunks)
            changed.update(waiting)
        changed.update(self.judge.take_dirty())
        desk.touched(changed)
        if changed:
            began_ns = time.time_ns() if desk.spans is not None else 0
            await desk.write_state(self.partition, changed)
            if desk.spans is not None:
                desk.spans.done("changelog", began_ns, (), partition=self.partition,
                                keys=len(changed))  # fmt: skip
        await self._publish(findings)
        answers: list[KeyValue] = [(None, encode(a)) for a in self.judge.take_answers()]
        if answers:
            await desk.write(desk.sweeps, 0, answers)

    async def _forward(self, moved: Sequence[Forwarded]) -> None:
        """Long values of moved rows go to the partition of their new key, and what an event says of
        its change to that of the changed row.
        """
        parts: dict[int, list[KeyValue]] = {}
        for record in moved:
            where = partition_of(record.pair, record.key, self._desk.partitions)
            parts.setdefault(where, []).append((None, encode(record)))
        for where, records in parts.items():
            await self._desk.write(self._desk.changes, where, records)

    async def _publish(self, findings: list[Finding]) -> None:
        newest: dict[bytes | None, bytes | None] = {
            finding_id(finding): encode_finding(finding) for finding in findings
        }
        if newest:
            await self._desk.write(self._desk.findings, self.partition, newest.items())

    async def _tell(self, summary: Summary) -> None:
        record = (str(self.partition).encode(), encode_summary(summary))
        await self._desk.write(self._desk.summaries, self.partition, [record])


class JudgeAgent:
    """The seats of the partitions that this worker holds."""

    def __init__(self, desk: Desk, new_judge: Callable[[int], Judge]) -> None:
        self._desk, self._new_judge = desk, new_judge
        self.seats: dict[int, Seat] = {}
        self._leaving: list[asyncio.Task[None]] = []
        self._paused: set[Seat] = set()

    def restored(self, partition: int, state: Store) -> Seat:
        """A partition was given to this worker: make its judge from the restored state."""
        seat = Seat(self._desk, partition, self._new_judge(partition))
        seat.load(state)
        seat.start()
        self.seats[partition] = seat
        return seat

    def lost(self, partition: int) -> None:
        """A partition was taken away: its state goes with it."""
        seat = self.seats.pop(partition, None)
        if seat is not None:
            self._leaving = [task for task in self._leaving if not task.done()]
            self._leaving.append(asyncio.create_task(seat.stop()))

    async def run(self, stream: Any) -> None:
        """Faust's agent: never returns, an error of any kind crashes the app before an ack."""
        try:
            async for event in stream.noack().events():
                await self.seats[event.message.partition].put(event)
        except Exception as error:  # noqa: BLE001
            await self._desk.crash(error)
            await asyncio.Event().wait()

    def read(self, readings: Iterable[Reading]) -> None:
        """Hand readings of the replicator to every judge."""
        for reading in readings:
            for seat in self.seats.values():
                seat.judge.read(reading)

    async def pause(self) -> None:
        """Return when no judge writes; none will until `resume`."""
        for seat in self.seats.values():
            if seat not in self._paused:
                await seat.turn.acquire()
                self._paused.add(seat)

    def resume(self) -> None:
        """Let the judges write again."""
        for seat in self._paused:
            seat.turn.release()
        self._paused.clear()

    async def stop(self) -> None:
        """Stop every seat."""
        for partition in list(self.seats):
            self.lost(partition)
        await asyncio.gather(*self._leaving)
