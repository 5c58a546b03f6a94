"""Panels of what is rare: a real Prometheus scrapes what a worker shows of it."""

import contextlib
import json
import subprocess
import time

import httpx
import pytest

from figwatch.dashboards.boards import BOARDS
from figwatch.demo.sandbox import tools
from figwatch.demo.sandbox.ports import choose
from tests.component.rare import CAUSES, Worker, served
from tests.dashboards import asked

SCRAPES = 3
WAIT_SECONDS = 180.0
QUERIES = {
    (f"{board.title}: {panel.title}", expr): panel.needs
    for board in BOARDS
    for panel in board.panels
    if panel.needs in CAUSES
    for expr, _ in panel.queries
}


class Prometheus:
    """Scrapes one target five times a second."""

    def __init__(self, folder, target):
        self._port = choose(["prometheus"], {})["prometheus"]
        config = folder / "prometheus.yml"
        scraped = [{"job_name": "figwatch-rare", "static_configs": [{"targets": [target]}]}]
        config.write_text(
            json.dumps({"global": {"scrape_interval": "200ms"}, "scrape_configs": scraped})
        )
        program = tools.ensure(tools.PROMETHEUS).program("prometheus")
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=10)
        self.argv = [
            program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]  # fmt: skip

    def query(self, expr):
        """Values of an instant query; None while it does not answer."""
        try:
            answer = self._client.get("/api/v1/query", params={"query": expr}).json()
        except (httpx.HTTPError, json.JSONDecodeError):
            return None
        return [float(one["value"][1]) for one in answer.get("data", {}).get("result", [])]

    def scraped(self):
        """Wait until what is served now was scraped a few times."""
        began = time.time()
        until(lambda: (self.query("min(timestamp(up))") or [0])[0] > began + SCRAPES * 0.2)

    def shown(self):
        """Panels of which a number above zero is shown."""
        return {name for name in QUERIES if any(n > 0 for n in self.query(asked(name[1])) or [])}


def until(holds):
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "Prometheus did not scrape"
        time.sleep(0.1)


@contextlib.contextmanager
def running(argv, folder):
    with (folder / "prometheus.log").open("w") as log:
        program = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            yield
        finally:
            program.terminate()
            program.wait(20)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the panels show before, and after."""
    folder = tmp_path_factory.mktemp("panels")
    worker = Worker()
    worker.begin()
    pages = [worker.page()]
    with served(pages) as target:
        prometheus = Prometheus(folder, target)
        with running(prometheus.argv, folder):
            prometheus.scraped()
            before = prometheus.shown()
            worker.happen()
            pages.append(worker.page())
            prometheus.scraped()
            return before, prometheus.shown()


def test_every_panel_of_what_is_rare_shows_its_first_time(told):
    assert set(CAUSES) == set(QUERIES.values())
    _, after = told
    assert set() == {name for name, _ in set(QUERIES) - after}


def test_none_of_them_shows_it_while_all_is_well(told):
    before, _ = told
    assert {"figwatch / Writes and sagas: Sagas now"} == {name for name, _ in before}
