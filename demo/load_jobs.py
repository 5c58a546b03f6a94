"""What batch jobs do to the monolith's tables by SQL, past its API. Used by `load`.

Each method throws its dice at once and returns the work to do. `seed_rows` fills the table.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg

from figwatch.demo.keyspace import FAULTS, LOAD_FIRST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow
    from psycopg_pool import AsyncConnectionPool

    from figwatch.demo.load_keys import Keys

# Long enough that PostgreSQL stores them out of line (its threshold is about 2 kB a row).
NOTES_LONG_BYTES = 3000
STOCKTAKE_ITEMS = 4
WORDS = ("oak", "iron", "blue", "wide", "quiet", "north", "paper", "salt", "ember", "glass")

INSERT = """
INSERT INTO public.inventory (item_id, name, quantity, unit_price, category, status, notes)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
TOUCH = "UPDATE public.inventory SET quantity = quantity WHERE item_id = %s"
DELETE = "DELETE FROM public.inventory WHERE item_id = %s"
COUNT = """
UPDATE public.inventory SET quantity = quantity + %s, updated_at = clock_timestamp()
WHERE item_id = %s
"""


def row_values(item_id: int, dice: random.Random) -> tuple[object, ...]:
    """Values for `INSERT`, drawn from the dice; names carry blanks that a char(n) would lose."""
    notes: tuple[str | None, ...] = (None, "", "fragile", _long_text(dice))
    return (
        item_id,
        f"{dice.choice(WORDS)} {dice.choice(WORDS)} {item_id}",
        dice.randint(50, 500),
        Decimal(dice.randint(1, 99_999)) / 100,
        dice.randint(1, 12),
        "A",
        dice.choices(notes, (5, 1, 3, 1))[0],
    )


def seed_rows(connection: psycopg.Connection[TupleRow], items: int, seed: int) -> None:
    """The load's first items and the rows reserved for faults, in the caller's transaction."""
    dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    ids: Iterable[int] = (*range(LOAD_FIRST, LOAD_FIRST + items), *FAULTS)
    with connection.cursor() as cursor:
        cursor.executemany(INSERT, [row_values(item_id, dice) for item_id in ids])


def _long_text(dice: random.Random) -> str:
    return dice.randbytes(NOTES_LONG_BYTES // 2).hex()


@dataclass(frozen=True, slots=True)
class Jobs:
    pool: AsyncConnectionPool[AsyncConnection[TupleRow]]
    keys: Keys

    def insert(self) -> Callable[[], Awaitable[bool]]:
        item_id = self.keys.fresh()
        values = row_values(item_id, self.keys.dice)

        async def run() -> bool:
            async with self.pool.connection() as connection:
                await connection.execute(INSERT, values)
            self.keys.add(item_id)
            return True

        return run

    def edit(self) -> Callable[[], Awaitable[bool]]:
        dice, item_id = self.keys.dice, self.keys.pick()
        column, value = dice.choice(
            (
                ("unit_price", Decimal(dice.randint(1, 99_999)) / 100),
                ("name", f"{dice.choice(WORDS)} {dice.choice(WORDS)} {item_id}"),
                ("status", dice.choice("AAD")),
                ("notes", dice.choice((None, "heavy", _long_text(dice)))),
                ("nothing", None),
            )
        )

        async def run() -> bool:
            async with self.pool.connection() as connection:
                if column == "nothing":
                    return (await connection.execute(TOUCH, (item_id,))).rowcount == 1
                cursor = await connection.execute(
                    f"UPDATE public.inventory SET {column} = %s, updated_at = now()"  # noqa: S608
                    " WHERE item_id = %s",  # the column is one of the constants above
                    (value, item_id),
                )
                return cursor.rowcount == 1

        return run

    def delete(self) -> Callable[[], Awaitable[bool]]:
        item_id = self.keys.pick_any()
        if len(self.keys.live) < 2:  # noqa: PLR2004 - the last one stays
            return self.insert()

        async def run() -> bool:
            async with self.pool.connection() as connection:
                cursor = await connection.execute(DELETE, (item_id,))
            self.keys.retire(item_id)
            return cursor.rowcount == 1

        return run

    def renumber(self) -> Callable[[], Awaitable[bool]]:
        before, after = self.keys.pick_any(), self.keys.fresh()

        async def run() -> bool:
            async with self.pool.connection() as connection:
                cursor = await connection.execute(
                    "UPDATE public.inventory SET item_id = %s WHERE item_id = %s", (after, before)
                )
            if cursor.rowcount != 1:
                return False
            self.keys.retire(before)
            self.keys.add(after)
            return True

        return run

    def stocktake(self) -> Callable[[], Awaitable[bool]]:
        dice = self.keys.dice
        counted = sorted({self.keys.pick() for _ in range(STOCKTAKE_ITEMS)})
        passing = row_values(self.keys.fresh(), dice) if dice.random() < 0.3 else None  # noqa: PLR2004
        rolls_back = dice.random() < 0.15  # noqa: PLR2004 - a share, like the one above
        delta = dice.randint(1, 9)

        async def run() -> bool:
            async with self.pool.connection() as connection, connection.transaction() as whole:
                for item_id in counted:
                    await connection.execute(COUNT, (delta, item_id))
                if passing is not None:  # here and gone within one transaction
                    await connection.execute(INSERT, passing)
                    await connection.execute(COUNT, (delta, passing[0]))
                    await connection.execute(DELETE, (passing[0],))
                for item_id in counted[:2]:
                    await connection.execute(COUNT, (1, item_id))
                if rolls_back:
                    raise psycopg.Rollback(whole)
            return True

        return run
