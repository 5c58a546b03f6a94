"""The worker's small migration on a real broker, as Debezium writes it, watched by `figwatch run`.

The rest is `tests.component.migration`: known truth, replicator, faults.
"""

import contextlib
import json
import sys
import time
import uuid

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from figwatch.validators.canonical.rows import decode_key
from tests.component.migration import PARTITIONS, Migration, now_us


class LiveMigration(Migration):
    command = (
        sys.executable,
        "-c",
        "from figwatch.cli.main import main; main()",
        "run",
        "--config",
    )

    def __init__(self, folder, servers):
        super().__init__(folder, f"e2e-{uuid.uuid4().hex[:8]}")
        self.servers = servers

    def connect(self):
        """Make the users' topics; figwatch makes its own."""
        self.admin = AdminClient({"bootstrap.servers": self.servers})
        self.producer = Producer({"bootstrap.servers": self.servers})
        topics = [NewTopic(t, PARTITIONS, 1) for t in (self.source, self.target)]
        topics += [NewTopic(t, 1, 1) for t in self.beats.values()]
        for made in self.admin.create_topics(topics).values():
            made.result(30)

    def grow(self, topic, partitions):
        self.admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)

    def remake(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)
        for _ in range(50):  # deletion goes on behind the answer
            time.sleep(0.2)
            with contextlib.suppress(KafkaException):
                self.admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
                return

    def put(self, topic, key, op, value, lsn):
        at = now_us()
        row = {"id": key, "v": value}
        envelope = {
            "before": {"id": key, "v": 0} if op == "d" else None,
            "after": None if op == "d" else row,
            "source": {"connector": "postgresql", "ts_ms": at // 1000, "ts_us": at, "lsn": lsn,
                       "snapshot": "false", "txId": lsn, "schema": "public", "table": "t"},
            "op": op,
            "ts_ms": at // 1000,
        }  # fmt: skip
        self.producer.produce(
            topic, json.dumps(envelope).encode(), key=json.dumps({"id": key}).encode()
        )

    def beat(self):
        for topic in self.beats.values():
            self.producer.produce(topic, json.dumps({"ts_ms": now_us() // 1000}).encode())
        self.producer.flush()

    def config(self, **worker):
        made = super().config(**{"session_timeout_seconds": 6} | worker)
        for side in made["sides"].values():
            side["heartbeat_grace_seconds"] = 0  # these heartbeats are truthful
        return made

    def key_name(self, key):
        return decode_key(key, ("id",))["id"]
