"""The sweep between MariaDB and PostgreSQL, both ways round: one definition of equal."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import bare_mariadb, bare_postgres
from tests.e2e.sweep_lab import QUICK, Lab, found

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator


@dataclasses.dataclass
class Maria:
    """A connection that speaks like psycopg's, as far as the tests need it."""

    connection: Any

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def close(self) -> None:
        self.connection.close()


class MixedLab(Lab):
    """A lab with MariaDB on one side."""

    def connect(self, dsn: str) -> Any:
        return maria(dsn) if dsn.startswith("mysql") else super().connect(dsn)


def maria(dsn: str) -> Any:
    where, database = dsn.rsplit("/", 1)
    return Maria(bare_mariadb.connect(int(where.rsplit(":", 1)[1]), database))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("mixed")
    with bare_mariadb.server(folder / "m") as one, bare_postgres.server(folder / "p") as other:
        yield one, other


_NUMBERS = iter(range(1_000))


@pytest.fixture(params=["from MariaDB", "to MariaDB"])
def lab(
    request: pytest.FixtureRequest, servers: tuple[str, str], tmp_path: pathlib.Path
) -> Iterator[MixedLab]:
    number = next(_NUMBERS)
    maria(servers[0]).execute(f"CREATE DATABASE m{number}")
    dsns = (
        servers[0].rsplit("/", 1)[0] + f"/m{number}",
        bare_postgres.database(servers[1], f"p{number}"),
    )
    made = MixedLab(*(dsns if request.param == "from MariaDB" else reversed(dsns)), tmp_path)
    yield made
    made.close()


MARIA_TABLE = """CREATE TABLE t (id BIGINT NOT NULL PRIMARY KEY, n INT UNSIGNED,
    price DECIMAL(10,2), note VARCHAR(80) CHARACTER SET latin1, state ENUM('new','sold') NOT NULL,
    at DATETIME(6), day DATE, yes TINYINT(1), ratio DOUBLE, small FLOAT, code BINARY(3), doc JSON,
    bits BIT(5), seen TIMESTAMP(3) NULL) CHARACTER SET utf8mb4"""
POSTGRES_TABLE = """CREATE TABLE t (id bigint PRIMARY KEY, n bigint, price numeric(12,4), note text,
    state varchar(9) NOT NULL, at timestamp, day date, yes boolean, ratio double precision,
    small real, code bytea, doc jsonb, bits bit(5), seen timestamptz)"""
VALUES = """(1, 7, 1.50, 'plain', 'new', '2024-02-29 12:00:00.5', '2024-02-29', {yes}, 0.1, 0.1,
  {code}, '{{"a": 1, "b": [1.0, null]}}', b'00101', '2024-01-01 00:00:00.25'),
(2, 4000000000, -0.01, 'tab	and
line \\ é', 'sold', '1999-12-31 23:59:59', '0999-01-01', {no}, 1e100, 16777216, {code}, '[]',
  b'11111', NULL),
(3, NULL, NULL, NULL, 'new', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(-5, 0, 0, '', 'new', '2024-01-01 00:00:00', '2024-01-01', {yes}, -1.5, 3.25, {code}, '{{}}',
  b'00000', '2038-01-01 00:00:00')"""
PAIR = """{name: t, source: %s, target: %s, key: {id: id}, columns: {n: n, price: price, note: note,
    state: state, at: at, day: day, yes: yes, ratio: ratio, small: small, code: code,
    doc: {to: doc, type: json}, bits: bits, seen: seen}}"""


KEYED = "{name: t, source: %s, target: %s, key: {a: a, b: b}, columns: {v: v}}"


def fill(side: Any) -> None:
    if isinstance(side, Maria):
        side.execute(MARIA_TABLE)
        side.execute("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+00:00'")
        words = {"yes": "1", "no": "0", "code": "x'00ff5c'"}
    else:
        side.execute("SET TimeZone = 'UTC'")
        side.execute(POSTGRES_TABLE)
        words = {"yes": "true", "no": "false", "code": "'\\x00ff5c'::bytea"}
    side.execute(f"INSERT INTO t VALUES {VALUES.format(**words)}")


