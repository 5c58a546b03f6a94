"""The doctor's checks: a migration in order has no problem; each planted fault is one, by name,
with a remedy that names what to change.
"""

import dataclasses

import pytest

from figwatch.validators.doctor.checks import Examined, assess, exit_outcome
from figwatch.validators.doctor.connectors import captures
from figwatch.validators.doctor.facts import (
    ColumnFacts,
    ConnectorFacts,
    CouldNot,
    DatabaseFacts,
    Expected,
    ExpectedTable,
    GroupFacts,
    Limits,
    Outcome,
    PublicationFacts,
    SlotFacts,
    TableFacts,
    TopicFacts,
)

NOW_US = 1_800_000_000_000_000
SOURCE_TOPIC, TARGET_TOPIC = "mono.public.inventory", "inv.public.stock"


def side(name, table, *, follows=False) -> Expected:
    prefix = "inv" if follows else "mono"
    return Expected(
        name,
        follows,
        prefix,
        f"__debezium-heartbeat.{prefix}",
        "public.beat",
        0,
        (f"{prefix}.{table}",),
        {table: ExpectedTable(frozenset({"id"}), frozenset({"id", "quantity"}), frozenset())},
    )


def connector(prefix, table) -> ConnectorFacts:
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "topic.prefix": prefix,
        "table.include.list": rf"public\.beat,{table}",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.replace.null.with.default": "false",
        "heartbeat.interval.ms": "1000",
        "heartbeat.action.query": "UPDATE public.beat SET at = now()",
        "publication.name": "pub",
        "slot.name": "slot",
        "skipped.operations": "none",
    }
    return ConnectorFacts(f"{prefix}-connector", "RUNNING", ("RUNNING",), config)


def column(name, kind="integer", *, default=False, toastable=False, digits=None) -> ColumnFacts:
    return ColumnFacts(name, kind, name != "id", default, toastable, digits)


def database(table) -> DatabaseFacts:
    columns = (column("id"), column("quantity"))
    return DatabaseFacts(
        "18.0",
        "logical",
        500,
        100,
        {table: TableFacts(table, "d", (), ("id",), columns)},
        {"slot": SlotFacts("slot", active=True, wal_status="reserved", held_bytes=1000)},
        {
            "pub": PublicationFacts(
                "pub",
                all_tables=True,
                tables=frozenset(),
                operations=frozenset({"insert", "update", "delete", "truncate"}),
            )
        },
    )


def topic(name, *, newest_us=NOW_US) -> TopicFacts:
    return TopicFacts(
        name,
        "delete",
        retention_hours=168.0,
        bytes_bound=False,
        ends={0: 10},
        begun_late=(),
        sampled=10,
        newest_us=newest_us,
    )


def migration() -> Examined:
    """Everything in order."""
    beats = [f"{kind}{prefix}" for prefix in ("mono", "inv") for kind in ("__debezium-heartbeat.",)]
    names = [SOURCE_TOPIC, TARGET_TOPIC, "mono.public.beat", "inv.public.beat", *beats]
    return Examined(
        source=side("monolith", "public.inventory"),
        target=side("service", "public.stock", follows=True),
        connectors={
            "monolith": connector("mono", "public.inventory"),
            "service": connector("inv", "public.stock"),
        },
        databases={
            "monolith": database("public.inventory"),
            "service": database("public.stock"),
        },
        topics={name: topic(name) for name in names},
        group_name="g",
        group=GroupFacts("g", "Stable", 1, {(SOURCE_TOPIC, 0): 10}),
        now_us=NOW_US,
    )


def problems(facts: Examined):
    return [c for c in assess(facts, Limits()) if c.outcome in (Outcome.WRONG, Outcome.WEAK)]


# -- ways to break one thing


def setting(name, value):
    """A setting of the source's connector changed; None removes it."""

    def plant(facts):
        old = facts.connectors["monolith"]
        config = {k: v for k, v in {**old.config, name: value}.items() if v is not None}
        new = dataclasses.replace(old, config=config)
        return dataclasses.replace(facts, connectors={**facts.connectors, "monolith": new})

    return plant


def connector_state(**changes):
    def plant(facts):
        new = dataclasses.replace(facts.connectors["monolith"], **changes)
        return dataclasses.replace(facts, connectors={**facts.connectors, "monolith": new})

    return plant


