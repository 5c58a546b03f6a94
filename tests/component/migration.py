"""A small migration on the mock cluster, with known truth, and workers watching it.

Rows are what `plain.PlainDecoder` reads. `follow` lets the target follow the source; a thread
plays both connectors' heartbeats and the replicator's commits.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from figwatch.validators.finding import decode_finding
from figwatch.validators.summary import decode_summary, merge

PARTITIONS = 4
FOLDER = Path(__file__).parent


def now_us():
    return time.time_ns() // 1000


class Migration:
    command = (sys.executable, str(FOLDER / "worker_main.py"))

    def __init__(self, folder, name="trial"):
        self.folder, self.name = folder, name
        self.prefixes = {"monolith": f"{name}-mono", "service": f"{name}-inv"}
        self.source = f"{self.prefixes['monolith']}.public.inventory"
        self.target = f"{self.prefixes['service']}.public.stock"
        self.beats = {side: f"beat.{prefix}" for side, prefix in self.prefixes.items()}
        self.app, self.group = f"figwatch-{name}", f"{name}-replicator"
        self.letters = f"{self.app}-dead-letters"
        self.workers = []
        self._lsn = 0
        self._playing = threading.Event()

    def connect(self):
        """Start the cluster and make the topics, figwatch's own too: the mock cannot be asked."""
        settings = {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0}
        self.producer = Producer(settings)
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.servers = ",".join(f"{b.host}:{b.port}" for b in brokers)
        own = [
            f"{self.app}-{n}"
            for n in ("changes", "join-changelog", "findings", "summaries", "sweeps", "schemas")
        ]
        for topic in (self.source, self.target, *self.beats.values(), *own, self.letters):
            self.producer.list_topics(topic, timeout=10)

    def __enter__(self):
        self.connect()
        self._replicator = self.consumer(self.group)
        for attempt in range(20):  # leaders of new topics take a moment
            with contextlib.suppress(KafkaException):
                self.commit()
                break
            time.sleep(0.1 * attempt)
        self._player = threading.Thread(target=self._play)
        self._player.start()
        return self

    def __exit__(self, *_):
        self._playing.set()
        self._player.join()
        for worker in self.workers:
            worker.kill()
        self._replicator.close()

    def consumer(self, group):
        return Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": group,
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    # -- the migration's own programs

    def change(self, topic, key, op, value):
        self._lsn += 1
        self.put(topic, key, op, value, self._lsn)

    def put(self, topic, key, op, value, lsn):
        row = {"op": op, "v": value, "at": now_us(), "lsn": lsn}
        self.producer.produce(topic, json.dumps(row).encode(), key=key.encode())

    def beat(self):
        for topic in self.beats.values():
            self.producer.produce(topic, json.dumps({"at": now_us()}).encode(), partition=0)
        self.producer.flush()

    def raw(self, topic, key, value):
        self.producer.produce(topic, value, key=key)
        self.producer.flush()

    def write(self, rows, *, follow=None):
        """Write rows {key: value or None to delete} to the source; the target follows them, but
        for what `follow` says: {key: other value, or ... to lose the update}.
        """
        follow = follow or {}
        for topic, changed in ((self.source, {}), (self.target, follow)):
            for key, value in rows.items():
                shown = changed.get(key, value)
                if shown is not ...:
                    self.change(topic, key, "d" if shown is None else "u", shown)
            self.producer.flush()

    def insert(self, rows):
        for topic in (self.source, self.target):
            for key, value in rows.items():
                self.change(topic, key, "c", value)
            self.producer.flush()

    def commit(self):
        """The replicator has applied all that is in the source's topic."""
        ends = [
            TopicPartition(
                self.source,
                n,
                self._replicator.get_watermark_offsets(TopicPartition(self.source, n), 10)[1],
            )
            for n in range(PARTITIONS)
        ]
        self._replicator.commit(offsets=ends, asynchronous=False)

    def _play(self):
        while not self._playing.wait(0.3):
            self.beat()
            with contextlib.suppress(KafkaException):  # a broker that was killed
                self.commit()

    # -- figwatch

    def config(self, **worker):
        return {
            "migration": self.name,
            "kafka": {"bootstrap_servers": self.servers},
            "sides": {
                "monolith": {
                    "topic_prefix": self.prefixes["monolith"],
                    "heartbeat_topic": self.beats["monolith"],
                },
                "service": {
                    "topic_prefix": self.prefixes["service"],
                    "heartbeat_topic": self.beats["service"],
                    "consumer_group": self.group,
                },
            },
            "authority": "monolith",
            "pairs": [
                {
                    "name": "stock",
                    "source": "public.inventory",
                    "target": "public.stock",
                    "key": {"id": "id"},
                    "columns": {"v": "v"},
                }
            ],
            "worker": {
                "internal_partitions": PARTITIONS,
                "http_port": 0,
                "session_timeout_seconds": 4,
                **worker,
            },
        }

    def start(self, *, fault="", config=None):
        worker = WorkerProcess(self, config or self.config(), fault)
        self.workers.append(worker)
        return worker

    def records(self, topic):
        reader = self.consumer("reader")
        reader.assign([TopicPartition(topic, n, 0) for n in range(PARTITIONS)])
        ended, found = 0, []
        while ended < PARTITIONS:
            message = reader.poll(60)
            assert message is not None, f"no answer reading {topic}"
            if message.error():
                ended += 1
            else:
                found.append(message)
        reader.close()
        return found

    def summaries(self):
        newest = {m.key(): decode_summary(m.value()) for m in self.records(f"{self.app}-summaries")}
        return [newest[key] for key in sorted(newest)]

    def summary(self):
        return merge(self.summaries())

    def findings(self):
        newest = {m.key(): decode_finding(m.value()) for m in self.records(f"{self.app}-findings")}
        return list(newest.values())

    def open(self):
        """Open findings as {key: kind}; two of one key would be one too many."""
        found = [f for f in self.findings() if f.resolved_us is None]
        assert len({f.key for f in found}) == len(found), found
        return {self.key_name(f.key): f.kind for f in found}

    def key_name(self, key):
        return key.decode()

    def until(self, holds, seconds=120.0):
        """Wait until `holds()`; says what the last summary was when it never does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds():
                return
            time.sleep(0.3)
        raise AssertionError(f"never held; last: {self.summary()} {self.findings()}")

    def judged(self, keys):
        """Whether this many keys are there, none of them in flight."""
        summary = self.summary()
        if summary is None or len(self.summaries()) < PARTITIONS:
            return False
        counts = summary.pairs["stock"].keys
        return sum(counts.values()) == keys and not counts["in_flight"] + counts["overdue"]


class WorkerProcess:
    """A worker in a process of its own. `fault` names what shall go wrong in it."""

    def __init__(self, migration, config, fault):
        folder, number = migration.folder, len(migration.workers)
        path = folder / f"config-{number}.yaml"  # JSON is YAML
        path.write_text(json.dumps(config))
        self.log = folder / f"worker-{number}.log"
        environment = {**os.environ, "FIGWATCH_TEST_FAULT": fault}
        self.process = subprocess.Popen(
            [*migration.command, str(path)],
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("w"),
            env=environment,
            cwd=folder,
        )

    @property
    def port(self):
        """HTTP port of the newest start; None before."""
        ports = [line.split()[-1] for line in self.lines("is ready, http port")]
        return int(ports[-1]) if ports else None

    def lines(self, text):
        return [line for line in self.log.read_text().splitlines() if text in line]

    def ready(self, seconds=30.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            if self.port is not None and self.get("readyz")[0] == 200:
                return self
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=30) as got:
                return got.status, got.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def terminate(self):
        """SIGTERM; returns exit code and seconds taken."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        return code, time.monotonic() - began
