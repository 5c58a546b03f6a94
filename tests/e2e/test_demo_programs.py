"""The sample migration on a real stack, without figwatch: is it as honest as it claims?

The judge here is SQL on both databases, so that what figwatch is later measured against is known
from elsewhere.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.sweep.options import Options
from figwatch.connectors.sweep.prepare import prepare
from figwatch.connectors.sweep.runner import Sweep
from figwatch.demo.configuration import configuration, environment
from figwatch.demo.connectors import SOURCE_CONNECTOR, TARGET_CONNECTOR
from figwatch.demo.envelope import Delete, Upsert, decode
from figwatch.demo.faults import FaultError
from figwatch.demo.keyspace import FAULTS
from figwatch.demo.load import LoadSettings, Operation
from figwatch.demo.migration import TOPICS, Migration, MigrationError, MigrationSettings
from figwatch.demo.orders.running import SAGA_TOPICS
from figwatch.demo.projection import InventoryRow
from figwatch.demo.replicator import GROUP, TOPIC
from figwatch.demo.replicator_writer import MOVE_WAIT_SECONDS_MAX, Arrival, Writer
from figwatch.demo.sandbox import connect
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.truth import Expected, Fault, Kind, Planted

SETTLE_SECONDS_MAX = 180.0
OPERATIONS = 1500
STOCK = ("quantity", "reserved", "unit_price")
ITEMS = ("name", "category", "status", "notes", "updated_at")
OUTBOX_TOPIC = "outbox.event.StockLevel"
SERVICE_TABLES = (
    "inventory_items",
    "stock_levels",
    "outbox",
    "replicator_moves",
    "replicator_skips",
    "replicator_stall",
    "placed_orders",
    "reservations",
    "payments",
    "sagastate",
    "order_faults",
)
SOURCE = """
SELECT item_id, quantity, reserved, unit_price, name, category, status, coalesce(notes, ''),
       date_trunc('milliseconds', updated_at) FROM public.inventory
"""
TARGET_STOCK = "SELECT sku::bigint, on_hand, held, price FROM public.stock_levels"
TARGET_ITEMS = """
SELECT sku::bigint, title, category::int, trim(state), remarks, changed_at
FROM public.inventory_items
"""


@pytest.fixture(scope="module")
def migration(sandbox):
    try:
        with Migration(sandbox, MigrationSettings(items=200)) as running:
            yield running
    finally:
        clear(sandbox)


def clear(endpoints):
    """Leave nothing of the migration on servers that others use."""
    for name in (SOURCE_CONNECTOR, TARGET_CONNECTOR):
        if connect.status(endpoints.connect_url, name) is None:
            continue
        connect.stop(endpoints.connect_url, name)
        deadline = time.monotonic() + 30
        while connect.status(endpoints.connect_url, name).tasks and time.monotonic() < deadline:
            time.sleep(0.1)
        url = f"{endpoints.connect_url}/connectors/{name}/offsets"
        httpx.delete(url, timeout=30).raise_for_status()
        connect.delete(endpoints.connect_url, name)
    for dsn in endpoints.dsn.values():
        with psycopg.connect(dsn, autocommit=True) as connection:
            for table in ("order_lines", "orders", "adjustments", "inventory", *SERVICE_TABLES):
                connection.execute(f"DROP TABLE IF EXISTS public.{table}")
            for name in (SOURCE_CONNECTOR, TARGET_CONNECTOR):
                slot = f"figwatch_{name}".replace("-", "_")
                connection.execute(
                    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                    " WHERE slot_name = %s AND database = current_database()",
                    (slot,),
                )
                connection.execute(f"DROP PUBLICATION IF EXISTS {slot}")
    admin = AdminClient({"bootstrap.servers": endpoints.bootstrap_servers})
    there = admin.list_topics(timeout=10).topics
    for done in admin.delete_topics([t for t in {*TOPICS, *SAGA_TOPICS} if t in there]).values():
        done.result(30)


def differences(migration):
    """(pair, item, kind, columns) of every difference; the same words as `truth`."""
    with psycopg.connect(migration.monolith_dsn) as source:
        rows = {row[0]: row[1:] for row in source.execute(SOURCE)}
    with psycopg.connect(migration.service_dsn) as target:
        stock = {row[0]: row[1:] for row in target.execute(TARGET_STOCK)}
        items = {row[0]: row[1:] for row in target.execute(TARGET_ITEMS)}
    assert len(rows) > 100, "nothing was compared"
    stock_wanted = {key: row[:3] for key, row in rows.items()}
    items_wanted = {key: row[3:] for key, row in rows.items()}
    return {
        *differing("stock", STOCK, stock_wanted, stock),
        *differing("items", ITEMS, items_wanted, items),
    }


def differing(pair, columns, wanted, got):
    for key in wanted.keys() | got.keys():
        if key not in got:
            yield (pair, key, "missing", frozenset())
        elif key not in wanted:
            yield (pair, key, "extra", frozenset())
        elif wanted[key] != got[key]:
            names = zip(columns, wanted[key], got[key], strict=True)
            yield (pair, key, "differs", frozenset(n for n, a, b in names if a != b))


def settled(migration, expected=frozenset()):
    """Whether the differences become exactly those expected, and stay so for a moment."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    last = None
    while time.monotonic() < deadline:
        last = differences(migration)
        if last == expected:
            time.sleep(0.5)
            if differences(migration) == expected:
                return True
        assert migration.replicator.failure is None
        time.sleep(0.2)
    pytest.fail(f"differences: {sorted(last)[:10]}, expected: {sorted(expected)}")
    return False


