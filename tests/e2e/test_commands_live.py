"""The commands against real servers, with no worker and no replicator: what doctor, init, explain
and the readers make of real catalogues, connectors, topics and groups.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from figwatch.cli.boundary import exit_code_of
from figwatch.cli.main import app
from figwatch.connectors import databases
from figwatch.connectors.config.root import KafkaConfig
from figwatch.connectors.kafka.admin import KafkaAdmin, Span
from figwatch.connectors.kafka.reader import read_compacted, read_spans
from figwatch.demo.sandbox import connect, debezium
from figwatch.validators.errors import ExitCode, FigwatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from figwatch.demo.sandbox import Endpoints

WAIT_SECONDS = 180.0
DDL = (
    "CREATE TABLE {table} (id bigint PRIMARY KEY, quantity int DEFAULT 0,"
    " price numeric(10,2), note text, at timestamptz)"
)
SIDES = {"monolith": "source", "service": "target"}


@dataclass
class Pair:
    """A table on each side, captured, with a group that has read the source's topic."""

    endpoints: Endpoints
    name: str
    config: Path
    figwatch: Callable[..., tuple[int, str, str]]

    def topic(self, side: str) -> str:
        return f"{self.name}{side}.public.{self.name}"

    def execute(self, side: str, statement: str) -> None:
        with psycopg.connect(self.endpoints.dsn[side], connect_timeout=10) as connection:
            connection.execute(statement.replace("{table}", f"public.{self.name}"))

    def ask(self, *command: str) -> tuple[int, Any]:
        code, out, err = self.figwatch(*command, "--config", str(self.config), "--json")
        assert out, err
        return code, json.loads(out)

    def problems(self) -> dict[str, tuple[str, str]]:
        """Outcome and remedy of what is not in order, by check and subject."""
        _, document = self.ask("doctor")
        return {
            f"{check['name']} {check['subject']}": (check["outcome"], check["remedy"])
            for check in document["checks"]
            if check["outcome"] in {"weak", "wrong", "could_not_check"}
        }


