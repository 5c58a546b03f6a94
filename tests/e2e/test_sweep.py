"""The sweep against real PostgreSQL: what was planted is found, nothing else, in every way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.sql import SQL

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.sweep import postgres
from figwatch.connectors.sweep.checksums import Checksums
from figwatch.connectors.sweep.leaves import Leaves
from figwatch.connectors.sweep.prepare import prepare
from figwatch.connectors.sweep.repair import RepairFile
from figwatch.connectors.sweep.sample import sample_pair
from figwatch.connectors.sweep.session import DatabaseError, Trouble
from figwatch.validators.errors import FigwatchError
from tests.e2e import bare_postgres
from tests.e2e.sweep_lab import QUICK, Lab, found, new_lab

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

    from figwatch.validators.sweep.result import PairSweep

WAYS = ("auto", "merge", "lookup")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The distribution's PostgreSQL where there is one (it has collations), else the sandbox's."""
    where = bare_postgres.other_binaries()
    with bare_postgres.server(tmp_path_factory.mktemp("sweep") / "server", where) as dsn:
        yield dsn


@pytest.fixture
def lab(server: str, tmp_path: pathlib.Path) -> Iterator[Lab]:
    made = new_lab(server, tmp_path)
    yield made
    made.close()


STOCK = """CREATE TABLE stock (item_id bigint PRIMARY KEY, quantity int, price numeric(10,2),
    note text, seen timestamptz NOT NULL)"""
LEVELS = """CREATE TABLE levels (sku bigint PRIMARY KEY, on_hand bigint, price numeric(12,4),
    remark varchar(80), at timestamptz NOT NULL)"""
ROWS = """SELECT i, i % 100, i * 0.25, CASE WHEN i % 7 = 0 THEN NULL ELSE 'note ' || i END,
    timestamptz '2024-02-29 12:00:00Z' + i * interval '1 s' FROM generate_series(1, {}) i"""
PAIR = """{name: stock, source: public.stock, target: public.levels, key: {item_id: sku},
    columns: {quantity: on_hand, price: price, note: remark, seen: at}}"""


def _stock(lab: Lab, rows: int = 3000) -> None:
    lab.both(STOCK, LEVELS)
    lab.source.execute(f"INSERT INTO stock {ROWS.format(rows)}")
    lab.copy("SELECT * FROM stock", "levels")


PLANTED = {
    ((7,), "value_mismatch", ("quantity",)),
    ((8,), "value_mismatch", ("note",)),
    ((100,), "value_mismatch", ("price",)),
    ((101,), "value_mismatch", ("price",)),
    ((1500,), "missing", ()),
    ((3000,), "missing", ()),
    ((-9,), "extra", ()),
    ((10**12,), "extra", ()),
}


def _plant(lab: Lab) -> None:
    for statement in (
        "UPDATE levels SET on_hand = -1 WHERE sku = 7",
        "UPDATE levels SET remark = NULL WHERE sku = 8",
        # Values swapped between two rows leave every column's own sum as it was.
        """UPDATE levels a SET price = (SELECT price FROM levels b
             WHERE b.sku = CASE a.sku WHEN 100 THEN 101 ELSE 100 END) WHERE sku IN (100, 101)""",
        "DELETE FROM levels WHERE sku IN (1500, 3000)",
        "INSERT INTO levels (sku, at) VALUES (-9, now()), (1000000000000, now())",
    ):
        lab.target.execute(statement)


@pytest.mark.parametrize("way", WAYS)
def test_equal_tables_are_equal_and_planted_differences_are_found_exactly(lab: Lab, way: str):
    _stock(lab)
    settings = f"{QUICK}, way: {way}"
    clean = lab.sweep(PAIR, settings)
    assert (True, 3000, 3000, set()) == (
        clean.complete, clean.source_rows, clean.target_rows, found(clean),
    )  # fmt: skip
    _plant(lab)
    dirty = lab.sweep(PAIR, settings)
    assert found(dirty) == PLANTED
    assert (dirty.complete, dirty.source_rows, dirty.target_rows) == (True, 3000, 3000)


@pytest.mark.parametrize(
    "rows", [100, 1000]
)  # fewer, and more, than what differs shares leaves with
def test_a_table_that_is_not_large_is_summed_up_in_one_go(lab: Lab, rows: int):
    _stock(lab)
    lab.both("ANALYZE stock", "ANALYZE levels")
    settings = f"settle_seconds: 0, chunk_rows: {rows}"
    ranges: list[Any] = []
    clean = lab.sweep(PAIR, settings, on_progress=ranges.append)
    assert (True, 3000, 3000, 1) == (
        clean.complete, clean.source_rows, clean.target_rows, len(ranges),
    )  # fmt: skip
    _plant(lab)
    assert found(lab.sweep(PAIR, settings)) == PLANTED
    lab.target.execute("UPDATE levels SET on_hand = -1")
    everywhere = {((i,), "value_mismatch") for i in range(1, 3000) if i != 1500}
    assert everywhere <= {(key, kind) for key, kind, _ in found(lab.sweep(PAIR, settings))}


