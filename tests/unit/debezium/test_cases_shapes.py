"""Conformance cases 1-20, 36, 43-45 of the Debezium reference: which event a record is."""

import pytest

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium import route
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.validators.change import Change, Heartbeat, Malformed, Op, Snapshot, Truncate
from tests.unit.debezium.forms import decimal
from tests.unit.debezium.support import (
    INV,
    MYSQL,
    TS,
    Stream,
    config,
    decoder,
    dump,
    envelope,
    field,
    struct,
)


@pytest.fixture
def mono():
    return Stream(decoder())


@pytest.mark.parametrize(
    ("op", "expected"), [("c", Op.CREATE), ("u", Op.UPDATE), ("r", Op.READ), ("d", Op.DELETE)]
)
def test_case_01_each_operation_is_an_upsert_or_a_delete(mono, op, expected):
    row = {"id": 1, "v": 5}
    found = mono.one(op, None if op == "d" else row, before=row if op == "d" else None)
    assert expected is found.op
    assert (op == "d") == (found.fingerprint is None)
    assert TS == found.commit_us
    assert (33466632, 0 if op == "d" else 1) == found.position
    assert 776 == found.tx


def test_case_02_a_tombstone_behind_its_delete_has_the_same_key_and_says_nothing_new(mono):
    gone = mono.one("d", before={"id": 1, "v": 0})
    (tombstone,) = mono.raw(dump({"id": 1}), None)
    assert (Op.TOMBSTONE, gone.key, None) == (tombstone.op, tombstone.key, tombstone.position)
    assert TS + 500_000 == tombstone.commit_us


def test_case_03_a_lone_tombstone_is_a_delete_for_the_judge(mono):
    (tombstone,) = mono.raw(dump({"id": 1}), None)
    assert (Op.TOMBSTONE, None, b"") == (tombstone.op, tombstone.fingerprint, tombstone.sketch)


def test_case_04_a_record_of_nothing_is_counted_not_decoded(mono):
    assert [] == mono.raw(None, None)
    assert 1 == mono.decoder.ignored["null_record"]


def test_case_05_a_truncate_clears_the_table(mono):
    (found,) = mono.raw(None, dump(envelope("t")))
    assert isinstance(found, Truncate)
    assert (TS, (33466632, 1)) == (found.commit_us, found.position)


def test_case_06_messages_transactions_ddl_and_signals_are_no_rows(mono):
    message = envelope("m") | {"message": {"prefix": "p", "content": "AA=="}}
    assert [] == mono.raw(dump({"prefix": "p"}), dump(message))
    others = {
        "mono.message": message,
        "mono.transaction": {"status": "BEGIN", "id": "776:1", "ts_ms": 1},
        "mono": {"ddl": "ALTER TABLE x", "tableChanges": []},
        "mono.public.debezium_signal": envelope("c", {"id": "s"}),
    }
    for topic, value in others.items():
        assert [] == Stream(mono.decoder, topic).raw(dump({"id": 1}), dump(value))
    assert {
        "message": 2, "transaction": 1, "schema_change": 1, "other_topic": 1,
    } == dict(mono.decoder.ignored)  # fmt: skip


def test_case_06_a_plain_heartbeat_carries_the_connectors_clock(mono):
    beats = Stream(mono.decoder, "__debezium-heartbeat.mono")
    for value in ({"ts_ms": 5}, {"schema": {"type": "struct"}, "payload": {"ts_ms": 5}}):
        (found,) = beats.raw(dump({"serverName": "mono"}), dump(value))
        assert isinstance(found, Heartbeat)
        assert ("monolith", 5_000, False) == (found.side, found.commit_us, found.exact)


def test_case_06_a_heartbeat_row_carries_the_databases_commit_time(mono):
    beats = Stream(mono.decoder, "mono.public.beats")
    found = beats.one("u", {"id": 1, "at": 1})
    assert (TS, True) == (found.commit_us, found.exact)
    assert [] == beats.send("r", {"id": 1, "at": 1}, snapshot="first")


