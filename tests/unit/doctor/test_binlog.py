"""The doctor on MariaDB and MySQL, whose log is judged by the server's variables."""

import dataclasses

import pytest

from figwatch.validators.doctor.checks import assess
from figwatch.validators.doctor.connectors import captures
from figwatch.validators.doctor.facts import BinlogFacts, Limits, Outcome
from tests.unit.doctor.test_doctor import migration, source_database

RIGHT = BinlogFacts(
    enabled=True, format="ROW", row_image="FULL", retention_hours=168.0, exact_times=True
)


def told(binlog, disorder_us=10_000):
    """The checks of a migration whose monolith is no PostgreSQL."""
    facts = source_database(binlog=binlog, wal_level="", slots={}, publications={})(migration())
    source = dataclasses.replace(facts.source, allowed_disorder_us=disorder_us)
    return assess(dataclasses.replace(facts, source=source), Limits())


def test_a_server_in_order_has_no_problem_and_is_asked_for_no_slot_or_publication():
    checks = [check for check in told(RIGHT) if check.subject.startswith("monolith")]
    assert set() == {c.name for c in checks if c.outcome in {Outcome.WRONG, Outcome.WEAK}}
    names = {check.name for check in checks}
    assert "binlog" in names
    assert set() == names & {"wal_level", "slot", "publication"}


@pytest.mark.parametrize(
    ("changes", "outcome", "remedy"),
    [
        ({"enabled": False}, Outcome.WRONG, "log_bin"),
        ({"format": "STATEMENT"}, Outcome.WRONG, "binlog_format = 'ROW'"),
        ({"row_image": "MINIMAL"}, Outcome.WRONG, "binlog_row_image = 'FULL'"),
        ({"partial_json": True}, Outcome.WRONG, "binlog_row_value_options"),
        ({"retention_hours": 1.0}, Outcome.WEAK, "binlog_expire_logs_seconds = 86400"),
        ({"exact_times": False}, Outcome.WEAK, "sides.monolith.allowed_disorder_seconds: 1"),
    ],
)
def test_each_fault_of_the_binlog_is_told_with_its_remedy(changes, outcome, remedy):
    found = [c for c in told(dataclasses.replace(RIGHT, **changes)) if c.name == "binlog"]
    assert [outcome] == [check.outcome for check in found]
    assert remedy in found[0].remedy


def test_whole_seconds_and_a_log_kept_for_ever_are_no_fault_where_they_are_allowed_for():
    plain = dataclasses.replace(RIGHT, exact_times=False, retention_hours=None)
    assert {Outcome.OK} == {c.outcome for c in told(plain, 1_000_000) if c.name == "binlog"}


@pytest.mark.parametrize(("listed", "captured"), [("shop", True), ("sho.*", True), ("x", False)])
def test_a_database_is_to_mariadb_what_a_schema_is_to_postgresql(listed, captured):
    assert captured is captures({"database.include.list": listed}, "shop.items")
    assert captured is not captures({"database.exclude.list": listed}, "shop.items")
