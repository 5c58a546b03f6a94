"""Conformance cases 28, 34, 35, 36, 41, 43, 45: what is lost, unknown, or framed otherwise."""

import base64

import pytest

from figwatch.connectors.registry import RegistryUnavailable
from figwatch.validators.change import Malformed, Op
from figwatch.validators.columns import Equal, compare, complete, differing_columns
from figwatch.validators.mapping.agreement import NoticeCode
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import CONNECT, DEBEZIUM, TEXT, connect
from tests.unit.debezium.support import (
    INV,
    MONO,
    Stream,
    decoder,
    dump,
    envelope,
    field,
    with_schema,
)
from tests.unit.debezium.test_cases_values import Shelf

PH = "__debezium_unavailable_value"
JSON = connect("string", "io.debezium.data.Json")


def schemaful(schema, raw, op="u", **more):
    fields = [field("id", "int32", optional=False), field("v", schema, **more)]
    return with_schema(envelope(op, {"id": 1, "v": raw}), fields)


# -- 28


@pytest.mark.parametrize("first", [MONO, INV])
def test_case_28_a_truncated_time_is_compared_at_the_coarser_precision_and_said(first):
    made = decoder()
    values = {
        MONO: schemaful(connect("int64", DEBEZIUM + "MicroTimestamp"), 1_709_208_000_123_456),
        INV: schemaful(connect("int64", CONNECT + "Timestamp"), 1_709_208_000_123),
    }
    for topic in sorted(values, key=lambda topic: topic != first):
        made.learn(topic, (), None, values[topic])
    one, other = (Stream(made, t).raw(dump({"id": 1}), v)[0] for t, v in values.items())
    assert one.fingerprint == other.fingerprint
    assert [NoticeCode.LOSSY_TIME] == [notice.code for notice in made.notices()]


def test_case_28_equal_precisions_lose_nothing():
    made = decoder()
    schema = connect("int64", DEBEZIUM + "MicroTimestamp")
    values = [1_709_208_000_123_456, 1_709_208_000_123_000]
    one, other = (
        Stream(made, topic).raw(dump({"id": 1}), schemaful(schema, value))[0]
        for topic, value in zip((MONO, INV), values, strict=True)
    )
    assert one.fingerprint != other.fingerprint
    assert () == made.notices()


def test_case_32_an_interval_as_a_length_is_said_to_be_lossy():
    made = decoder({"v": {"type": "interval"}})
    made.learn(MONO, (), None, schemaful(connect("int64", DEBEZIUM + "MicroDuration"), 1))
    assert [NoticeCode.LOSSY_INTERVAL] == [notice.code for notice in made.notices()]


# -- 34, 35

_TOAST = {
    "text": (TEXT, PH), "json": (JSON, PH), "bytea": (connect("bytes"),
                                                       base64.b64encode(PH.encode()).decode()),
    "bytea in hex": (TEXT, PH), "text[]": ({"type": "array", "items": TEXT}, [PH]),
    "bytea[]": ({"type": "array", "items": connect("bytes")},
                [base64.b64encode(PH.encode()).decode()]),
    "int[]": ({"type": "array", "items": connect("int32")}, list(PH.encode())),
    "date[]": ({"type": "array", "items": connect("int32", DEBEZIUM + "Date")},
               list(PH.encode())),
    "uuid[]": ({"type": "array", "items": connect("string", "io.debezium.data.Uuid")},
               ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]),
    "hstore": ({"type": "map", "keys": TEXT, "values": TEXT}, {PH: PH}),
}  # fmt: skip


@pytest.mark.parametrize("with_schemas", [True, False])
@pytest.mark.parametrize("form", _TOAST)
def test_case_34_an_unchanged_value_is_unknown_in_every_form(form, with_schemas):
    schema, raw = _TOAST[form]
    value = schemaful(schema, raw) if with_schemas else dump(envelope("u", {"id": 1, "v": raw}))
    (found,) = Stream(decoder()).raw(dump({"id": 1}), value)
    assert ((0,), (), b"\0\0") == (found.unknown, found.carried, found.sketch)


