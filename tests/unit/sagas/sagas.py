"""A small order saga and a bench on which its events are told to a partition's judge."""

from figwatch.validators.change import Barrier, Mark, Topology
from figwatch.validators.partition import PartitionJudge
from figwatch.validators.sagas.definition import (
    Definition,
    StepDeclaration,
    signals_of,
    step_order,
)
from figwatch.validators.writes.records import SagaEvent

SECOND = 1_000_000
LIMIT = 10 * SECOND
STEPS = (
    StepDeclaration("reserve", "StockReserved", "StockRefused", "StockReleased"),
    StepDeclaration("pay", "PaymentTaken", "PaymentRefused", "PaymentRefunded"),
    StepDeclaration("confirm", "OrderConfirmed"),
)
NAMES = tuple(s.name for s in STEPS)
TOPICS = {"Order": "orders", "Stock": "stock", "Payme": "payments"}


def order(**changes):
    settings = {
        "name": "order",
        "steps": NAMES,
        "before": step_order(STEPS),
        "compensable": 0b011,
        "signals": signals_of(["OrderPlaced"], STEPS),
        "ignored": frozenset(),
        "limit_us": LIMIT,
        "topics": ("orders", "stock", "payments"),
    }
    return Definition(**(settings | changes))


class Bench:
    """One partition's judge; `tell` gives events, `pass_time` moves the watermark."""

    def __init__(self, definition=None):
        self.definition = definition or order()
        self.judge = PartitionJudge((), [self.definition])
        self.now = 0
        self.offsets = {}
        for topic in self.definition.topics:
            self.judge.apply(Topology(topic, 1), 0)
            self.judge.apply(Mark(topic, 0, 0, 0, None, streaming=False), 0)

    def event(self, name, at, instance="1", event_id=0, topic=None, **fields):
        topic = topic or TOPICS[name[:5]]
        signal = self.definition.signals.get(name)
        said = {}
        if signal is not None:
            said = {"start": signal.start, "done": signal.done, "failed": signal.failed,
                    "undone": signal.undone}  # fmt: skip
        elif not fields:
            said = {"undeclared": name}
        offset = self.offsets[topic] = self.offsets.get(topic, -1) + 1
        us = round(at * SECOND)
        return SagaEvent("order", instance.encode(), us, committed=False, topic=topic, partition=0,
                         offset=offset, append_us=us, event_id=event_id,
                         **(said | fields))  # fmt: skip

    def tell(self, *events):
        for event in events:
            self.judge.apply(event, self.now)
        self.judge.evaluate(self.now)
        return self

    def happen(self, *names, instance="1", first=0.0, step=1.0):
        """Events with ids of their own, a second apart."""
        for n, name in enumerate(names):
            at = first + n * step
            self.tell(
                self.event(name, at, instance, event_id=hash((name, instance)) & 0xFFFFFF | 1)
            )
        return self

    def pass_time(self, seconds):
        for topic in self.definition.topics:
            end = self.offsets.get(topic, -1) + 1
            self.judge.apply(Mark(topic, 0, 0, end, None, streaming=False), self.now)
            self.judge.apply(Barrier(topic, 0, end, round(seconds * SECOND)), self.now)
        self.judge.evaluate(self.now)
        return self

    def restart(self):
        """A judge made of what the changelog of this one holds."""
        kept = getattr(self, "kept", {})
        kept.update(self.judge.take_dirty())
        self.kept = {k: v for k, v in kept.items() if v is not None}
        self.judge = PartitionJudge((), [self.definition])
        self.judge.load(dict(self.kept), self.now)
        return self

    @property
    def summary(self):
        return self.judge.summary(self.now).sagas["order"]

    @property
    def outcomes(self):
        return {name: n for name, n in self.summary.outcomes.items() if n}

    @property
    def problems(self):
        return self.summary.problems

    @property
    def case(self):
        (case,) = self.summary.cases
        return case


GOOD = ("OrderPlaced", "StockReserved", "PaymentTaken", "OrderConfirmed")
REFUSED = ("OrderPlaced", "StockReserved", "PaymentRefused", "StockReleased")
