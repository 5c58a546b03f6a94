"""A pair whose source publishes events of its changes, and adjustments on their way through it."""

from figwatch.validators.change import Change, Mark, Op, Side, Topology
from figwatch.validators.outbox.legs import Leg
from figwatch.validators.pair import PairRules
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.writes.records import OutboxChange, OutboxEvent
from tests.unit.writes.outbox_bench import SECOND, STOCK, Bench

PAIR = "delivered"
FORTH = PairRules(PAIR, ("t",), ("other",), ("on_hand",), disorder_us=0)
BACK = PairRules(PAIR, ("other",), ("t",), ("on_hand",), disorder_us=0)
TRACE = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"
MS = 1000
EXPECTED = {
    Leg.REQUEST: 30 * MS,
    Leg.READ: 5 * MS,
    Leg.RECORD: 20 * MS,
    Leg.EVENT: 20 * MS,
    Leg.SHOW: 80 * MS,
    Leg.TOTAL: 130 * MS,
}
"""What an adjustment takes here: from `adjust`, and from `Bench.place` that to Kafka."""


class Adjusted(Bench):
    """With `turned` the pair's authority is the other side, and has turned round."""

    def __init__(self, rules=FORTH, two_way=None):
        self.rules, self.two_way = rules, two_way
        super().__init__(STOCK)
        self.last = 0
        self.next["other"] = 0
        self.judge.apply(Topology("other", 1), self.now)
        self.judge.apply(Mark("other", 0, 0, 0, None, streaming=False), self.now)

    def new_judge(self):
        return PartitionJudge((self.rules,), outboxes=(self.definition,), two_way=self.two_way)

    def adjust(self, on_hand, *, traced=True, shown=True):
        """One request: change, event and, where it is `shown`, the other side's change."""
        self.commit(on_hand)
        if traced:
            self.tell(on_hand, requested_us=self.now - 30 * MS, trace=TRACE)
        else:
            self.tell(on_hand, problems=("no_request", "bad_trace"))
        return self.show(on_hand) if shown else self

    def commit(self, on_hand):
        """The change: two facts, decoded of one record."""
        self.now += SECOND // 10
        self.tx += 1
        place, number = self.place("t"), (self.tx, 1)
        self._row("t", on_hand, place, self.now)
        change = OutboxChange(
            "stock", b"7", b"7", "c" if self.tx == 1 else "u", (str(on_hand), "0"), self.now,
            True,  # noqa: FBT003  # a log event
            *place, number, self.tx, rows=((PAIR, b"7"),), emitted_us=self.now + 5 * MS,
        )  # fmt: skip
        self.judge.apply(change, self.now)
        return self

    def tell(self, on_hand, **asked):
        """Its event; what it is told goes to the row's partition, which is this one."""
        delta, self.last = on_hand - self.last, on_hand
        values = (str(on_hand), str(delta))
        place, ident = self.place("e"), self.next["e"]
        event = OutboxEvent("stock", b"7", "StockAdjusted", values, *place, ident, **asked)
        self.judge.apply(event, self.now)
        for moved in self.judge.take_moved():
            self.judge.apply(moved, self.now)
        return self

    def show(self, on_hand):
        """The other side's change."""
        self._row("other", on_hand, self.place("other"), self.now + 100 * MS)
        return self

    def _row(self, topic, on_hand, place, at_us):
        side = Side.SOURCE if topic in self.rules.source_topics else Side.TARGET
        op = Op.CREATE if place[2] == 0 else Op.UPDATE
        digest = on_hand.to_bytes(16, "big")
        change = Change(PAIR, side, b"7", op, digest, digest[-2:], at_us, (self.tx, 1), self.tx,
                        *place)  # fmt: skip
        self.judge.apply(change, self.now)

    @property
    def books(self):
        return self.summary.legs[PAIR]

    @property
    def taken(self):
        """The sum of every leg."""
        return {Leg(leg): sketch.sum_us for leg, sketch in self.books.legs.items()}
