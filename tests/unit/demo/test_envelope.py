"""The replicator's reading of Debezium's records."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from figwatch.demo.envelope import UNAVAILABLE, Delete, Ignored, Malformed, Upsert, decode

AFTER = {
    "item_id": 7,
    "name": " oak ",
    "quantity": 5,
    "reserved": 1,
    "unit_price": "BNI=",
    "category": 3,
    "status": "A",
    "notes": None,
    "updated_at": "2026-03-01T10:00:00.123456Z",
}
KEY = b'{"item_id": 7}'


def envelope(op="u", after=AFTER, **more):
    return {"op": op, "after": after, "before": None, "source": {"lsn": 42}, **more}


def with_schema(payload, price_type="bytes"):
    price = {"field": "unit_price", "type": price_type}
    after = {"field": "after", "type": "struct", "fields": [price]}
    return {"schema": {"type": "struct", "fields": [after]}, "payload": payload}


def read(value, key=KEY, headers=None, **options):
    return decode(key, json.dumps(value).encode(), headers or {}, **options)


@pytest.mark.parametrize("op", ["c", "u", "r"])
@pytest.mark.parametrize("wrap", [lambda payload: payload, with_schema])
def test_inserts_updates_and_snapshot_reads_carry_the_row_with_and_without_schema(op, wrap):
    change = read(wrap(envelope(op)))
    assert isinstance(change, Upsert)
    assert change.lsn == 42
    assert change.row.unit_price == Decimal("12.34")
    assert change.row.name == " oak "
    assert change.row.notes is None
    assert change.row.notes_known
    assert change.row.updated_at == datetime(2026, 3, 1, 10, 0, 0, 123456, UTC)


@pytest.mark.parametrize(
    ("price", "expected"),
    [("/w==", "-0.01"), ("AJY=", "1.50"), ("AA==", "0.00"), (12.34, "12.34"), (3, "3")],
)
def test_prices_without_a_schema_are_connect_bytes_or_numbers(price, expected):
    change = read(envelope(after=AFTER | {"unit_price": price}))
    assert isinstance(change, Upsert)
    assert Decimal(expected) == change.row.unit_price


def test_a_price_that_is_valid_base64_and_valid_text_is_read_as_the_schema_says():
    after = AFTER | {"unit_price": "1234"}
    prices = [
        read(with_schema(envelope(after=after), "string")),
        read(with_schema(envelope(after=after), "bytes")),
        read(envelope(after=after), decimal_text=True),
        read(envelope(after=after)),
    ]
    assert [str(p.row.unit_price) for p in prices] == ["1234", "-26588.24", "1234", "-26588.24"]


def test_the_unavailable_value_means_that_the_notes_are_not_known():
    change = read(envelope(after=AFTER | {"notes": UNAVAILABLE}))
    assert isinstance(change, Upsert)
    assert (change.row.notes, change.row.notes_known) == (None, False)


def test_a_delete_is_known_by_its_key_alone():
    fabricated = {"item_id": 0, "name": ""}
    assert Delete(7, 42, None) == read(envelope("d", None, before=fabricated))


@pytest.mark.parametrize(
    "header", [b'{"item_id": 9}', b'{"schema": {}, "payload": {"item_id": 9}}']
)
def test_both_halves_of_a_key_change_name_the_other_key(header):
    gone = read(envelope("d", None), headers={"__debezium.newkey": header})
    come = read(envelope("c"), headers={"__debezium.oldkey": header})
    assert Delete(7, 42, 9) == gone
    assert isinstance(come, Upsert)
    assert come.moved_from == 9


@pytest.mark.parametrize("value", [None, b'{"schema": null, "payload": null}'])
def test_a_tombstone_is_ignored(value):
    assert Ignored("tombstone") == decode(KEY, value, {"__debezium.newkey": b'{"item_id": 9}'})


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"not json",
        b"{}",
        b'{"op": "u", "after": null}',
        b'{"op": "u", "after": {"item_id": 7}}',
        b'{"schema": {}, "payload": 5}',
        json.dumps(envelope(after=AFTER | {"unit_price": "#"})).encode(),
        json.dumps(envelope(after=AFTER | {"updated_at": "soon"})).encode(),
    ],
)
def test_what_is_not_understood_is_malformed_and_never_raises(value):
    assert isinstance(decode(KEY, value, {}), Malformed)


def test_a_delete_without_a_key_is_malformed():
    assert isinstance(read(envelope("d", None), key=None), Malformed)


@pytest.mark.parametrize("op", ["t", "m"])
def test_truncates_and_messages_are_ignored(op):
    assert Ignored(f"op {op}") == read({"op": op})
