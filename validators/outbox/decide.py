"""Each committed change that must publish an event does so once, with its content, in order.

Pure. A change and its event meet as soon as both were read (`validators.outbox.aggregate`). What
has met nothing is decided by watermarks alone: a change once the events' topic is known to
`within_us` beyond it, an event once the table's topic is known beyond its time in Kafka, which is
later than its commit. What the streams cannot say (reading began later, records lost or unreadable,
the other side led) is unknown, never a fault. `figwatch.validators.outbox.judge` keeps one such
`Outbox` for each that is declared.
"""

from collections.abc import Callable

import msgspec

from figwatch.validators.outbox.aggregate import (
    IDS_MAX,
    MISSING_MAX,
    QUEUE_MAX,
    Aggregate,
    Asked,
    Expected,
    Row,
    Told,
    Way,
    fits,
    instead,
    meet,
    remember,
    same_kind,
)
from figwatch.validators.outbox.definition import UNKNOWN, Definition
from figwatch.validators.outbox.legs import REQUEST_AWAY_US, LegBooks, Legs
from figwatch.validators.outbox.shelf import Shelf, pack
from figwatch.validators.outbox.summary import LISTED_MAX, OutboxCase, OutboxSummary
from figwatch.validators.writes.records import OutboxChange, OutboxEvent, Trip

LOOK_US = 100_000
"""Waiting ones are looked at when the watermarks moved by this much."""


class OutboxBooks(msgspec.Struct, array_like=True, gc=False):
    """Counts of one outbox that survive a restart."""

    counts: dict[str, int] = {}
    cases: list[OutboxCase] = []
    from_us: int = 0
    """What is from before can not be told."""
    known_us: int = 0
    begun: bool = False
    """`from_us` is behind where reading began."""
    legs: dict[str, LegBooks] = {}
    """By pair."""


class Ground(msgspec.Struct, frozen=True, gc=False):
    """What the streams say of an outbox: how far each topic is known (0: it is not), and from when
    on the table's changes are all there.
    """

    table_us: int
    events_us: int
    from_us: int
    late: bool = False
    """A topic is not read from its beginning."""


