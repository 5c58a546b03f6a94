"""Catch-up of the whole worker: raw topics to verdicts, two hops, changelog, commits.

One million (`--events`) Debezium envelopes of 700 bytes, half on each side, 4 partitions, lz4; the
production decoder and judge. The timing counts only when the worker has found exactly the wrong
values that were planted. `--stock` runs a stock Faust agent that decodes and keeps the newest
fingerprint of each key in a table, over the source topic: less work, no re-keying, no verdict.

Run: `python -m benchmarks.worker --bootstrap HOST:PORT [--events N] [--stock]`, for example on
`figwatch sandbox up`. CPU time is the worker's process, without its start.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.decode import COLUMNS, compact, config, envelope
from figwatch.validators.finding import decode_finding
from figwatch.validators.summary import decode_summary, merge

PARTITIONS = 4
KEYS_SHARE = 2
"""Events of each side for each key."""
WRONG = 20
"""Keys whose last value on the target is another one."""
PATIENCE_SECONDS = 900


def settings(name: str, bootstrap: str) -> dict[str, Any]:
    made = config().model_dump(exclude_unset=True, mode="json")
    made |= {"migration": name, "kafka": {"bootstrap_servers": bootstrap}}
    for side, prefix in (("monolith", "mono"), ("service", "inv")):
        made["sides"][side] = {
            "topic_prefix": f"{name}.{prefix}",
            "heartbeat_topic": f"{name}.beat.{prefix}",
            "heartbeat_grace_seconds": 0,
        }
    made["pairs"][0]["target"] = "public.stock"
    made["worker"] = {"internal_partitions": PARTITIONS, "http_port": 0}
    return made


class Bench:
    def __init__(self, bootstrap: str, events: int) -> None:
        self.name = f"bench-{int(time.time())}"
        self.bootstrap, self.keys = bootstrap, events // 2 // KEYS_SHARE
        self.source = f"{self.name}.mono.public.inventory"
        self.target = f"{self.name}.inv.public.stock"
        self.beats = [f"{self.name}.beat.{p}" for p in ("mono", "inv")]
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 50}
        )

    def fill(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        topics = [NewTopic(t, PARTITIONS, 1) for t in (self.source, self.target)]
        topics += [NewTopic(t, 1, 1) for t in self.beats]
        for made in admin.create_topics(topics).values():
            made.result(30)
        now_us = time.time_ns() // 1000 - 60_000_000
        form = envelope(0)
        form["after"] |= {"item_id": -1111, "quantity": -2222}
        form["source"] |= {"ts_us": -3333, "lsn": -4444}
        text = compact(form).decode()
        lsn = 0
        for version in range(KEYS_SHARE):
            for n in range(self.keys):
                lsn += 1
                last = version == KEYS_SHARE - 1
                op = '"op":"u"' if version else '"op":"c"'
                wrong = 1 if last and n < WRONG else 0
                for topic, extra in ((self.source, 0), (self.target, wrong)):
                    value = text.replace("-1111", str(n)).replace("-3333", str(now_us + lsn))
                    value = value.replace("-2222", str(version * 10 + extra))
                    self._put(
                        topic, n, value.replace("-4444", str(lsn)).replace('"op":"u"', op).encode()
                    )
        self.producer.flush()

    def _put(self, topic: str, n: int, value: bytes) -> None:
        # The sides do not share partitions, as in practice.
        partition = (n if topic == self.source else n // 7) % PARTITIONS
        while True:
            try:
                self.producer.produce(topic, value, key=b'{"item_id":%d}' % n, partition=partition)
            except BufferError:
                self.producer.poll(0.1)
            else:
                return

    def beat(self) -> None:
        for topic in self.beats:
            self.producer.produce(topic, b'{"ts_ms":%d}' % (time.time_ns() // 1_000_000))
        self.producer.flush()

    def newest(self, topic: str) -> list[bytes]:
        reader = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "bench-reader",
                           "enable.partition.eof": True})  # fmt: skip
        reader.assign([TopicPartition(topic, n, 0) for n in range(PARTITIONS)])
        ended, found = 0, {}
        while ended < PARTITIONS:
            message = reader.poll(10)
            if message is None or message.error():
                ended += 1
            else:
                found[message.key()] = message.value()
        reader.close()
        return list(found.values())


def run(bench: Bench, events: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figwatch.yaml"
        path.write_text(json.dumps(settings(bench.name, bench.bootstrap)))
        log = (Path(folder) / "log").open("w")
        command = [sys.executable, "-c", "from figwatch.cli.main import main; main()"]
        worker = subprocess.Popen([*command, "run", "--config", str(path)], stderr=log)
        try:
            _watch(bench, events, psutil.Process(worker.pid), Path(folder) / "log")
        finally:
            worker.terminate()
            worker.wait(30)


def _watch(bench: Bench, events: int, process: psutil.Process, log: Path) -> None:
    while "is ready" not in log.read_text():
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        assert alive, log.read_text()
        time.sleep(0.05)
    began, cpu = time.monotonic(), sum(process.cpu_times()[:2])
    wall = used = 0.0
    while time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.5)
        bench.beat()
        summary = merge(decode_summary(v) for v in bench.newest(f"figwatch-{bench.name}-summaries"))
        counted = sum(summary.pairs["stock"].changes.values()) if summary else 0
        if counted < events:
            continue
        if not wall:
            wall, used = time.monotonic() - began, sum(process.cpu_times()[:2]) - cpu
        found = [decode_finding(v) for v in bench.newest(f"figwatch-{bench.name}-findings")]
        if len([f for f in found if f.resolved_us is None]) >= WRONG:
            break
    keys = {f.key for f in found}
    assert len(found) == len(keys) == WRONG, f"not exact: {len(found)} findings"
    assert summary is not None
    assert summary.pairs["stock"].keys["consistent"] == bench.keys - WRONG, summary
    memory = process.memory_info().rss / 2**20
    print(f"worker: {events:,} events, {bench.keys:,} keys, exact; {events / used:,.0f} events per "
          f"CPU-second, {events / wall:,.0f} per second, {memory:,.0f} MiB")  # fmt: skip


STOCK = """
import asyncio, sys, time
import faust
from benchmarks.decode import config
from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
import json
made, topic, servers, count = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
decode = Decoder(Config.model_validate(made)).for_topic(topic)
app = faust.App("stock-" + topic, broker="kafka://" + servers, store="memory://",
    topic_disable_leader=True, stream_wait_empty=False, topic_partitions=4,
    consumer_auto_offset_reset="earliest")
