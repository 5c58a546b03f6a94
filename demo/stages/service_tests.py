"""The sample service's own tests: what a team would run in its build. Stage `build` reads what they
leave behind. pytest runs them, told by name (`workshop`); they are not figwatch's tests.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.resources import files

import httpx
import psycopg
import pytest

from figwatch.demo.api import ConflictError
from figwatch.demo.domain import StockLevel
from figwatch.demo.service import create_app
from figwatch.demo.serving import serving

STOCK = StockLevel("7", on_hand=10, held=4, price=Decimal("1.5"))
DSN = os.environ.get("SERVICE_TEST_DSN", "")
ROWS = """
INSERT INTO public.inventory_items VALUES ('7', 'oak', '1', 'A', '', now());
INSERT INTO public.inventory_items VALUES ('8', 'old', '1', 'D', '', now());
INSERT INTO public.stock_levels VALUES ('7', 10, 4, 1.5);
INSERT INTO public.stock_levels VALUES ('8', 10, 4, 1.5);
"""


def test_unit_an_adjustment_changes_what_is_there_and_says_so() -> None:
    stock, event = STOCK.adjust(-3, "count")
    assert (7, 4) == (stock.on_hand, stock.held)
    assert ("7", -3, 7, "count") == (event.sku, event.delta, event.on_hand, event.reason)


@pytest.mark.parametrize("delta", [-7, 2**63])
def test_unit_an_adjustment_never_uncovers_what_is_held(delta: int) -> None:
    with pytest.raises(ConflictError):
        STOCK.adjust(delta, "count")


def test_unit_a_reservation_holds_what_is_free() -> None:
    stock, event = STOCK.reserve(6, "order 1")
    assert (10, 10, 10) == (stock.on_hand, stock.held, event.held)
    with pytest.raises(ConflictError):
        STOCK.reserve(7, "order 1")


def test_unit_a_release_gives_back_what_is_held() -> None:
    stock, event = STOCK.release(4, "order 1")
    assert (0, 0) == (stock.held, event.held)
    with pytest.raises(ConflictError):
        STOCK.release(5, "order 1")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The service's tables with two items, in the database that the environment names."""
    with psycopg.connect(DSN, autocommit=True) as connection:
        connection.execute(files("figwatch.demo").joinpath("service.sql").read_bytes())
        connection.execute(ROWS)
    yield DSN
    with psycopg.connect(DSN, autocommit=True) as connection:
        connection.execute("DROP TABLE public.inventory_items, public.stock_levels, public.outbox")


@asynccontextmanager
async def client(dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(dsn)) as url, httpx.AsyncClient(base_url=url) as found:
        yield found


async def visit(dsn: str) -> list[tuple[int, object]]:
    """Every request of the API in turn: status and quantity."""
    hold = {"itemId": 7, "quantity": 2, "reference": "order 1"}
    asked = (
        ("GET", "/api/inventory/7", None),
        ("POST", "/api/inventory/adjust", {"itemId": 7, "delta": 5, "reason": "count"}),
        ("POST", "/api/inventory/reserve", hold),
        ("POST", "/api/inventory/release", hold),
        ("POST", "/api/inventory/reserve", hold | {"itemId": 8}),
        ("GET", "/api/inventory/9", None),
        ("POST", "/api/inventory/adjust", {"itemId": 9, "delta": 5, "reason": "count"}),
    )
    found = []
    async with client(dsn) as service:
        for method, path, body in asked:
            reply = await service.request(method, path, json=body)
            found.append((reply.status_code, reply.json().get("quantity")))
    return found


def test_integration_the_service_answers_its_api_and_leaves_one_event_for_each_grant(
    database: str,
) -> None:
    told = asyncio.run(visit(database))
    granted, refused = [200, 200, 200, 200], [409, 404, 404]
    assert granted + refused == [status for status, _ in told]
    assert [10, 15, 15, 15] == [quantity for _, quantity in told[:4]]
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT type FROM public.outbox ORDER BY type").fetchall()
    assert ["ItemReserved", "ReservationReleased", "StockAdjusted"] == [row[0] for row in rows]
