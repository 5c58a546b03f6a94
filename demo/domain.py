"""The service's aggregates and the events they give rise to. Next: `service` stores both.

Pure: an aggregate answers a command with its next state and the event that says so, or refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from figwatch.demo.api import ConflictError

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

INT64_MAX = 2**63 - 1


class StockAdjusted(msgspec.Struct, frozen=True, rename="camel"):
    sku: str
    delta: int
    on_hand: int
    reason: str


class ItemReserved(msgspec.Struct, frozen=True, rename="camel"):
    sku: str
    quantity: int
    held: int
    reference: str


class ReservationReleased(msgspec.Struct, frozen=True, rename="camel"):
    sku: str
    quantity: int
    held: int
    reference: str


Event: TypeAlias = StockAdjusted | ItemReserved | ReservationReleased


@dataclass(frozen=True, slots=True)
class InventoryItem:
    """What an item is; `state` is `A` (active) or `D` (discontinued)."""

    sku: str
    title: str
    category: str
    state: str
    remarks: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class StockLevel:
    """How much of an item there is: `0 <= held <= on_hand`."""

    sku: str
    on_hand: int
    held: int
    price: Decimal

    def adjust(self, delta: int, reason: str) -> tuple[StockLevel, StockAdjusted]:
        """Raises ConflictError when held stock would no longer be covered."""
        on_hand = self.on_hand + delta
        if not self.held <= on_hand <= INT64_MAX:
            raise ConflictError(f"item {self.sku} has {self.on_hand - self.held} free")
        return replace(self, on_hand=on_hand), StockAdjusted(self.sku, delta, on_hand, reason)

    def reserve(self, quantity: int, reference: str) -> tuple[StockLevel, ItemReserved]:
        """Raises ConflictError when less than `quantity` is free."""
        held = self.held + quantity
        if held > self.on_hand:
            raise ConflictError(f"item {self.sku} cannot give {quantity}")
        return replace(self, held=held), ItemReserved(self.sku, quantity, held, reference)

    def release(self, quantity: int, reference: str) -> tuple[StockLevel, ReservationReleased]:
        """Raises ConflictError when less than `quantity` is held."""
        held = self.held - quantity
        if held < 0:
            raise ConflictError(f"item {self.sku} has only {self.held} reserved")
        return replace(self, held=held), ReservationReleased(self.sku, quantity, held, reference)