def test_case_34_an_unknown_long_value_completes_to_the_whole_rows_fingerprint():
    made = decoder({"v": "v", "w": "w"})
    long = "x" * 100
    whole = Stream(made).one("c", {"id": 1, "v": long, "w": 1})
    part = Stream(made).one("u", {"id": 1, "v": PH, "w": 1})
    ((index, digest),) = whole.carried
    total = int.from_bytes(part.fingerprint, "big") + int.from_bytes(digest, "big")
    assert (0,) == part.unknown == (index,)
    assert whole.fingerprint == (total % (1 << 128)).to_bytes(16, "big")
    other = Stream(made).one("u", {"id": 1, "v": PH, "w": 2})
    assert part.fingerprint != other.fingerprint


_SILENT = {
    "numeric": connect("struct", "io.debezium.data.VariableScaleDecimal"),
    "timestamptz[]": {"type": "array", "items": connect("string", DEBEZIUM + "ZonedTimestamp")},
    "numeric[]": {"type": "array", "items": connect("bytes", CONNECT + "Decimal", scale=2)},
    "float8[]": {"type": "array", "items": connect("double")},
    "boolean[]": {"type": "array", "items": connect("boolean")},
    "varbit": connect("bytes", "io.debezium.data.Bits", length=2_147_483_647),
}


@pytest.mark.parametrize("form", _SILENT)
def test_case_35_a_silent_null_is_unknown_on_an_update_and_null_on_an_insert(form):
    stream = Stream(decoder())
    (update,) = stream.raw(dump({"id": 1}), schemaful(_SILENT[form], None, "u"))
    (insert,) = stream.raw(dump({"id": 1}), schemaful(_SILENT[form], None, "c"))
    moved = [("__debezium.oldkey", b'{"id":3}')]
    (move,) = stream.raw(dump({"id": 1}), schemaful(_SILENT[form], None, "c"), moved)
    assert ((0,), (), (0,)) == (update.unknown, insert.unknown, move.unknown)


@pytest.mark.parametrize(
    ("column", "unknown"),
    [
        ({"type": "decimal", "source_encoding": "number"}, (0,)),
        ({"type": "bytes", "source_encoding": "base64"}, (0,)),
        ({"type": "bytes", "source_encoding": "hex"}, ()),
        ({"type": "array<float64>"}, (0,)),
        ({"type": "decimal(2)"}, ()),
        ({"type": "int"}, ()),
        ("v", ()),
    ],
)
def test_case_35_without_a_schema_the_configured_type_says_which_nulls_are_silent(column, unknown):
    stream = Stream(decoder({"v": column}))
    assert unknown == stream.one("u", {"id": 1, "v": None}).unknown


# -- 36, 41


def row36(made, raw, topic=MONO, **source):
    """A row of an int column with DEFAULT 5, in a record with schema."""
    fields = [field("id", "int32", optional=False), field("v", "int32", default=5)]
    op = "r" if source.get("snapshot") == "true" else "c"
    value = with_schema(envelope(op, {"id": 1, "v": raw}, source=source), fields)
    (found,) = Stream(made, topic).raw(dump({"id": 1}), value)
    return found


def against(one, other):
    return compare(
        one.fingerprint, one.sketch, one.unknown, other.fingerprint, other.sketch, other.unknown
    )


def test_case_36_a_default_in_place_of_null_is_unknown_against_either_and_differs_from_others():
    made = decoder()
    default, null, five, six = (
        row36(made, 5),
        *(Stream(made, INV).one("c", {"id": 1, "v": raw}) for raw in (None, 5, 6)),
    )
    expected = [Equal.MAYBE, Equal.MAYBE, Equal.NO, Equal.MAYBE]
    assert expected == [against(default, other) for other in (null, five, six, default)]
    assert expected[:3] == [against(other, default) for other in (null, five, six)]
    assert (0,) == differing_columns(default.sketch, six.sketch, default.unknown)
    assert [NoticeCode.NULL_OR_DEFAULT] == [notice.code for notice in made.notices()]
    assert Equal.YES is against(row36(made, 7), Stream(made, INV).one("c", {"id": 1, "v": 7}))


