"""The embedded stack, used as its users use it."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from figwatch.demo.sandbox import Endpoints, Sandbox, SandboxError, Service, connect, debezium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT_SECONDS = 180.0


@dataclass(frozen=True)
class Captured:
    """A table on the monolith with a connector of its own."""

    endpoints: Endpoints
    table: str
    connector: str
    topic: str

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.endpoints.dsn["monolith"], connect_timeout=10) as connection:
            connection.execute(statement.replace("{table}", self.table))

    def await_value(self, topic: str, wanted: Callable[[Any], bool]) -> Any:
        return self.await_message(topic, wanted)[0]

    def await_message(self, topic: str, wanted: Callable[[Any], bool]) -> tuple[Any, int]:
        """The first value of the topic that is wanted, and when it was sent, in ms."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.endpoints.bootstrap_servers,
                "group.id": "unused",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        deadline = time.monotonic() + WAIT_SECONDS
        try:
            while not (partitions := partitions_of(consumer, topic)):
                assert time.monotonic() < deadline, f"{topic} was not made"
            starts = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions]
            consumer.assign(starts)
            while time.monotonic() < deadline:
                message = consumer.poll(0.2)
                if message is None or message.error() or message.value() is None:
                    continue
                value = json.loads(message.value())
                if wanted(value):
                    return value, message.timestamp()[1]
        finally:
            consumer.close()
        pytest.fail(f"no such message in {topic} within {WAIT_SECONDS} s")

    def await_row(self, number: int) -> Any:
        return self.await_value(self.topic, shows(number))


def shows(number: int) -> Callable[[Any], bool]:
    return lambda value: value["after"] is not None and value["after"]["id"] == number


def partitions_of(consumer: Consumer, topic: str) -> list[int]:
    found = consumer.list_topics(topic, timeout=10).topics[topic]
    return [] if found.error else list(found.partitions)


@pytest.fixture
def capture(sandbox: Endpoints) -> Iterator[Callable[..., Captured]]:
    made: list[Captured] = []

    def make(**settings: Any) -> Captured:
        name = f"sandbox{uuid.uuid4().hex[:8]}"
        captured = Captured(sandbox, f"public.{name}", name, f"{name}.public.{name}")
        made.append(captured)
        captured.execute(
            "CREATE TABLE {table} (id int PRIMARY KEY, price numeric(10,2), note text DEFAULT 'x')"
        )
        dsn = sandbox.dsn["monolith"]
        debezium.create_heartbeat_table(dsn)
        spec = debezium.postgres_connector(name, dsn, name, [captured.table], **settings)
        connect.register(sandbox.connect_url, spec)
        return captured

    yield make
    for captured in made:
        connect.delete(sandbox.connect_url, captured.connector)


def test_a_written_row_arrives_in_its_topic_as_it_was_written(capture):
    captured = capture(overrides={"decimal.handling.mode": "string"})
    captured.execute("INSERT INTO {table} VALUES (1, 12.50, NULL)")

    value = captured.await_row(1)

    assert value["op"] == "c"
    # A NULL stays a NULL, though the column has a default.
    assert value["after"] == {"id": 1, "price": "12.50", "note": None}


def test_heartbeat_rows_and_plain_heartbeats_keep_coming_while_nothing_is_written(capture):
    captured = capture(heartbeat_seconds=0.3)
    topic = f"{captured.connector}.{debezium.HEARTBEAT_TABLE}"

    row = captured.await_value(
        topic, lambda v: v["op"] == "u" and v["after"]["topic_prefix"] == captured.connector
    )
    plain = captured.await_value(f"__debezium-heartbeat.{captured.connector}", bool)

    assert row["source"]["ts_us"] > 0
    assert set(plain) == {"ts_ms"}


def test_messages_carry_their_schema_when_it_is_asked_for(capture):
    captured = capture(schemas=True, heartbeat_rows=False)
    captured.execute("INSERT INTO {table} VALUES (1, 12.50, NULL)")

    value = captured.await_value(captured.topic, lambda v: v["payload"]["after"]["id"] == 1)

    assert {"schema", "payload"} == set(value)


def test_topics_have_the_partitions_that_were_asked_for_and_heartbeats_one(capture, sandbox):
    captured = capture(partitions=3)
    captured.execute("INSERT INTO {table} VALUES (1, 12.50, NULL)")
    captured.await_row(1)
    consumer = Consumer({"bootstrap.servers": sandbox.bootstrap_servers, "group.id": "unused"})

    assert partitions_of(consumer, captured.topic) == [0, 1, 2]
    assert partitions_of(consumer, f"__debezium-heartbeat.{captured.connector}") == [0]
    consumer.close()


def test_a_paused_connector_sends_nothing_until_it_is_resumed(capture, sandbox):
    captured = capture()
    captured.execute("INSERT INTO {table} VALUES (1, 1, NULL)")
    captured.await_row(1)

    connect.pause(sandbox.connect_url, captured.connector)
    await_state(sandbox, captured.connector, connect.State.PAUSED)
    captured.execute("INSERT INTO {table} VALUES (2, 1, NULL)")
    time.sleep(1)
    paused_ms = time.time() * 1000
    connect.resume(sandbox.connect_url, captured.connector)

    # Not the envelope's ts_ms: Debezium reads on while it is paused, and sends later.
    _, sent_ms = captured.await_message(captured.topic, shows(2))
    assert sent_ms >= paused_ms


def await_state(sandbox: Endpoints, name: str, state: connect.State) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        now = connect.status(sandbox.connect_url, name)
        if now is not None and now.state is state and set(now.tasks) == {state}:
            return
        assert time.monotonic() < deadline, now
        time.sleep(0.1)


def test_a_connector_to_a_table_that_cannot_be_reached_says_why(sandbox):
    dsn = sandbox.dsn["monolith"].replace("/monolith", "/nowhere")
    spec = debezium.postgres_connector("nowhere", dsn, "nowhere", ["public.t"])

    with pytest.raises(SandboxError) as raised:
        connect.register(sandbox.connect_url, spec)

    assert raised.value.code == "sandbox.connect-refused"
    assert "nowhere" in raised.value.cause
    assert spec.settings["database.password"] not in str(raised.value)


@pytest.mark.parametrize("service", [s for s in Service if s is not Service.POSTGRES_SERVICE])
@pytest.mark.parametrize("how", ["kill", "stop_service"])
def test_capture_goes_on_after_a_program_was_ended_and_started_again(
    stack: Sandbox, capture, service, how
):
    captured = capture()
    captured.execute("INSERT INTO {table} VALUES (1, 1, NULL)")
    captured.await_row(1)

    getattr(stack, how)(service)
    stack.start_service(service)
    captured.execute("INSERT INTO {table} VALUES (2, 1, NULL)")

    # "r" if Connect was killed before it had stored that the snapshot was done.
    assert captured.await_row(2)["op"] in {"c", "r"}


def test_a_frozen_database_answers_again_when_thawed(stack: Sandbox, sandbox):
    dsn = sandbox.dsn["service"]
    stack.freeze(Service.POSTGRES_SERVICE)
    try:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(dsn, connect_timeout=2)
    finally:
        stack.thaw(Service.POSTGRES_SERVICE)

    with psycopg.connect(dsn, connect_timeout=10) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
