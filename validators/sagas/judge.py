"""The sagas of one internal partition, and their records in the join table's changelog.

Pure. `figwatch.validators.sagas.saga` keeps the instances of one, `figwatch.validators.partition`
puts this judge beside the rows' one.
"""

from collections.abc import Callable, Iterable, Iterator, MutableMapping

import msgspec

from figwatch.validators.books import count
from figwatch.validators.sagas.definition import Definition
from figwatch.validators.sagas.instance import unpack
from figwatch.validators.sagas.saga import Saga, SagaBooks
from figwatch.validators.sagas.summary import SagaSummary
from figwatch.validators.writes.records import SagaEvent

PREFIX = b"\0saga\0"
"""Keys of sagas in the join table; pair names start with a letter."""
BOOKS = b"\0sagas"


class SagaJudge:
    """The sagas of one partition. `watermark_us` tells how far a set of topics is known."""

    def __init__(
        self,
        definitions: Iterable[Definition],
        watermark_us: Callable[[tuple[str, ...]], int],
    ) -> None:
        self.sagas = {d.name: Saga(d) for d in definitions}
        self._watermark_us = watermark_us
        self._books_dirty = False

    def apply(self, event: SagaEvent, place: int, now_us: int, *, from_start: bool) -> None:
        """Apply an event seen for the first time; `place` stands for its raw partition."""
        saga = self.sagas.get(event.saga)
        if saga is not None:
            self._books_dirty = True
            saga.apply(event, place, now_us, from_start=from_start)

    def lost(self, topic: str, before_us: int) -> None:
        """Records of a topic could not be read, all from before an instant."""
        for saga in self.sagas.values():
            if topic in saga.definition.topics:
                saga.books.lost_us = max(saga.books.lost_us, before_us)
                count(saga.books.problems, "unreadable")
                self._books_dirty = True

    def evaluate(self, now_us: int) -> None:
        """Settle what the watermarks have decided."""
        for saga in self.sagas.values():
            saga.evaluate(self._watermark_us(saga.definition.topics), now_us)

    def take_dirty(self) -> Iterator[tuple[bytes, bytes | None]]:
        """State changed since the last call; the books last (see `SagaBooks.sequence`)."""
        changed = self._books_dirty
        self._books_dirty = False
        for name, saga in self.sagas.items():
            dirty, saga.dirty = saga.dirty, set()
            changed = changed or bool(dirty)
            for key in dirty:
                yield _table_key(name, key), saga.packed(key)
        if changed:
            yield BOOKS, _ENCODER.encode({name: saga.books for name, saga in self.sagas.items()})

    def load(self, items: MutableMapping[bytes, bytes]) -> None:
        """Take this judge's records out of a restored state."""
        packed = items.pop(BOOKS, None)
        if packed is not None:
            for name, books in _DECODER.decode(packed).items():
                if name in self.sagas:
                    self.sagas[name].books = books
        newest = dict.fromkeys(self.sagas, 0)
        for table_key in [key for key in items if key.startswith(PREFIX)]:
            packed_name, _, key = table_key[len(PREFIX) :].partition(b"\0")
            name, value = packed_name.decode(), items.pop(table_key)
            saga = self.sagas.get(name)
            if saga is not None:
                saga.restore(key, value)
                newest[name] = max(newest[name], unpack(value).sequence)
        for name, saga in self.sagas.items():
            saga.restored(newest[name])

    def summary(self) -> dict[str, SagaSummary]:
        """Counts by saga."""
        return {name: saga.summary() for name, saga in self.sagas.items()}


def _table_key(saga: str, instance: bytes) -> bytes:
    return PREFIX + saga.encode() + b"\0" + instance


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(dict[str, SagaBooks])