def counts(migration):
    return migration.replicator.replicator.writer.counts


@pytest.fixture(scope="module")
def loaded(migration):
    """The migration after a load of every kind of operation, at rest again."""
    load = migration.servers.start_load(
        LoadSettings(migration.facade_url, migration.monolith_dsn, 200, 1, 150.0, OPERATIONS)
    )
    deadline = time.monotonic() + 60
    while load.counts.total < OPERATIONS and time.monotonic() < deadline:
        time.sleep(0.2)
    done = load.stop()
    assert settled(migration)
    return done


def test_the_service_follows_the_monolith_through_every_kind_of_operation(migration, loaded):
    assert loaded.total == OPERATIONS
    assert not loaded.failed, loaded.last_failure
    assert all(loaded.done[operation] for operation in Operation), loaded.done
    assert counts(migration).applied > OPERATIONS / 2
    assert (counts(migration).malformed, counts(migration).incomplete) == (0, 0)
    with psycopg.connect(migration.service_dsn) as target:
        query = "SELECT count(*) FROM public.inventory_items WHERE length(remarks) > 2000"
        assert target.execute(query).fetchone()[0] > 5
    changes = [
        decode(message.key(), message.value(), dict(message.headers() or ()))
        for message in read_all(migration, TOPIC, counts(migration).applied)
    ]
    moved = [c for c in changes if isinstance(c, Upsert) and c.moved_from is not None]
    assert len(moved) > 5
    assert any(not change.row.notes_known for change in moved), "no key change hid its notes"


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    "fault",
    [
        Fault.LOST_UPDATE,
        Fault.LOST_INSERT,
        Fault.LOST_DELETE,
        Fault.WRONG_VALUE,
        Fault.FOREIGN_WRITE,
        Fault.STALE_OVERWRITE,
    ],
)
def test_a_fault_is_exactly_the_difference_it_says_and_its_repair_is_whole(migration, fault):
    planted = migration.faults.plant(fault)
    assert planted.began_us < planted.planted_us
    rows = {Kind.STALE: "differs", Kind.VALUE_MISMATCH: "differs"}
    assert settled(
        migration,
        {(e.pair, e.item_id, rows.get(e.kind, e.kind.value), e.columns) for e in planted.expected},
    )
    migration.faults.repair(planted)
    assert settled(migration)