app.boot_strategy.enable_web = False
raw = app.topic(topic, value_type=bytes, value_serializer="raw", key_type=bytes,
    key_serializer="raw", partitions=4)
table = app.Table("newest", key_type=bytes, value_type=bytes, partitions=4)
seen = 0
@app.agent(raw)
async def agent(stream):
    global seen, began
    async for event in stream.events():
        m = event.message
        if not seen:
            began = time.process_time()
        (change,) = decode(m.partition, m.offset, 0, (), m.key, m.value)
        table[change.key] = change.fingerprint
        seen += 1
async def main():
    await app.start()
    while seen < count:
        await asyncio.sleep(0.05)
    used = time.process_time() - began
    print(f"stock agent: {count:,} events, {count / used:,.0f} events per CPU-second", flush=True)
    import os; os._exit(0)
asyncio.run(main())
"""


def stock(bench: Bench, count: int) -> None:
    made = json.dumps(settings(bench.name, bench.bootstrap))
    arguments = [made, bench.source, bench.bootstrap, str(count)]
    environment = os.environ | {"PYTHONPATH": "."}
    subprocess.run([sys.executable, "-W", "ignore", "-c", STOCK, *arguments],
                   check=True, timeout=PATIENCE_SECONDS, env=environment)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--stock", action="store_true")
    options = parser.parse_args()
    assert len(COLUMNS) == 12
    bench = Bench(options.bootstrap, options.events)
    bench.fill()
    run(bench, options.events)
    if options.stock:
        stock(bench, min(20_000, options.events // 4))


if __name__ == "__main__":
    main()