def tables(lab: MixedLab) -> tuple[str, str]:
    """A table of MariaDB is named by its database, as Debezium names its topic."""
    return tuple(
        dsn.rsplit("/", 1)[1] + ".t" if dsn.startswith("mysql") else "public.t"
        for dsn in (lab.source_dsn, lab.target_dsn)
    )  # type: ignore[return-value]


@pytest.mark.parametrize("way", ["auto", "lookup"])
def test_what_both_engines_mean_is_compared(lab: MixedLab, way: str):
    fill(lab.source)
    fill(lab.target)
    pair, settings = PAIR % tables(lab), f"{QUICK}, way: {way}"
    clean = lab.sweep(pair, settings)
    assert (True, 4, 4, set()) == (
        clean.complete, clean.source_rows, clean.target_rows, found(clean),
    ), clean.reasons  # fmt: skip
    for statement in (
        "UPDATE t SET price = 1.51 WHERE id = 1",
        "UPDATE t SET note = 'plain ' WHERE id = 1",
        "UPDATE t SET at = NULL, small = 16777218 WHERE id = 2",
        "DELETE FROM t WHERE id = 3",
        "INSERT INTO t (id, state) VALUES (99, 'new')",
    ):
        lab.target.execute(statement)
    assert {
        ((1,), "value_mismatch", ("price", "note")),
        ((2,), "value_mismatch", ("at", "small")),
        ((3,), "missing", ()),
        ((99,), "extra", ()),
    } == found(lab.sweep(pair, settings))


def test_many_rows_with_text_and_composite_keys_are_swept_exactly(lab: MixedLab):
    """The engines sort texts differently: counterparts are looked up."""
    for side in (lab.source, lab.target):
        side.execute("CREATE TABLE t (a int, b varchar(40) NOT NULL, v int, PRIMARY KEY (b, a))")
        if isinstance(side, Maria):
            side.execute(
                "INSERT INTO t SELECT seq % 50, concat(char(65 + seq % 58), 'é', seq), seq"
                " FROM seq_1_to_3000"
            )
        else:
            side.execute(
                "INSERT INTO t SELECT i % 50, chr(65 + i % 58) || 'é' || i, i"
                " FROM generate_series(1, 3000) i"
            )
    source, target = tables(lab)
    pair = (
        f"{{name: t, source: {source}, target: {target}, key: {{a: a, b: b}}, columns: {{v: v}}}}"
    )
    clean = lab.sweep(pair)
    assert (True, 3000, 3000, 0) == (
        clean.complete, clean.source_rows, clean.target_rows, clean.differences_total,
    ), clean.reasons  # fmt: skip
    lab.target.execute("UPDATE t SET v = -1 WHERE v IN (5, 1500)")
    lab.target.execute("DELETE FROM t WHERE v = 77")
    lab.source.execute("DELETE FROM t WHERE v = 78")
    kinds = sorted(kind for _, kind, _ in found(lab.sweep(pair)))
    assert kinds == ["extra", "missing", "value_mismatch", "value_mismatch"]