def source_database(**changes):
    def plant(facts):
        new = dataclasses.replace(facts.databases["monolith"], **changes)
        return dataclasses.replace(facts, databases={**facts.databases, "monolith": new})

    return plant


def source_table(**changes):
    def plant(facts):
        table = facts.databases["monolith"].tables["public.inventory"]
        new = {"public.inventory": dataclasses.replace(table, **changes)}
        return source_database(tables=new)(facts)

    return plant


def source_topic(name=SOURCE_TOPIC, **changes):
    def plant(facts):
        new = dataclasses.replace(facts.topics[name], **changes)
        return dataclasses.replace(facts, topics={**facts.topics, name: new})

    return plant


def no_topic(name):
    return lambda facts: dataclasses.replace(facts, topics={**facts.topics, name: None})


def expected(role, **changes):
    def plant(facts):
        return dataclasses.replace(
            facts, **{role: dataclasses.replace(getattr(facts, role), **changes)}
        )

    return plant


def group(**changes):
    def plant(facts):
        return dataclasses.replace(facts, group=dataclasses.replace(facts.group, **changes))

    return plant


def both(*plants):
    def plant(facts):
        for one in plants:
            facts = one(facts)
        return facts

    return plant


NULLABLE = (column("id"), column("quantity", default=True))
LONG = (column("id"), column("quantity", "text", toastable=True))
TIMES = (column("id"), column("quantity", "timestamp without time zone", digits=6))
MONEY = (column("id"), column("quantity", "numeric(10,2)"))
REPLACE = "value.converter.replace.null.with.default"
FLATTEN = both(
    setting("transforms", "unwrap"),
    setting("transforms.unwrap.type", "io.debezium.transforms.ExtractNewRecordState"),
    source_table(columns=NULLABLE),
)