def sweep(migration):
    """{(pair, item, kind, columns)} of what a sweep of the databases alone calls different."""
    config = parse_config(configuration(migration.endpoints)).config
    settings = config.sweep.model_copy(update={"settle_seconds": 6.0, "unconfirmed_seconds": 25.0})
    config = config.model_copy(update={"sweep": settings})
    found = set()
    for pair in config.pairs:
        prepared = prepare(config, pair)
        try:
            result = Sweep(prepared, config, Options()).run()
        finally:
            prepared.close()
        assert result.source_rows > 100, result.reasons
        found |= {
            (pair.name, d.key["item_id"], d.kind.value, frozenset(d.columns))
            for d in result.differences
        }
    return found


@pytest.mark.usefixtures("loaded")
def test_a_sweep_under_load_finds_every_planted_fault_and_calls_nothing_else_different(
    migration, monkeypatch
):
    for name, value in environment(migration.endpoints).items():
        monkeypatch.setenv(name, value)
    planted = [
        migration.faults.plant(fault)
        for fault in (Fault.LOST_UPDATE, Fault.LOST_INSERT, Fault.LOST_DELETE, Fault.WRONG_VALUE)
    ]
    load = migration.servers.start_load(
        LoadSettings(migration.facade_url, migration.monolith_dsn, 200, 2, 100.0, 100_000)
    )
    try:
        found = sweep(migration)
    finally:
        done = load.stop()
    assert done.total > 100, "nothing was written meanwhile"
    kinds = {Kind.STALE: "value_mismatch"}
    assert found == {
        (e.pair, e.item_id, kinds.get(e.kind, e.kind.value), e.columns)
        for one in planted
        for e in one.expected
    }
    for one in planted:
        migration.faults.repair(one)
    assert settled(migration)
    assert sweep(migration) == set()


def committed_and_end(migration):
    consumer = Consumer(
        {"bootstrap.servers": migration.endpoints.bootstrap_servers, "group.id": GROUP}
    )
    try:
        metadata = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC]
        parts = [TopicPartition(TOPIC, partition) for partition in metadata.partitions]
        committed = {p.partition: p.offset for p in consumer.committed(parts, timeout=10)}
        ends = {p.partition: consumer.get_watermark_offsets(p, timeout=10)[1] for p in parts}
    finally:
        consumer.close()
    return committed, ends


