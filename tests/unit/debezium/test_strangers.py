"""Records of other connectors, older releases and other converters: read, or refused by name."""

import pytest

from figwatch.validators.change import Change, Malformed, Op, Snapshot
from tests.unit.debezium.support import (
    INV,
    MYSQL,
    TS,
    Stream,
    decoder,
    dump,
    envelope,
    field,
    with_schema,
)

ROW = {"id": 1, "v": 5}


@pytest.fixture
def mono():
    return Stream(decoder())


@pytest.fixture
def usual(mono):
    return mono.one("u", ROW)


@pytest.mark.parametrize(
    "key",
    [b"1", b'"1"', b"Struct{id=1}", b'{"id":1}', b'{"payload":{"id":1},"schema":null}',
     b'{"schema":{"type":"struct","fields":[{"type":"int64","field":"id"}]},"payload":{"id":1}}'],
)  # fmt: skip
def test_a_key_is_known_in_every_form_in_events_deletes_and_tombstones(mono, usual, key):
    (upsert,) = mono.raw(key, dump(envelope("u", ROW)))
    (gone,) = mono.raw(key, dump(envelope("d", None, {"id": 1, "v": 0})))
    (stone,) = mono.raw(key, None)
    assert {usual.key} == {upsert.key, gone.key, stone.key}
    assert usual.fingerprint == upsert.fingerprint


@pytest.mark.parametrize("key", [b"2", b"Struct{id=2}", b'"2"', b"{}x", b"Struct{id=1"])
def test_a_bare_key_that_contradicts_the_row_is_none(mono, key):
    (found,) = mono.raw(key, dump(envelope("u", ROW)))
    assert isinstance(found, Malformed)


@pytest.mark.parametrize("value", ["007", "a,b", "x=1,site=2", "", "ü", "7"])
def test_a_text_in_a_bare_key_is_what_the_row_says_it_is(value):
    made = decoder(key={"id": "id", "site": "site"})
    stream = Stream(made)
    row = {"id": value, "site": 3, "v": 5}
    usual = stream.one("u", row, key={"id": value, "site": 3})
    key = f"Struct{{id={value},site=3}}".encode()
    (upsert,) = stream.raw(key, dump(envelope("u", row)))
    (gone,) = stream.raw(key, dump(envelope("d", None, row)))
    assert {usual.key} == {upsert.key, gone.key}


def test_a_schema_on_the_value_alone_is_enough(mono, usual):
    fields = [field("id", "int32", optional=False), field("v", "int32")]
    (found,) = mono.raw(b'{"id":1}', with_schema(envelope("u", ROW), fields))
    assert (usual.key, usual.fingerprint) == (found.key, found.fingerprint)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda value: dump(dump(value).decode()),
        lambda value: dump({"payload": value}),
        lambda value: dump({"schema": None, "payload": value}),
        lambda value: dump(dump({"schema": None, "payload": value}).decode()),
        lambda value: b" " + dump(value) + b"\n",
    ],
)
def test_an_envelope_is_known_within_text_and_without_its_schema(mono, usual, wrap):
    (found,) = mono.raw(b'{"id":1}', wrap(envelope("u", ROW)))
    assert (usual.key, usual.fingerprint, usual.position) == (
        found.key, found.fingerprint, found.position,
    )  # fmt: skip


OLD = {"version": "0.9.5.Final", "name": "mono", "ts_ms": TS // 1000, "snapshot": False,
       "db": "x", "schema": "public", "table": "items", "txId": 7, "lsn": 5}  # fmt: skip
