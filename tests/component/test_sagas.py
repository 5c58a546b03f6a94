"""Sagas watched by the real worker: killed under load, two of them, with planted failures."""

import json
import random
import sys
import time

import pytest

from tests.component.migration import Migration, now_us

GOOD = ("OrderPlaced", "ItemReserved", "PaymentTaken", "OrderConfirmed")
PLANTED = {
    "refused": (("OrderPlaced", "ItemReserved", "PaymentRefused", "ItemReleased"), "compensated"),
    "lost-event": (("OrderPlaced", "PaymentTaken", "OrderConfirmed"), "stuck"),
    "crashed": (("OrderPlaced", "ItemReserved"), "stuck"),
    "kept": (("OrderPlaced", "ItemReserved", "PaymentRefused"), "incompletely_compensated"),
}
STEPS = {"lost-event": ["reserve"], "crashed": ["pay"], "kept": ["reserve"]}


class Sagas(Migration):
    """Orders and stock events on two topics of the service's side."""

    command = (
        sys.executable,
        "-c",
        "from figwatch.cli.main import main; main()",
        "run",
        "--config",
    )

    def connect(self):
        super().connect()
        self.orders, self.stock = f"{self.name}.Order", f"{self.name}.Stock"
        for topic in (self.orders, self.stock):
            self.producer.list_topics(topic, timeout=10)

    def beat(self):
        for topic in self.beats.values():
            beat = json.dumps({"ts_ms": now_us() // 1000}).encode()
            self.producer.produce(topic, beat, partition=0)
        self.producer.flush()

    def put(self, topic, key, op, value, lsn):
        source = {"ts_us": now_us(), "lsn": lsn, "snapshot": "false", "txId": lsn}
        row = {"op": op, "after": {"id": key, "v": value}, "source": source}
        body = json.dumps(row).encode()
        self.producer.produce(topic, body, key=json.dumps({"id": key}).encode())

    def config(self, **worker):
        made = super().config(**worker)
        for side in made["sides"].values():
            side["heartbeat_grace_seconds"] = 0
        topics = [
            {"side": "service", "topic": self.orders, "correlation": "key"},
            {"side": "service", "topic": self.stock, "correlation": "value:order"},
        ]
        steps = [
            {"name": "reserve", "done": "ItemReserved", "undone": "ItemReleased"},
            {"name": "pay", "done": "PaymentTaken", "failed": "PaymentRefused"},
            {"name": "confirm", "done": "OrderConfirmed"},
        ]
        saga = {"name": "order", "time_limit_seconds": 3, "start": ["OrderPlaced"]}
        return made | {"sagas": [saga | {"steps": steps, "topics": topics}]}

    def event(self, order, name, ident=None):
        ident = ident or f"{order}-{name}"
        headers = {"id": ident.encode(), "eventType": name.encode()}
        if name.startswith("Item"):
            body = json.dumps({"order": order}).encode()
            self.producer.produce(self.stock, body, key=b"sku", headers=headers)
        else:
            self.producer.produce(self.orders, b"{}", key=order.encode(), headers=headers)

    def happen(self, stories):
        """Tell stories {order: events} side by side, each event delivered once or twice."""
        dice = random.Random(3)
        for step in range(4):
            for order, story in stories.items():
                if step < len(story):
                    for _ in range(dice.choice((1, 1, 2))):
                        self.event(order, story[step])
            self.producer.flush()
            time.sleep(0.1)

    @property
    def order(self):
        return self.summary().sagas["order"]

    def outcomes(self):
        return {name: n for name, n in self.order.outcomes.items() if n}


@pytest.fixture
def sagas(tmp_path):
    with Sagas(tmp_path, "sagas") as running:
        running.insert({"row": 1})
        yield running


def test_each_planted_failure_is_named_and_nothing_else_though_workers_die(sagas):
    worker = sagas.start().ready()
    sagas.happen({f"good-{n}": GOOD for n in range(50)})
    worker.kill()
    sagas.happen({name: story for name, (story, _) in PLANTED.items()})
    sagas.start().ready()
    # The mock cluster forms no group from one that joins while a dead one is being left out.
    sagas.until(lambda: sagas.outcomes().get("completed") == 50)
    second = sagas.start().ready()
    sagas.happen({f"more-{n}": GOOD for n in range(50)})
    expected = {"completed": 100, "compensated": 1, "stuck": 2, "incompletely_compensated": 1}
    sagas.until(lambda: expected == sagas.outcomes())
    assert second.terminate()[0] == 0
    sagas.event("more-1", "OrderConfirmed")  # delivered once more
    sagas.producer.flush()
    time.sleep(2)
    sagas.until(lambda: expected == sagas.outcomes())
    cases = {case.instance: list(case.steps) for case in sagas.order.cases}
    assert cases == STEPS
    assert (100, 104) == (sagas.order.success, sagas.order.samples)
    assert 100 == sagas.order.seconds.count


def test_an_event_that_says_no_saga_is_kept_in_the_dead_letters(sagas):
    worker = sagas.start().ready()
    headers = {"id": b"x", "eventType": b"ItemReserved"}
    sagas.producer.produce(sagas.stock, b"{}", key=b"sku", headers=headers)
    sagas.event("a", "OrderPlaced")
    sagas.producer.flush()
    sagas.until(lambda: sagas.records(sagas.letters))
    (letter,) = sagas.records(sagas.letters)
    assert "saga_correlation" == json.loads(letter.value())["reason"]
    sagas.until(lambda: sagas.order.outcomes.get("unknown") or sagas.order.outcomes.get("stuck"))
    assert 'figwatch_malformed_total{reason="saga_correlation"' in worker.get("metrics")[1]