def read_to_the_end(migration):
    """Wait until the replicator has committed all there is: rows that are right say nothing."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while True:
        committed, ends = committed_and_end(migration)
        if committed == ends:
            return
        assert time.monotonic() < deadline, (committed, ends)
        time.sleep(0.2)


@pytest.mark.usefixtures("loaded")
def test_a_stalled_replicator_commits_nothing_and_loses_nothing(migration):
    planted = migration.faults.plant(Fault.REPLICATOR_STALLED, seconds=60)
    item = FAULTS[-1]
    with psycopg.connect(migration.monolith_dsn) as source:
        source.execute(
            "UPDATE public.inventory SET quantity = quantity + 1 WHERE item_id = %s", (item,)
        )
    assert settled(migration, {("stock", item, "differs", frozenset({"quantity"}))})
    committed, ends = committed_and_end(migration)
    assert sum(ends.values()) - sum(committed.values()) == 1
    migration.faults.repair(planted)
    assert settled(migration)
    committed, ends = committed_and_end(migration)
    assert committed == ends


@pytest.mark.usefixtures("loaded")
def test_a_stopped_connector_delays_and_loses_nothing(migration):
    planted = migration.faults.plant(Fault.CONNECTOR_STOPPED)
    item = FAULTS[-2]
    time.sleep(1.0)
    with psycopg.connect(migration.monolith_dsn) as source:
        source.execute(
            "UPDATE public.inventory SET quantity = quantity + 1 WHERE item_id = %s", (item,)
        )
    time.sleep(2.0)
    late = {("stock", item, "differs", frozenset({"quantity"}))}
    assert late == differences(migration)
    migration.faults.repair(planted)
    assert settled(migration)


@pytest.mark.usefixtures("loaded")
def test_applying_the_whole_topic_again_ends_in_the_same_rows(migration):
    migration.replicator.stop()
    consumer = Consumer(
        {"bootstrap.servers": migration.endpoints.bootstrap_servers, "group.id": GROUP}
    )
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    back = [TopicPartition(TOPIC, partition, 0) for partition in partitions]
    consumer.commit(offsets=back, asynchronous=False)
    consumer.close()
    migration.restart_replicator()
    read_to_the_end(migration)
    assert settled(migration)
    assert counts(migration).applied > OPERATIONS / 2


def test_a_repair_that_is_asked_for_too_much_says_so(migration):
    with pytest.raises(FaultError, match="seconds"):
        migration.faults.plant(Fault.REPLICATOR_STALLED, seconds=10_000)


@pytest.mark.usefixtures("loaded")
def test_both_systems_answer_alike_for_the_same_item(migration):
    answers = []
    for side in ("monolith", "service"):
        httpx.put(f"{migration.facade_url}/routing", json={"reads": side})
        answers.append(httpx.get(f"{migration.facade_url}/api/inventory/{FAULTS[-1]}").json())
        assert httpx.get(f"{migration.facade_url}/api/inventory/555555").status_code == 404
    httpx.put(f"{migration.facade_url}/routing", json={"reads": "monolith"})
    exact = [{k: v for k, v in answer.items() if k != "updatedAt"} for answer in answers]
    assert exact[0] == exact[1]
    assert answers[0]["updatedAt"][:23] == answers[1]["updatedAt"][:23]


@pytest.mark.usefixtures("loaded")
def test_commands_to_the_service_are_published_through_its_outbox(migration):
    item = FAULTS[-3]
    url = migration.facade_url
    httpx.put(f"{url}/routing", json={"writes": "service"})
    hold = {"itemId": item, "quantity": 2, "reference": "order 1"}
    replies = [
        httpx.post(f"{url}/api/inventory/adjust", json={"itemId": item, "delta": 5, "reason": "x"}),
        httpx.post(f"{url}/api/inventory/reserve", json=hold),
        httpx.post(f"{url}/api/inventory/release", json=hold),
        httpx.post(f"{url}/api/inventory/release", json=hold),
    ]
    httpx.put(f"{url}/routing", json={"writes": "monolith"})
    migration.faults.repair(
        Planted(Fault.FOREIGN_WRITE, (Expected("stock", item, Kind.STALE),), 0, 0)
    )
    assert [reply.status_code for reply in replies] == [200, 200, 200, 409]
    with psycopg.connect(migration.service_dsn) as target:
        types = target.execute("SELECT type FROM public.outbox").fetchall()
    assert Counter(["StockAdjusted", "ItemReserved", "ReservationReleased"]) == Counter(
        row[0] for row in types
    )
    events = read_all(migration, OUTBOX_TOPIC, 3)
    assert [str(item)] * 3 == [event.key().decode().strip('"') for event in events]
    assert settled(migration)


def read_all(migration, topic, number):
    consumer = Consumer(
        {
            "bootstrap.servers": migration.endpoints.bootstrap_servers,
            "group.id": "test-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 500,
        }
    )
    consumer.subscribe([topic])
    messages = []
    deadline = time.monotonic() + 30
    while len(messages) < number and time.monotonic() < deadline:
        messages += [m for m in consumer.consume(number, timeout=1) if m.error() is None]
    consumer.close()
    return messages


@contextmanager
def program(name, *arguments, **environment):
    """A program of the demo as its own process; it must end in good order when told to."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"figwatch.demo.{name}", *arguments],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
    )
    try:
        yield process
        assert process.poll() is None, process.stderr.read()
        process.terminate()
        assert process.wait(15) in (0, -15)
    finally:
        process.kill()
        process.wait()


def wait_healthy(url):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return httpx.get(f"{url}/healthz").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")


