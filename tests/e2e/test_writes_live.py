"""Routed writes on real servers: the order saga with planted failures, both ways it is run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from figwatch.demo.configuration import configuration, environment
from figwatch.demo.migration import Migration, MigrationSettings
from figwatch.demo.orders.orchestrator import CrashedError
from figwatch.demo.orders.participants import OrderFault
from figwatch.demo.orders.running import Orders
from figwatch.demo.watcher import SCRIPT
from tests.e2e.test_demo_programs import clear

SAGA_SECONDS = 4.0
WAIT_SECONDS = 90.0
GOOD = 12


class Live:
    """The migration with its orders, and figwatch watching them."""

    def __init__(self, endpoints, folder: Path, orders: Orders):
        self.endpoints, self.folder, self.orders = endpoints, folder, orders
        self.config = folder / "figwatch.yaml"
        self.config.write_text(configuration(endpoints, saga_seconds=SAGA_SECONDS))
        self._environment = {**os.environ, **environment(endpoints)}

    def start_worker(self):
        with (self.folder / "worker.log").open("w") as log:
            command = [sys.executable, "-c", SCRIPT, "run", "--config", str(self.config)]
            return subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env=self._environment
            )

    def ask(self, *command):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, *command, "--config", str(self.config), "--json"],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return json.loads(done.stdout) if done.stdout else {}

    def sagas(self):
        return self.ask("status").get("sagas", {})

    def outcomes(self):
        """Outcomes that came up, by saga."""
        return {
            name: {outcome: n for outcome, n in saga["outcomes"].items() if n}
            for name, saga in self.sagas().items()
        }

    def until(self, expected, told):
        deadline = time.monotonic() + WAIT_SECONDS
        while (last := told()) != expected:
            self.orders.check()
            if time.monotonic() > deadline:
                log = (self.folder / "worker.log").read_text()[-2000:]
                raise AssertionError(f"never came: {expected}; last: {last}\n{log}")
            time.sleep(0.5)

    def noted(self, reference):
        """What the orchestrator made of it, by SQL."""
        query = "SELECT sagastatus FROM public.sagastate WHERE id = %s"
        with psycopg.connect(self.endpoints.dsn["service"]) as connection:
            return connection.execute(query, (reference,)).fetchone()[0]


@pytest.fixture(scope="module")
def live(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("writes")
    try:
        with (
            Migration(sandbox, MigrationSettings(items=50)),
            Orders(sandbox) as orders,
        ):
            running = Live(sandbox, folder, orders)
            worker = running.start_worker()
            try:
                yield running
            finally:
                worker.terminate()
                worker.wait(20)
    finally:
        clear(sandbox)


def test_each_planted_failure_of_an_order_is_found_and_named_and_nothing_else(live):
    place = live.orders.place
    for orchestrated in (False, True):
        for _ in range(GOOD):
            place(orchestrated=orchestrated)
        place(orchestrated=orchestrated, refused=True)
        place(orchestrated=orchestrated, quantity=1_000_000)  # there is less
    lost = place(orchestrated=False, fault=OrderFault.LOST_EVENT)
    kept = place(orchestrated=False, refused=True, fault=OrderFault.KEPT_RESERVATION)
    forgotten = place(orchestrated=True, refused=True, fault=OrderFault.KEPT_RESERVATION)
    live.until("ABORTED", lambda: live.noted(forgotten))
    crashed = place(orchestrated=True, fault=OrderFault.CRASH)
    orchestrator = live.orders.orchestrator
    live.until("ended", lambda: "alive" if orchestrator.alive else "ended")
    assert isinstance(orchestrator.failure, CrashedError)
    wrong = {"completed": GOOD, "compensated": 2, "incompletely_compensated": 1, "stuck": 1}
    live.until({"order": wrong, "order-orchestrated": wrong}, live.outcomes)
    assert {
        lost: ("stuck", ["pay"]),
        kept: ("incompletely_compensated", ["reserve"]),
        forgotten: ("incompletely_compensated", ["reserve"]),
        crashed: ("stuck", ["reserve"]),
    } == {
        case["instance"]: (case["outcome"], case["steps"])
        for saga in live.sagas().values()
        for case in saga["cases"]
        if case["outcome"] != "completed"
    }
    live.orders.start_orchestrator()
    resumed = wrong | {"completed": GOOD + 1}
    del resumed["stuck"]
    live.until({"order": wrong, "order-orchestrated": resumed}, live.outcomes)
    sagas = live.sagas()
    share = {name: (saga["success"], saga["samples"]) for name, saga in sagas.items()}
    assert {"order": (GOOD, GOOD + 4), "order-orchestrated": (GOOD + 1, GOOD + 4)} == share
    assert sagas["order-orchestrated"]["reached"]["stuck"] >= 1, "that it was stuck is forgotten"
    assert [{}, {}] == [saga["undeclared"] for saga in sagas.values()]
