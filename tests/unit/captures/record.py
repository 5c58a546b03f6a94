"""Records the captures of this folder: `python -m tests.unit.captures.record`.

Needs a PostgreSQL with hstore, citext and ltree (the distribution's) and a minute; everything else
is the sandbox's. All connectors read one database at once, so that the same commits stand in every
capture.
"""

import base64
import contextlib
import gzip
import json
import pathlib
import sys
import tempfile
import time

import jgo
import psycopg
from confluent_kafka import Consumer, TopicPartition

from figwatch.demo.sandbox import Sandbox, Service, connect, debezium
from tests.e2e import bare_postgres
from tests.unit.captures import apicurio
from tests.unit.captures.variants import VARIANTS
from tests.unit.captures.workload import (
    BEATS,
    DDL,
    FINAL_IDS,
    SIGNALS,
    SNAPSHOT_ROWS,
    STEPS,
    TABLE,
    insert,
)

HERE = pathlib.Path(__file__).parent
CONVERTER = "io.apicurio:apicurio-registry-utils-converter:2.6.2.Final"
SETTLE_SECONDS = 4
OTHERS_KEPT = 3
"""Records at both ends of a topic without data: heartbeats, signals, transactions."""


def spec(name, variant, dsn, registry):
    made = debezium.postgres_connector(
        name, dsn, name, [f"public.{t}" for t in (TABLE, SIGNALS, BEATS)],
        heartbeat_seconds=0.5, heartbeat_rows=False, partitions=2,
        overrides={
            "heartbeat.action.query": f"INSERT INTO {BEATS} VALUES ('{name}', clock_timestamp())"
            " ON CONFLICT (topic_prefix) DO UPDATE SET beaten_at = EXCLUDED.beaten_at",
            "signal.data.collection": f"public.{SIGNALS}",
            "provide.transaction.metadata": "true",
            "include.unknown.datatypes": "true",
            **variant.settings,
        },
    )  # fmt: skip
    settings = dict(made.settings)
    if variant.is_avro:
        for part in ("key", "value"):
            settings.pop(f"{part}.converter.schemas.enable")
            settings.pop(f"{part}.converter.replace.null.with.default")
            settings[f"{part}.converter.apicurio.registry.url"] = registry + apicurio.ROOT
    return connect.ConnectorSpec(name, settings)


def add_converter(sandbox):
    """A plugin folder with Apicurio's converter; Connect sees it after a restart."""
    folder = sandbox.folder.connect / "plugins" / "apicurio"
    folder.mkdir(parents=True, exist_ok=True)
    skip = ("kafka-clients", "connect-", "jackson-", "slf4j")
    for artifact in jgo.resolve(CONVERTER):
        path = pathlib.Path(artifact.resolve())
        if not path.name.startswith(skip) or path.name.startswith("jackson-dataformat-avro"):
            link = folder / path.name
            if not link.exists():
                link.symlink_to(path)
    worker = sandbox.folder.connect / "worker.properties"  # the converter names no service
    worker.write_text(worker.read_text().replace("service_load", "hybrid_warn"))
    sandbox.stop_service(Service.CONNECT)
    sandbox.start_service(Service.CONNECT)


def work(dsn):
    for statements in STEPS:
        with psycopg.connect(dsn) as connection:
            for statement in statements:
                connection.execute(statement.encode())
        time.sleep(0.1)


def records(servers, prefixes):
    """Every record of the connectors' topics, by topic prefix, in the order of append times."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "recorder",
                         "enable.auto.commit": False, "auto.offset.reset": "earliest"})  # fmt: skip
    found = {prefix: [] for prefix in prefixes}
    places = {}
    for topic, metadata in consumer.list_topics(timeout=20).topics.items():
        prefix = topic.removeprefix("__debezium-heartbeat.").partition(".")[0]
        if prefix in found:
            for partition in metadata.partitions:
                end = consumer.get_watermark_offsets(TopicPartition(topic, partition))[1]
                if end:
                    places[topic, partition] = (prefix, end)
    consumer.assign([TopicPartition(t, p, 0) for t, p in places])
    waiting = set(places)
    while waiting:
        message = consumer.poll(20)
        if message is None:
            raise TimeoutError("Kafka does not deliver")
        where = message.topic(), message.partition()
        prefix, end = places[where]
        if message.offset() < end:
            found[prefix].append(message)
        if message.offset() >= end - 1:
            waiting.discard(where)
    consumer.close()
    return {prefix: sorted(many, key=lambda m: m.timestamp()[1]) for prefix, many in found.items()}


def line(message):
    """As `kcat -C -J` prints it; base64 where that could not show the bytes."""
    made = {"topic": message.topic(), "partition": message.partition(),
            "offset": message.offset(), "tstype": "create", "ts": message.timestamp()[1],
            "broker": 0}  # fmt: skip
    headers = message.headers() or []
    if headers:
        made["headers"] = [part for name, value in headers for part in (name, text(value))]
    for name, data in (("key", message.key()), ("payload", message.value())):
        try:
            made[name] = None if data is None else data.decode()
        except UnicodeDecodeError:
            made[f"{name}_base64"] = base64.b64encode(data).decode()
    return json.dumps(made, separators=(",", ":"), ensure_ascii=False)


def text(value):
    return None if value is None else value.decode("utf-8", "surrogateescape")


def keep(name, messages):
    data = f"{name}.{VARIANTS[name].data}", f"{name}.public.{TABLE}"
    others = {}
    for message in messages:
        if message.topic() not in data:
            others.setdefault(message.topic(), []).append(message)
    spare = {id(m) for many in others.values() for m in many[OTHERS_KEPT:-OTHERS_KEPT]}
    lines = [line(m) for m in messages if id(m) not in spare]
    with (HERE / f"{name}.jsonl.gz").open("wb") as raw, \
            gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:  # fmt: skip
        file.write(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))


def main():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        url, shelf = stack.enter_context(apicurio.running())
        where = bare_postgres.other_binaries()
        dsn = stack.enter_context(
            bare_postgres.server(
                folder / "postgres", where,
                wal_level="logical", max_wal_senders="40", max_replication_slots="40",
            )
        )  # fmt: skip
        sandbox = Sandbox.up(folder / "sandbox", attached=True)
        stack.callback(sandbox.down)
        add_converter(sandbox)
        with psycopg.connect(dsn) as connection:
            connection.execute(DDL.encode())
            for key, row in SNAPSHOT_ROWS.items():
                connection.execute(insert(key, row).encode())
        for name, variant in VARIANTS.items():
            sys.stdout.write(f"{name}\n")
            connect.register(sandbox.endpoints.connect_url, spec(name, variant, dsn, url))
        time.sleep(SETTLE_SECONDS)
        work(dsn)
        time.sleep(SETTLE_SECONDS)
        with psycopg.connect(dsn) as connection:
            ids = connection.execute(f"SELECT id FROM {TABLE} ORDER BY id").fetchall()
            assert list(FINAL_IDS) == [i for (i,) in ids], ids
        for name, messages in records(sandbox.endpoints.bootstrap_servers, VARIANTS).items():
            keep(name, messages)
            status = connect.status(sandbox.endpoints.connect_url, name)
            sys.stdout.write(f"{name}: {len(messages)} records, {status.error or 'no error'}\n")
        (HERE / "schemas.json").write_text(json.dumps(shelf.schemas))


if __name__ == "__main__":
    main()