def test_case_36_a_null_that_was_written_as_null_is_known():
    made = decoder()
    assert () == row36(made, None).unknown
    assert Equal.NO is against(row36(made, None), Stream(made, INV).one("c", {"id": 1, "v": 5}))


def test_case_36_records_of_a_converter_that_keeps_nulls_are_trusted():
    made = decoder()
    five = Stream(made, INV).one("c", {"id": 1, "v": 5})
    assert (0,) == row36(made, 5, snapshot="true").unknown
    assert Equal.YES is against(row36(made, 5, snapshot=None), five)
    assert Equal.YES is against(row36(made, 5, snapshot="true"), five)
    assert (0,) == row36(made, 5).unknown  # its setting was changed: a snapshot tells no more
    assert (0,) == row36(made, 5, snapshot="true").unknown


def test_case_36_what_one_topic_shows_of_the_converter_holds_for_the_side():
    made = decoder()
    fields = [field("id", "int32", optional=False), field("v", "int32", default=5)]
    streamed = with_schema(envelope("u", {"id": 1, "v": 1}, source={"snapshot": None}), fields)
    for _ in range(2):  # known by its schema's bytes the second time
        made.learn(INV, (), dump({"id": 1}), streamed)
    assert (0,) == row36(made, 5, snapshot="true").unknown
    made.learn(MONO, (), dump({"id": 1}), streamed)
    assert () == row36(made, 5, snapshot="true").unknown


_DEFAULTS = {
    "text": (TEXT, "unset", "set"),
    "long text": (TEXT, "d" * 50, "e" * 50),
    "decimal": (connect("bytes", CONNECT + "Decimal", scale=2), "AJY=", "AJc="),
    "timestamp": (connect("int64", DEBEZIUM + "MicroTimestamp"), 1_709_208_000_123_456, 0),
    "boolean": ("boolean", True, False),
    "zero": ("int32", 0, 1),
}


@pytest.mark.parametrize("kind", _DEFAULTS)
def test_case_36_holds_for_defaults_of_every_kind(kind):
    schema, default, other = _DEFAULTS[kind]
    made = decoder({"v": "v", "w": "w"})

    def row(topic, raw, **more):
        fields = [field("id", "int32"), field("v", schema, **more), field("w", "int32")]
        value = with_schema(envelope("c", {"id": 1, "v": raw, "w": 1}), fields)
        return Stream(made, topic).raw(dump({"id": 1}), value)[0]

    doubtful, plain = row(MONO, default, default=default), row(INV, default)
    assert ((0,), ()) == (doubtful.unknown, plain.unknown)
    assert Equal.MAYBE is against(doubtful, plain) is against(doubtful, row(INV, None))
    assert Equal.NO is against(doubtful, row(INV, other))


def test_case_36_an_earlier_long_value_is_not_carried_into_the_doubt():
    made = decoder()
    fields = [field("id", "int32", optional=False), field("v", "string", default="unset")]
    before, after = (
        Stream(made).raw(dump({"id": 1}), with_schema(envelope("u", {"id": 1, "v": v}), fields))[0]
        for v in ("x" * 100, "unset")
    )
    assert ((0,), ()) == complete(
        after.fingerprint, after.sketch, after.unknown, before.carried, before.sketch
    )[2:]


def test_case_36_null_as_another_value_leaves_nothing_to_refute():
    made = decoder({"v": {"type": "int", "null_as": 0}})
    default = row36(made, 5)
    others = [Stream(made, INV).one("c", {"id": 1, "v": raw}) for raw in (0, 5, 6)]
    assert {Equal.MAYBE} == {against(default, other) for other in others}


