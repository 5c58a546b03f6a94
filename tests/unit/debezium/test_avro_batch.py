"""Avro read many records at once gives what it gives one by one."""

import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from figwatch.connectors.debezium import route
from figwatch.connectors.debezium.avro import UNFIT
from figwatch.connectors.debezium.avro_compile import Make, compile_reader
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.machine.avro import module
from figwatch.connectors.debezium.machine.runtime import (
    INPUT_BYTES_MAX,
    RECORDS_MAX,
    UnsupportedError,
)
from figwatch.connectors.debezium.machine.transcoder import Transcoder
from figwatch.validators.change import Change, Malformed
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.support import MONO, TS, config, dump, envelope, field, together
from tests.unit.debezium.test_cases_values import Shelf
from tests.unit.debezium.test_fuzz import BOUNDED

PREFIX = b"\0\0\0\0\x01"
KINDS = [
    "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    {"type": "fixed", "name": "F", "size": 3}, {"type": "array", "items": "long"},
    {"type": "enum", "name": "E", "symbols": ["A", "Be", "x" * 40]},
    {"type": "map", "values": ["null", "string"]}, ["null", {"type": "array", "items": "string"}],
    {"type": "record", "name": "R", "fields": [{"name": "x" * 33, "type": "int"},
                                               {"name": "y", "type": ["null", "bytes"]}]},
    {"type": "array", "items": {"type": "map", "values": "boolean"}},
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def path():
    """In place of the folder's fixture: the records before the quick way are not of interest."""
    usual, route.IDENTITY_LOOKS = route.IDENTITY_LOOKS, 0
    yield
    route.IDENTITY_LOOKS = usual


def record(*kinds):
    fields = [{"name": f"c{n}", "type": kind} for n, kind in enumerate(kinds)]
    return {"type": "record", "name": "Whole", "fields": fields}


def readers(schema, names):
    """The plain reader and the transcoder of some fields of a record, the last one absent."""
    struct = msgspec.defstruct("Three", [(n, Any, None) for n in ("one", "two", "three")])
    keep = Make(struct, dict.fromkeys(names), "absent")
    return compile_reader(schema, keep), Transcoder(*module(schema, keep, (), PREFIX))


def plainly(read, data):
    try:
        value, end = read(data, len(PREFIX))
    except UNFIT:
        return None
    return value if end == len(data) else None


def shown(event):
    return event and [repr(getattr(event, name)) for name in ("one", "two", "three")]


@st.composite
def written(draw):
    """A schema of three fields and a value of it."""
    kinds = [draw(st.sampled_from(KINDS)) for _ in range(3)]
    values = {f"c{n}": draw(_values(kind)) for n, kind in enumerate(kinds)}
    names = [kinds[n] for n in range(3)]
    if any(names.count(kind) > 1 for kind in names if isinstance(kind, dict)):
        kinds = [kinds[0], "string", "long"]  # a name is defined once
        values |= {"c1": draw(st.text(max_size=90)), "c2": draw(_values("long"))}
    return record(*kinds), values


def _values(kind):
    if isinstance(kind, list):
        return st.none() | _values(kind[1])
    if isinstance(kind, str):
        return _SCALARS[kind]
    return {
        "fixed": st.binary(min_size=3, max_size=3),
        "enum": st.sampled_from(kind.get("symbols", [""])),
        "array": st.lists(_values(kind.get("items", "null")), max_size=3),
        "map": st.dictionaries(
            st.text(max_size=3), _values(kind.get("values", "null")), max_size=3
        ),
        "record": st.fixed_dictionaries(
            {f["name"]: _values(f["type"]) for f in kind.get("fields", ())}
        ),
    }[kind["type"]]


_LONGS = st.integers(-(1 << 63), (1 << 63) - 1)
_SCALARS = {
    "null": st.none(), "boolean": st.booleans(), "int": st.integers(-(1 << 31), (1 << 31) - 1),
    "long": _LONGS, "float": st.floats(width=32), "double": st.floats(), "bytes": st.binary(),
    "string": st.text(max_size=90),
}  # fmt: skip


@BOUNDED
@given(written(), st.data())
def test_any_value_is_the_same_from_both_readers_whatever_its_bytes_become(made, data):
    schema, value = made
    read, transcoder = readers(schema, ["c0", "c2", "c9"])
    whole = PREFIX + binary(schema, value)
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 2))):
        changed[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    batches = ([whole, cut, whole], [whole, bytes(changed), b"", whole], [cut])
    for batch in batches:
        found = transcoder.read(batch)
        assert len(found) == len(batch)
        for data_of, event in zip(batch, found, strict=True):
            if event is not None:  # None: the plain reader is asked
                assert shown(event) == shown(plainly(read, data_of))
    assert shown(transcoder.read([whole])[0]) == shown(plainly(read, whole)) != None  # noqa: E711


def test_more_than_the_machine_takes_at_once_is_cut():
    schema = record("string", "long", "null")
    read, transcoder = readers(schema, ["c0", "c1", "c9"])
    sizes = [INPUT_BYTES_MAX // 3, 10, INPUT_BYTES_MAX + 1, *range(3, 200)] + [0] * RECORDS_MAX
    values = [
        PREFIX + binary(schema, {"c0": "x" * size, "c1": n, "c2": None})
        for n, size in enumerate(sizes)
    ]
    found = transcoder.read(values)
    assert [n for n, event in enumerate(found) if event is None] == [2]
    assert [event.two for event in found if event] == [n for n in range(len(sizes)) if n != 2]
    assert shown(found[0]) == shown(plainly(read, values[0]))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "record", "name": "R", "fields": [{"name": "c0", "type": ["null", "R"]}]},
        record({"type": "enum", "name": "E", "symbols": [f"s{n}" for n in range(300)]}),
        "string",
    ],
)
def test_a_schema_that_only_the_plain_reader_knows_is_said_to_be_one(schema):
    with pytest.raises(UnsupportedError):
        module(schema, Make(msgspec.defstruct("One", ["one"]), {"c0": None}), (), PREFIX)