def test_a_heartbeat_that_cannot_be_read_is_malformed(mono):
    (found,) = Stream(mono.decoder, "__debezium-heartbeat.mono").raw(None, b"{}")
    assert "no_time" == found.reason


_HEADERS = {
    "simple": (b'{"id":2}', b'{"id":1}'),
    "json": (
        b'{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}]},"payload":{"id":2}}',
        b'{"schema":{"type":"struct","fields":[{"type":"int32","field":"id"}]},"payload":{"id":1}}',
    ),
}


@pytest.mark.parametrize("form", _HEADERS)
def test_case_07_a_primary_key_change_is_one_move(mono, form):
    new, old = _HEADERS[form]
    context = [("__debezium.context.taskId", b"0")]
    gone = mono.one("d", before={"id": 1}, headers=[*context, ("__debezium.newkey", new)])
    (stone,) = mono.raw(dump({"id": 1}), None, [*context, ("__debezium.newkey", new)])
    came = mono.one("c", {"id": 2, "v": 5}, headers=[*context, ("__debezium.oldkey", old)])
    assert gone.moved == came.key == stone.moved
    assert came.moved == gone.key
    assert gone.key != came.key


def test_case_08_without_headers_it_is_a_delete_and_an_insert(mono):
    gone, came = mono.one("d", before={"id": 1}), mono.one("c", {"id": 2, "v": 5})
    assert (None, None) == (gone.moved, came.moved)
    assert (Op.DELETE, Op.CREATE) == (gone.op, came.op)


def test_case_09_leaf_topics_of_a_partitioned_table_are_one_table():
    leaves = ["mono.public.items_a", "mono.public.items_b"]
    made = decoder(pair={"source_topics": leaves})
    assert {*leaves, INV} == made.topics()
    one, two = (Stream(made, leaf).one("c", {"id": 1, "v": 5}) for leaf in leaves)
    assert (one.key, one.fingerprint, one.pair) == (two.key, two.fingerprint, two.pair)


def test_case_10_of_a_deletes_old_row_only_the_key_counts(mono):
    found = mono.one("d", before={"id": 1, "v": 0, "name": "", "at": 0})
    assert (None, b"", ()) == (found.fingerprint, found.sketch, found.carried)


def test_case_11_a_made_up_key_of_replica_identity_index_is_flagged(mono):
    found = mono.one("d", key={"id": 0}, before={"id": 0, "v": None, "email": "a@b"})
    assert isinstance(found, Malformed)
    assert "key_mismatch" == found.reason


def test_case_11_a_real_key_of_zero_is_none_of_that(monkeypatch):
    monkeypatch.setattr(route, "IDENTITY_LOOKS", 1)
    mono = Stream(decoder())
    mono.one("u", {"id": 3, "v": 1, "email": "c"}, before={"id": 3, "v": 0, "email": "c"})
    found = mono.one("d", key={"id": 0}, before={"id": 0, "v": None, "email": "a@b"})
    assert Op.DELETE is found.op
    assert Op.DELETE is Stream(decoder()).one("d", key={"id": 0}, before={"id": 0, "v": 0}).op


@pytest.mark.parametrize("zero", [0, "AA==", "0", {"scale": 0, "value": "AA=="}, ""])
def test_case_11_a_made_up_key_is_flagged_in_every_encoding_of_zero(mono, zero):
    found = mono.one("d", key={"id": zero}, before={"id": zero, "v": None, "email": "a@b"})
    assert ("key_mismatch", "items") == (found.reason, found.pair)


def test_case_11_a_refused_delete_makes_the_next_updates_tell_the_identity(monkeypatch):
    monkeypatch.setattr(route, "IDENTITY_LOOKS", 1)
    mono = Stream(decoder())
    full = {"id": 3, "v": 0, "email": "c"}
    gone = {"key": {"id": 0}, "before": {"id": 0, "v": None, "email": "a@b"}}
    for number in range(1, 5):  # a snapshot longer than the first look
        mono.one("r", {"id": number, "v": 1})
    mono.one("u", full | {"v": 1}, before=full)
    assert isinstance(mono.one("d", **gone), Malformed)
    mono.one("u", full | {"v": 2}, before=full)
    assert Op.DELETE is mono.one("d", **gone).op
    mono.one("u", full | {"v": 3})  # the identity was changed
    assert isinstance(mono.one("d", **gone), Malformed)