BLOCKS = {
    "postgresql before 1.0": (OLD, (5, 1), TS // 1000 * 1000),
    "mysql with a GTID": (MYSQL | {"gtid": "24DA167-0C0C:19"}, (3, 484, 0, 1),
                          1_700_000_000_000_000),
    "mysql without a file": (MYSQL | {"file": None, "pos": None}, None, 1_700_000_000_000_000),
    "mariadb": (MYSQL | {"connector": "mariadb", "gtid": "0-1-7", "snapshot": None, "row": 1},
                (3, 484, 1, 1), 1_700_000_000_000_000),
    "sqlserver": ({"version": "3.6.3.Final", "connector": "sqlserver", "ts_ms": TS // 1000,
                   "snapshot": "false", "db": "x", "schema": "dbo", "table": "items",
                   "change_lsn": "00000027:00000ac0:0002", "commit_lsn": "00000027:00000ac0:0004",
                   "event_serial_no": 1}, None, TS // 1000 * 1000),
    "oracle": ({"version": "3.6.3.Final", "connector": "oracle", "ts_ms": TS // 1000,
                "snapshot": "false", "txId": "0a001b00f2040000", "scn": "2122184",
                "commit_scn": "2122185:1:0a001b00f2040000"}, None, TS // 1000 * 1000),
    "mongodb": ({"version": "3.6.3.Final", "connector": "mongodb", "ts_ms": TS // 1000,
                 "snapshot": "false", "ord": 31, "rs": "rs0"}, None, TS // 1000 * 1000),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_the_source_block_of_every_connector_gives_time_and_place_as_far_as_it_goes(
    mono, usual, name
):
    block, position, commit_us = BLOCKS[name]
    value = envelope("u", ROW) | {"source": block, "transaction": None}
    (found,) = mono.raw(b'{"id":1}', dump(value))
    assert (usual.key, usual.fingerprint) == (found.key, found.fingerprint)
    assert (position, commit_us, Snapshot.NONE) == (
        found.position, found.commit_us, found.snapshot,
    )  # fmt: skip


def test_a_document_of_mongodb_is_a_row(mono, usual):
    (found,) = mono.raw(b'{"id":1}', dump(envelope("u", '{"id": 1, "v": 5}')))
    assert (usual.key, usual.fingerprint) == (found.key, found.fingerprint)


@pytest.mark.parametrize(
    ("topic", "key", "value"),
    [
        ("mono.transaction", {"id": "7:1"},
         {"status": "END", "id": "7:1", "ts_ms": 1, "event_count": 2, "data_collections":
          [{"data_collection": "public.items", "event_count": 2}]}),
        ("mono", {"databaseName": "shop"},
         {"source": MYSQL, "ts_ms": 1, "databaseName": "shop", "schemaName": None,
          "ddl": "DROP TABLE x", "tableChanges": []}),
        ("mono-schema-history", None, {"ddl": "x"}),
        ("mono.public.debezium_signal", {"id": "a"}, envelope("c", {"id": "a", "type": "x"})),
        ("mono.public.unmapped", {"id": 1}, envelope("c", {"id": 1})),
        ("mono.message", {"prefix": "p"}, envelope("m") | {"message": {"content": "AA=="}}),
        ("_schemas", None, None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_schema_member", [True, False])
def test_topics_beside_the_data_are_no_rows_and_no_faults(mono, topic, key, value,
                                                          with_schema_member):  # fmt: skip
    if with_schema_member:
        value = {"schema": {"type": "struct", "fields": []}, "payload": value}
    assert [] == Stream(mono.decoder, topic).raw(dump(key), dump(value))
    assert 1 == sum(mono.decoder.ignored.values())


@pytest.mark.parametrize("value", [b"null", None])
def test_a_topic_of_nothing_but_tombstones_is_deletes(mono, usual, value):
    (found,) = mono.raw(b'{"id":1}', value)
    assert (Op.TOMBSTONE, usual.key) == (found.op, found.key)


FLAT = {"id": 1, "v": 5}


@pytest.mark.parametrize(
    ("row", "headers", "op"),
    [
        (FLAT, (), Op.UPDATE),
        (FLAT | {"__deleted": "false"}, (), Op.UPDATE),
        (FLAT | {"__op": "c", "__table": "items", "__source_ts_ms": 5}, (), Op.CREATE),
        (FLAT | {"__op": "r", "__source_snapshot": "last"}, (), Op.READ),
        (FLAT, [("__op", b'"c"'), ("__source_lsn", b"5")], Op.CREATE),
        (FLAT, [("__op", b"c"), ("__db", None)], Op.CREATE),
        (FLAT, [("__op", b'{"schema":{"type":"string"},"payload":"c"}')], Op.CREATE),
        (FLAT | {"__deleted": "true", "__op": "d"}, (), Op.DELETE),
    ],
)
def test_a_flattened_row_is_known_with_whatever_was_added(mono, usual, row, headers, op):
    (found,) = mono.raw(b'{"id":1}', dump(row), headers)
    assert isinstance(found, Change)
    assert (usual.key, op) == (found.key, found.op)
    assert op is Op.DELETE or usual.fingerprint == found.fingerprint


def test_the_same_on_the_targets_side(usual, mono):
    other = Stream(mono.decoder, INV)
    (found,) = other.raw(b"Struct{id=1}", dump(dump(envelope("u", ROW)).decode()))
    assert (usual.key, usual.fingerprint) == (found.key, found.fingerprint)
