"""The outboxes of one partition: whom a record concerns, what goes to the changelog and comes back.

Pure. `figwatch.validators.partition` puts it beside the rows; `validators.outbox.decide` judges.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping

import msgspec

from figwatch.validators.outbox.decide import Ground, Outbox, OutboxBooks
from figwatch.validators.outbox.definition import Definition
from figwatch.validators.outbox.legs import Adjustment, Legs
from figwatch.validators.outbox.summary import OutboxSummary
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, Trip

PREFIX = b"\0outbox\0"
"""Keys of aggregates in the join table; pair names start with a letter."""
BOOKS = b"\0outboxes"


class OutboxJudge:
    """The outboxes of one partition. `ground` tells what the streams say of a definition, `leads`
    whether a side (0 the authority's) led a pair at an instant.
    """

    def __init__(
        self,
        definitions: Iterable[Definition],
        ground: Callable[[Definition], Ground],
        leads: Callable[[str, int, int], bool],
    ) -> None:
        self.outboxes = {d.name: Outbox(d, leads) for d in definitions}
        self._ground = ground
        self._dirty = False

    def follow(self, pair: str, table_topics: Collection[str]) -> tuple[Legs, ...]:
        """Measure the legs of changes that a pair shows on its other side; returns who wants to
        hear of it.
        """
        return tuple(
            outbox.follow(pair)
            for outbox in self.outboxes.values()
            if outbox.definition.table_topic in table_topics
        )

    def apply(self, record: OutboxChange | OutboxEvent, now_us: int) -> None:
        """Apply a record seen for the first time."""
        outbox = self.outboxes.get(record.outbox)
        if outbox is None:
            return
        self._dirty = True
        if isinstance(record, OutboxChange):
            outbox.change(record, now_us)
        else:
            outbox.event(record, now_us)

    def trip(self, trip: Trip) -> None:
        """Take a change that has met its event, in the partition of its row."""
        outbox = self.outboxes.get(trip.outbox)
        if outbox is not None and trip.pair in outbox.legs:
            outbox.legs[trip.pair].take(trip)

    def adjustments(self) -> Iterator[Adjustment]:
        """The newest changes of rows of this partition that met their events."""
        for outbox in self.outboxes.values():
            for legs in outbox.legs.values():
                yield from legs.adjustments()

    def take_trips(self) -> list[Trip]:
        """Records for the partitions of rows, since the last call."""
        taken = [trip for outbox in self.outboxes.values() for trip in outbox.trips]
        for outbox in self.outboxes.values():
            outbox.trips = []
        return taken

    def lost(self, topic: str, before_us: int) -> None:
        """Records of a topic could not be read, all from before an instant."""
        for outbox in self.outboxes.values():
            if topic in {outbox.definition.table_topic, outbox.definition.event_topic}:
                outbox.lost(before_us)
                self._dirty = True

    def evaluate(self, now_us: int) -> None:
        """Decide what the watermarks allow."""
        for outbox in self.outboxes.values():
            outbox.evaluate(self._ground(outbox.definition), now_us)

    def take_dirty(self) -> Iterator[tuple[bytes, bytes | None]]:
        """State changed since the last call."""
        changed, self._dirty = self._dirty, False
        for name, outbox in self.outboxes.items():
            dirty = outbox.shelf.take_dirty()
            changed = outbox.moved() or changed or bool(dirty)
            for key, packed in dirty:
                yield PREFIX + name.encode() + b"\0" + key, packed
        if changed:
            yield BOOKS, _ENCODER.encode({n: outbox.books for n, outbox in self.outboxes.items()})

    def load(self, items: MutableMapping[bytes, bytes]) -> None:
        """Take this judge's records out of a restored state."""
        packed = items.pop(BOOKS, None)
        if packed is not None:
            for name, books in _BOOKS.decode(packed).items():
                if name in self.outboxes:
                    self.outboxes[name].resume(books)
        for table_key in [key for key in items if key.startswith(PREFIX)]:
            value = items.pop(table_key)
            packed_name, _, key = table_key[len(PREFIX) :].partition(b"\0")
            outbox = self.outboxes.get(packed_name.decode())
            if outbox is not None:
                outbox.shelf.restore(key, value)

    def summary(self) -> dict[str, OutboxSummary]:
        """Counts by outbox."""
        return {name: outbox.summary() for name, outbox in self.outboxes.items()}


_ENCODER = msgspec.msgpack.Encoder()
_BOOKS = msgspec.msgpack.Decoder(dict[str, OutboxBooks])