def test_case_12_an_event_with_neither_row_is_a_delete_by_its_key_alone(mono):
    assert Op.DELETE is mono.one("d", key={"id": 1}).op
    (found,) = mono.raw(None, dump(envelope("d")))
    assert "no_key" == found.reason


@pytest.mark.parametrize("value", [True, "true", "first", "first_in_data_collection",
                                   "last_in_data_collection"])  # fmt: skip
def test_case_14_rows_of_a_snapshot_are_known_in_every_spelling(mono, value):
    assert Snapshot.ROW is mono.one("r", {"id": 1, "v": 5}, snapshot=value).snapshot


@pytest.mark.parametrize(
    ("value", "op", "expected"),
    [
        (None, "u", Snapshot.NONE),
        ("false", "u", Snapshot.NONE),
        (False, "c", Snapshot.NONE),
        ("last", "r", Snapshot.LAST),
        ("incremental", "r", Snapshot.INCREMENTAL),
        (None, "r", Snapshot.ROW),
    ],
)
def test_case_14_streamed_last_and_incremental_rows_are_told_apart(mono, value, op, expected):
    assert expected is mono.one(op, {"id": 1, "v": 5}, snapshot=value).snapshot


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"ts_us": None, "ts_ns": None}, TS // 1000 * 1000),
        ({"ts_us": None}, TS),
        ({"ts_us": 0, "ts_ns": 0}, TS // 1000 * 1000),
    ],
)
def test_case_15_older_releases_have_only_milliseconds(mono, times, expected):
    assert expected == mono.one("u", {"id": 1, "v": 5}, **times).commit_us


def test_case_16_a_transaction_is_known_by_the_part_before_the_colon(mono):
    for lsn in ("1", "2"):
        value = envelope("u", {"id": 1, "v": 5}, source={"txId": None})
        value["transaction"] = {"id": f"776:{lsn}", "total_order": 1}
        (found,) = mono.raw(dump({"id": 1}), dump(value))
        assert 776 == found.tx


def test_case_16_a_gtid_is_a_stable_number(mono):
    source = MYSQL | {"gtid": "24DA167-0C0C-11E8:19", "txId": None, "lsn": None}
    one, two = (mono.one("u", {"id": 1, "v": n}, **source) for n in (1, 2))
    assert one.tx == two.tx
    assert 0 <= one.tx < 1 << 63
    assert (3, 484, 0, 1) == one.position


def test_case_17_a_position_that_goes_back_is_no_fault(mono):
    assert (5, 1) == mono.one("u", {"id": 1, "v": 5}, lsn=5).position
    assert (4, 1) == mono.one("u", {"id": 2, "v": 5}, lsn=4).position


def test_case_18_rows_of_a_copy_share_a_position_and_are_three(mono):
    found = [mono.one("c", {"id": n, "v": 5}) for n in (1, 2, 3)]
    assert 3 == len({change.key for change in found})
    assert 1 == len({change.position for change in found})


def test_case_19_a_replayed_record_differs_in_its_offset_only(mono):
    one, two = mono.one("u", {"id": 1, "v": 5}), mono.one("u", {"id": 1, "v": 5})
    assert one.offset + 1 == two.offset
    assert (one.position, one.commit_us, one.fingerprint) == (
        two.position, two.commit_us, two.fingerprint,
    )  # fmt: skip


def test_case_20_an_incremental_row_has_no_position(mono):
    found = mono.one("r", {"id": 1, "v": 5}, snapshot="incremental", lsn=None, txId=None)
    assert (None, None, Snapshot.INCREMENTAL) == (found.position, found.tx, found.snapshot)


@pytest.mark.parametrize("deleted", ["true", True])
def test_case_44_a_rewritten_delete_of_a_flattened_stream_is_a_delete(mono, deleted):
    row = {"id": 1, "v": 0, "__deleted": deleted}
    (found,) = mono.raw(dump({"id": 1}), dump(row))
    assert (Op.DELETE, None) == (found.op, found.fingerprint)


