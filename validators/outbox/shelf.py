"""The aggregates of one outbox in one partition, packed; what was not used for longest goes first.

`figwatch.validators.outbox.decide` takes them out, puts them back and says when one was dropped.
"""

import msgspec

from figwatch.validators.outbox.aggregate import Aggregate


class Shelf:
    """At most `limit` aggregates by name: which of them wait for something, and which changed."""

    def __init__(self, limit: int) -> None:
        self.kept: dict[bytes, bytes] = {}
        self.open: set[bytes] = set()
        self._dirty: set[bytes] = set()
        self._limit = limit

    def get(self, key: bytes) -> Aggregate:
        """Take one out; it is put back as the newest."""
        packed = self.kept.pop(key, None)
        return Aggregate() if packed is None else _AGGREGATE.decode(packed)

    def put(self, key: bytes, one: Aggregate) -> int:
        """Put one back; returns how many that waited had to go for it."""
        (self.open.add if one.changes or one.events else self.open.discard)(key)
        self.kept[key] = pack(one)
        self._dirty.add(key)
        dropped = 0
        while len(self.kept) > self._limit:
            oldest = next(iter(self.kept))
            del self.kept[oldest]
            dropped += oldest in self.open
            self.open.discard(oldest)
            self._dirty.add(oldest)
        return dropped

    def restore(self, key: bytes, packed: bytes) -> None:
        """Take an aggregate from the changelog."""
        self.kept[key] = packed
        one = _AGGREGATE.decode(packed)
        if one.changes or one.events:
            self.open.add(key)

    def take_dirty(self) -> list[tuple[bytes, bytes | None]]:
        """What changed since the last call; None: it is gone."""
        dirty, self._dirty = self._dirty, set()
        return [(key, self.kept.get(key)) for key in dirty]


def pack(one: Aggregate) -> bytes:
    """As it is kept."""
    return _ENCODER.encode(one)


_ENCODER = msgspec.msgpack.Encoder()
_AGGREGATE = msgspec.msgpack.Decoder(Aggregate)
