"""Writes batches of decoded records to the service's tables; knows nothing of Kafka.

One batch is one transaction. A key change reaches it as two records, often in two partitions: the
remarks that the log did not repeat wait in `replicator_moves` for the second one. Next: `faults`,
which asks for records to be lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg

from figwatch.demo.envelope import Delete, Ignored, Malformed, Record, Upsert
from figwatch.demo.projection import delete_row, sku_of, write_row

if TYPE_CHECKING:
    from collections.abc import Sequence

# How long a moved row may wait for the other half of its move (it is in another partition).
MOVE_WAIT_SECONDS_MAX = 30.0


@dataclass(slots=True)
class ReplicatorCounts:
    """Records since the start: `lost` were planted, `incomplete` had nothing to keep."""

    applied: int = 0
    lost: int = 0
    ignored: int = 0
    malformed: int = 0
    incomplete: int = 0
    batches: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decoded record and where it stood."""

    partition: int
    offset: int
    record: Record
    arrived: float


class Writer:
    """A connection to the service's database, and what was done over it."""

    def __init__(self, dsn: str) -> None:
        self.counts = ReplicatorCounts()
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._connection.execute(
            "DELETE FROM public.replicator_moves WHERE moved_at < now() - interval '1 day'"
        )

    def close(self) -> None:
        self._connection.close()

    def stalled(self) -> bool:
        query = "SELECT 1 FROM public.replicator_stall WHERE until > now()"
        return self._connection.execute(query).fetchone() is not None

    def write(self, batch: Sequence[Arrival]) -> list[Arrival]:
        """Apply `batch` in one transaction; returns what has to wait, in order.

        A partition waits as a whole behind a record that waits: its order is never broken.
        """
        before = replace(self.counts)
        try:
            with self._connection.transaction():
                waiting = self._write(batch)
        except psycopg.Error:
            self.counts = before
            raise
        self.counts.batches += 1
        return waiting

    def _write(self, batch: Sequence[Arrival]) -> list[Arrival]:
        lost = self._take_skips(batch)
        todo, before = list(batch), len(batch) + 1
        while todo and len(todo) < before:  # the half that one waits for may stand behind it
            before, waiting, blocked = len(todo), [], set()
            for arrival in todo:
                if arrival.partition in blocked or not self._apply(arrival, lost):
                    blocked.add(arrival.partition)
                    waiting.append(arrival)
            todo = waiting
        return todo

    def _take_skips(self, batch: Sequence[Arrival]) -> set[int]:
        keys = [_item_id(arrival.record) for arrival in batch]
        rows = self._connection.execute(
            "DELETE FROM public.replicator_skips WHERE item_id = ANY(%s) RETURNING item_id",
            ([key for key in keys if key is not None],),
        )
        return {int(row[0]) for row in rows}

    def _apply(self, arrival: Arrival, lost: set[int]) -> bool:
        """Whether the record is done with."""
        record = arrival.record
        key = _item_id(record)
        if key is not None and key in lost:
            lost.discard(key)
            self.counts.lost += 1
            return True
        match record:
            case Upsert():
                if not self._upsert(record, arrival.arrived):
                    return False
                self.counts.applied += 1
            case Delete():
                self._delete(record)
                self.counts.applied += 1
            case Ignored():
                self.counts.ignored += 1
            case Malformed():
                self.counts.malformed += 1
        return True

    def _upsert(self, change: Upsert, arrived: float) -> bool:
        remarks: str | None = None
        if change.row.notes_known:
            remarks = change.row.notes or ""
        elif change.moved_from is not None:
            found = self._connection.execute(
                "SELECT remarks FROM public.replicator_moves WHERE sku = %s AND lsn = %s",
                (sku_of(change.row.item_id), change.lsn),
            ).fetchone()
            if found is None and time.monotonic() - arrived < MOVE_WAIT_SECONDS_MAX:
                return False
            self.counts.incomplete += found is None
            remarks = None if found is None else found[0]
        write_row(self._connection, change.row, remarks)
        return True

    def _delete(self, change: Delete) -> None:
        if change.moved_to is not None and change.lsn is not None:
            self._connection.execute(
                "INSERT INTO public.replicator_moves (sku, lsn, remarks) VALUES (%s, %s, coalesce("
                "(SELECT remarks FROM public.inventory_items WHERE sku = %s), ''))"
                " ON CONFLICT DO NOTHING",
                (sku_of(change.moved_to), change.lsn, sku_of(change.item_id)),
            )
        delete_row(self._connection, change.item_id)


def _item_id(record: Record) -> int | None:
    match record:
        case Upsert(row=row):
            return row.item_id
        case Delete(item_id=item_id):
            return item_id
        case _:
            return None