def test_case_36_same_compares_null_and_default_as_equal_and_says_so():
    made = decoder({"v": {"null_default": "same"}})
    value = schemaful("int32", 5, "c", default=5)
    made.learn(MONO, (), None, value)
    (one,) = Stream(made).raw(dump({"id": 1}), value)
    other = Stream(made, INV).one("c", {"id": 1, "v": None})
    differing = Stream(made, INV).one("c", {"id": 1, "v": 6})
    assert one.fingerprint == other.fingerprint != differing.fingerprint
    assert [NoticeCode.NULL_DEFAULT] == [notice.code for notice in made.notices()]


def test_case_36_a_column_of_trusted_nulls_keeps_them_apart():
    made = decoder({"v": {"null_default": "distinct"}})
    (one,) = Stream(made).raw(dump({"id": 1}), schemaful("int32", 5, "c", default=5))
    assert one.fingerprint != Stream(made, INV).one("c", {"id": 1, "v": None}).fingerprint
    assert () == made.notices()


def test_case_41_a_zero_date_is_null_or_the_epoch_as_configured():
    made = decoder({"v": {"type": "date", "null_as": "1970-01-01"}})
    epoch = Stream(made).one("c", {"id": 1, "v": 0})
    assert epoch.fingerprint == Stream(made, INV).one("c", {"id": 1, "v": None}).fingerprint
    zero = Stream(made, INV).one("c", {"id": 1, "v": "0000-00-00"})
    assert epoch.fingerprint == zero.fingerprint


def test_dates_before_the_calendars_change_are_unknown_in_a_snapshot_only():
    stream = Stream(decoder({"v": {"type": "date"}}))
    assert (0,) == stream.one("r", {"id": 1, "v": -200_000}, snapshot="true").unknown
    assert () == stream.one("u", {"id": 1, "v": -200_000}).unknown
    assert () == stream.one("r", {"id": 1, "v": 0}, snapshot="true").unknown


# -- 43


def avro_stream(**options):
    shelf = Shelf()
    schema = envelope_schema([field("id", "int32"), field("v", "int32")])
    shelf.put(schema)
    made = decoder(registries={"monolith": shelf, "service": shelf}, **options)
    return Stream(made), binary(schema, envelope("c", {"id": 1, "v": 5}))


GUID = bytes(15) + b"\x01"


class ByGuid(Shelf):
    def schema(self, ref):
        assert ref.kind in {"guid", "id", "content_id", "global_id"}
        return super().schema(type(ref)(ref.kind, "1"))


@pytest.mark.parametrize(
    ("framing", "headers"),
    [
        (b"\0" + (1).to_bytes(4, "big"), ()),
        (b"\0" + (1).to_bytes(8, "big"), ()),
        (b"", [("__value_schema_id", b"\x01" + GUID)]),
        (b"", [("apicurio.value.globalId", (1).to_bytes(8, "big"))]),
        (b"", [("apicurio.value.contentId", (1).to_bytes(8, "big")),
               ("apicurio.value.encoding", b"BINARY")]),
    ],
)  # fmt: skip
def test_case_43_every_framing_gives_the_row(framing, headers):
    stream, payload = avro_stream()
    stream.decoder._avro["monolith"]._source.__class__ = ByGuid
    (found,) = stream.raw(dump({"id": 1}), framing + payload, headers)
    plain = Stream(decoder()).one("c", {"id": 1, "v": 5})
    assert (plain.key, plain.fingerprint) == (found.key, found.fingerprint)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x01\0\0\0\x01", "bad_json"),
        (b"\0\0\0", "unknown_framing"),
        (b"\0\0\0\0\x01\x02", "bad_avro"),
    ],
)
def test_case_43_bad_bytes_are_malformed(value, reason):
    stream, _ = avro_stream()
    (found,) = stream.raw(dump({"id": 1}), value)
    assert (Malformed, reason) == (type(found), found.reason)


def test_case_43_trailing_bytes_are_malformed():
    stream, payload = avro_stream()
    (found,) = stream.raw(dump({"id": 1}), b"\0\0\0\0\x01" + payload + b"x")
    assert "bad_avro" == found.reason


