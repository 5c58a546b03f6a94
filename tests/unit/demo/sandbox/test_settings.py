"""What the programs are told: connector, broker, worker, database."""

from pathlib import Path

import pytest

from figwatch.demo.sandbox import Service, debezium, kafka, worker
from figwatch.demo.sandbox.connect import ConnectorStatus, State

DSN = "postgresql://someone:s3cret@10.0.0.7:6543/shop"
PORTS = {service.value: 20_000 + number for number, service in enumerate(Service)}
PORTS["kafka-controller"] = 20_010


def settings(**options):
    spec = debezium.postgres_connector(
        "Shop Side", DSN, "mono", ["public.a", "public.b"], **options
    )
    return spec.settings


def test_a_connector_reads_the_database_of_the_dsn_under_a_valid_slot_name():
    made = settings()

    assert tuple(
        made[f"database.{part}"] for part in ("hostname", "port", "user", "password", "dbname")
    ) == ("10.0.0.7", "6543", "someone", "s3cret", "shop")
    assert made["slot.name"] == made["publication.name"] == "figwatch_shop_side"


def test_the_heartbeat_table_is_captured_and_written_by_the_heartbeat():
    made = settings(heartbeat_seconds=0.25)

    assert made["table.include.list"] == "public.a,public.b,public.figwatch_heartbeat"
    assert made["heartbeat.interval.ms"] == "250"
    assert made["heartbeat.action.query"].startswith("INSERT INTO public.figwatch_heartbeat")


def test_without_heartbeat_rows_the_table_is_neither_captured_nor_written():
    made = settings(heartbeat_rows=False)

    assert made["table.include.list"] == "public.a,public.b"
    assert "heartbeat.action.query" not in made


def test_a_quote_in_the_prefix_cannot_leave_the_heartbeats_statement():
    spec = debezium.postgres_connector("n", DSN, "o'brien", ["public.a"])

    assert "VALUES ('o''brien'," in spec.settings["heartbeat.action.query"]


@pytest.mark.parametrize("schemas", [True, False])
def test_both_converters_keep_nulls_and_carry_schemas_only_when_asked(schemas):
    made = settings(schemas=schemas)

    for part in ("key", "value"):
        assert made[f"{part}.converter.schemas.enable"] == str(schemas).lower()
        assert made[f"{part}.converter.replace.null.with.default"] == "false"


def test_overrides_have_the_last_word():
    assert settings()["decimal.handling.mode"] == "precise"
    made = settings(overrides={"decimal.handling.mode": "string"})
    assert made["decimal.handling.mode"] == "string"


def test_a_connectors_password_is_not_in_its_representation():
    spec = debezium.postgres_connector("n", DSN, "p", ["public.a"])

    assert "s3cret" not in repr(spec)


def test_everything_listens_on_loopback_only():
    broker = kafka.broker_settings(Path("/data"), PORTS)
    connect = worker.worker_settings(Path("/plugins"), PORTS)

    listeners = f"{broker['listeners']},{connect['listeners']}".split(",")
    assert len(listeners) == 3
    assert all("//127.0.0.1:" in listener for listener in listeners)


def test_every_internal_topic_of_the_broker_and_worker_has_one_replica():
    both = kafka.broker_settings(Path("/data"), PORTS) | worker.worker_settings(Path("/p"), PORTS)

    factors = {name: value for name, value in both.items() if name.endswith("replication.factor")}
    assert len(factors) == 7
    assert {"1"} == set(factors.values())


@pytest.mark.parametrize(
    ("tasks", "running"),
    [((State.RUNNING,), True), ((), False), ((State.RUNNING, State.FAILED), False)],
    ids=["all tasks run", "no task yet", "one failed"],
)
def test_a_connector_runs_when_it_has_tasks_and_all_of_them_run(tasks, running):
    assert running == ConnectorStatus("n", State.RUNNING, tasks, None).running