def _questions(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> tuple[PairSweep, set[str]]:
    """A sweep, and what it asked the servers for: `whole` tables, `leaves`."""
    asked: set[str] = set()
    whole, leaves = Checksums._whole, Leaves.asked
    monkeypatch.setattr(Checksums, "_whole", lambda self: asked.add("whole") or whole(self))
    monkeypatch.setattr(Leaves, "asked", lambda self, how: asked.add("leaves") or leaves(self, how))
    swept = lab.sweep(PAIR, "settle_seconds: 0")
    monkeypatch.undo()
    return swept, asked


def test_where_nobody_writes_equal_tables_are_one_hash_each(lab: Lab, monkeypatch):
    _stock(lab)
    lab.both("ANALYZE stock", "ANALYZE levels")
    for _ in range(30):  # the servers' own chores are writes too
        clean, asked = _questions(lab, monkeypatch)
        assert (True, 3000, 3000, set()) == (
            clean.complete, clean.source_rows, clean.target_rows, found(clean),
        )  # fmt: skip
        if asked == {"whole"}:
            break
    assert {"whole"} == asked
    lab.target.execute("UPDATE levels SET on_hand = 1 WHERE sku = 77")
    assert {((77,), "value_mismatch", ("quantity",))} == found(lab.sweep(PAIR, "settle_seconds: 0"))


def test_where_somebody_writes_the_hash_of_all_is_not_tried(lab: Lab, monkeypatch):
    _stock(lab)
    lab.both("ANALYZE stock", "ANALYZE levels")
    lab.source.execute("CREATE TABLE elsewhere (n int)")
    ended = threading.Event()

    def write() -> None:
        with psycopg.connect(lab.source_dsn, autocommit=True) as connection:
            while not ended.wait(0.001):
                connection.execute("INSERT INTO elsewhere VALUES (1)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(30):  # a writer that gets no processor for a moment writes nothing
            clean, asked = _questions(lab, monkeypatch)
            assert clean.complete
            if asked == {"leaves"}:
                break
    finally:
        ended.set()
        writer.join()
    assert {"leaves"} == asked


@pytest.mark.parametrize("key", ['text COLLATE "C"', "uuid", "int, w int"])
def test_tables_with_other_keys_and_partitions_are_summed_up_in_one_go_too(lab: Lab, key: str):
    columns = "id, w" if "," in key else "id"
    lab.both(f"CREATE TABLE t (id {key}, v int, PRIMARY KEY ({columns})) PARTITION BY HASH (id)")
    for part in range(3):
        lab.both(
            f"CREATE TABLE t{part} PARTITION OF t FOR VALUES WITH (MODULUS 3, REMAINDER {part})"
        )
    made = {"int, w int": "i / 9, i"}.get(key, f"md5(i::text)::{key.split(maxsplit=1)[0]}")
    lab.both(f"INSERT INTO t SELECT {made}, i FROM generate_series(1, 3000) i")
    lab.both("ANALYZE t")
    lab.target.execute("UPDATE t SET v = -v WHERE v IN (5, 2999)")
    lab.target.execute("DELETE FROM t WHERE v = 1000")
    listed = "id: id, w: w" if "," in key else "id: id"
    pair = f"{{name: t, source: t, target: t, key: {{{listed}}}, columns: {{v: v}}}}"
    ranges: list[Any] = []
    result = lab.sweep(pair, "settle_seconds: 0, chunk_rows: 1000", on_progress=ranges.append)
    assert ("checksum", True, 3000, 2999) == (
        result.way, result.complete, result.source_rows, result.target_rows,
    )  # fmt: skip
    assert ["missing", "value_mismatch", "value_mismatch"] == sorted(k for _, k, _ in found(result))
    assert 1 == len({r.rows for r in ranges})


def test_the_command_speaks_the_public_json_and_its_exit_codes(lab: Lab):
    _stock(lab, 50)
    equal = lab.command(PAIR, "--json")
    assert equal.returncode == 0, equal.stderr
    pair = json.loads(equal.stdout)["pairs"]["stock"]
    assert pair["complete"] is True
    assert {"source": 50, "target": 50} == pair["rows"]
    assert [] == pair["differences"]
    assert pair["seconds"] > 0
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku = 7")
    different = lab.command(PAIR, "stock", "--json")
    assert different.returncode == 1, different.stderr
    assert [{"key": {"item_id": 7}, "kind": "value_mismatch", "columns": ["quantity"]}] == (
        json.loads(different.stdout)["pairs"]["stock"]["differences"]
    )
    assert lab.command(PAIR, "stok").returncode == 2
    assert lab.command(PAIR.replace("public.levels", "public.nothing"), "--json").returncode == 4


ICU = 'text COLLATE "und-x-icu"'
DAY = "timestamptz '2024-01-01'"
KEYS = {
    "uuid": ("uuid", "uuid", "md5(i::text)::uuid", ""),
    "bytewise text": ('text COLLATE "C"', 'varchar(40) COLLATE "C"', "'Key-' || md5(i::text)", ""),
    "sorted alike": (ICU, ICU, "chr(65 + i % 58) || i", ""),
    "sorted differently": (ICU, 'text COLLATE "C"', "chr(65 + i % 58) || i", ""),
    "sparse": ("bigint", "bigint", "((i::bigint * 7919 * 7919) % 1000003) * 1000000007", ""),
    "integer and text": ("bigint", "text", "i", ", type: int"),
    "uuid and text": ("uuid", "text", "md5(i::text)::uuid", ", type: uuid"),
    "integer and numeric": ("int", "numeric(12,2)", "i", ""),
    "timestamps": ("timestamptz", "timestamptz", f"{DAY} + i * interval '1 ms'", ""),
    "bytes": ("bytea", "bytea", "decode(md5(i::text), 'hex')", ""),
    "blank-padded": ("char(12)", "char(12)", "'k' || i", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_every_type_of_key_is_swept_exactly(lab: Lab, name: str):
    source_type, target_type, key, hint = KEYS[name]
    if (
        "icu" in source_type
        and not lab.source.execute(
            "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"
        ).fetchone()
    ):
        pytest.skip("this PostgreSQL is built without ICU: it has one order of texts only")
    lab.source.execute(f"CREATE TABLE t (id {source_type} PRIMARY KEY, v int, n int)")
    lab.target.execute(f"CREATE TABLE t (id {target_type} PRIMARY KEY, v int, n int)")
    lab.source.execute(f"INSERT INTO t SELECT {key}, i, i FROM generate_series(1, 2500) i")
    lab.copy("SELECT id, v, n FROM t", "t")
    pair = (
        f"{{name: t, source: t, target: t, key: {{id: {{to: id{hint}}}}}, columns: {{v: v, n: n}}}}"
    )
    clean = lab.sweep(pair)
    assert (True, 2500, 2500, 0) == (
        clean.complete, clean.source_rows, clean.target_rows, clean.differences_total,
    ), clean.reasons  # fmt: skip
    lab.target.execute("UPDATE t SET v = -v WHERE n IN (1, 1300, 2500)")
    lab.target.execute("DELETE FROM t WHERE n IN (2, 999)")
    lab.source.execute("DELETE FROM t WHERE n IN (17, 2499)")
    result = lab.sweep(pair)
    kinds = sorted((d.kind.value, d.columns) for d in result.differences)
    assert kinds == [("extra", ())] * 2 + [("missing", ())] * 2 + [("value_mismatch", ("v",))] * 3
    assert result.complete
    found(result)


MAPPED = {
    "cents": (
        "numeric(10,3), numeric", "{to: cents, factor: 100}",
        "0.25=25 1.005=100.5 -7=-700 NaN=NaN NULL=NULL 0=0.00",
        "0.25=-25 1=99 NULL=0 NaN=0 1.005=100",
    ),
    "euros": ("bigint, numeric(12,2)", "{to: euros, factor: 0.01}", "150=1.5 -1=-0.01", "150=15"),
    "state": (
        "text, text", "{to: state, values: {A: active, \"it's\": 'it''s', \"\": none}}",
        "A=active it''s=it''s B=B active=active =none NULL=NULL a=a",
        "A=A B=active =NULL NULL=none",
    ),
    "code": (
        "int, bigint", "{to: code, type: int, values: {'-7': 7, '1': 4294967297}}",
        "-7=7 1=4294967297 2=2 NULL=NULL", "-7=-7 1=1 2=4294967298 NULL=0",
    ),
    "seen": (
        "timestamptz, timestamp", "seen",
        "2024-02-29T12:00:00.5+02=2024-02-29T10:00:00.5 infinity=infinity NULL=NULL",
        "2024-02-29T12:00+02=2024-02-29T12:00 infinity=-infinity NULL=infinity",
    ),
    "then": (
        "timestamp, timestamptz", "then",
        "1969-12-31T23:59:59=1969-12-31T23:59:59Z 0044-03-15T12:00_BC=0044-03-15T12:00Z_BC",
        "2000-01-01T01:11:34.967296=2000-01-01T00:00:00.000001Z",
    ),
}  # fmt: skip
"""By column: types, rule, values of both sides that are equal, and that are not."""


@pytest.mark.parametrize("probe", ["", "SELECT 1 / 0"], ids=["typed", "md5"])
def test_what_postgresql_can_map_exactly_shows_what_the_mapping_shows(
    lab: Lab, probe: str, monkeypatch
):
    if probe:
        monkeypatch.setattr("figwatch.connectors.sweep.postgres_catalogue._PROBE", probe)
    for side, connection in enumerate((lab.source, lab.target)):
        columns = ", ".join(f'"{n}" {m[0].split(", ")[side]}' for n, m in MAPPED.items())
        connection.execute(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")
    expected, number = set(), 0
    for name, (_, _, equal, different) in MAPPED.items():
        for text in (equal, different):
            for values in text.split(" "):
                number += 1
                for connection, value in zip(
                    (lab.source, lab.target), values.split("="), strict=True
                ):
                    told = "NULL" if value == "NULL" else f"'{value.replace('_', ' ')}'"
                    connection.execute(f'INSERT INTO t (id, "{name}") VALUES ({number}, {told})')
                if text is different:
                    expected.add(((number,), "value_mismatch", (name,)))
    rules = ", ".join(f"{name}: {rule}" for name, (_, rule, _, _) in MAPPED.items())
    pair = f"{{name: t, source: t, target: t, key: {{id: id}}, columns: {{{rules}}}}}"
    for way in ("auto", "merge"):
        result = lab.sweep(pair, f"settle_seconds: 0, way: {way}")
        assert ("checksum" if way == "auto" else way, True) == (result.way, result.complete)
        assert expected == found(result)


CONFUSED = {
    "a": ("bigint", [("-5", "4294967291"), ("1", "4294967296")]),
    "b": ("numeric(10,2)", [("5.25", "-5.25"), ("0", "NULL")]),
    "c": ("numeric", [("'NaN'", "'Infinity'"), ("'Infinity'", "'-Infinity'"), ("0", "'NaN'")]),
    "d": ("jsonb", [("'[-1]'", "'[1]'"), ("'[1]'", "'[[[1]]]'")]),
    "e": ("timestamp", [("'2000-01-01 01:11:34.967296'", "'2000-01-01 00:00:00.000001'")]),
    "f": ("timestamptz", [("'2000-01-01 01:11:34.967296Z'", "'2000-01-01 00:00:00.000001Z'")]),
    "g": ("time", [("'01:11:34.967296'", "'00:00:00.000001'")]),
    "h": ("date", [("'infinity'", "'-infinity'"), ("'2000-01-01'", "NULL")]),
    "i": ("int[]", [("'{1,2}'", "'{2,1}'")]),
    "j": ("float8", [("0", "1e-300"), ("0", "NULL"), ("'NaN'", "'Infinity'")]),
}


@pytest.mark.parametrize("probe", ["", "SELECT 1 / 0"], ids=["typed", "md5"])
def test_values_that_hash_joins_take_for_one_are_told_apart(lab: Lab, probe: str, monkeypatch):
    """The server's own hash functions leave out signs and fold eight bytes to four."""
    if probe:
        monkeypatch.setattr("figwatch.connectors.sweep.postgres_catalogue._PROBE", probe)
    columns = ", ".join(f"{name} {type_}" for name, (type_, _) in CONFUSED.items())
    lab.both(f"CREATE TABLE t (id bigint PRIMARY KEY, {columns})")
    expected: set[tuple[tuple[int], str, tuple[str, ...]]] = set()
    for name, (_, values) in CONFUSED.items():
        for one, other in values:
            number = len(expected) + 100
            expected.add(((number,), "value_mismatch", (name,)))
            lab.both(*(f"INSERT INTO t (id, {name}) VALUES ({number}, {v})" for v in (one, other)))
    # The same of keys: and keys of nineteen digits, which some make of times.
    lab.both("INSERT INTO t VALUES (-5), (1)", "INSERT INTO t VALUES (4294967291), (4294967296)")
    lab.both(f"INSERT INTO t VALUES ({2**63 - 1}), ({-(2**63)})")
    expected |= {((key,), "missing", ()) for key in (-5, 1)}
    expected |= {((key,), "extra", ()) for key in (4294967291, 4294967296)}
    pair = f"""{{name: t, source: t, target: t, key: {{id: id}}, columns: {{
        {", ".join(f"{name}: {name}" for name in CONFUSED)}}}}}"""
    for analyzed in (False, True):  # range by range, and in one go
        if analyzed:
            lab.both("ANALYZE t")
        result = lab.sweep(pair, "settle_seconds: 0")
        assert ("checksum", True) == (result.way, result.complete)
        assert expected == found(result)


@pytest.mark.parametrize("way", WAYS)
def test_composite_keys_of_two_orders_and_names_are_swept_exactly(lab: Lab, way: str):
    lab.source.execute("CREATE TABLE t (a int, b text, v int, PRIMARY KEY (a, b))")
    lab.target.execute("CREATE TABLE u (v int, y text, x bigint, PRIMARY KEY (y, x))")
    lab.source.execute(
        "INSERT INTO t SELECT i / 50, 'b' || i % 50, i FROM generate_series(1, 3000) i"
    )
    lab.copy("SELECT v, b, a FROM t", "u")
    pair = "{name: t, source: t, target: u, key: {a: x, b: y}, columns: {v: v}}"
    assert found(lab.sweep(pair, f"{QUICK}, way: {way}")) == set()
    lab.target.execute("DELETE FROM u WHERE x = 3 AND y = 'b3'")
    lab.target.execute("INSERT INTO u VALUES (1, 'zz', 3), (1, '', -1)")
    assert {((3, "b3"), "missing", ()), ((3, "zz"), "extra", ()), ((-1, ""), "extra", ())} == (
        found(lab.sweep(pair, f"{QUICK}, way: {way}"))
    )


@pytest.mark.parametrize("way", WAYS)
def test_empty_tables_are_equal_and_one_empty_side_shows_every_row(lab: Lab, way: str):
    lab.both(STOCK, LEVELS)
    settings = f"{QUICK}, way: {way}"
    empty = lab.sweep(PAIR, settings)
    assert (True, 0, 0, 0) == (
        empty.complete, empty.source_rows, empty.target_rows, empty.differences_total,
    )  # fmt: skip
    lab.target.execute(f"INSERT INTO levels {ROWS.format(5000)}")
    extra = lab.sweep(PAIR, settings)
    assert {((i,), "extra", ()) for i in range(1, 5001)} == found(extra)
    lab.target.execute("TRUNCATE levels")
    lab.source.execute(f"INSERT INTO stock {ROWS.format(2500)}")
    assert {((i,), "missing", ()) for i in range(1, 2501)} == found(lab.sweep(PAIR, settings))


def test_a_range_full_of_extra_rows_is_read_page_by_page_to_its_end(lab: Lab):
    """The keys of differing leaves are paged in the key's own order: 9 before 10."""
    _stock(lab, 200)
    lab.target.execute(f"INSERT INTO levels SELECT * FROM ({ROWS.format(2100)}) r WHERE i > 200")
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku IN (9, 10, 150)")
    result = lab.sweep(PAIR, "settle_seconds: 0, chunk_rows: 100")
    expected = {((i,), "extra", ()) for i in range(201, 2101)}
    assert found(result) == expected | {
        ((i,), "value_mismatch", ("quantity",)) for i in (9, 10, 150)
    }


def test_one_key_written_in_several_ways_is_one_key_and_twice_is_never_clean(lab: Lab):
    lab.both(
        "CREATE TABLE t (id int PRIMARY KEY, v int)", "CREATE TABLE t (id text PRIMARY KEY, v int)"
    )
    lab.source.execute("INSERT INTO t VALUES (7, 1), (8, 1), (9, 1)")
    lab.target.execute("INSERT INTO t VALUES ('007', 1), ('8', 1), ('+9', 2)")
    pair = "{name: t, source: t, target: t, key: {id: {to: id, type: int}}, columns: {v: v}}"
    result = lab.sweep(pair)
    assert {((9,), "value_mismatch", ("v",))} == found(result)
    assert result.complete
    lab.target.execute("INSERT INTO t VALUES ('7', 1)")
    assert not lab.sweep(pair).complete


def test_what_the_mapping_calls_equal_is_equal_and_only_that(lab: Lab):
    lab.source.execute(
        "CREATE TABLE t (id int PRIMARY KEY, euros numeric(10,2), state text, doc jsonb, j json,"
        " days int[], first text, last text, at timestamptz, note text)"
    )
    lab.target.execute(
        "CREATE TABLE t (id int PRIMARY KEY, cents bigint, state char(8), doc json, j json,"
        " days int[], name text, at timestamptz(3), note text NOT NULL DEFAULT '',"
        " origin text DEFAULT 'monolith')"
    )
    lab.source.execute("""INSERT INTO t SELECT i, i * 1.25, 'A', '{"b": 1.0, "a": 2}',
        '{"x": [1, 2]}', ARRAY[i, NULL], 'F' || i, 'L' || i,
        '2024-01-01 00:00:00.123456Z', CASE WHEN i % 2 = 0 THEN 'n' END
        FROM generate_series(1, 300) i""")
    lab.target.execute("""INSERT INTO t SELECT i, i * 125, 'active', '{"a": 2, "b": 1}',
        '{ "x": [1, 2.0] }', ARRAY[i, NULL], 'F' || i || ' ' || 'L' || i,
        '2024-01-01 00:00:00.123Z', CASE WHEN i % 2 = 0 THEN 'n' ELSE '' END
        FROM generate_series(1, 300) i""")
    pair = """{name: t, source: t, target: t, key: {id: id}, columns: {
        euros: {to: cents, type: decimal, factor: 100}, state: {to: state, values: {A: active}},
        doc: doc, j: j, days: days, name: {to: name, concat: [first, last]},
        at: {to: at, type: timestamptz, precision: ms},
        note: {to: note, type: text, null_as: ""},
        origin: {to: origin, type: text, constant: monolith}}}"""
    clean = lab.sweep(pair)
    assert (True, set()) == (clean.complete, found(clean)), clean.reasons
    lab.target.execute("UPDATE t SET cents = cents + 1 WHERE id = 3")
    lab.target.execute("UPDATE t SET doc = '{\"a\": 2}', state = 'A' WHERE id = 4")
    lab.target.execute("UPDATE t SET days = ARRAY[1], note = 'x', origin = 'us' WHERE id = 5")
    assert {
        ((3,), "value_mismatch", ("euros",)),
        ((4,), "value_mismatch", ("state", "doc")),
        ((5,), "value_mismatch", ("days", "note", "origin")),
    } == found(lab.sweep(pair))


def test_a_table_without_a_usable_index_is_refused_with_the_remedy(lab: Lab):
    lab.both(
        STOCK,
        LEVELS.replace("PRIMARY KEY", ""),
    )
    refused = lab.command(PAIR, "--json")
    assert refused.returncode == 4
    (error,) = json.loads(refused.stdout)["pairs"]["stock"]["errors"]
    assert error["code"] == "sweep.no-index"
    assert "CREATE UNIQUE INDEX CONCURRENTLY ON public.levels (sku)" in error["fix"]


def test_rows_with_a_null_key_make_a_sweep_incomplete(lab: Lab):
    lab.both("CREATE TABLE t (id int UNIQUE, v int)")
    lab.both("INSERT INTO t VALUES (1, 1), (NULL, 2)")
    pair = "{name: t, source: t, target: t, key: {id: id}, columns: {v: v}}"
    result = lab.sweep(pair)
    assert not result.complete
    assert any("NULL in their key" in reason for reason in result.reasons)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "ddl",
    [
        "DROP TABLE levels; " + LEVELS,
        "ALTER TABLE levels DROP COLUMN remark",
        "ALTER TABLE levels ALTER COLUMN on_hand TYPE text",
        "ALTER TABLE levels RENAME TO gone",
    ],
)
def test_a_table_changed_while_it_is_swept_is_never_clean(lab: Lab, way: str, ddl: str):
    _stock(lab)
    done = threading.Event()

    def change(_report: object) -> None:
        if not done.is_set():
            done.set()
            lab.target.execute(ddl)

    result = lab.sweep(PAIR, f"{QUICK}, way: {way}", on_progress=change)
    assert done.is_set()
    assert not result.complete
    assert any("DDL" in reason for reason in result.reasons)


def test_a_partition_that_leaves_while_it_is_swept_is_never_clean(lab: Lab):
    lab.both("CREATE TABLE t (id int PRIMARY KEY, v int) PARTITION BY RANGE (id)")
    lab.both("CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (500)")
    lab.both("CREATE TABLE high PARTITION OF t FOR VALUES FROM (500) TO (5000)")
    lab.both("INSERT INTO t SELECT i, i FROM generate_series(1, 3000) i")
    pair = "{name: t, source: t, target: t, key: {id: id}, columns: {v: v}}"
    assert lab.sweep(pair).complete
    looks: list[object] = []

    def detach(report: object) -> None:
        looks.append(report)
        if len(looks) == 5:  # its rows were found equal before
            lab.target.execute("ALTER TABLE t DETACH PARTITION low")

    result = lab.sweep(pair, "settle_seconds: 0, chunk_rows: 40", on_progress=detach)
    assert (False, 0) == (result.complete, result.differences_total)


def test_a_locked_table_ends_as_incomplete_not_as_a_hang(lab: Lab):
    _stock(lab, 100)
    with psycopg.connect(lab.target_dsn) as locker:
        locker.execute("LOCK TABLE levels IN ACCESS EXCLUSIVE MODE")
        settings = f"{QUICK}, lock_timeout_seconds: 0.2, retries_max: 1"
        result = lab.sweep(PAIR, settings)
    assert (False, 0) == (result.complete, result.differences_total)
    assert any("lock timeout" in reason for reason in result.reasons)


class _Replicator(threading.Thread):
    """Writes the source and, later, the same to the target: never the same row out of order."""

    def __init__(self, lab: Lab, lag_seconds: float) -> None:
        super().__init__(daemon=True)
        self._dsns = lab.source_dsn, lab.target_dsn
        self._lag = lag_seconds
        self.ended = threading.Event()
        self.applied = 0

    def run(self) -> None:
        source = psycopg.connect(self._dsns[0], autocommit=True)
        target = psycopg.connect(self._dsns[1], autocommit=True)
        waiting: list[tuple[float, str, tuple[int, ...]]] = []
        number = 0
        while not self.ended.is_set() or waiting:
            if not self.ended.is_set():
                number += 1
                for statement, values in self._writes(number):
                    source.execute(statement.format("stock", "item_id", "quantity", "seen"), values)
                    waiting.append((time.monotonic() + self._lag, statement, values))
            while waiting and waiting[0][0] <= time.monotonic():
                _, statement, values = waiting.pop(0)
                target.execute(statement.format("levels", "sku", "on_hand", "at"), values)
                self.applied += 1
            time.sleep(0.001)
        source.close()
        target.close()

    def _writes(self, number: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        yield "UPDATE {0} SET {2} = %s WHERE {1} = %s", (number, 1000 + number * 37 % 1500)
        yield "UPDATE {0} SET {2} = %s WHERE {1} = %s", (number, 1001)  # hot
        if number % 3 == 0:
            yield "INSERT INTO {0} ({1}, {2}, {3}) VALUES (%s, 1, now())", (10_000 + number,)
        if number % 5 == 0:
            yield "DELETE FROM {0} WHERE {1} = %s", (10_000 + number - 30 + number % 3,)


@pytest.mark.parametrize("way", WAYS)
def test_under_live_writes_what_is_in_flight_is_never_called_different(lab: Lab, way: str):
    _stock(lab)
    lab.source.execute("UPDATE stock SET quantity = 0 WHERE item_id IN (1001)")
    lab.target.execute("UPDATE levels SET on_hand = 0 WHERE sku IN (1001)")
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku = 7")
    lab.target.execute("DELETE FROM levels WHERE sku = 2900")
    lab.target.execute("INSERT INTO levels (sku, at) VALUES (-9, now())")
    # now() differs between the two sides: the pair leaves that column out
    pair = PAIR.replace(", seen: at", "")
    replicator = _Replicator(lab, lag_seconds=0.3)
    replicator.start()
    time.sleep(0.5)
    try:
        settings = f"settle_seconds: 1.5, chunk_rows: 300, unconfirmed_seconds: 4, way: {way}"
        results = [lab.sweep(pair, settings) for _ in range(2)]
    finally:
        replicator.ended.set()
        replicator.join(30)
    assert replicator.applied > 100
    for result in results:
        assert {
            ((7,), "value_mismatch", ("quantity",)), ((2900,), "missing", ()), ((-9,), "extra", ()),
        } == found(result)  # fmt: skip
    assert {
        ((7,), "value_mismatch", ("quantity",)), ((2900,), "missing", ()), ((-9,), "extra", ()),
    } == found(lab.sweep(pair))  # fmt: skip


def test_a_killed_sweep_goes_on_and_finds_what_a_whole_one_finds(lab: Lab):
    _stock(lab, 40_000)
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku % 1000 = 7")
    lab.target.execute("DELETE FROM levels WHERE sku % 5000 = 9")
    expected = {((i,), "value_mismatch", ("quantity",)) for i in range(7, 40_000, 1000)} | {
        ((i,), "missing", ()) for i in range(9, 40_000, 5000)
    }
    settings = "settle_seconds: 0.05, chunk_rows: 200, checkpoint_seconds: 0.01, way: merge"
    process = lab.start(PAIR, "--json", settings=settings)
    state = lab.folder / "state" / "sweep-lab-stock.json"
    deadline = time.monotonic() + 60
    kept = 0
    while time.monotonic() < deadline and process.poll() is None and kept < 10_000:
        if state.exists():
            kept = json.loads(state.read_text())["totals"]["source_rows"]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert 10_000 <= kept < 40_000
    assert state.stat().st_mode & 0o077 == 0
    resumed = lab.command(PAIR, "--json", "--resume", settings=settings)
    pair = json.loads(resumed.stdout)["pairs"]["stock"]
    assert (1, True, True) == (resumed.returncode, pair["resumed"], pair["complete"])
    assert {"source": 40_000, "target": 39_992} == pair["rows"]
    assert expected == {
        ((d["key"]["item_id"],), d["kind"], tuple(d["columns"])) for d in pair["differences"]
    }
    assert not state.exists()


def test_limits_stop_a_sweep_and_the_list_is_capped_while_the_count_is_exact(lab: Lab):
    _stock(lab)
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku <= 2000")
    stopped = lab.sweep(PAIR, differences_max=5)
    assert not stopped.complete
    assert stopped.differences_total >= 5
    late = lab.sweep(PAIR, seconds_max=0.0)
    assert (False, 0) == (late.complete, late.differences_total)
    capped = lab.sweep(PAIR, f"{QUICK}, differences_listed_max: 10, suspects_max: 100")
    assert (10, 2000, True) == (
        len(capped.differences), capped.differences_total, capped.complete,
    )  # fmt: skip
    assert capped.json()["differences_left_out"] == 1990


def test_a_sample_says_what_it_means_and_never_that_tables_are_equal(lab: Lab):
    _stock(lab)
    config = parse_config(lab.text(PAIR)).config
    prepared = prepare(config, config.pairs[0])
    clean = sample_pair(prepared, config, 500, seed=1)
    lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku % 10 = 0")
    dirty = sample_pair(prepared, config, 500, seed=1)
    prepared.close()
    assert (False, 0) == (clean.complete, clean.differences_total)
    assert clean.sample is not None
    assert dirty.sample is not None
    drawn = clean.sample["source"]["rows"]
    assert 350 < drawn < 650
    assert clean.sample["source"]["share_at_most"] == pytest.approx(1 - 0.05 ** (1 / drawn))
    assert 0.1 <= dirty.sample["source"]["share_at_most"] < 0.2


def test_the_repair_makes_the_target_follow_and_does_nothing_when_stale(lab: Lab):
    _stock(lab)
    _plant(lab)
    lab.source.execute("UPDATE stock SET note = 'it''s a \\back\\slash' WHERE item_id = 50")
    path = lab.folder / "repair.sql"
    repair = RepairFile(path)
    lab.sweep(PAIR, on_outcome=(repair.add,))
    repair.close()
    text = path.read_text()
    assert len(PLANTED) + 1 == repair.statements
    assert text.rstrip().endswith("ROLLBACK;")
    assert path.stat().st_mode & 0o077 == 0
    lab.target.execute("UPDATE levels SET on_hand = -2 WHERE sku = 7")  # has changed since
    lab.target.execute(text)
    assert len(PLANTED) + 1 == lab.sweep(PAIR).differences_total, "it was rolled back"
    lab.target.execute(text.replace("ROLLBACK;", "COMMIT;"))
    assert {((7,), "value_mismatch", ("quantity",))} == found(lab.sweep(PAIR))


def test_servers_of_two_versions_are_compared_after_their_hashes_were(
    server: str, tmp_path: pathlib.Path
):
    if bare_postgres.other_binaries() is None:
        pytest.skip("no PostgreSQL of another version is installed on this machine")
    with bare_postgres.server(tmp_path / "other") as dsn:
        lab = new_lab(server, tmp_path, dsn)
        _stock(lab)
        assert found(lab.sweep(PAIR)) == set()
        _plant(lab)
        assert found(lab.sweep(PAIR)) == PLANTED
        lab.close()


def test_md5_finds_the_same_where_hashes_cannot_be_compared(lab: Lab, monkeypatch):
    monkeypatch.setattr("figwatch.connectors.sweep.postgres_catalogue._PROBE", "SELECT 1 / 0")
    _stock(lab)
    assert lab.way(PAIR) == "checksum"
    assert found(lab.sweep(PAIR)) == set()
    _plant(lab)
    assert found(lab.sweep(PAIR)) == PLANTED


def test_its_sessions_cannot_write_and_its_errors_hold_no_password(lab: Lab):
    _stock(lab, 10)
    config = parse_config(lab.text(PAIR)).config
    prepared = prepare(config, config.pairs[0])
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        prepared.sessions[1].connection.execute("DELETE FROM public.levels")
    prepared.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(lab.names[0], "postgresql://me:hunter2@127.0.0.1:1/none")
        with pytest.raises(FigwatchError) as raised:
            prepare(config, config.pairs[0])
    assert "hunter2" not in str(raised.value)


def test_a_look_at_a_whole_table_leaves_its_session_as_it_was(lab: Lab, monkeypatch):
    _stock(lab, 10)
    config = parse_config(lab.text(PAIR)).config
    prepared = prepare(config, config.pairs[0])
    session, setting = prepared.sessions[0], SQL("SHOW enable_seqscan")
    assert ([("on",)], [("off",)]) == (session.rows_of_all(setting), session.rows(setting))
    with pytest.raises(DatabaseError):
        session.rows_of_all(SQL("SELECT 1 / 0"))
    assert [("off",)] == session.rows(setting)

    def stays_away(_: Any) -> None:
        raise FigwatchError("sweep.unreachable", "the server stays away")

    # That is for the next question to find out: this one's trouble is one that may pass.
    monkeypatch.setattr(type(session), "_open", stays_away)
    with pytest.raises(DatabaseError) as lost:
        session.rows_of_all(SQL("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert Trouble.PASSING is lost.value.trouble
    prepared.close()


def test_where_the_log_cannot_be_asked_for_the_table_is_summed_up_in_one_go_all_the_same(
    lab: Lab, monkeypatch
):
    _stock(lab)
    lab.both("ANALYZE stock", "ANALYZE levels")
    refused = SQL("SELECT no_such_function()")
    monkeypatch.setattr(postgres, "LOG_POSITION", refused)
    ranges: list[Any] = []
    clean = lab.sweep(PAIR, "settle_seconds: 0, chunk_rows: 100", on_progress=ranges.append)
    assert (True, 3000, 3000, 1) == (
        clean.complete, clean.source_rows, clean.target_rows, len(ranges),
    )  # fmt: skip


def test_a_user_who_may_not_see_every_row_gets_an_error_with_the_remedy(lab: Lab):
    """Row security would hide rows: that is an error, never a clean sweep of the others."""
    _stock(lab, 10)
    lab.source.execute("CREATE ROLE reader LOGIN")
    lab.target.execute("ALTER TABLE levels ENABLE ROW LEVEL SECURITY")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(lab.names[1], lab.target_dsn.replace("postgres@", "reader@"))
            refused = lab.command(PAIR, "--json")
            lab.target.execute("GRANT SELECT ON levels TO reader")
            hidden = lab.command(PAIR, "--json")
    finally:
        lab.target.execute("DROP OWNED BY reader")
        lab.source.execute("DROP ROLE reader")
    for ended in (refused, hidden):
        assert ended.returncode == 4, ended.stdout
        (error,) = json.loads(ended.stdout)["pairs"]["stock"]["errors"]
        assert error["code"] == "sweep.permission"
        assert "GRANT SELECT" in error["fix"]


def test_lost_connections_are_opened_again_and_nothing_is_missed(lab: Lab, server: str):
    _stock(lab)
    _plant(lab)
    killed: list[int] = []

    def cut(_report: object) -> None:
        if len(killed) < 3:
            with psycopg.connect(server, autocommit=True) as admin:
                found_ = admin.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE application_name = 'figwatch-sweep'"
                ).fetchone()
            killed.append(found_[0])

    settings = "settle_seconds: 0.3, chunk_rows: 300, way: merge"
    result = lab.sweep(PAIR, settings, on_progress=cut)
    assert len(killed) == 3
    assert min(killed) >= 1, "no connection was cut"
    assert result.complete, result.reasons
    assert found(result) == PLANTED


def test_a_server_that_stays_away_ends_as_incomplete(lab: Lab, server: str):
    _stock(lab)

    def cut(_report: object) -> None:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'figwatch-sweep'"
            )

    settings = "settle_seconds: 0.3, chunk_rows: 100, retries_max: 0"
    result = lab.sweep(PAIR, settings, on_progress=cut)
    assert (False, 0) == (result.complete, result.differences_total)
    assert any("could not be read" in reason for reason in result.reasons)


def test_rows_are_read_from_the_replica_where_one_is_named(lab: Lab, server: str, monkeypatch):
    _stock(lab, 50)
    replica = bare_postgres.database(server, f"replica{time.monotonic_ns()}")
    monkeypatch.setenv("SWEEP_REPLICA", replica)
    with psycopg.connect(replica, autocommit=True) as connection:
        connection.execute(LEVELS)
    settings = f'{QUICK}, replicas: {{new: "env:SWEEP_REPLICA"}}'
    assert 50 == lab.sweep(PAIR, settings).differences_total, "the replica is empty"
    assert 0 == lab.sweep(PAIR).differences_total


def test_a_replica_that_stops_replaying_makes_no_difference_and_pauses_the_sweep(
    tmp_path: pathlib.Path, monkeypatch
):
    """A real streaming replica. What it has not replayed yet is no difference, however long it
    stands still; one that falls too far behind is waited for, at most `pause_max_seconds`.
    """
    with (
        bare_postgres.server(tmp_path / "primary", wal_level="replica") as primary,
        bare_postgres.standby(tmp_path / "replica", primary) as replica,
    ):
        lab = new_lab(primary, tmp_path)
        _stock(lab, 500)
        lab.target.execute("UPDATE levels SET on_hand = -1 WHERE sku = 7")
        monkeypatch.setenv("SWEEP_REPLICA", f"{replica.rsplit('/', 1)[0]}/{lab.source.info.dbname}")
        settings = 'settle_seconds: 0.3, replicas: {old: "env:SWEEP_REPLICA"}'
        with psycopg.connect(replica, autocommit=True) as control:
            _replayed(lab, control)
            assert {((7,), "value_mismatch", ("quantity",))} == found(lab.sweep(PAIR, settings))
            control.execute("SELECT pg_wal_replay_pause()")
            lab.source.execute("UPDATE stock SET quantity = -2 WHERE item_id = 8")
            lab.target.execute("UPDATE levels SET on_hand = -2 WHERE sku = 8")
            stale = lab.sweep(PAIR, f"{settings}, unconfirmed_seconds: 3")
            assert set() == {d for d in found(stale) if d[0] == (8,)}
            assert not stale.complete
            paused = lab.sweep(PAIR, f"{settings}, lag_max_seconds: 0.5, pause_max_seconds: 0.1")
            assert (False, 0) == (paused.complete, paused.source_rows)
            assert any("s behind" in reason for reason in paused.reasons)
            control.execute("SELECT pg_wal_replay_resume()")
            _replayed(lab, control)
        result = lab.sweep(PAIR, settings)
        assert ({((7,), "value_mismatch", ("quantity",))}, True) == (found(result), result.complete)
        lab.close()


def _replayed(lab: Lab, replica: psycopg.Connection[tuple[object, ...]]) -> None:
    """Wait until the replica shows all that was committed until now."""
    (end,) = lab.source.execute("SELECT pg_current_wal_lsn()::text").fetchone() or ("0/0",)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        shown = replica.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (end,)).fetchone()
        if shown and shown[0]:
            return
        time.sleep(0.05)
    raise AssertionError("the replica does not follow")


def test_a_rate_that_is_allowed_is_not_exceeded(lab: Lab):
    _stock(lab)
    began = time.monotonic()
    settings = "settle_seconds: 0, chunk_rows: 500, rows_per_second_max: 1500"
    assert lab.sweep(PAIR, settings).complete
    assert time.monotonic() - began > 3000 / 1500 - 0.5


def test_very_many_differences_do_not_fill_memory(lab: Lab):
    """Three shapes: rows that differ, and extra rows beyond the source's last one, which would
    all belong to its last range.
    """
    rows = 50_000
    lab.both(
        "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
        "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
    )
    lab.source.execute(f"INSERT INTO t SELECT i, 'x' FROM generate_series(1, {rows // 2}) i")
    lab.target.execute(f"INSERT INTO t SELECT i, 'y' FROM generate_series(1, {rows}) i")
    pair = "{name: t, source: t, target: t, key: {id: id}, columns: {v: v}}"
    few = measured(lab, pair, "LIMIT", limit=100)
    many = measured(lab, pair, "ALL")
    assert rows == many[0]
    assert many[1] - few[1] < 30_000, "kilobytes that 50,000 differences took"


def measured(lab: Lab, pair: str, name: str, limit: int | None = None) -> tuple[int, int]:
    """Differences found by a sweep in a process of its own, and its peak memory in kB."""
    path = lab.folder / f"{name}.yaml"
    settings = "settle_seconds: 0, chunk_rows: 2000, differences_listed_max: 10, suspects_max: 2000"
    path.write_text(lab.text(pair, settings))
    program = (
        "import resource, sys\n"
        "from figwatch.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)\n"
    )
    stop = [] if limit is None else ["--limit-differences", str(limit)]
    ended = subprocess.run(
        [sys.executable, "-c", program, "sweep", "--databases-only", "--json", *stop,
         "--config", str(path)],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    document = json.loads(ended.stdout)["pairs"]["t"]
    return document["differences_total"], int(ended.stderr.strip().splitlines()[-1])