def test_a_side_of_format_json_takes_no_avro_and_one_of_format_avro_no_json():
    stream, payload = avro_stream(sides={"monolith": {"format": "json"}})
    (found,) = stream.raw(dump({"id": 1}), b"\0\0\0\0\x01" + payload)
    assert isinstance(found, Malformed)
    stream, _ = avro_stream(sides={"monolith": {"format": "avro"}})
    (found,) = stream.raw(b"\0\0\0\0\x01", dump(envelope("c", {"id": 1, "v": 5})))
    assert "unknown_framing" == found.reason


class Away:
    def schema(self, _ref):
        raise RegistryUnavailable("http://x", "does not answer", "start it")


def test_a_registry_that_is_away_makes_the_caller_wait_and_nothing_malformed():
    stream = Stream(decoder(registries={"monolith": Away()}))
    with pytest.raises(RegistryUnavailable):
        stream.raw(dump({"id": 1}), b"\0\0\0\0\x01\x02")
    with pytest.raises(RegistryUnavailable):
        stream.raw(b"\0\0\0\0\x01\x02", None)


def test_avro_updates_deletes_and_keys_are_read_like_json():
    shelf = Shelf()
    key_schema = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "int"}]}
    number = shelf.put(key_schema)
    schema = envelope_schema([field("id", "int32"), field("v", "int32")])
    second = shelf.put(schema)
    stream = Stream(decoder(registries={"monolith": shelf}))
    key = b"\0" + number + binary(key_schema, {"id": 1})
    gone = envelope("d", None, {"id": 1, "v": 0})
    (found,) = stream.raw(key, b"\0" + second + binary(schema, gone))
    (stone,) = stream.raw(key, None)
    plain = Stream(decoder()).one("c", {"id": 1, "v": 5})
    assert (Op.DELETE, plain.key) == (found.op, found.key)
    assert (Op.TOMBSTONE, plain.key) == (stone.op, stone.key)


def test_an_avro_schema_is_learned_ahead_of_decoding():
    shelf = Shelf()
    stamp = connect("int64", DEBEZIUM + "Timestamp")
    schema = envelope_schema([field("id", "int32"), field("v", stamp)])
    number = shelf.put(schema)
    made = decoder(registries={"monolith": shelf})
    value = b"\0" + number + binary(schema, envelope("c", {"id": 1, "v": 5}))
    made.learn(MONO, (), dump({"id": 1}), value)
    made.learn(INV, (), None, schemaful(connect("int64", DEBEZIUM + "MicroTimestamp"), 5))
    assert [NoticeCode.LOSSY_TIME] == [notice.code for notice in made.notices()]


# -- 45


def test_case_45_a_column_that_comes_and_goes_changes_nothing_else():
    stream = Stream(decoder())
    fields = [field("id", "int32", optional=False), field("v", "int32")]
    more = [*fields, field("w", "string")]
    row = {"id": 1, "v": 5}
    found = [
        stream.raw(dump({"id": 1}), with_schema(envelope("u", given), schema))[0]
        for given, schema in ((row, fields), (row | {"w": "x"}, more), (row, fields))
    ]
    assert 1 == len({change.fingerprint for change in found})


def test_case_45_a_changed_type_is_read_by_the_new_schema():
    stream = Stream(decoder({"v": {"type": "decimal"}}))
    as_int = stream.raw(dump({"id": 1}), schemaful("int32", 5))[0]
    decimal = connect("bytes", CONNECT + "Decimal", scale=2)
    as_decimal = stream.raw(dump({"id": 1}), schemaful(decimal, "AfQ="))[0]
    assert as_int.fingerprint == as_decimal.fingerprint


def test_case_45_a_dropped_mapped_column_is_missing_not_a_crash():
    fields = [field("id", "int32", optional=False)]
    value = with_schema(envelope("u", {"id": 1}), fields)
    (found,) = Stream(decoder()).raw(dump({"id": 1}), value)
    assert "missing_column" == found.reason
