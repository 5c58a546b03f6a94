"""A partition's judge with an outbox, and what is told to it."""

from figwatch.validators.change import Barrier, Mark, Topology
from figwatch.validators.outbox.definition import Definition, EventRule, Field
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.writes.records import OutboxChange, OutboxEvent

SECOND = 1_000_000
BASE = 1_700_000_000 * SECOND
UPDATE = frozenset({"c", "u"})
COLUMNS = ("on_hand", "held")
EVENTS = (
    EventRule("StockAdjusted", UPDATE, changed=(0,),
              content=(Field("onHand", 0), Field("delta", 0, delta=True))),
    EventRule("ItemReserved", frozenset("u"), grew=(1,), content=(Field("held", 1),)),
    EventRule("ReservationReleased", frozenset("u"), fell=(1,), content=(Field("held", 1),)),
)  # fmt: skip
STOCK = Definition("stock", "t", "e", COLUMNS, EVENTS, within_us=2 * SECOND)


class Bench:
    """A partition's judge that is told rows and events; `known` moves both watermarks."""

    def __init__(self, definition=STOCK, start=0):
        self.definition = definition
        self.judge = self.new_judge()
        self.now, self.next, self.kept = BASE, {"t": start, "e": start}, {}
        self.rows = {}
        self.tx = 0
        for topic in ("t", "e"):
            self.judge.apply(Topology(topic, 1), self.now)
            self.judge.apply(Mark(topic, 0, start, start, None, streaming=False), self.now)

    def new_judge(self):
        return PartitionJudge((), outboxes=(self.definition,))

    def place(self, topic):
        self.next[topic] += 1
        return topic, 0, self.next[topic] - 1, self.now + 20_000

    def row(self, on_hand, held, sku="7", op="u", **more):
        self.now += SECOND // 10
        self.tx += 1
        values = tuple(None if v is None else str(v) for v in (on_hand, held))
        self.judge.apply(
            OutboxChange("stock", sku.encode(), sku.encode(), op, values, self.now, op != "r",
                         *self.place("t"), (self.tx, 1), self.tx, **more),
            self.now,
        )  # fmt: skip
        return self

    def event(self, kind, *values, sku="7", ident=None, **more):
        ident = self.next["e"] + 1 if ident is None else ident
        values = tuple(str(v) for v in values)
        self.judge.apply(
            OutboxEvent("stock", sku.encode(), kind, values, *self.place("e"), ident, **more),
            self.now,
        )
        return self

    def known(self, seconds=10):
        self.now += seconds * SECOND
        for topic, end in self.next.items():
            self.judge.apply(Mark(topic, 0, 0, end, None, streaming=False), self.now)
            self.judge.apply(Barrier(topic, 0, end, self.now, exact=True), self.now)
        self.judge.evaluate(self.now)
        return self

    def restart(self):
        self.kept |= dict(self.judge.take_dirty())
        self.kept = {k: v for k, v in self.kept.items() if v is not None}
        self.judge = self.new_judge()
        self.judge.load(dict(self.kept), self.now)
        return self

    @property
    def summary(self):
        return self.judge.summary(self.now).outboxes["stock"]

    @property
    def counts(self):
        return self.summary.counts
