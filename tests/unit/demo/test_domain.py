"""The service's aggregate StockLevel."""

from decimal import Decimal

import pytest

from figwatch.demo.api import ConflictError
from figwatch.demo.domain import ItemReserved, ReservationReleased, StockAdjusted, StockLevel

STOCK = StockLevel("7", on_hand=10, held=4, price=Decimal("1.5000"))


def test_an_adjustment_says_what_is_on_hand_now():
    after, event = STOCK.adjust(-6, "count")
    assert StockLevel("7", 4, 4, Decimal("1.5000")) == after
    assert StockAdjusted("7", -6, 4, "count") == event


def test_a_reservation_and_its_release_are_inverse():
    held, reserved = STOCK.reserve(6, "order 1")
    freed, released = held.release(6, "order 1")
    assert ItemReserved("7", 6, 10, "order 1") == reserved
    assert ReservationReleased("7", 6, 4, "order 1") == released
    assert freed == STOCK


@pytest.mark.parametrize(
    "command",
    [
        lambda: STOCK.adjust(-7, "below what is held"),
        lambda: STOCK.adjust(2**63, "beyond the column"),
        lambda: STOCK.reserve(7, "more than is free"),
        lambda: STOCK.release(5, "more than is held"),
    ],
)
def test_stock_never_falls_below_what_is_held(command):
    with pytest.raises(ConflictError):
        command()
