"""The sample migration with everything that people look at: worker, console, Prometheus with the
rules, Alertmanager, and somebody who is alerted.
"""

import contextlib
import http.server
import inspect
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
from confluent_kafka import Producer

from figwatch.demo.configuration import configuration, environment
from figwatch.demo.keyspace import FAULTS
from figwatch.demo.migration import Migration, MigrationSettings
from figwatch.demo.sandbox import tools
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.watcher import SCRIPT

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "dashboards" / "prometheus"
PORTS = ("worker", "console", "prometheus", "alertmanager")
WAIT_SECONDS = 240.0
JOB = "figwatch-sample"
BROKEN_TOPIC = "inv.public.stock_levels"


def until(holds, seconds=WAIT_SECONDS):
    """What `holds` returns once it is true; an error that names it after that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError, KeyError, IndexError):
            if found := holds():
                return found
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds:.0f} s: {inspect.getsource(holds).strip()}")


TEMPLATES = "/usr/share/prometheus"
IN_PLACE = f"""
mount -t tmpfs none /usr/share && mkdir {TEMPLATES} && cp -r "$0{TEMPLATES}/." {TEMPLATES} \\
    && exec "$@"
"""


def alertmanager():
    """Debian's Alertmanager wants its templates where a package puts them: it gets them there, in
    a mount namespace of its own.
    """
    unpacked = tools.ensure(tools.ALERTMANAGER)
    program = str(unpacked.program("prometheus-alertmanager"))
    if Path(TEMPLATES, "alertmanager").is_dir():
        return [program]
    return ["unshare", "--map-root-user", "--mount", "sh", "-c", IN_PLACE, unpacked.root, program]


class Alerted(http.server.BaseHTTPRequestHandler):
    """Hears what Alertmanager sends to its webhook."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard += json.loads(body)["alerts"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Watched:
    """Runs until the block ends; everything is on loopback."""

    def __init__(self, endpoints, folder):
        self.endpoints, self.folder = endpoints, folder
        self.ports = choose(PORTS, {})
        self._stack = contextlib.ExitStack()
        self._programs = []

    def __enter__(self):
        try:
            self.migration = self._stack.enter_context(
                Migration(self.endpoints, MigrationSettings(items=100, rate_per_second=15))
            )
            load = self.migration.start_load()
            self._stack.callback(load.end)
            self._stack.callback(self._end)
            self._start_worker()
            self._start_alertmanager()
            self._start_prometheus()
            self.began = time.time()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _end(self):
        for program in reversed(self._programs):
            program.terminate()
        for program in self._programs:
            program.wait(20)

    def _run(self, name, argv, **more):
        log = (self.folder / f"{name}.log").open("w")
        self._stack.callback(log.close)
        program = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder, **more)
        self._programs.append(program)

    def _start_worker(self):
        text = configuration(
            self.endpoints, convergence_share=0.5, console_port=self.ports["console"]
        )
        text = text.replace("migration: inventory", f"migration: look{uuid.uuid4().hex[:8]}")
        text = text.replace("http_port: 0", f"http_port: {self.ports['worker']}")
        self.config = self.folder / "figwatch.yaml"
        self.config.write_text(text)
        argv = [sys.executable, "-c", SCRIPT, "run", "--console", "--config", str(self.config)]
        self._run("worker", argv, env=os.environ | dict(environment(self.endpoints)))

    def _start_alertmanager(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Alerted)
        server.heard = self.heard = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self._stack.callback(thread.join, 10)
        self._stack.callback(server.shutdown)
        hook = f"http://127.0.0.1:{server.server_port}/"
        route = {"receiver": "people", "group_by": ["alertname", "pair"]}
        route |= {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
        receivers = [{"name": "people", "webhook_configs": [{"url": hook, "send_resolved": True}]}]
        config = self.folder / "alertmanager.yml"
        config.write_text(json.dumps({"route": route, "receivers": receivers}))
        self._run("alertmanager", [
            *alertmanager(), f"--config.file={config}", f"--storage.path={self.folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{self.ports['alertmanager']}",
            "--cluster.listen-address=",
        ])  # fmt: skip

    def _start_prometheus(self):
        facade = self.migration.facade_url.removeprefix("http://")
        jobs = {JOB: f"127.0.0.1:{self.ports['worker']}", "facade": facade}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "recording.yaml"), str(RULES / "alerts.yaml")],
            "alerting": {"alertmanagers": [{"static_configs": [
                {"targets": [f"127.0.0.1:{self.ports['alertmanager']}"]}]}]},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]}
                for job, target in jobs.items()
            ],
        }  # fmt: skip
        file = self.folder / "prometheus.yml"
        file.write_text(json.dumps(config))
        program = tools.ensure(tools.PROMETHEUS).program("prometheus")
        self._run("prometheus", [
            program, f"--config.file={file}", f"--storage.tsdb.path={self.folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}",
        ])  # fmt: skip

    # -- looking -----------------------------------------------------------------------------

    def query(self, expr):
        """Values of an instant query."""
        url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/query"
        answer = httpx.get(url, params={"query": expr}, timeout=10).json()
        assert answer["status"] == "success", answer
        return [float(series["value"][1]) for series in answer["data"]["result"]]

    def shown(self, expr):
        """Whether a query has shown a number since the start."""
        url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/query_range"
        span = {"start": self.began, "end": time.time(), "step": "2"}
        answer = httpx.get(url, params={"query": expr, **span}, timeout=20).json()
        assert answer["status"] == "success", (expr, answer)
        found = (v for series in answer["data"]["result"] for _, v in series["values"])
        return any(value != "NaN" for value in found)

    def console(self, path="state", **query):
        url = f"http://127.0.0.1:{self.ports['console']}/api/{path}"
        return httpx.get(url, params=query, timeout=90).json()

    def alerts(self, name, status):
        return [a for a in self.heard if a["labels"]["alertname"] == name and a["status"] == status]

    def plant_broken_record(self):
        """A record of a connector that cannot be decoded, with a key that can: of an item that
        nothing else touches, or its next good event would settle it before Prometheus looks.
        """
        producer = Producer({"bootstrap.servers": self.endpoints.bootstrap_servers})
        producer.produce(BROKEN_TOPIC, b"{", key=b'{"sku":"%d"}' % FAULTS[-1])
        assert 0 == producer.flush(10)
