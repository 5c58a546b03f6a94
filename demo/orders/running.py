"""Runs the shop, the three choreographed programs and the orchestrator inside this process, each in
a thread of its own, and places orders.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

import httpx
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from figwatch.demo.keyspace import FAULTS
from figwatch.demo.orders import shop
from figwatch.demo.orders.choreography import PROGRAMS, TOPICS, react
from figwatch.demo.orders.orchestrator import orchestrate
from figwatch.demo.orders.participants import CREDIT
from figwatch.demo.stages.backstage import Backstage

if TYPE_CHECKING:
    from collections.abc import Callable

    from figwatch.demo.orders.participants import OrderFault
    from figwatch.demo.sandbox import Endpoints

PARTITIONS = 4
TOPIC_SECONDS_MAX = 30.0
PLACE_SECONDS_MAX = 15.0
STOP_SECONDS_MAX = 60.0
SAGA_TOPICS = (*TOPICS, "inv.public.sagastate")
AFFORDABLE = "19.90"
BEYOND_CREDIT = f"{CREDIT + 1:.2f}"
ITEMS = FAULTS[20:30]
"""Items of their own: nobody else changes their stock."""


class RunningProgram:
    """One program in a thread; `failure` is what ended it, None while it lives or was stopped."""

    def __init__(self, name: str, run: Callable[[threading.Event], None]) -> None:
        self.failure: Exception | None = None
        self._run = run
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._guarded, name=f"demo-{name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _guarded(self) -> None:
        try:
            self._run(self._stop)
        except Exception as error:  # noqa: BLE001 - whoever watches over the demo looks here
            self.failure = error


class Orders:
    """Until the block ends. The service's tables and its connector must be there."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._servers, self._dsn = endpoints.bootstrap_servers, endpoints.dsn["service"]
        self._placed = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            make_topics(self._servers)
            url = self._stack.enter_context(Backstage(shop.create_app(self._dsn))).url
            client = httpx.Client(base_url=url, timeout=PLACE_SECONDS_MAX)
            self._shop = self._stack.enter_context(client)
            self.programs = [
                RunningProgram(program.group, partial(react, program, self._servers, self._dsn))
                for program in PROGRAMS
            ]
            self.start_orchestrator()
            self._stack.callback(self._stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_orchestrator(self) -> None:
        """Another one, after the last has ended: it goes on from `sagastate`."""
        self.orchestrator = RunningProgram("orchestrator", partial(orchestrate, self._dsn))

    def place(
        self,
        *,
        orchestrated: bool,
        quantity: int = 1,
        refused: bool = False,
        fault: OrderFault | None = None,
    ) -> str:
        """One order; its reference. `refused`: it costs more than the customer's credit."""
        order = {
            "itemId": ITEMS[self._placed % len(ITEMS)],
            "quantity": quantity,
            "amount": BEYOND_CREDIT if refused else AFFORDABLE,
            "orchestrated": orchestrated,
            "fault": fault,
        }
        self._placed += 1
        reply = self._shop.post("/api/orders", json=order)
        return str(reply.raise_for_status().json()["reference"])

    def check(self) -> None:
        """Raises RuntimeError when a choreographed program has ended."""
        failures = [str(program.failure) for program in self.programs if program.failure]
        if failures:
            raise RuntimeError(f"a program of the order saga ended: {failures[0]}")

    def _stop(self) -> None:
        for program in (*self.programs, self.orchestrator):
            program.stop()


def make_topics(bootstrap_servers: str) -> None:
    """Make the sagas' topics, which must be there before figwatch begins to read them."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    wanted = [NewTopic(name, PARTITIONS, 1) for name in SAGA_TOPICS]
    for made in admin.create_topics(wanted).values():
        try:
            made.result(TOPIC_SECONDS_MAX)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