@pytest.mark.usefixtures("loaded")
def test_each_program_runs_as_a_process_of_its_own(migration):
    ports = choose(["monolith", "service", "facade"], {})
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    dsns = {"MONOLITH_DSN": migration.monolith_dsn, "SERVICE_DSN": migration.service_dsn}
    upstreams = {"MONOLITH_URL": urls["monolith"], "SERVICE_URL": urls["service"]}
    kafka = {"KAFKA_BOOTSTRAP_SERVERS": migration.endpoints.bootstrap_servers}
    nothing = ("--topic", "mono.public.none", "--group", "test-nothing")
    with (
        program("monolith", "--port", str(ports["monolith"]), **dsns),
        program("service", "--port", str(ports["service"]), **dsns),
        program("facade", "--port", str(ports["facade"]), **upstreams, READS="service"),
        program("replicator", *nothing, **dsns, **kafka),
    ):
        for url in urls.values():
            wait_healthy(url)
        done = subprocess.run(
            [sys.executable, "-m", "figwatch.demo.load", "--operations", "50", "--rate", "100"],
            env={**os.environ, **dsns, "FACADE_URL": urls["facade"]},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert len(Operation) == len(done.stdout.splitlines())
    assert settled(migration)


def test_a_program_without_its_address_says_which_variable_is_missing():
    done = subprocess.run(
        [sys.executable, "-m", "figwatch.demo.service"],
        env={name: value for name, value in os.environ.items() if name != "SERVICE_DSN"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (2, "service: set SERVICE_DSN\n")


def test_heartbeat_rows_are_captured_and_not_replicated(migration):
    beats = read_all(migration, "mono.public.figwatch_heartbeat", 2)
    assert len(beats) >= 2
    with psycopg.connect(migration.service_dsn) as target:
        rows = target.execute("SELECT topic_prefix FROM public.figwatch_heartbeat").fetchall()
    # Other tests' connectors may have beaten on these servers too.
    assert ("inv",) in rows
    assert ("mono",) not in rows
    assert "mono.public.figwatch_heartbeat" in TOPICS


def test_a_second_start_on_the_same_databases_is_refused(migration):
    again = Migration(migration.endpoints, MigrationSettings())
    with pytest.raises(MigrationError, match="fresh folder"):
        again.__enter__()


ROW = InventoryRow(700_000, "moved", 1, 0, 1, 1, "A", None, datetime(2026, 1, 1, tzinfo=UTC))


def test_the_halves_of_a_key_change_wait_for_each_other_across_partitions(migration):
    after = replace(ROW, item_id=700_001, notes_known=False)
    born = Upsert(replace(ROW, notes="long"), 1, None)
    come, gone = Upsert(after, 2, 700_000), Delete(700_000, 2, 700_001)
    behind = Upsert(replace(after, quantity=9), 3, None)
    now = time.monotonic()
    writer = Writer(migration.service_dsn)
    try:
        first = [Arrival(0, 0, born, now), Arrival(1, 0, come, now), Arrival(1, 1, behind, now)]
        assert first[1:] == writer.write(first)
        assert writer.write([*first[1:], Arrival(0, 1, gone, now)]) == []
        with psycopg.connect(migration.service_dsn) as target:
            query = "SELECT sku, remarks FROM public.inventory_items WHERE sku LIKE '7000__'"
            assert target.execute(query).fetchall() == [("700001", "long")]
            query = "SELECT on_hand FROM public.stock_levels WHERE sku = '700001'"
            assert target.execute(query).fetchall() == [(9,)]
        lost = Upsert(replace(after, item_id=700_002), 4, 700_009)
        assert writer.write([Arrival(1, 2, lost, now - MOVE_WAIT_SECONDS_MAX)]) == []
        assert writer.counts.incomplete == 1
    finally:
        cleanup = [Arrival(1, 3, Delete(item, None, None), now) for item in (700_001, 700_002)]
        writer.write(cleanup)
        writer.close()
