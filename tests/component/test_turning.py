"""Authority turns round under load on the real worker, guided by `figwatch cutover`."""

import json
import subprocess
import sys
import time

import pytest
from confluent_kafka import TopicPartition

from tests.component.migration import PARTITIONS, Migration, now_us

MAIN = "from figwatch.cli.main import main; main()"
KEYS = [f"k{n}" for n in range(20)]


class TwoWay(Migration):
    """The same tables, replicated both ways."""

    command = (sys.executable, "-c", MAIN, "run", "--config")

    def __enter__(self):
        self.back_group = f"{self.name}-back"
        self._back = None
        return super().__enter__()

    def commit(self):
        super().commit()
        self._back = self._back or self.consumer(self.back_group)
        ends = [
            TopicPartition(self.target, n, self._back.get_watermark_offsets(
                TopicPartition(self.target, n), 10)[1])
            for n in range(PARTITIONS)
        ]  # fmt: skip
        self._back.commit(offsets=ends, asynchronous=False)

    def put(self, topic, key, op, value, lsn):
        source = {"ts_us": now_us(), "lsn": lsn, "snapshot": "false", "txId": lsn}
        gone = op == "d"
        row = {"op": op, "source": source, "before": {"id": key, "v": 0} if gone else None,
               "after": None if gone else {"id": key, "v": value}}  # fmt: skip
        body = json.dumps(row).encode()
        self.producer.produce(topic, body, key=json.dumps({"id": key}).encode())

    def beat(self):
        for topic in self.beats.values():
            beat = json.dumps({"ts_ms": now_us() // 1000}).encode()
            self.producer.produce(topic, beat, partition=0)
        self.producer.flush()

    def config(self, **worker):
        made = super().config(**worker)
        for side in made["sides"].values():
            side["heartbeat_grace_seconds"] = 0
        made["sides"]["monolith"]["consumer_group"] = self.back_group
        made["pairs"][0]["two_way"] = True
        return made

    def write_back(self, rows, *, follow=None):
        """The service leads: its table first, the monolith's follows."""
        follow = follow or {}
        for topic, changed in ((self.target, {}), (self.source, follow)):
            for key, value in rows.items():
                shown = changed.get(key, value)
                if shown is not ...:
                    self.change(topic, key, "u", shown)
            self.producer.flush()

    def cutover(self, *words):
        path = self.folder / "cutover.yaml"
        path.write_text(json.dumps(self.config()))
        command = [sys.executable, "-c", MAIN, "cutover", *words, "--config", str(path), "--json"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    @property
    def pair(self):
        return self.summary().pairs["stock"]

    def key_name(self, key):
        from figwatch.validators.canonical.rows import decode_key

        return decode_key(key, ("id",))["id"]


@pytest.fixture
def migration(tmp_path):
    with TwoWay(tmp_path, "turn") as running:
        yield running


def test_a_guided_turn_has_no_false_finding_and_what_is_lost_later_is_found(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    worker = migration.start().ready()
    for number in range(5):
        migration.write(dict.fromkeys(KEYS, 10 + number))
        time.sleep(0.1)
    migration.until(lambda: migration.judged(len(KEYS)))
    code, found = migration.cutover("check", "--quiet-seconds", "60")
    assert (3, False) == (code, found["switch"])
    assert "fenced" == found["steps"][0]["step"]
    migration.until(lambda: migration.cutover("check", "--quiet-seconds", "1")[0] == 0)
    assert migration.cutover("plan")[0] == 0
    code, told = migration.cutover("record", "--quiet-seconds", "1")
    assert 0 == code, told
    for number in range(5):
        migration.write_back(dict.fromkeys(KEYS, 20 + number))
        time.sleep(0.1)
    migration.until(lambda: migration.pair.turn is not None and migration.pair.turn.decided)
    worker.kill()
    migration.start().ready()
    migration.write_back(dict.fromkeys(KEYS, 50))
    migration.until(lambda: migration.judged(len(KEYS)))
    turn = migration.pair.turn
    assert (1, 0, 0, 0) == (turn.lead, turn.owed_total, turn.lost, turn.undecided)
    assert [] == migration.findings()
    migration.write_back({"k3": 60, "k4": 60}, follow={"k3": ...})
    migration.until(lambda: migration.open() == {"k3": "stale"})
    code, after = migration.cutover("check")
    assert (0, True) == (code, after["switched"])


def test_a_turn_that_is_not_ready_is_refused(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.start().ready()
    migration.write({"k1": 2}, follow={"k1": ...})
    migration.until(lambda: migration.open() == {"k1": "stale"})
    migration.until(lambda: migration.cutover("check", "--quiet-seconds", "1")[0] == 1)
    code, found = migration.cutover("record", "--quiet-seconds", "1")
    assert 1 == code
    assert "fail" == next(s for s in found["steps"] if s["step"] == "verified")["verdict"]
    assert migration.pair.turn is None
    assert 2 == migration.cutover("record", "--to", "nowhere")[0]
