"""The item ids that the load works on, and the dice. Next: `load_jobs`."""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate

from figwatch.demo.keyspace import LOAD_FIRST, LOAD_MADE_FIRST

RANKS = 2000
EXPONENT = 1.1
RETIRED_MAX = 200
REUSE_SHARE = 0.3


class Keys:
    """Live ids by popularity, and retired ones that may come back."""

    def __init__(self, seed: int, items: int) -> None:
        if items < 1:
            raise ValueError("items: use 1 or more")
        self.dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.live = list(range(LOAD_FIRST, LOAD_FIRST + items))
        self._retired: list[int] = []
        self._next = LOAD_MADE_FIRST
        self._weights = list(accumulate(1 / rank**EXPONENT for rank in range(1, RANKS + 1)))

    def pick(self) -> int:
        """A live id: the first ones far more often than the last ones."""
        rank = bisect(self._weights, self.dice.random() * self._weights[-1])
        return self.live[rank % len(self.live)]

    def pick_any(self) -> int:
        """A live id, each as likely as the others."""
        return self.dice.choice(self.live)

    def fresh(self) -> int:
        """An id without a row: a new one, or one that had a row before."""
        if self._retired and self.dice.random() < REUSE_SHARE:
            return self._retired.pop(self.dice.randrange(len(self._retired)))
        self._next += 1
        return self._next - 1

    def add(self, item_id: int) -> None:
        self.live.append(item_id)

    def retire(self, item_id: int) -> None:
        """Take an id out; a second time does nothing (two operations may hit one row)."""
        if item_id in self.live:
            self.live.remove(item_id)
            if len(self._retired) < RETIRED_MAX:
                self._retired.append(item_id)