def test_case_44_a_flattened_row_equals_its_envelope(mono):
    plain = mono.one("u", {"id": 1, "v": 5})
    added = {"__deleted": "false", "__op": "u", "__lsn": 33466632, "__source_ts_ms": TS // 1000}
    (full,) = mono.raw(dump({"id": 1}), dump({"id": 1, "v": 5} | added))
    (bare,) = mono.raw(dump({"id": 1}), dump({"id": 1, "v": 5}))
    (headed,) = mono.raw(dump({"id": 1}), dump({"id": 1, "v": 5}), [("__op", b'"c"')])
    assert plain.fingerprint == full.fingerprint == bare.fingerprint == headed.fingerprint
    assert (plain.position, TS // 1000 * 1000) == (full.position, full.commit_us)
    assert (None, TS + 500_000) == (bare.position, bare.commit_us)
    assert Op.CREATE is headed.op


def test_case_45_a_null_key_after_the_primary_key_was_dropped_is_read_from_the_row(mono):
    keyed = mono.one("u", {"id": 1, "v": 5})
    (found,) = mono.raw(None, dump(envelope("u", {"id": 1, "v": 5})))
    assert (keyed.key, keyed.fingerprint) == (found.key, found.fingerprint)
    (gone,) = mono.raw(None, dump(envelope("d", before={"id": 1, "v": 5})))
    assert (Op.DELETE, keyed.key) == (gone.op, gone.key)


def test_key_and_row_that_disagree_are_a_mismatch_whose_key_is_not_trusted(mono):
    found = mono.one("u", {"id": 2, "v": 5}, key={"id": 1})
    assert ("key_mismatch", None) == (found.reason, found.key)


def test_a_missing_mapped_column_keeps_the_key(mono):
    found = mono.one("u", {"id": 1})
    assert "missing_column" == found.reason
    assert mono.one("u", {"id": 1, "v": 5}).key == found.key
    assert "v" in found.detail


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "bad_json"),
        (b"[1]", "unknown_shape"),
        (b"7", "unknown_shape"),
        (b"", "bad_json"),
        (dump('{"id":1,"v":1e99999999999999999999}'), "unknown_shape"),  # no Decimal goes so far
        (b'{"id":1,"v":1e99999999999999999999}', "bad_json"),
        (b"\0\0", "unknown_framing"),
        (b"\0\0\0\0\x07\x02", "unknown_framing"),
        (b"{" * 5_000, "bad_json"),
        (b'{"a":' * 5_000, "bad_json"),
        (b'{"schema":{"type":"int32"},"payload":{"id":1,"v":2}}', "bad_schema"),
        (dump(envelope("u", {"id": 1, "v": 5}) | {"source": {}}), "no_time"),
    ],
)
def test_what_cannot_be_read_is_malformed_with_its_key_and_a_stable_reason(mono, value, reason):
    (found,) = mono.raw(dump({"id": 1}), value)
    assert isinstance(found, Malformed)
    assert (reason, mono.one("c", {"id": 1, "v": 5}).key) == (found.reason, found.key)


