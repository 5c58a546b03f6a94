"""What a row of the monolith's inventory looks like in the service. Next: `replicator`, `faults`.

The two places that write the service's tables from the monolith's data, the replicator and the
repair of a planted fault, share these statements. figwatch does not: it has the mapping in its
own words (`migration`), or a mistake here would hide itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    import psycopg
    from psycopg.rows import TupleRow


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """A row of `public.inventory`; `notes_known` is false where the log did not carry them."""

    item_id: int
    name: str
    quantity: int
    reserved: int
    unit_price: Decimal
    category: int
    status: str
    notes: str | None
    updated_at: datetime
    notes_known: bool = True


UPSERT_STOCK = """
INSERT INTO public.stock_levels (sku, on_hand, held, price) VALUES (%s, %s, %s, %s)
ON CONFLICT (sku) DO UPDATE
SET on_hand = excluded.on_hand, held = excluded.held, price = excluded.price
"""

# The CASE hands the stored value on untouched, so it stays out of line and out of the log.
UPSERT_ITEM = """
INSERT INTO public.inventory_items AS i (sku, title, category, state, remarks, changed_at)
VALUES (%(sku)s, %(title)s, %(category)s, %(state)s, coalesce(%(remarks)s, ''), %(changed_at)s)
ON CONFLICT (sku) DO UPDATE
SET title = excluded.title, category = excluded.category, state = excluded.state,
    remarks = CASE WHEN %(remarks)s::text IS NULL THEN i.remarks ELSE excluded.remarks END,
    changed_at = excluded.changed_at
"""


def sku_of(item_id: int) -> str:
    return str(item_id)


def to_milliseconds(instant: datetime) -> datetime:
    """The service keeps milliseconds. Cut, not rounded: PostgreSQL would round on its own."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def write_row(
    connection: psycopg.Connection[TupleRow], row: InventoryRow, remarks: str | None
) -> None:
    """Write both aggregates; `remarks` None keeps what is stored (nothing stored: empty)."""
    sku = sku_of(row.item_id)
    connection.execute(UPSERT_STOCK, (sku, row.quantity, row.reserved, row.unit_price))
    connection.execute(
        UPSERT_ITEM,
        {
            "sku": sku,
            "title": row.name,
            "category": str(row.category),
            "state": row.status,
            "remarks": remarks,
            "changed_at": to_milliseconds(row.updated_at),
        },
    )


def delete_row(connection: psycopg.Connection[TupleRow], item_id: int) -> None:
    sku = sku_of(item_id)
    connection.execute("DELETE FROM public.stock_levels WHERE sku = %s", (sku,))
    connection.execute("DELETE FROM public.inventory_items WHERE sku = %s", (sku,))