class Outbox:
    """All aggregates of one outbox in this partition."""

    def __init__(self, definition: Definition, leads: Callable[[str, int, int], bool]) -> None:
        self.definition = definition
        self.books = OutboxBooks()
        self.shelf = Shelf(definition.aggregates_max)
        self.legs: dict[str, Legs] = {}
        """Of the pairs that follow the table, by name."""
        self.trips: list[Trip] = []
        self._rules = {rule.type: n for n, rule in enumerate(definition.events)}
        self._leads = leads
        self._looked_us = 0
        self._ground = Ground(0, 0, 0)

    # -- records ---------------------------------------------------------------------------------

    def change(self, change: OutboxChange, now_us: int) -> None:
        """Take a row event of the table."""
        one = self.shelf.get(change.aggregate)
        last = one.rows.get(change.row)
        if last is not None and _again(change, last):
            return
        old = change.before or (last.values if last is not None else None)
        new = change.values
        if old is not None:
            new = tuple(a if b == UNKNOWN else b for a, b in zip(old, new, strict=True))
        if change.op == "d":
            one.rows.pop(change.row, None)
        else:
            remember(one, change.row, Row(new, change.position, change.at_us))
        if change.committed:
            rows = tuple(row for row in change.rows if row[0] in self.legs)
            way = Way(rows, change.position, change.emitted_us, change.append_us) if rows else None
            for n, rule in enumerate(self.definition.events):
                required = rule.required(change.op, old, new)
                if required is not False:
                    one.number += 1
                    one.changes.append(
                        Expected(n, rule.expected(old, new), change.at_us, change.tx, one.number,
                                 perhaps=required is None, way=way)
                    )  # fmt: skip
        self._put(change.aggregate, one, now_us)

    def event(self, event: OutboxEvent, now_us: int) -> None:
        """Take an event."""
        rule = self._rules.get(event.name)
        if rule is None:
            self._count("undeclared")
            return
        one = self.shelf.get(event.aggregate)
        if event.event_id and event.event_id in one.ids:
            self._count("redelivered")
            return
        if event.event_id:
            one.ids = [*one.ids, event.event_id][-IDS_MAX:]
        if event.fault:
            self._fault("schema", event.aggregate, rule, event.append_us, now_us, (event.fault,))
        one.number += 1
        asked = Asked(event.requested_us, event.trace, event.problems) if self.legs else None
        one.events.append(Told(rule, event.values, event.append_us, event.tx, one.number, asked))
        self._put(event.aggregate, one, now_us)

    def lost(self, before_us: int) -> None:
        """Records of one of the topics could not be read, all from before an instant."""
        self.books.from_us = max(self.books.from_us, before_us)

    def follow(self, pair: str) -> Legs:
        """Measure the legs of a pair."""
        books = self.books.legs.setdefault(pair, LegBooks({}, {}, {}))
        self.legs[pair] = legs = Legs(books, self.definition.objective_us)
        return legs

    def moved(self) -> bool:
        """Whether a leg was measured since the last call."""
        dirty = [legs for legs in self.legs.values() if legs.dirty]
        for legs in dirty:
            legs.dirty = False
        return bool(dirty)

    def resume(self, books: OutboxBooks) -> None:
        """Go on with books from the changelog."""
        self.books = books
        for pair, legs in self.legs.items():
            legs.books = books.legs.setdefault(pair, LegBooks({}, {}, {}))

    # -- deciding --------------------------------------------------------------------------------

    def evaluate(self, ground: Ground, now_us: int) -> None:
        """Decide what the watermarks allow."""
        self._ground = ground
        known_us = min(ground.table_us, ground.events_us)
        if known_us < self._looked_us + LOOK_US:
            return
        self._looked_us = self.books.known_us = known_us
        if ground.late and not self.books.begun:
            self.books.begun = True
            self.lost(max(ground.table_us, ground.events_us))
        for key in list(self.shelf.open):
            before = self.shelf.kept[key]
            one = self.shelf.get(key)
            self._settle(key, one, now_us)
            if pack(one) == before:
                self.shelf.kept[key] = before
            else:
                self._put(key, one, now_us)

    def _settle(self, key: bytes, one: Aggregate, now_us: int) -> None:
        for change in list(one.changes):
            self._settle_change(key, one, change, now_us)
        for event in list(one.events):
            self._settle_event(key, one, event, now_us)

    def _settle_change(self, key: bytes, one: Aggregate, change: Expected, now_us: int) -> None:
        definition = self.definition
        if change.at_us + definition.within_us + definition.skew_us >= self._ground.events_us:
            return
        place = one.changes.index(change)
        for n, event in enumerate(one.events):
            if fits(change, event):
                self._meet(key, one, place, n, now_us)
                return
        if change.perhaps or not self._told(change.at_us):
            del one.changes[place]
            self._count("unknown")
            return
        other = instead(one, place)
        if other is not None:
            fields = self._differing(change, one.events[other])
            meet(one, place, other)
            self._fault("content", key, change.rule, change.at_us, now_us, fields)
            return
        del one.changes[place]
        one.missing = [*one.missing, change][-MISSING_MAX:]
        self._fault("gap", key, change.rule, change.at_us, now_us)

    def _settle_event(self, key: bytes, one: Aggregate, event: Told, now_us: int) -> None:
        if event not in one.events:
            return
        if event.append_us + self.definition.skew_us >= self._ground.table_us:
            return
        place = one.events.index(event)
        for n, change in enumerate(one.changes):
            if fits(change, event):
                self._meet(key, one, n, place, now_us)
                return
        if any(same_kind(change, event) for change in one.changes):
            return  # perhaps with other content: that change's time decides
        del one.events[place]
        if not self._told(event.append_us - self.definition.within_us):
            self._count("unknown")
            return
        late = next((c for c in one.missing if fits(c, event)), None)
        if late is not None:
            one.missing.remove(late)
            self._count("late")
        elif any(fits(change, event) for change in one.recent):
            self._fault("duplicate", key, event.rule, event.append_us, now_us)
        else:
            self._fault("ghost", key, event.rule, event.append_us, now_us)

    def _meet(self, key: bytes, one: Aggregate, change: int, event: int, now_us: int) -> None:
        known = one.changes[change]
        self._send(known, one.events[event])
        ordered = meet(one, change, event)
        self._count("matched")
        if not ordered and self._told(known.at_us):
            self._fault("order", key, known.rule, known.at_us, now_us)

    def _send(self, change: Expected, event: Told) -> None:
        """Tell the partitions of the change's row, which hear when it is shown."""
        way, asked = change.way, event.asked
        if way is None or asked is None:
            return
        if asked.requested_us and abs(change.at_us - asked.requested_us) > REQUEST_AWAY_US:
            asked = Asked(0, asked.trace, (*asked.problems, "bad_request"))
        self.trips += [
            Trip(
                self.definition.name, pair, key, way.position, change.at_us, way.emitted_us,
                way.append_us, event.append_us, asked.requested_us, asked.trace, asked.problems,
            )
            for pair, key in way.rows
        ]  # fmt: skip

    def _told(self, at_us: int) -> bool:
        """Whether the streams can say anything of an instant."""
        definition = self.definition
        if at_us <= max(self.books.from_us, self._ground.from_us) + definition.skew_us:
            return False
        return not definition.pair or self._leads(definition.pair, definition.lead, at_us)

    def _differing(self, change: Expected, event: Told) -> tuple[str, ...]:
        content = self.definition.events[change.rule].content
        pairs = zip(content, change.values, event.values, strict=True)
        return tuple(field.name for field, a, b in pairs if a != b and UNKNOWN not in (a, b))

    # -- keeping ---------------------------------------------------------------------------------

    def _put(self, key: bytes, one: Aggregate, now_us: int) -> None:
        while one.changes and one.events and fits(one.changes[0], one.events[0]):
            self._meet(key, one, 0, 0, now_us)
        for queue in (one.changes, one.events):
            while len(queue) > QUEUE_MAX:
                del queue[0]
                self._drop()
        for _ in range(self.shelf.put(key, one)):
            self._drop()

    def _drop(self) -> None:
        """More waits than is kept: what is left behind cannot be told."""
        self._count("dropped")
        self.books.from_us = max(self.books.from_us, self._looked_us)

    def _count(self, what: str) -> None:
        self.books.counts[what] = self.books.counts.get(what, 0) + 1

    def _fault(
        self, fault: str, key: bytes, rule: int, at_us: int, now_us: int,
        fields: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._count(fault)
        name, kind = key.decode("utf-8", "replace"), self.definition.events[rule].type
        case = OutboxCase(fault, name, kind, at_us, now_us, fields)
        self.books.cases = [*self.books.cases, case][-LISTED_MAX:]

    def summary(self) -> OutboxSummary:
        """Counts of this partition."""
        books, waiting = self.books, len(self.shelf.open)
        cases = list(reversed(books.cases))
        return OutboxSummary(dict(books.counts), waiting, books.known_us, cases, books.legs)


def _again(change: OutboxChange, last: Row) -> bool:
    """Whether the connector emitted a row event again."""
    if change.position is None or last.position is None:
        return False
    return change.position <= last.position and change.at_us <= last.at_us
