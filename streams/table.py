"""The join table: Faust's changelog and recovery, without its store.

The judges keep the state (see `figwatch.streams.judge_agent`); this table writes what changed to
the changelog in awaited batches to the judge's own partition, and collects what recovery reads
until the judge of a partition is made from it. Stock tables send one unawaited record for each
update, and lose state silently when a delivery fails.

A worker that was taken for dead may write late, behind its successor. So each record says in a
header which owner wrote it: a number that grows with every owner. Recovery leaves out what is of an
earlier owner than a record before it, and the next write puts back the keys that it had touched.
(A transactional producer would keep such a writer out, at the price of two more requests for every
write and of rights that figwatch does not ask for.)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types import TP

from figwatch.streams.sender import send_ordered
from figwatch.streams.store import Store


class ForeignWriteError(RuntimeError):
    """Somebody else wrote to the changelog of a partition that this worker holds."""


class IncompleteRecoveryError(RuntimeError):
    """A recovery ended before the end of a changelog; the worker has to begin anew."""


OWNER_HEADER = "o"
"""Header of a changelog record: the owner's number, big-endian. A record without one has 0."""
_GENERATION_BITS = 32


@dataclass(slots=True)
class Restored:
    """What recovery has read of one partition."""

    values: Store = field(default_factory=dict)
    owner: int = 0
    """The latest owner so far."""
    late: set[bytes] = field(default_factory=set)
    """Keys that an earlier owner wrote behind a later one."""

    def take(self, records: Iterable[Any]) -> None:
        """Take changelog records, in order; a null value deletes."""
        for record in records:
            owner = _owner_of(record)
            if owner < self.owner:
                self.late.add(record.key)
                continue
            self.owner = owner
            if record.value is None:
                self.values.pop(record.key, None)
            else:
                self.values[record.key] = record.value

    def next_owner(self, generation: int) -> int:
        """Number of the next owner: above every earlier one; of two that have read the same, the
        one of the later generation of the consumer group (which may start anew) is the higher.
        """
        return ((self.owner >> _GENERATION_BITS) + 1 << _GENERATION_BITS) + max(generation, 0)

    @property
    def repairs(self) -> dict[bytes, bytes | None]:
        """What puts the keys back that were written late: compaction would keep only the latest."""
        return {key: self.values.get(key) for key in self.late}


def _owner_of(record: Any) -> int:
    for name, value in record.headers:
        if name == OWNER_HEADER:
            return int.from_bytes(value, "big")
    return 0


