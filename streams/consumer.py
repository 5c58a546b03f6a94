"""Faust's consumer, handing out one batch for each fetched record list of a partition.

Acknowledgement, seeking and recovery go by batches; what Faust's own loops do for each record is
done here once for each batch. Chosen by `figwatch.streams.transport`. Next on the path:
`figwatch.streams.decode_agent` for raw topics, `figwatch.streams.judge_agent` for
`<app>-changes`, `figwatch.streams.table` for the changelog.
"""

import asyncio
import contextlib
import dataclasses
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, ConsumerMessage, Message
from mode.utils.futures import notify

from figwatch.streams.topics import made_anew
from figwatch.validators.errors import ConfigurationError

FETCH_SECONDS = 1.0
"""Longest wait for records before the loop looks around."""
SETTLE_SECONDS = 5.0
"""Longest wait, before partitions are given away, for what is in the agents' hands."""
TAIL_SECONDS = 0.5
"""Time between two looks for offsets without records at the end of partitions."""

_DENIED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)

log = logging.getLogger("figwatch")


@dataclasses.dataclass(frozen=True, slots=True)
class RawBatch:
    """Records of one partition, in order. Without records: offsets that hold none.

    Everything from `first_offset` to `next_offset` (exclusive) is covered by this batch or does
    not exist; a hole before the first record shows as its offset being beyond `first_offset`.
    """

    records: Sequence[Any]
    first_offset: int
    next_offset: int


class Listener(Protocol):
    """Who wants to know of rebalances, besides Faust's own services."""

    async def quiet(self) -> None:
        """Return when nothing writes beside the agents; partitions are given away then."""

    def revoked(self) -> None:
        """Every partition was given away; some may come back."""

    def assigned(self, partitions: set[TP]) -> None:
        """These partitions are held from now on."""


