"""Never crashes: whatever the bytes are, the outcome is a change or a Malformed, in bounded time.

FIGWATCH_FUZZ_EXAMPLES=100000 makes a long run by hand.
"""

import json
import os
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from figwatch.validators.change import Change, Malformed, Truncate, decode_record, encode
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import GROUPS
from tests.unit.debezium.support import Stream, decoder, dump, envelope, field, with_schema
from tests.unit.debezium.test_cases_values import Shelf

BOUNDED = settings(max_examples=int(os.environ.get("FIGWATCH_FUZZ_EXAMPLES", "40")), deadline=None)
TYPES = sorted({group.type for group in GROUPS} | {"timestamptz(3)", "array<timestamptz>", "text"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
    | st.sampled_from(["NaN", "AJY=", "1.50", "__debezium_unavailable_value", "2024-02-29"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*"abv", "scale", "value", "id"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["__debezium.newkey", "__debezium.oldkey", "__value_schema_id", "id",
                         "apicurio.value.globalId", "__op", "__deleted"]),
        st.none() | st.binary(max_size=18) | JSON.map(lambda v: json.dumps(v).encode()),
    ),
    max_size=3,
)  # fmt: skip


def judged(found):
    """All that may come out, and all of it can travel."""
    for record in found:
        assert isinstance(record, Change | Malformed | Truncate)
        decode_record(encode(record))


def streams(columns=None):
    shelf = Shelf()
    shelf.put(envelope_schema([field("id", "int32"), field("v", "string")]))
    return Stream(decoder(columns, registries={"monolith": shelf}))


@BOUNDED
@given(st.binary(max_size=200), st.binary(max_size=40) | st.none(), HEADERS)
def test_any_bytes_are_a_change_or_malformed(value, key, headers):
    judged(streams().raw(key, value, headers))


@BOUNDED
@given(JSON, JSON, HEADERS)
def test_any_json_is_a_change_or_malformed(key, value, headers):
    judged(streams().raw(json.dumps(key).encode(), json.dumps(value).encode(), headers))


@BOUNDED
@given(st.sampled_from(TYPES), JSON, st.sampled_from("cudrtmx"), HEADERS, JSON)
def test_any_value_of_any_type_is_a_change_or_malformed(kind, raw, op, headers, source):
    stream = streams({"v": {"type": kind}})
    stream.send(op, {"id": 1, "v": raw}, headers=headers)
    judged(stream.send(op, {"id": raw, "v": raw}, before={"id": raw}, key={"id": raw}))
    judged(
        stream.raw(dump({"id": 1}), dump(envelope(op, {"id": 1, "v": raw}) | {"source": source}))
    )
    judged(stream.raw(dump({"id": 1}), dump(envelope(op, {"id": 1, "v": raw},
                      source={"ts_us": source, "lsn": source, "snapshot": source}))))  # fmt: skip


_TRANSFORMS = [
    {"trim": True}, {"case": "upper"}, {"pad": 4}, {"null_as": "x"}, {"scale": 2},
    {"tolerance": "0.01"}, {"factor": 100}, {"values": {"a": 1}}, {"concat": ["v", "id"]},
    {"split": {"separator": "a", "index": 0}}, {"source_path": "a.b"}, {"source_path": "0"},
    {"source_time_zone": "Europe/Vienna"}, {"source_time_zone": "Europe/Vienna",
                                            "type": "timestamp"},
    {"tolerance": 3, "type": "float64"}, {"scale": -3, "type": "decimal"},
    {"factor": 7, "type": "int"}, {"cast": "text", "type": "timestamptz"},
]  # fmt: skip


@BOUNDED
@given(st.sampled_from(_TRANSFORMS), JSON | st.sampled_from(["1e9999", 10**30, "-Infinity"]))
def test_any_value_under_any_transform_is_a_change_or_malformed(transform, raw):
    judged(streams({"v": transform}).send("c", {"id": 1, "v": raw}))


_SCHEMAS = st.recursive(
    st.sampled_from(["int32", "string", "bytes", "array", "struct", "map", "nope", 7, None]).map(
        lambda kind: {"type": kind}
    ),
    lambda inner: st.builds(
        lambda kind, items, name, scale: {"type": kind, "items": items, "name": name,
                                          "parameters": {"scale": scale, "length": scale},
                                          "fields": [items], "default": scale, "optional": True},
        st.sampled_from(["array", "struct", "bytes", "string"]),
        inner,
        st.sampled_from(["io.debezium.data.Bits", "org.apache.kafka.connect.data.Decimal", None]),
        st.sampled_from(["2", "x", "99999999999999", None]),
    ),
    max_leaves=3,
)  # fmt: skip


@BOUNDED
@given(_SCHEMAS, JSON)
def test_any_embedded_schema_is_a_change_or_malformed(schema, raw):
    value = with_schema(
        envelope("c", {"id": 1, "v": raw}), [field("id", "int32"), field("v", schema)]
    )
    judged(streams().raw(dump({"id": 1}), value))


@BOUNDED
@given(st.data())
def test_avro_with_any_bytes_changed_is_a_change_or_malformed(data):
    stream = streams()
    schema = envelope_schema([field("id", "int32"), field("v", "string")])
    whole = bytearray(b"\0\0\0\0\x01" + binary(schema, envelope("c", {"id": 1, "v": "abc"})))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    judged(stream.raw(dump({"id": 1}), bytes(whole[: data.draw(st.integers(1, len(whole)))])))


@BOUNDED
@given(st.text(string.printable, max_size=40))
def test_a_text_equals_itself_and_no_other(text):
    stream = Stream(decoder({"v": {"type": "text"}}))
    one, two, other = (stream.one("c", {"id": 1, "v": v}) for v in (text, text, text + "!"))
    assert one.fingerprint == two.fingerprint != other.fingerprint


@BOUNDED
@given(st.decimals(allow_nan=False, allow_infinity=False, places=None), st.integers(0, 5))
def test_a_number_does_not_depend_on_how_it_is_written(number, zeros):
    made = decoder({"v": {"type": "decimal", "source_encoding": "string"}})
    plain = f"{number:f}"
    padded = plain + ("" if "." in plain else ".") + "0" * zeros + "0"
    one, two, three = (
        Stream(made).one("c", {"id": 1, "v": v}) for v in (plain, padded, str(number))
    )
    assert one.fingerprint == two.fingerprint == three.fingerprint


_MONSTERS = ["1" * 150_000, "1e999999999", "-1e-999999999", "9" * 200_000, "[" * 100_000,
             "P" + "9" * 90_000 + "Y", "+999999999-01-01T00:00:00Z",
             {"scale": 2**31, "value": "AQ=="}, {"scale": -16000, "value": "AQ=="}]  # fmt: skip
_KINDS = ["decimal", "int", "float64", "json", "interval", "timestamptz", "date"]


@pytest.mark.parametrize("raw", _MONSTERS, ids=lambda raw: str(raw)[:12])
@pytest.mark.parametrize("kind", _KINDS)
def test_monstrous_values_take_bounded_time(kind, raw):
    stream = Stream(decoder({"v": {"type": kind}}))
    began = time.process_time()
    judged(stream.send("c", {"id": 1, "v": raw}))
    assert time.process_time() - began < 2