class JoinTable(faust.Table[bytes, bytes]):
    """Changelog of the judges' state, by internal partition.

    `on_restored` is called for every partition that was given to this worker, with its restored
    records, before its stream goes on; `on_lost` when a partition was taken away; `on_ready` when
    all that is held may be worked on.
    """

    def __init__(
        self,
        app: faust.App,
        *,
        partitions: int,
        new_store: Callable[[], Store] = dict,
        on_restored: Callable[[int, Store], None],
        on_lost: Callable[[int], None],
        on_ready: Callable[[], None],
        **kwargs: Any,
    ) -> None:
        self._on_restored, self._on_lost, self._on_ready = on_restored, on_lost, on_ready
        self._new_store = new_store
        self._restored: dict[int, Restored] = {}
        self._owners: dict[int, int] = {}
        """This worker's number for each partition that it holds."""
        self._repairs: dict[int, dict[bytes, bytes | None]] = {}
        self._ends: dict[int, int] = {}
        self.restored_records = 0
        super().__init__(
            app, name="join", key_type=bytes, value_type=bytes, partitions=partitions, **kwargs
        )

    async def on_start(self) -> None:
        """Start without declaring the topic: `figwatch.streams.topics` made and checked it."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Nothing is kept on this machine."""
        del tp
        return None  # Faust reads it

    # -- recovery --------------------------------------------------------------------------------

    def restore(self, partition: int, records: Sequence[Any]) -> None:
        """Take changelog records, in order."""
        self.restored_records += len(records)
        if partition not in self._restored:
            self._restored[partition] = Restored(self._new_store())
        self._restored[partition].take(records)

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Forget the partitions that went to another worker, and every recovery half done.

        Faust remembers how far it had read of a partition, even of one that was away meanwhile if
        rebalances follow each other quickly. What has no judge is read from its beginning.
        """
        del revoked, newly_assigned, generation_id  # `assigned` says it all
        recovery = self.app.tables.recovery
        recovery.signal_recovery_end.clear()
        mine = {tp.partition for tp in assigned if tp.topic == self.changelog_topic_name}
        for partition in self._owners.keys() - mine:
            del self._owners[partition]
            self._ends.pop(partition, None)
            self._repairs.pop(partition, None)
            self._on_lost(partition)
        self._restored.clear()
        for partition in mine - self._owners.keys():
            recovery.active_offsets[TP(self.changelog_topic_name, partition)] = None

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Hand the restored state over. Faust drops what is raised here, so it crashes the app.

        Faust calls this too when a rebalance interrupts a recovery: nothing is handed over then,
        the next recovery calls again.
        """
        del standby_tps
        recovery = self.app.tables.recovery
        generation = self.app.consumer_generation_id
        if recovery.signal_recovery_start.is_set() or recovery._generation_id != generation:  # noqa: SLF001
            return
        try:
            for tp in sorted(active_tps):
                self._recovered(tp)
            self._on_ready()
        except Exception as error:  # noqa: BLE001
            await self.app.crash(error)

    def _recovered(self, tp: TP) -> None:
        """Take one partition over.

        Raises:
            IncompleteRecoveryError: its changelog was not read to the end: judging from a part of
                the state would call right rows wrong.
            ForeignWriteError: another worker wrote while this one held the partition.
        """
        recovery = self.app.tables.recovery
        last, read = recovery.active_highwaters.get(tp), recovery.active_offsets.get(tp)
        if last is None or last > (-1 if read is None else read):
            raise IncompleteRecoveryError(f"the changelog {tp} was read to {read} of {last}")
        end = last + 1
        restored = self._restored.pop(tp.partition, None) or Restored(self._new_store())
        if tp.partition not in self._owners:
            self._owners[tp.partition] = restored.next_owner(self.app.consumer_generation_id)
            self._repairs[tp.partition] = restored.repairs
            self._on_restored(tp.partition, restored.values)
        elif restored.values or restored.late:
            raise ForeignWriteError(_FOREIGN.format(tp=tp, end=end))
        self._ends[tp.partition] = end

    # -- writing ---------------------------------------------------------------------------------

    async def write(self, partition: int, changes: Mapping[bytes, bytes | None]) -> None:
        """Write one value for each key, None deletes; returns when all are acknowledged.

        Raises:
            ForeignWriteError: the batch does not stand where the last one ended: another worker
                wrote. Either that or this one was taken for dead, and the state has to be
                restored.
            aiokafka.errors.KafkaError: a delivery failed for good.
        """
        topic = self.changelog_topic_name
        producer = self.app.producer._ensure_producer()  # noqa: SLF001
        owner = self._owners.get(partition, 0)
        header = (OWNER_HEADER, owner.to_bytes((owner.bit_length() + 7) // 8, "big"))
        changed = self._repairs.pop(partition, {}) | dict(changes)
        written = await send_ordered(producer, topic, partition, changed.items(), [header])
        for offset, count in written:
            end = self._ends.get(partition, offset)
            if offset not in (end, -1):  # -1: the broker had that batch already
                raise ForeignWriteError(_FOREIGN.format(tp=TP(topic, partition), end=end))
            self._ends[partition] = end + count
        # The recovery service begins behind what this worker has written itself.
        offsets = self.app.tables.recovery.active_offsets
        tp = TP(topic, partition)
        if tp in offsets:
            offsets[tp] = self._ends[partition] - 1


_FOREIGN = "the changelog {tp} was written by another worker beyond offset {end}"