FAULTS = [
    ("connector stopped", connector_state(state="PAUSED"), "connector", "wrong", "restart"),
    ("task failed", connector_state(tasks=("FAILED",)), "connector", "wrong", "restart"),
    ("no task", connector_state(tasks=()), "connector", "wrong", "restart"),
    (
        "NULL becomes DEFAULT",
        both(setting(REPLACE, None), source_table(columns=NULLABLE)),
        "null_or_default", "weak", REPLACE,
    ),
    (
        "NULL becomes DEFAULT in the flattening",
        FLATTEN,
        "null_or_default", "weak", "transforms.unwrap.replace.null.with.default",
    ),
    ("no heartbeat", setting("heartbeat.interval.ms", None), "heartbeat", "weak", "1000"),
    ("heartbeat off", setting("heartbeat.interval.ms", "0"), "heartbeat", "weak", "1000"),
    ("no heartbeat row", setting("heartbeat.action.query", None), "heartbeat", "weak", "upsert"),
    (
        "heartbeat table not captured",
        setting("table.include.list", "public.inventory"),
        "heartbeat", "weak", "table.include.list",
    ),
    (
        "heartbeats elsewhere",
        setting("topic.heartbeat.prefix", "beats"),
        "heartbeat", "weak", "beats.mono",
    ),
    (
        "no heartbeat configured",
        expected("source", heartbeat_topic=None, heartbeat_table=None),
        "heartbeat", "weak", "sides.monolith.heartbeat_topic",
    ),
    (
        "no heartbeat row on the side that follows",
        expected("target", heartbeat_table=None),
        "heartbeat", "weak", "sides.service.heartbeat_table",
    ),
    ("no heartbeat topic", no_topic("mono.public.beat"), "heartbeat", "weak", "interval"),
    (
        "old heartbeat",
        source_topic("mono.public.beat", newest_us=NOW_US - 61_000_000),
        "heartbeat", "weak", "interval",
    ),
    (
        "empty heartbeat topic",
        source_topic("mono.public.beat", newest_us=0),
        "heartbeat", "weak", "interval",
    ),
    (
        "times cut to milliseconds",
        both(setting("time.precision.mode", "connect"), source_table(columns=TIMES)),
        "precision", "weak", "adaptive_time_microseconds",
    ),
    (
        "decimals as floating point",
        both(setting("decimal.handling.mode", "double"), source_table(columns=MONEY)),
        "precision", "weak", "decimal.handling.mode",
    ),
    ("another prefix", setting("topic.prefix", "mine"), "capture", "wrong", "topic_prefix: mine"),
    (
        "table not captured",
        setting("table.include.list", r"public\.beat"),
        "capture", "wrong", "public.inventory",
    ),
    (
        "column excluded",
        setting("column.exclude.list", r"public\.inventory\.quantity"),
        "capture", "wrong", "column.exclude.list",
    ),
    ("no snapshot", setting("snapshot.mode", "no_data"), "capture", "weak", "incremental snapshot"),
    ("no such topic", no_topic(SOURCE_TOPIC), "topic", "wrong", "topic_prefix"),
    (
        "compacted topic",
        source_topic(cleanup_policy="compact,delete"),
        "topic", "wrong", "cleanup.policy=delete",
    ),
    ("short retention", source_topic(retention_hours=2.0), "topic", "weak", "ms=86400000"),
    ("records without key", source_topic(keyless=3), "topic", "wrong", "primary key"),
    ("no logical decoding", source_database(wal_level="replica"), "wal_level", "wrong", "logical"),
    (
        "clock ahead",
        source_database(clock_difference_us=3_200_000),
        "clock", "wrong", "clock_skew_seconds: 4",
    ),
    ("clock behind", source_database(clock_difference_us=-3_200_000), "clock", "wrong", "NTP"),
    ("no such table", source_database(tables={}), "table", "wrong", "grant"),
    ("no such column", source_table(columns=(column("id"),)), "columns", "wrong", "the pair"),
    (
        "column left out",
        source_table(columns=(column("id"), column("quantity"), column("price"))),
        "columns", "weak", "ignored_columns",
    ),
    ("no primary key", source_table(primary_key=()), "key", "wrong", "primary key"),
    ("another primary key", source_table(primary_key=("id", "x")), "key", "wrong", "key.columns"),
    ("identity NOTHING", source_table(identity="n"), "replica_identity", "wrong", "FULL"),
    (
        "identity by an index without the key",
        source_table(identity="i", identity_columns=("quantity",)),
        "replica_identity", "wrong", "REPLICA IDENTITY DEFAULT",
    ),
    (
        "long values without snapshot",
        both(setting("snapshot.mode", "never"), source_table(columns=LONG)),
        "replica_identity", "weak", "ALTER TABLE public.inventory REPLICA IDENTITY FULL",
    ),
    ("no publication", source_database(publications={}), "publication", "wrong", "CREATE"),
    (
        "table not published",
        source_database(
            publications={
                "pub": PublicationFacts(
                    "pub",
                    all_tables=False,
                    tables=frozenset({"public.beat"}),
                    operations=frozenset({"insert", "update", "delete"}),
                )
            }
        ),
        "publication", "wrong", "ADD TABLE public.inventory",
    ),
    (
        "deletes not published",
        source_database(
            publications={
                "pub": PublicationFacts(
                    "pub",
                    all_tables=True,
                    tables=frozenset(),
                    operations=frozenset({"insert", "update"}),
                )
            }
        ),
        "publication", "wrong", "SET (publish",
    ),
    ("no slot", source_database(slots={}), "slot", "wrong", "snapshot.mode"),
    (
        "slot lost",
        source_database(
            slots={"slot": SlotFacts("slot", active=True, wal_status="lost", held_bytes=0)}
        ),
        "slot", "wrong", "max_slot_wal_keep_size",
    ),
    (
        "slot idle",
        source_database(
            slots={"slot": SlotFacts("slot", active=False, wal_status="reserved", held_bytes=0)}
        ),
        "slot", "wrong", "start the connector",
    ),
    (
        "slot far behind",
        source_database(
            slots={"slot": SlotFacts("slot", active=True, wal_status="", held_bytes=2 << 30)}
        ),
        "slot", "weak", "heartbeat row",
    ),
    (
        "no consumer group",
        lambda facts: dataclasses.replace(facts, group_name=None, group=None),
        "consumer_group", "weak", "sides.service.consumer_group",
    ),
    ("dead group", group(state="Dead", committed={}), "consumer_group", "wrong", "consumer_group"),
    ("group elsewhere", group(committed={}), "consumer_group", "weak", "consumer_group"),
    ("nobody replicates", group(members=0), "consumer_group", "weak", "start the replicator"),
    (
        "a partition without commits",
        source_topic(ends={0: 10, 1: 4}),
        "consumer_group", "weak", "subscribe",
    ),
]  # fmt: skip