def test_ranges_of_integer_keys_are_merged_in_order(lab: MixedLab):
    for side in (lab.source, lab.target):
        side.execute("CREATE TABLE t (a int, b bigint, v int, PRIMARY KEY (a, b))")
        rows = "seq_1_to_5000" if isinstance(side, Maria) else "generate_series(1, 5000) seq"
        side.execute(f"INSERT INTO t SELECT seq % 7, seq, seq FROM {rows}")
    lab.target.execute("UPDATE t SET v = -1 WHERE b IN (1, 2500, 5000)")
    lab.target.execute("DELETE FROM t WHERE b = 4999")
    source, target = tables(lab)
    pair = (
        f"{{name: t, source: {source}, target: {target}, key: {{a: a, b: b}}, columns: {{v: v}}}}"
    )
    assert lab.way(pair) == "merge"
    result = lab.sweep(pair, "settle_seconds: 0.2, chunk_rows: 300")
    assert (5000, 4999) == (result.source_rows, result.target_rows)
    assert {
        ((1, 1), "value_mismatch", ("v",)), ((1, 2500), "value_mismatch", ("v",)),
        ((2, 5000), "value_mismatch", ("v",)), ((1, 4999), "missing", ()),
    } == found(result)  # fmt: skip


def test_its_session_cannot_write_and_refuses_in_plain_words(
    servers: tuple[str, str], lab: MixedLab
):
    from figwatch.connectors.config.sweep import SweepConfig
    from figwatch.connectors.sweep.mysql import MySqlSession
    from figwatch.connectors.sweep.session import DatabaseError

    maria(servers[0]).execute("CREATE TABLE IF NOT EXISTS shop.x (id int PRIMARY KEY)")
    session = MySqlSession(servers[0], "old", SweepConfig())
    with pytest.raises(DatabaseError, match="READ ONLY"):
        session.rows("INSERT INTO shop.x VALUES (1)")
    session.close()
    ended = lab.command(KEYED % tables(lab), "--json")
    assert ended.returncode == 4
    (error,) = json.loads(ended.stdout)["pairs"]["t"]["errors"]
    assert error["code"] == "sweep.no-such-table"


def test_its_catalogue_is_read_for_doctor_and_init(
    servers: tuple[str, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
    from figwatch.cli.boundary import exit_code_of
    from figwatch.cli.main import app
    from figwatch.connectors.catalogues import read_database
    from figwatch.validators.doctor.facts import CouldNot, DatabaseFacts

    dsn = servers[0]
    maria(dsn).execute(
        "CREATE TABLE shop.stock (b bigint unsigned, a int, flag tinyint(1) DEFAULT 1,"
        " price decimal(12,4) NULL DEFAULT NULL, at datetime, seen timestamp(6) NULL, note text,"
        " PRIMARY KEY (a, b))"
    )
    maria(dsn).execute("SET GLOBAL binlog_row_image = 'MINIMAL'")
    facts = read_database(dsn, ["shop.stock", "shop.nothing"], 10, "here")
    maria(dsn).execute("SET GLOBAL binlog_row_image = DEFAULT")
    assert isinstance(facts, DatabaseFacts), facts
    assert ["shop.stock"] == list(facts.tables)
    table = facts.tables["shop.stock"]
    assert (("a", "b"), "f") == (table.primary_key, table.identity)
    assert {
        "b": "uint64", "a": "integer", "flag": "tinyint(1)", "price": "numeric(12,4)",
        "at": "timestamp(0)", "seen": "timestamptz(6)", "note": "text",
    } == {column.name: column.type for column in table.columns}  # fmt: skip
    assert ["flag"] == [column.name for column in table.columns if column.has_default]
    assert facts.binlog is not None
    assert (False, "MINIMAL") == (facts.binlog.enabled, facts.binlog.row_image)
    assert abs(facts.clock_difference_us) <= facts.clock_uncertainty_us + 1_000_000

    monkeypatch.setenv("SHOP_DSN", dsn)
    file = tmp_path / "new.yaml"
    command = ["init", "--config", str(file), "--pair", "stock=shop.stock:public.stock"]
    command += ["--from-database", "monolith=SHOP_DSN"]
    assert exit_code_of(lambda: app(command)) == 0
    assert '      a: a\n      b: {to: b, type: "uint64"}\n' in file.read_text()

    away = read_database("mysql://nobody:hunter2@127.0.0.1:1/shop", (), 2, "here")
    assert isinstance(away, CouldNot)
    assert "hunter2" not in away.reason