class Consumer(stock.Consumer):
    """Delivers batches and commits what was acknowledged without a hole.

    `_spans` holds, for each partition, the messages handed out, in order: the committed offset is
    behind the last of its leading acknowledged ones. `_read_offset` is the next offset wanted;
    a partition without one is not being read.

    Partitions are sought by other tasks (the recovery service) while this one fetches, and records
    fetched before may arrive after. So whatever is sought elsewhere, or was fetched and dropped,
    is `_unproven`: nothing of it counts until the fetching task itself has sought it again, when
    nothing else is on the way. From then on, a hole is a hole of the topic.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._spans: MutableMapping[TP, deque[Message]] = defaultdict(deque)
        self._unproven: set[TP] = set()
        self._tail_seen = 0.0
        self.origins: dict[tuple[str, int], int] = {}
        """Where reading of each partition began after the last rebalance."""
        self.listener: Listener | None = None
        super().__init__(*args, **kwargs)

    # -- seeking ---------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Start every partition at its committed offset, or at its first one where there is none.

        That offset is made explicit even for a new group, so that what is fetched can be held
        against it.
        """
        streams = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        self._unproven.update(streams)
        self._spans.clear()
        await super().perform_seek()
        self._spans.clear()
        origins = {tp: self._read_offset.get(tp) for tp in streams}
        fresh = [tp for tp, offset in origins.items() if offset is None]
        begin = await self._thread.earliest_offsets(*fresh) if fresh else {}
        self._read_offset.update({tp: begin[tp] or 0 for tp in fresh})
        self._unproven.update(streams)
        self.origins = {tp: begin.get(tp) or 0 if at is None else at for tp, at in origins.items()}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek, as the recovery service does."""
        await super().seek_wait(partitions)
        self._unproven.update(ensure_TP(tp) for tp in partitions)

    async def _prove(self) -> None:
        """Seek what is unproven to where it is wanted. Only the fetching task may call it."""
        held = self._unproven & self.assignment()
        wanted = {tp: at for tp in held if (at := self._wanted(tp)) is not None}
        if not wanted:
            return
        self._unproven -= wanted.keys()  # before the wait: what is sought meanwhile is unproven
        try:
            await self._thread.call_thread(self._seek_all, wanted)
        except IllegalStateError:  # they were just given away
            self._unproven |= wanted.keys()

    def _seek_all(self, wanted: Mapping[TP, int]) -> None:
        """Called in the client's thread."""
        client = self._thread._ensure_consumer()  # noqa: SLF001
        for tp, offset in wanted.items():
            client.seek(tp, offset)

    def _wanted(self, tp: TP) -> int | None:
        """Next offset to take of a partition; None where it is not being read."""
        if not self._is_changelog_tp(tp):
            at: int | None = self._read_offset.get(tp)
            return at
        recovery = self.app.tables.recovery
        if tp not in recovery.active_tps:
            return None
        seen: int | None = recovery.active_offsets.get(tp)
        return 0 if seen is None else seen + 1

    # -- acknowledgement -------------------------------------------------------------------------

    def ack(self, message: Message) -> bool:
        """Mark a batch as done; without effect on the offsets when its partition was lost."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        return [
            tp
            for tp, spans in self._spans.items()
            if spans and spans[0].acked and (topics is None or tp in topics or tp.topic in topics)
        ]

    def _new_offset(self, tp: TP) -> int | None:
        spans, offset = self._spans.get(tp), None
        while spans and spans[0].acked:
            offset = spans.popleft().value.next_offset
        return offset

    async def settle(self) -> None:
        """Take no more, let the agents finish what they hold (bounded), commit it."""
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            self._clean_unacked_messages()
            if not self._unacked_messages:
                break
            await asyncio.sleep(0.01)
        if self.listener is not None:
            await asyncio.wait_for(self.listener.quiet(), SETTLE_SECONDS)
        await self.commit()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit before the partitions are given away, so that nobody writes late."""
        if revoked and not self.app.should_stop:
            await self.settle()
        self._spans.clear()
        self._unproven.clear()
        self.origins = {}
        if self.listener is not None:
            self.listener.revoked()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Tell the listener before any record of the new assignment is delivered."""
        if self.listener is not None:
            self.listener.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def check(self) -> None:
        """Have the client go on after an error of its group membership; stock Faust never looks,
        and the client waits for ever.

        Raises:
            ConfigurationError: figwatch may not read a topic or join its group.
            Exception: what ended the client's coordination for good.
        """
        client = self._thread._consumer  # noqa: SLF001
        coordinator: Any = client._coordinator if client is not None else None  # noqa: SLF001
        pending = getattr(coordinator, "_pending_exception", None)
        if isinstance(pending, _DENIED):
            raise ConfigurationError(
                "kafka.not-allowed",
                f"Kafka denies figwatch what it needs: {pending!r}",
                "kafka.sasl_username",
                "docs/permissions.md lists what it must be allowed",
            )
        task = getattr(coordinator, "_coordination_task", None)
        if pending is not None or (task is not None and task.done() and not client._closed):  # noqa: SLF001
            log.warning("the consumer group failed and is joined again: %r", pending)
            with contextlib.suppress(KafkaError):
                await self._thread.call_thread(coordinator.check_errors)

    # -- delivery --------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        def stopping() -> bool:
            return bool(self._stopped.is_set() or fetcher._stopped.is_set())  # noqa: SLF001

        try:
            while not stopping():
                if self.flow_active:
                    await self._prove()
                records, active = await self._wait_next_records(FETCH_SECONDS)
                if stopping():
                    break
                await asyncio.sleep(0)
                for tp, batch in (records or {}).items():
                    wanted = active is None or tp in active or tp in self._buffered_partitions
                    if wanted and self.flow_active:
                        await self._deliver_fetched(ensure_TP(tp), batch)
                    else:
                        self._unproven.add(ensure_TP(tp))
                if self.flow_active and time.monotonic() - self._tail_seen > TAIL_SECONDS:
                    await self._deliver_tails()
        except (*self.consumer_stopped_errors, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _deliver_fetched(self, tp: TP, records: Sequence[Any]) -> None:
        """Hand out what was fetched of a partition.

        Raises:
            ConfigurationError: offsets went back: the topic was deleted and made anew.
        """
        wanted = self._wanted(tp)
        if wanted is None or tp in self._unproven:
            self._unproven.add(tp)
            return
        if self._is_changelog_tp(tp):
            self._restore(tp, records)
            return
        if records[-1].offset < wanted:
            raise made_anew(tp, wanted, records[0].offset)
        if records[0].offset < wanted:
            records = [r for r in records if r.offset >= wanted]
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        await self._deliver(tp, RawBatch(records, wanted, records[-1].offset + 1))

    async def _deliver(self, tp: TP, batch: RawBatch) -> None:
        last = batch.records[-1] if batch.records else None
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.next_offset - 1,
            last.timestamp / 1000.0 if last else time.time(),
            last.timestamp_type if last else 0,
            None,
            None,
            batch,
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
        self._spans[tp].append(message)
        self._read_offset[tp] = batch.next_offset
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    async def _deliver_tails(self) -> None:
        """Say that offsets at the end hold no records (markers of transactions, compaction).

        Nothing is being fetched while this runs, so that the position of the client is exactly
        behind the records that were handed out.
        """
        self._tail_seen = time.monotonic()
        for tp in self.assignment():
            wanted = self._read_offset.get(tp)
            position = self._position(tp)
            if wanted is None or position is None or self._is_changelog_tp(tp):
                continue
            if tp not in self._unproven and position > wanted:
                await self._deliver(tp, RawBatch((), wanted, position))
        self._end_recovery_by_position()

    def _position(self, tp: TP) -> int | None:
        """Offset the client will hand out next; None while it does not know."""
        client = self._thread._ensure_consumer()  # noqa: SLF001
        subscription = client._subscription.subscription  # noqa: SLF001
        assignment = subscription.assignment if subscription else None
        state = assignment.state_value(tp) if assignment else None
        return state.position if state is not None and state.has_valid_position else None

    # -- recovery --------------------------------------------------------------------------------

    def _restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Apply a changelog batch to its table, once, and tell the recovery service."""
        recovery = self.app.tables.recovery
        seen = recovery.active_offsets.get(tp)
        fresh = [r for r in records if seen is None or r.offset > seen]
        if fresh:
            self.app.tables._changelogs[tp.topic].restore(tp.partition, fresh)  # noqa: SLF001
            recovery.active_offsets[tp] = fresh[-1].offset
        self._end_recovery()

    def _end_recovery(self) -> None:
        recovery = self.app.tables.recovery
        if recovery.in_recovery and not recovery.need_recovery():
            recovery.signal_recovery_end.set()

    def _end_recovery_by_position(self) -> None:
        """End a recovery whose last changelog records were compacted away: none will come."""
        recovery = self.app.tables.recovery
        if not recovery.in_recovery:
            return
        for tp, highwater in recovery.active_highwaters.items():
            position = self._position(tp)
            if position is not None and position > highwater and tp not in self._unproven:
                seen = recovery.active_offsets[tp]
                recovery.active_offsets[tp] = highwater if seen is None else max(seen, highwater)
        self._end_recovery()