def test_a_migration_in_order_has_no_problem():
    checks = assess(migration(), Limits())
    assert [] == [c for c in checks if c.outcome not in (Outcome.OK, Outcome.NOTE)]
    assert Outcome.OK == exit_outcome(checks)


@pytest.mark.parametrize(
    ("plant", "name", "outcome", "remedy"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS]
)
def test_a_fault_is_found_with_its_remedy(plant, name, outcome, remedy):
    found = problems(plant(migration()))
    assert (name, outcome) in {(check.name, check.outcome.value) for check in found}
    assert [c for c in found if c.name == name and remedy in c.remedy]
    assert Outcome.WRONG == exit_outcome(found)


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(
            source_table(columns=(*LONG, column("id2"))[:2]),
            id="long values are carried forward from the snapshot",
        ),
        pytest.param(both(setting(REPLACE, None)), id="nothing nullable has a default"),
        pytest.param(setting("time.precision.mode", "connect"), id="no times are compared"),
        pytest.param(setting("decimal.handling.mode", "double"), id="no decimals are compared"),
        pytest.param(source_topic(begun_late=(0,)), id="a late start is told, not a fault"),
        pytest.param(setting("skipped.operations", None), id="truncates are rare"),
        pytest.param(source_topic(bytes_bound=True), id="a bound by size is told, not a fault"),
        pytest.param(
            source_table(identity="i", identity_columns=("id", "x")), id="an index with the key"
        ),
        pytest.param(
            both(
                source_database(clock_difference_us=3_000_000, clock_uncertainty_us=2_500_000),
            ),
            id="a slow answer says little about a clock",
        ),
        pytest.param(
            both(
                source_database(clock_difference_us=3_000_000),
                expected("source", clock_skew_us=5_000_000),
            ),
            id="a clock difference within the configured bound",
        ),
    ],
)
def test_what_is_no_fault_is_not_called_one(plant):
    assert [] == problems(plant(migration()))


def test_a_full_identity_shows_long_values_even_without_a_snapshot():
    plant = both(source_table(identity="f", columns=LONG), setting("snapshot.mode", "never"))
    assert ["capture"] == [check.name for check in problems(plant(migration()))]


AWAY = CouldNot("it is away", "start it")


SIDES_AWAY = dict.fromkeys(("monolith", "service"), AWAY)


@pytest.mark.parametrize(
    ("away", "name"),
    [
        ({"connectors": SIDES_AWAY}, "connector"),
        ({"databases": SIDES_AWAY}, "database"),
        ({"topics": dict.fromkeys(migration().topics, AWAY)}, "topic"),
        ({"group": AWAY}, "consumer_group"),
    ],
)
def test_what_could_not_be_looked_at_is_apart_from_problems(away, name):
    facts = dataclasses.replace(migration(), **away)
    checks = assess(facts, Limits())
    assert [] == problems(facts)
    assert name in {c.name for c in checks if c.outcome is Outcome.COULD_NOT_CHECK}
    assert Outcome.COULD_NOT_CHECK == exit_outcome(checks)


def test_a_worker_wide_converter_cannot_be_looked_at():
    plant = both(setting("value.converter", None), source_table(columns=NULLABLE))
    checks = assess(plant(migration()), Limits())
    assert [Outcome.COULD_NOT_CHECK] == [
        c.outcome for c in checks if c.name == "null_or_default" and "monolith" in c.subject
    ]


@pytest.mark.parametrize(
    ("config", "captured"),
    [
        ({}, True),
        ({"table.include.list": "public.inventory"}, True),
        ({"table.include.list": "PUBLIC\\.INV.*"}, True),
        ({"table.include.list": "inventory"}, False),
        ({"table.exclude.list": "public\\..*"}, False),
        ({"schema.include.list": "public"}, True),
        ({"schema.include.list": "shop"}, False),
        ({"schema.exclude.list": "public"}, False),
        ({"table.include.list": "public.inventory,("}, True),
    ],
)
def test_lists_of_tables_are_whole_matches_without_case(config, captured):
    assert captured is captures(config, "public.inventory")
