"""Plants faults whose truth is known, and repairs them. Told by `story`.

Each fault has a row of its own in a reserved range (`keyspace`) that nothing else touches, so
what figwatch must say about it is certain: which pairs, which kind, which columns.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import class_row

from figwatch.demo.keyspace import FAULTS, FAULTS_UNUSED, FOREIGN
from figwatch.demo.load_jobs import INSERT
from figwatch.demo.projection import (
    InventoryRow,
    delete_row,
    sku_of,
    to_milliseconds,
    write_row,
)
from figwatch.demo.sandbox import connect
from figwatch.demo.truth import Expected, Fault, Kind, Planted, rows, stale

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


REPLICATED_SECONDS_MAX = 60.0
POLL_SECONDS = 0.05
WRONG_QUANTITY = 1_000_007
STALL_SECONDS_MAX = 120.0


class FaultError(Exception):
    """A fault could not be planted or repaired; the message says what stood in the way."""


class FaultInjector:
    """Plants and repairs, one fault at a time, on connections of its own."""

    def __init__(
        self, *, source_dsn: str, target_dsn: str, connect_url: str, connector: str
    ) -> None:
        self._source_dsn, self._target_dsn = source_dsn, target_dsn
        self._source = psycopg.connect(source_dsn, autocommit=True)
        self._target = psycopg.connect(target_dsn, autocommit=True)
        self._connect_url = connect_url
        self._connector = connector
        self._rows = iter(FAULTS)
        self._unused = iter(FAULTS_UNUSED)
        self._foreign = iter(FOREIGN)

    def close(self) -> None:
        self._source.close()
        self._target.close()

    def reconnect(self) -> None:
        """Connect anew, after a database was away."""
        self.close()
        self._source = psycopg.connect(self._source_dsn, autocommit=True)
        self._target = psycopg.connect(self._target_dsn, autocommit=True)

    def plant(self, fault: Fault, *, seconds: float = 0.0) -> Planted:
        """Plant `fault`; returns when it stands. `seconds`: how long a delay is to last at most.

        Raises:
            FaultError: the reserved rows are used up, or the replicator does not follow.
            SandboxError: Kafka Connect refused.
        """
        plants: dict[Fault, Callable[[], tuple[Expected, ...]]] = {
            Fault.LOST_UPDATE: self._lose_update,
            Fault.LOST_INSERT: self._lose_insert,
            Fault.LOST_DELETE: self._lose_delete,
            Fault.WRONG_VALUE: self._write_wrong_value,
            Fault.FOREIGN_WRITE: self._write_foreign_row,
            Fault.STALE_OVERWRITE: self._overwrite_with_older,
            Fault.REPLICATOR_STALLED: lambda: self._stall(seconds),
            Fault.CONNECTOR_STOPPED: self._pause_connector,
        }
        began_us = time.time_ns() // 1000
        expected = plants[fault]()
        return Planted(fault, expected, began_us, time.time_ns() // 1000)

    def repair(self, planted: Planted) -> None:
        """Make the service follow the monolith again, by SQL (delays: let them go on)."""
        if planted.fault is Fault.REPLICATOR_STALLED:
            self._target.execute("DELETE FROM public.replicator_stall")
        elif planted.fault is Fault.CONNECTOR_STOPPED:
            connect.resume(self._connect_url, self._connector)
        else:
            for item_id in {expected.item_id for expected in planted.expected}:
                self._copy(item_id)

    def _lose_update(self) -> tuple[Expected, ...]:
        item_id = self._row()
        self._lose(item_id, lambda: self._change(item_id))
        return stale(item_id)

    def _lose_insert(self) -> tuple[Expected, ...]:
        item_id = _take(self._unused)
        values = (item_id, f"lost {item_id}", 5, "9.90", 1, "A", None)
        self._lose(item_id, lambda: self._source.execute(INSERT, values))
        return rows(item_id, Kind.MISSING)

    def _lose_delete(self) -> tuple[Expected, ...]:
        item_id = self._row()
        self._lose(
            item_id,
            lambda: self._source.execute(
                "DELETE FROM public.inventory WHERE item_id = %s", (item_id,)
            ),
        )
        return rows(item_id, Kind.EXTRA)

    def _write_wrong_value(self) -> tuple[Expected, ...]:
        item_id = self._row()
        sku = sku_of(item_id)
        with self._target.transaction():
            self._target.execute(
                "UPDATE public.stock_levels SET on_hand = %s WHERE sku = %s",
                (WRONG_QUANTITY, sku),
            )
            self._target.execute(
                "UPDATE public.inventory_items SET title = title || '?', category = '99'"
                " WHERE sku = %s",
                (sku,),
            )
        return (
            Expected("stock", item_id, Kind.VALUE_MISMATCH, frozenset({"quantity"})),
            Expected("items", item_id, Kind.VALUE_MISMATCH, frozenset({"name", "category"})),
        )

    def _write_foreign_row(self) -> tuple[Expected, ...]:
        item_id = _take(self._foreign)
        sku = sku_of(item_id)
        with self._target.transaction():
            self._target.execute(
                "INSERT INTO public.stock_levels (sku, on_hand, price) VALUES (%s, 1, 1)", (sku,)
            )
            self._target.execute(
                "INSERT INTO public.inventory_items (sku, title, category, state, changed_at)"
                " VALUES (%s, 'foreign', '1', 'A', now())",
                (sku,),
            )
        return rows(item_id, Kind.EXTRA)

    def _overwrite_with_older(self) -> tuple[Expected, ...]:
        item_id = self._row()
        older = self._source_row(item_id)
        assert older is not None
        changed = self._change(item_id)
        self._await(lambda: self._changed_at(item_id) == to_milliseconds(changed))
        with self._target.transaction():
            write_row(self._target, older, None)
        return stale(item_id)

    def _stall(self, seconds: float) -> tuple[Expected, ...]:
        if not 0 < seconds <= STALL_SECONDS_MAX:
            raise FaultError(f"seconds: use more than 0 and at most {STALL_SECONDS_MAX:.0f}")
        self._target.execute(
            "INSERT INTO public.replicator_stall VALUES (1, now() + make_interval(secs => %s))"
            " ON CONFLICT (id) DO UPDATE SET until = excluded.until",
            (seconds,),
        )
        return ()

    def _pause_connector(self) -> tuple[Expected, ...]:
        connect.pause(self._connect_url, self._connector)
        return ()

    def _row(self) -> int:
        """A reserved row that the service has already."""
        item_id = _take(self._rows)
        row = self._source_row(item_id)
        if row is None:
            raise FaultError(f"the monolith has no item {item_id}; was it seeded?")
        self._await(lambda: self._changed_at(item_id) == to_milliseconds(row.updated_at))
        return item_id

    def _change(self, item_id: int) -> datetime:
        row = self._source.execute(
            "UPDATE public.inventory SET quantity = quantity + 7, updated_at = clock_timestamp()"
            " WHERE item_id = %s RETURNING updated_at",
            (item_id,),
        ).fetchone()
        assert row is not None
        changed: datetime = row[0]
        return changed

    def _lose(self, item_id: int, change: Callable[[], object]) -> None:
        """Have the replicator lose a change, and see that it did."""
        self._target.execute("INSERT INTO public.replicator_skips VALUES (%s)", (item_id,))
        change()
        self._await(
            lambda: (
                self._target.execute(
                    "SELECT 1 FROM public.replicator_skips WHERE item_id = %s", (item_id,)
                ).fetchone()
                is None
            )
        )

    def _changed_at(self, item_id: int) -> datetime | None:
        row = self._target.execute(
            "SELECT changed_at FROM public.inventory_items WHERE sku = %s", (sku_of(item_id),)
        ).fetchone()
        return None if row is None else row[0]

    def _source_row(self, item_id: int) -> InventoryRow | None:
        with self._source.cursor(row_factory=class_row(InventoryRow)) as cursor:
            cursor.execute(
                "SELECT item_id, name, quantity, reserved, unit_price, category, status, notes,"
                " updated_at FROM public.inventory WHERE item_id = %s",
                (item_id,),
            )
            return cursor.fetchone()

    def _copy(self, item_id: int) -> None:
        row = self._source_row(item_id)
        with self._target.transaction():
            if row is None:
                delete_row(self._target, item_id)
            else:
                write_row(self._target, row, row.notes or "")

    @staticmethod
    def _await(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + REPLICATED_SECONDS_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise FaultError(
                    f"the replicator did not follow within {REPLICATED_SECONDS_MAX:.0f} s"
                )
            time.sleep(POLL_SECONDS)


def _take(ids: Iterator[int]) -> int:
    for item_id in ids:
        return item_id
    raise FaultError("the reserved rows are used up; start with a fresh sandbox")