@pytest.fixture
def figwatch(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = exit_code_of(lambda: app(list(arguments)))
        captured = capsys.readouterr()
        return int(code), captured.out, captured.err

    return run


@pytest.fixture
def pair(
    sandbox: Endpoints, figwatch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pair]:
    name = f"cmd{uuid.uuid4().hex[:8]}"
    made = Pair(sandbox, name, tmp_path / "figwatch.yaml", figwatch)
    for side in SIDES:
        monkeypatch.setenv(f"{side.upper()}_DSN", sandbox.dsn[side])
        made.execute(side, DDL)
        debezium.create_heartbeat_table(sandbox.dsn[side])
        prefix = f"{name}{side}"
        spec = debezium.postgres_connector(
            prefix, sandbox.dsn[side], prefix, [f"public.{name}"], partitions=2
        )
        connect.register(sandbox.connect_url, spec)
        made.execute(side, "INSERT INTO {table} VALUES (1, 5, 1.50, 'a', '2026-01-01')")
    made.config.write_text(configuration(made))
    await_rows(made)
    commit(made)
    yield made
    for side in SIDES:
        connect.delete(sandbox.connect_url, f"{name}{side}")


def configuration(pair: Pair) -> str:
    sides = "".join(
        f"  {side}:\n"
        f"    topic_prefix: {pair.name}{side}\n"
        f"    heartbeat_topic: __debezium-heartbeat.{pair.name}{side}\n"
        f"    heartbeat_table: {debezium.HEARTBEAT_TABLE}\n"
        f"    database: env:{side.upper()}_DSN\n"
        f"    connect: {pair.endpoints.connect_url}\n"
        + (f"    consumer_group: {pair.name}\n" if side == "service" else "")
        for side in SIDES
    )
    types = {
        "price": '{type: "decimal(2)", source_encoding: base64, target_encoding: base64}',
        "at": "{type: timestamptz}",
    }
    columns = "".join(
        f"      {column}: {types.get(column, column)}\n"
        for column in ("quantity", "price", "note", "at")
    )
    return (
        f"migration: {pair.name}\n"
        f'kafka: {{bootstrap_servers: "{pair.endpoints.bootstrap_servers}"}}\n'
        f"sides:\n{sides}authority: monolith\npairs:\n  - name: rows\n"
        f"    source: public.{pair.name}\n    target: public.{pair.name}\n"
        f"    key: {{id: id}}\n    columns:\n{columns}"
    )


def await_rows(pair: Pair) -> None:
    """Until both data topics and all heartbeat topics have something in them."""
    admin = KafkaAdmin(kafka_of(pair.endpoints), 10)
    wanted = []
    for side in SIDES:
        prefix = f"{pair.name}{side}"
        wanted += [pair.topic(side), f"{prefix}.{debezium.HEARTBEAT_TABLE}"]
        wanted.append(f"__debezium-heartbeat.{prefix}")
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = {name: count for name, count in admin.topics().items() if name in wanted}
        filled = {where[0] for where, span in admin.spans(found).items() if span.end}
        if filled == set(wanted):
            return
        assert time.monotonic() < deadline, set(wanted) - filled
        time.sleep(0.2)


def commit(pair: Pair) -> None:
    """What a replicator would have committed: everything in the source's topic."""
    topic = pair.topic("monolith")
    spans = KafkaAdmin(kafka_of(pair.endpoints), 10).spans({topic: 2})
    settings = {"bootstrap.servers": pair.endpoints.bootstrap_servers, "group.id": pair.name}
    consumer = Consumer(settings | {"enable.auto.commit": False})
    offsets = [TopicPartition(*where, span.end) for where, span in spans.items()]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def kafka_of(endpoints: Endpoints) -> KafkaConfig:
    return KafkaConfig(bootstrap_servers=endpoints.bootstrap_servers)


# -- doctor


def test_doctor_finds_nothing_wrong_where_nothing_is_but_a_replicator_that_does_not_run(pair):
    expected = {f"consumer_group {pair.name}": ("weak", "start the replicator")}
    assert expected == pair.problems()


def test_doctor_finds_each_fault_configured_on_the_servers(pair, monkeypatch):
    prefix = f"{pair.name}monolith"
    spec = debezium.postgres_connector(
        prefix,
        pair.endpoints.dsn["monolith"],
        prefix,
        [f"public.{pair.name}"],
        partitions=2,
        overrides={
            "value.converter.replace.null.with.default": "true",
            "time.precision.mode": "connect",
            "decimal.handling.mode": "double",
            "heartbeat.interval.ms": "0",
            "publication.autocreate.mode": "disabled",
        },
    )
    connect.register(pair.endpoints.connect_url, spec)
    pair.execute("monolith", f"ALTER PUBLICATION figwatch_{prefix} DROP TABLE {{table}}")
    pair.execute("monolith", "ALTER TABLE {table} REPLICA IDENTITY NOTHING")
    pair.execute("service", "ALTER TABLE {table} RENAME COLUMN note TO remark")
    set_topic(pair, pair.topic("monolith"), {"cleanup.policy": "compact"})
    set_topic(pair, pair.topic("service"), {"retention.ms": "3600000"})
    connect.pause(pair.endpoints.connect_url, f"{pair.name}service")
    pair.execute("monolith", "ALTER TABLE {table} ADD COLUMN forgotten int")
    for _ in range(3):  # MiB of log that wait for the paused connector
        pair.execute(
            "service", "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1048576))"
        )
    producer = Producer({"bootstrap.servers": pair.endpoints.bootstrap_servers})
    producer.produce(pair.topic("service"), b"{}")  # without a key
    producer.flush(10)
    limits = "doctor: {slot_lag_max_mb: 1, heartbeat_age_max_seconds: 2}\n"
    text = pair.config.read_text() + limits
    pair.config.write_text(text.replace(f"consumer_group: {pair.name}", "consumer_group: nobody"))
    # a server's clock cannot be set here, so ours is
    slow = SimpleNamespace(time_ns=lambda: time.time_ns() - 9_000_000_000)
    monkeypatch.setattr(databases, "time", slow)
    rows = f"{pair.name}service.{debezium.HEARTBEAT_TABLE}"
    deadline = time.monotonic() + WAIT_SECONDS
    while True:  # until the paused connector's last heartbeat row has grown old
        code, document = pair.ask("doctor")
        stale = [c for c in document["checks"] if f"heartbeat in {rows} is" in c["cause"]]
        if stale or time.monotonic() > deadline:
            break
    assert ["weak"] == [check["outcome"] for check in stale]
    assert ExitCode.FAIL == code
    clocks = {c["subject"]: c for c in document["checks"] if c["name"] == "clock"}
    assert dict.fromkeys(SIDES, "wrong") == {side: c["outcome"] for side, c in clocks.items()}
    assert "sides.service.clock_skew_seconds: " in clocks["service"]["remedy"]
    assert {
        ("null_or_default", "weak"),
        ("precision", "weak"),
        ("heartbeat", "weak"),
        ("publication", "wrong"),
        ("replica_identity", "wrong"),
        ("columns", "wrong"),
        ("columns", "weak"),  # one that is not mapped
        ("topic", "weak"),  # retention
        ("topic", "wrong"),  # compaction, and a record without a key
        ("slot", "weak"),
        ("connector", "wrong"),
        ("consumer_group", "wrong"),
    } <= {(check["name"], check["outcome"]) for check in document["checks"]}
    keyless = [check for check in document["checks"] if "key" in check["cause"]]
    assert pair.topic("service") in {check["subject"] for check in keyless}
    compacted = pair.problems()[f"topic {pair.topic('monolith')}"]
    assert ("wrong", True) == (compacted[0], "cleanup.policy=delete" in compacted[1])


def set_topic(pair: Pair, topic: str, settings: dict[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": pair.endpoints.bootstrap_servers})
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)


def test_doctor_changes_nothing_and_joins_no_group(pair):
    admin = KafkaAdmin(kafka_of(pair.endpoints), 10)
    before = set(admin.topics())
    pair.ask("doctor")
    assert before == set(admin.topics())
    assert 0 == admin.group(pair.name).members


def test_what_cannot_be_reached_is_apart_from_what_is_wrong(pair, monkeypatch):
    monkeypatch.setenv("MONOLITH_DSN", "postgresql://nobody:hunter2@127.0.0.1:1/none")
    text = pair.config.read_text()
    pair.config.write_text(text.replace(pair.endpoints.connect_url, "http://127.0.0.1:1", 1))
    unchecked = {name for name, (outcome, _) in pair.problems().items() if "could_not" in outcome}
    assert {"connector monolith", "database monolith"} == unchecked
    assert "hunter2" not in str(pair.problems())


# -- init


def test_init_from_the_databases_writes_keys_columns_and_types(pair, tmp_path):
    file = tmp_path / "new.yaml"
    table = f"public.{pair.name}"
    code, _, err = pair.figwatch(
        "init", "--config", str(file), "--pair", f"rows={table}:{table}",
        "--from-database", "monolith=MONOLITH_DSN", "--from-database", "service=SERVICE_DSN",
    )  # fmt: skip
    assert ExitCode.OK == code, err
    text = file.read_text()
    assert "key:\n      id: id\n" in text
    assert '      price: {to: price, type: "numeric(10,2)"}' in text
    assert "      note: note" in text
    assert os.environ["MONOLITH_DSN"] not in text
    assert ExitCode.OK == pair.figwatch("config", "check", "--config", str(file))[0]


def test_init_names_a_table_that_is_not_there(pair, tmp_path):
    code, _, err = pair.figwatch(
        "init", "--config", str(tmp_path / "new.yaml"), "--pair", "rows=public.nothing:public.x",
        "--from-database", "monolith=MONOLITH_DSN",
    )  # fmt: skip
    assert ExitCode.ERROR == code
    assert "public.nothing" in err


# -- explain, status, gate


def test_explain_shows_both_sides_and_the_rule_without_values_unless_asked(pair):
    pair.execute("monolith", "UPDATE {table} SET note = 'changed in secret' WHERE id = 1")
    time.sleep(1)
    commit(pair)
    code, told = pair.ask("explain", "rows", "1")
    assert ExitCode.OK == code
    assert {"monolith", "service"} == {version["side"] for version in told["versions"]}
    assert ("divergent", "stale", "fence") == (told["verdict"], told["kind"], told["evidence"])
    assert "note" in told["columns"]
    assert "secret" not in json.dumps(told["versions"])
    _, shown = pair.ask("explain", "rows", "1", "--values")
    assert "changed in secret" in {v["values"]["note"] for v in shown["versions"]}


def test_explain_mapping_shows_every_column_with_an_example_row_when_asked(pair):
    code, told = pair.ask("explain", "rows", "--mapping", "--values")
    columns = {column["name"]: column for column in told["columns"]}
    assert (ExitCode.OK, True) == (code, columns["id"]["is_key"])
    assert {True} == {column["equal"] for column in columns.values()}
    assert columns["price"]["source"]["example"] is not None
    _, without = pair.ask("explain", "rows", "--mapping")
    assert "example" not in without["columns"][0]["source"]
    code, out, _ = pair.figwatch("explain", "rows", "--mapping", "--config", str(pair.config))
    assert (ExitCode.OK, True) == (code, "compared as" in out)


def test_a_key_that_was_never_seen_is_inconclusive(pair):
    code, told = pair.ask("explain", "rows", "id=999")
    assert (ExitCode.INCONCLUSIVE, None, []) == (code, told["verdict"], told["versions"])


@pytest.mark.parametrize(
    "command", [("status",), ("findings",), ("gate", "check", "--stage", "sync")]
)
def test_without_a_worker_everything_is_inconclusive(pair, command):
    code, _ = pair.ask(*command)
    assert ExitCode.INCONCLUSIVE == code


# -- the readers


@pytest.fixture
def topic(sandbox: Endpoints) -> str:
    name = f"compacted{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": sandbox.bootstrap_servers})
    for future in admin.create_topics([NewTopic(name, 2, 1)]).values():
        future.result(10)
    return name


