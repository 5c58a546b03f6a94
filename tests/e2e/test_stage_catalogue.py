"""What stage `decommission` reads of a real PostgreSQL: use, dependents, slots."""

import pathlib
import tempfile

import psycopg
import pytest

from figwatch.connectors.stage_evidence.catalogue import Catalogue, use_since
from figwatch.connectors.stage_evidence.problems import Trouble
from tests.e2e.bare_postgres import server

TABLES = ["public.inventory", "public.moves", "public.nowhere", "public.seen"]


@pytest.fixture(scope="module")
def dsn():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        pathlib.Path(folder).chmod(0o755)
        with server(pathlib.Path(folder) / "db") as found:
            with psycopg.connect(found, autocommit=True) as connection:
                connection.execute(
                    """
                    CREATE TABLE inventory (id int PRIMARY KEY, n int);
                    CREATE TABLE orders (item int REFERENCES inventory);
                    CREATE VIEW seen AS SELECT * FROM inventory;
                    CREATE TABLE moves (id int, at date) PARTITION BY RANGE (at);
                    CREATE TABLE moves_1 PARTITION OF moves
                      FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
                    CREATE PUBLICATION dbz FOR TABLE inventory;
                    """
                )
            yield found


def run(dsn, *statements):
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")


def used(before, after, table):
    fact = use_since(table, before[table], after[table])
    return fact.origin.problem or (fact.reads, fact.writes)


def test_use_is_counted_between_two_looks_partitions_included(dsn):
    catalogue = Catalogue(dsn, 5, "sides.monolith.database")
    before = catalogue.counters(TABLES)
    still = catalogue.counters(TABLES)
    assert (0, 0) == used(before, still, "public.inventory")
    assert (0, 0) == used(before, still, "public.moves")
    run(
        dsn,
        "INSERT INTO inventory VALUES (1, 1), (2, 2)",
        "SELECT * FROM inventory",
        "INSERT INTO moves VALUES (1, '2026-02-02')",
    )
    after = catalogue.counters(TABLES)
    assert (1, 2) == used(before, after, "public.inventory")
    assert (0, 1) == used(before, after, "public.moves")


def test_a_table_that_never_was_and_a_view_are_not_taken_for_unused(dsn):
    found = Catalogue(dsn, 5, "sides.monolith.database").counters(TABLES)
    assert "there is no table" in used(found, found, "public.nowhere")
    assert "there is no table" in used(found, found, "public.seen")


def test_a_table_that_is_dropped_or_made_anew_is_told_apart(dsn):
    catalogue = Catalogue(dsn, 5, "sides.monolith.database")
    run(dsn, "CREATE TABLE gone (id int)", "CREATE TABLE anew (id int)")
    names = ["gone", "anew"]
    before = catalogue.counters(names)
    run(dsn, "DROP TABLE gone", "DROP TABLE anew", "CREATE TABLE anew (id int)")
    after = catalogue.counters(names)
    assert not use_since("gone", before["gone"], after["gone"]).exists
    assert "made anew" in used(before, after, "anew")


def test_counters_that_were_reset_prove_nothing(dsn):
    catalogue = Catalogue(dsn, 5, "sides.monolith.database")
    before = catalogue.counters(TABLES)
    run(dsn, "SELECT pg_stat_reset()")
    assert "reset" in used(before, catalogue.counters(TABLES), "public.inventory")


def test_what_depends_on_a_table_is_named(dsn):
    (inventory,) = Catalogue(dsn, 5, "sides.monolith.database").dependents(["public.inventory"])
    assert {
        "view seen",
        "foreign key orders_item_fkey of orders",
        "publication dbz",
    } == set(inventory.names)


def test_a_slot_is_there_or_it_is_not(dsn):
    run(dsn, "SELECT pg_create_physical_replication_slot('mono')")
    found = Catalogue(dsn, 5, "sides.monolith.database").slots(["mono", "other"])
    assert [True, False] == [slot.present for slot in found]


def test_a_database_that_is_away_is_no_evidence():
    away = Catalogue("host=127.0.0.1 port=1 password=hunter2", 2, "sides.monolith.database")
    found = away.counters(["t"])
    assert isinstance(found, Trouble)
    (dependents,) = away.dependents(["t"])
    assert dependents.origin.problem
    assert "hunter2" not in f"{found}{dependents}"