def test_an_outbox_event_is_a_row_keyed_by_its_aggregate():
    made = decoder(pair={"target_topics": ["outbox.event.copy"]}, key={"id": {"type": "int"}})
    outbox = Stream(made, "outbox.event.copy")
    headers = [("id", b"a-b-c")]
    (bare,) = outbox.raw(b"1", dump('{"id":1,"v":5}'), headers)
    (keyed,) = outbox.raw(b'"1"', dump({"id": 1, "v": 5}), headers)
    plain = Stream(made).one("c", {"id": 1, "v": 5})
    assert (plain.key, plain.fingerprint) == (bare.key, bare.fingerprint)
    assert (plain.key, plain.fingerprint) == (keyed.key, keyed.fingerprint)
    assert [] == outbox.raw(b"1", None, headers)
    assert 1 == made.ignored["outbox_delete"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_cloud_event_equals_its_envelope(mono, wrapped):
    plain = mono.one("u", {"id": 1, "v": 5})
    data = {"before": None, "after": {"id": 1, "v": 5}}
    if wrapped:
        data = {"schema": None, "payload": data}
    event = {
        "id": "name:mono;lsn:33466632;txId:776", "source": "/debezium/postgresql/mono",
        "specversion": "1.0", "type": "io.debezium.connector.postgresql.DataChangeEvent",
        "time": "2023-11-14T22:13:20.123Z", "datacontenttype": "application/json",
        "iodebeziumop": "u", "iodebeziumtsms": str(TS // 1000), "iodebeziumtsus": str(TS),
        "iodebeziumsnapshot": "false", "iodebeziumtxId": "776", "iodebeziumlsn": "33466632",
        "data": data,
    }  # fmt: skip
    (found,) = mono.raw(dump({"id": 1}), dump(event))
    assert (plain.key, plain.fingerprint, plain.position, plain.tx, plain.commit_us) == (
        found.key, found.fingerprint, found.position, found.tx, found.commit_us,
    )  # fmt: skip


def test_one_table_in_two_pairs_gives_two_changes():
    given = config().model_dump()
    second = given["pairs"][0] | {
        "name": "levels",
        "target": "public.levels",
        "columns": {"w": "w"},
    }
    made = Decoder(Config.model_validate(given | {"pairs": [*given["pairs"], second]}))
    found = Stream(made).send("c", {"id": 1, "v": 5, "w": 6})
    assert ["items", "levels"] == [change.pair for change in found]
    assert found[0].fingerprint != found[1].fingerprint
    half = Stream(made).send("c", {"id": 1, "v": 5})
    assert [Change, Malformed] == [type(record) for record in half]


def test_a_table_without_primary_key_is_keyed_by_its_mapped_columns(mono):
    (found,) = mono.raw(dump({"other": 9}), dump(envelope("u", {"id": 1, "v": 5})))
    assert mono.one("u", {"id": 1, "v": 5}).key == found.key
    (gone,) = mono.raw(dump({"other": 9}), dump(envelope("d", before={"id": 0, "v": 0})))
    assert "no_key" == gone.reason


def test_the_key_decodes_to_the_sources_names_and_back():
    made = decoder(key={"id": "sku", "at": {"to": "day", "type": "date"}})
    row = {"id": 7, "at": 19_000, "v": 5}
    found = Stream(made).one("c", row, key={"id": 7, "at": 19_000})
    assert {"id": 7, "at": "2022-01-08"} == made.decode_key("items", found.key)
    assert found.key == made.encode_key("items", {"id": 7, "at": "2022-01-08"})


def test_a_delete_whose_key_lacks_the_pairs_column_is_read_from_a_real_old_row(mono):
    gone = envelope("d", before={"id": 1, "v": 5})
    (found,) = mono.raw(dump({"other": 9}), dump(gone))
    assert mono.one("c", {"id": 1, "v": 5}).key == found.key


def test_a_flattened_row_with_its_schema_is_read_by_it(mono):
    schema = struct([field("id", "int32"), field("v", decimal(2))])
    (flat,) = mono.raw(dump({"id": 1}), dump({"schema": schema, "payload": {"id": 1, "v": "AJY="}}))
    assert mono.one("c", {"id": 1, "v": 1.5}).fingerprint == flat.fingerprint


def test_a_composite_key_with_its_schema_is_the_same_key():
    key = {"a": {"type": "int"}, "b": {"type": "text"}}
    made = decoder(key=key)
    plain = Stream(made).one("c", {"a": 1, "b": "x", "v": 5}, key={"a": 1, "b": "x"})
    schema = {"type": "struct", "fields": [field("b", "string"), field("a", "int32")]}
    wrapped = dump({"schema": schema, "payload": {"b": "x", "a": 1}})
    (found,) = Stream(made).raw(wrapped, dump(envelope("c", {"a": 1, "b": "x", "v": 5})))
    assert plain.key == found.key
