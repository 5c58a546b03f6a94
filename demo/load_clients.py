"""What clients ask of the façade. Used by `load`; like `load_jobs`, dice first, work later."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import httpx

    from figwatch.demo.load_keys import Keys

OPEN_ORDERS_MAX = 1000
ORDER_LINES_MAX = 4
SHIPPED_SHARE = 0.7
# Gone, sold out, or to be tried again: answers, not failures.
REFUSED = frozenset({404, 409, 503})


class Clients:
    """The work returned answers whether the request was granted; raises httpx.HTTPError."""

    def __init__(self, client: httpx.AsyncClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._orders: deque[int] = deque(maxlen=OPEN_ORDERS_MAX)

    def read(self) -> Callable[[], Awaitable[bool]]:
        path = f"/api/inventory/{self._keys.pick()}"

        async def run() -> bool:
            return _granted(await self._client.get(path))

        return run

    def adjust(self) -> Callable[[], Awaitable[bool]]:
        delta = self._keys.dice.randint(-20, 30)
        body = {"itemId": self._keys.pick(), "delta": delta, "reason": "count"}
        return self._post("/api/inventory/adjust", body)

    def order(self) -> Callable[[], Awaitable[bool]]:
        dice = self._keys.dice
        lines = [
            {"itemId": self._keys.pick(), "quantity": dice.randint(1, 5)}
            for _ in range(dice.randint(1, ORDER_LINES_MAX))
        ]

        async def run() -> bool:
            body = {"customer": "demo", "lines": lines}
            reply = await self._client.post("/api/orders", json=body)
            if not _granted(reply):
                return False
            self._orders.append(reply.json()["orderId"])
            return True

        return run

    def close(self) -> Callable[[], Awaitable[bool]]:
        """Ship or cancel the oldest open order; without one, read."""
        action = "ship" if self._keys.dice.random() < SHIPPED_SHARE else "cancel"
        if not self._orders:
            return self.read()
        return self._post(f"/api/orders/{self._orders.popleft()}/{action}", {})

    def _post(self, path: str, body: dict[str, object]) -> Callable[[], Awaitable[bool]]:
        async def run() -> bool:
            return _granted(await self._client.post(path, json=body))

        return run


def _granted(reply: httpx.Response) -> bool:
    if reply.status_code in REFUSED:
        return False
    reply.raise_for_status()
    return True