def produce(endpoints: Endpoints, topic: str, records: list[tuple[int, str, str | None]]) -> None:
    producer = Producer({"bootstrap.servers": endpoints.bootstrap_servers})
    for partition, key, value in records:
        producer.produce(topic, key=key, value=value, partition=partition)
    assert 0 == producer.flush(10)


def test_the_newest_record_of_each_key_is_read_and_deleted_ones_are_gone(sandbox, topic):
    produce(
        sandbox, topic, [(0, "a", "1"), (1, "a", "2"), (0, "b", "3"), (0, "a", "4"), (0, "b", None)]
    )
    admin = KafkaAdmin(kafka_of(sandbox), 10)
    newest = read_compacted(kafka_of(sandbox), admin.spans({topic: 2}), 10, 100)
    assert {(0, b"a"): b"4", (1, b"a"): b"2"} == {at: r.value for at, r in newest.items()}


def test_an_empty_topic_is_read_at_once(sandbox, topic):
    admin = KafkaAdmin(kafka_of(sandbox), 10)
    assert {} == read_compacted(kafka_of(sandbox), admin.spans({topic: 2}), 10, 100)


def test_no_more_than_the_bound_is_read(sandbox, topic):
    produce(sandbox, topic, [(0, str(n), "x") for n in range(11)])
    spans = KafkaAdmin(kafka_of(sandbox), 10).spans({topic: 2})
    with pytest.raises(FigwatchError) as caught:
        read_compacted(kafka_of(sandbox), spans, 10, 10)
    assert "kafka.too-many-records" == caught.value.problems[0].code


def test_records_written_after_the_question_are_not_waited_for(sandbox, topic):
    produce(sandbox, topic, [(0, "a", "1")])
    spans = KafkaAdmin(kafka_of(sandbox), 10).spans({topic: 2})
    produce(sandbox, topic, [(0, "b", "2"), (1, "c", "3")])
    assert [b"1"] == [record.value for record in read_spans(kafka_of(sandbox), spans, 10)]


def test_a_stretch_whose_end_never_comes_ends_at_the_end_of_the_partition(sandbox, topic):
    produce(sandbox, topic, [(0, "a", "1")])
    spans = {(topic, 0): Span(0, 5)}
    assert [b"1"] == [record.value for record in read_spans(kafka_of(sandbox), spans, 10)]


def test_a_group_that_does_not_exist_is_dead(sandbox):
    group = KafkaAdmin(kafka_of(sandbox), 10).group(f"nobody{uuid.uuid4().hex}")
    assert ("Dead", 0) == (group.state, group.members)