@pytest.mark.parametrize(
    "bomb",
    [
        ({"type": "array", "items": "null"}, b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
        ({"type": "array", "items": {"type": "array", "items": "null"}}, b"\x08" * 40),
        ({"type": "array", "items": "long"}, b"\x01" + b"\xff" * 30),
        ("string", b"\x01"),
        ("bytes", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ({"type": "map", "values": "null"}, b"\x02\x00" * 30),
    ],
)
def test_bytes_that_promise_too_much_do_not_fit(bomb):
    kind, data = bomb
    read, transcoder = readers(record(kind), ["c0", "c8", "c9"])
    assert transcoder.read([PREFIX + data, PREFIX + data * 100]) == [None, None]
    assert plainly(read, PREFIX + data) is None


# -- the route


def records():
    """Usual ones, and between them everything else."""
    shelf = Shelf()
    fields = [field("id", "int32"), field("v", "string")]
    kinds = [
        record("int"),
        envelope_schema(fields),
        envelope_schema([*fields, field("w", "int32")]),
    ]
    kinds[0]["fields"][0]["name"] = "id"
    frames = [b"\0" + shelf.put(kind) for kind in kinds]

    def key(n):
        return frames[0] + binary(kinds[0], {"id": n})

    def value(n, op="u", schema=1, **source):
        row = {"id": n, "v": "é" * (n % 50), "w": n}
        made = envelope(op, None if op == "d" else row, row if op == "d" else None, source)
        return frames[schema] + binary(kinds[schema], made)

    made = [(key(n), value(n, "cur"[n % 3])) for n in range(60)]
    made[20:20] = [
        (key(5), value(5, "d")), (key(5), None), (None, value(6)), (key(7), value(8)),
        (key(7), value(7, schema=2)), (key(7), value(7)[:-3]), (key(7), value(7) + b"x"),
        (dump({"id": 9}), dump(envelope("u", {"id": 9, "v": "x"}))), (None, None), (b"", b""),
        (key(9), value(9, lsn=None)), (key(9), value(9, txId=None)), (key(9), b"\0\0\0\0\x09x"),
    ]  # fmt: skip
    return shelf, made


def framed(framing, key, value, n):
    """A record whose schemas are named in another way: headers, key, value."""
    if framing == "short":
        return (), key, value
    headers, parts = [("trace", b"%d" % (n % 3))], []
    for role, data in (("key", key), ("value", value)):
        if data is None or not data.startswith(b"\0"):
            parts.append(data)
        elif framing == "headers":
            headers.append((f"apicurio.{role}.globalId", bytes(4) + data[1:5]))
            parts.append(data[5:])
        else:
            parts.append(b"\0" + bytes(4) + data[1:])
    return headers, *parts


def consumed_of(made, framing="short", times=1):
    for n, pair in enumerate(made[1] * times):
        headers, key, value = framed(framing, *pair, n)
        yield SimpleNamespace(offset=n * 2, headers=headers, key=key, value=value)


def decode(made, size, *, quick=True, framing="short"):
    decoder = Decoder(config(), {"monolith": made[0]}, quick=quick)
    consumed = list(consumed_of(made, framing, 2))
    found = []
    for first in range(0, len(consumed), size):
        part = consumed[first : first + size]
        found += [change for changes in together(decoder, part) for change in changes]
    return found


@pytest.mark.parametrize("framing", ["short", "long", "headers"])
@pytest.mark.parametrize("size", [7, 40, 1000])
def test_a_batch_gives_the_changes_of_its_records_one_by_one(size, framing):
    made = records()
    plain = decode(made, 1, quick=False, framing=framing)
    assert plain == decode(made, size, framing=framing)
    assert {type(found) for found in plain} == {Change, Malformed}


@pytest.mark.parametrize("framing", ["short", "long", "headers"])
def test_usual_records_are_read_in_the_machine(framing, monkeypatch):
    made = records()
    decoder = Decoder(config(), {"monolith": made[0]})
    first = list(consumed_of(made, framing))[:20]
    for r in first:
        decoder.decode(MONO, 0, r.offset, TS, r.headers, r.key, r.value)
    monkeypatch.setattr(route.Route, "decode", None)
    found = together(decoder, first)
    assert [change.offset for (change,) in found] == list(range(0, 40, 2))


def test_a_record_whose_headers_name_another_schema_is_not_read_by_the_first_ones():
    schema, other = record("int", "int"), record("int", "long")
    for one in (schema, other):
        one["fields"][0]["name"] = "id"
    shelf = Shelf()
    wanted, swapped = (
        envelope_schema([field("id", "int32"), field(name, "string")]) for name in ("v", "z")
    )
    ids = [shelf.put(made) for made in (schema, wanted, swapped)]
    decoder, plain = (Decoder(config(), {"monolith": shelf}, quick=q) for q in (True, False))
    row = {"id": 1, "v": "same bytes", "z": "same bytes"}
    value = binary(wanted, envelope("u", row))
    assert value == binary(swapped, envelope("u", row))
    key = binary({"type": "record", "name": "K", "fields": [{"name": "id", "type": "int"}]}, row)
    for several in ([1] * 40, [1] * 20 + [2] * 20):
        consumed = [
            SimpleNamespace(offset=n, key=key, value=value, headers=[
                ("apicurio.key.globalId", bytes(4) + ids[0]),
                ("apicurio.value.globalId", bytes(4) + ids[which])])
            for n, which in enumerate(several)
        ]  # fmt: skip
        both = [together(one, consumed) for one in (decoder, plain)]
        assert both[0] == both[1]
    assert Malformed is type(both[0][-1][0])  # it has no column `v`


def test_without_a_machine_avro_is_read_all_the_same(monkeypatch):
    made = records()
    with_it = decode(made, 40)
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    assert with_it == decode(made, 40)


def test_a_forged_value_is_noticed(monkeypatch):
    made = records()
    plain = decode(made, 1, quick=False)
    read = Transcoder.read

    def forged(self, values):
        found = read(self, values)
        return found[1:] + found[:1]

    monkeypatch.setattr(Transcoder, "read", forged)
    assert plain != decode(made, 40)
