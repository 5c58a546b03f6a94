"""Conformance cases 13 and 21-48: each type in each form it can take gives one canonical value."""

import base64
from decimal import Decimal

import msgspec
import pytest

from figwatch.connectors.debezium.avro import Registered, UnknownSchemaError
from figwatch.validators.change import Change
from figwatch.validators.columns import Equal, compare
from figwatch.validators.mapping.agreement import NoticeCode
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import GROUPS, NOTHING, connect, decimal
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

NUMBERS = msgspec.json.Encoder(decimal_format="number").encode


class Shelf:
    """Schemas by id."""

    def __init__(self, schemas=()):
        self.schemas = list(schemas)

    def put(self, schema):
        self.schemas.append(msgspec.json.encode(schema).decode())
        return (len(self.schemas)).to_bytes(4, "big")

    def schema(self, ref):
        if not (ref.value.isdigit() and 1 <= int(ref.value) <= len(self.schemas)):
            raise UnknownSchemaError("no such schema")
        return Registered(self.schemas[int(ref.value) - 1])


def as_json(form, raw):
    after = {"id": 1, "v": raw}
    value = envelope("c", after)
    if form.schema is None:
        return NUMBERS(value)
    fields = [field("id", "int32", optional=False), field("v", form.schema)]
    schemaful = with_schema(0, fields)
    payload = NUMBERS(value)
    return schemaful.replace(b'"payload":0}', b'"payload":' + payload + b"}")


def column(group, source, target):
    made = {"type": group.type}
    if source.encoding:
        made["source_encoding"] = source.encoding
    if target.encoding:
        made["target_encoding"] = target.encoding
    return {"v": made}


def one(stream, value):
    (found,) = stream.raw(dump({"id": 1}), value)
    assert isinstance(found, Change), found
    return found


_PAIRS = [
    pytest.param(group, first, second, id=f"case {group.cases}: {group.canonical[:30]}: "
                 f"{first.mode} = {second.mode}")
    for group in GROUPS
    for first, second in zip(group.forms, (*group.forms[1:], group.forms[0]), strict=True)
]  # fmt: skip


@pytest.mark.parametrize(("group", "source", "target"), _PAIRS)
def test_forms_of_one_value_are_equal(group, source, target):
    made = decoder(column(group, source, target))
    values = {MONO: as_json(source, source.raw), INV: as_json(target, target.raw)}
    for topic, value in values.items():
        made.learn(topic, (), dump({"id": 1}), value)
    one_side, other = (one(Stream(made, topic), value) for topic, value in values.items())
    assert (one_side.fingerprint, one_side.sketch) == (other.fingerprint, other.sketch)
    assert one_side.unknown == ()


@pytest.mark.parametrize(
    ("group", "other"),
    [pytest.param(g, o, id=f"case {g.cases}: {g.canonical[:30]} is not {str(o)[:30]}")
     for g in GROUPS for o in g.others],
)  # fmt: skip
def test_other_values_are_different(group, other):
    form = group.forms[0]
    made = decoder(column(group, form, form))
    first = one(Stream(made), as_json(form, form.raw))
    second = one(Stream(made, INV), as_json(form, other))
    assert first.fingerprint != second.fingerprint
    assert first.sketch != second.sketch


@pytest.mark.parametrize(
    ("group", "form"),
    [pytest.param(g, f, id=f"case 13, {g.cases}: {g.canonical[:30]}: {f.mode}")
     for g in GROUPS for f in g.forms if f.schema is not None and f.avro is not None],
)  # fmt: skip
def test_case_13_avro_equals_json(group, form):
    shelf = Shelf()
    registered = envelope_schema([field("id", "int32"), field("v", form.schema)])
    number = shelf.put(registered)
    raw = form.raw if form.avro is NOTHING else form.avro
    value = envelope("c", {"id": 1, "v": float(raw) if isinstance(raw, Decimal) else raw})
    data = b"\0" + number + binary(registered, value)
    made = decoder(column(group, form, form), registries={"monolith": shelf, "service": shelf})
    for topic, value in ((INV, as_json(form, form.raw)), (MONO, data)):
        made.learn(topic, (), dump({"id": 1}), value)
    from_json = one(Stream(made, INV), as_json(form, form.raw))
    from_avro = one(Stream(made), data)
    assert from_json.fingerprint == from_avro.fingerprint
    assert (from_json.key, from_json.position, from_json.tx) == (
        from_avro.key, from_avro.position, from_avro.tx,
    )  # fmt: skip


def pair_of(column, source, target):
    made = decoder({"v": column})
    for topic, value in ((MONO, source), (INV, target)):
        made.learn(topic, (), dump({"id": 1}), value)
    first, second = one(Stream(made), source), one(Stream(made, INV), target)
    equal = compare(
        first.fingerprint, first.sketch, first.unknown,
        second.fingerprint, second.sketch, second.unknown,
    )  # fmt: skip
    return equal, [notice.code for notice in made.notices()]


def plain(raw):
    return NUMBERS(envelope("c", {"id": 1, "v": raw}))


def schemaful(schema, raw):
    fields = [field("id", "int32", optional=False), field("v", schema)]
    return with_schema(envelope("c", {"id": 1, "v": raw}), fields)


VARIABLE = connect("struct", "io.debezium.data.VariableScaleDecimal") | {"fields": []}
FREE = {"type": "decimal"}


@pytest.mark.parametrize(
    ("column", "source", "target", "expected"),
    [
        (FREE, schemaful(VARIABLE, None), schemaful(connect("string"), "NAN"), Equal.MAYBE),
        (FREE, schemaful(decimal(2), None), schemaful(connect("double"), "NaN"), Equal.MAYBE),
        (FREE, schemaful(VARIABLE, {"scale": 0, "value": "AQ=="}),
         schemaful(connect("string"), "NAN"), Equal.NO),
        (FREE, schemaful(connect("string"), None), schemaful(connect("string"), "NAN"), Equal.NO),
        (FREE, schemaful(connect("string"), "NaN"), schemaful(connect("double"), "NaN"), Equal.YES),
        (FREE, schemaful(VARIABLE, None), schemaful(VARIABLE, None), Equal.YES),
        (FREE, plain(None), plain("NaN"), Equal.MAYBE),
        (FREE | {"source_encoding": "string", "target_encoding": "string"}, plain(None),
         plain("NaN"), Equal.NO),
    ],
)  # fmt: skip
def test_case_24_nan_is_unknown_only_against_a_null_that_may_be_one(
    column, source, target, expected
):
    equal, notices = pair_of(column, source, target)
    assert expected is equal
    seen = expected is Equal.MAYBE or "AQ==" in source.decode()
    assert seen == (NoticeCode.NAN_OR_NULL in notices)


NANO = connect("int64", "io.debezium.time.NanoTimestamp")
MICRO = connect("int64", "io.debezium.time.MicroTimestamp")


@pytest.mark.parametrize(
    ("micros", "nanos", "expected"),
    [
        (-14_826_672_000_000_000, None, Equal.MAYBE),  # 1500-03-01
        (-14_826_672_000_000_000, 0, Equal.NO),
        (1_709_208_000_123_456, None, Equal.NO),
        (1_709_208_000_123_456, 1_709_208_000_123_456_000, Equal.YES),
        (None, None, Equal.YES),
    ],
)
def test_case_30_a_year_that_nanoseconds_cannot_hold_is_unknown_against_null(
    micros, nanos, expected
):
    equal, notices = pair_of(
        {"type": "timestamp"}, schemaful(MICRO, micros), schemaful(NANO, nanos)
    )
    assert expected is equal
    assert (micros is not None and micros < 0) == (NoticeCode.FAR_OR_NULL in notices)


@pytest.mark.parametrize("with_schema", [True, False])
@pytest.mark.parametrize(
    ("text", "hexadecimal"),
    [("00ff10", True), ("00FF10==", False), ("AP8Q", False), ("ab", True), ("", True)],
)
def test_text_of_bytes_is_hex_or_base64_where_it_can_only_be_one(text, hexadecimal, with_schema):
    data = bytes.fromhex(text) if hexadecimal else base64.b64decode(text)
    value = schemaful(connect("string"), text) if with_schema else plain(text)
    same = schemaful(connect("bytes"), base64.b64encode(data).decode())
    assert Equal.YES is pair_of({"type": "bytes"}, value, same)[0]


def test_text_of_bytes_that_may_be_hex_or_base64_is_malformed_and_names_the_setting():
    (found,) = Stream(decoder({"v": {"type": "bytes"}})).raw(dump({"id": 1}), plain("00ff10ab"))
    assert "bad_value" == found.reason
    assert "set source_encoding" in found.detail


@pytest.mark.parametrize(
    ("wrapped", "other", "expected"),
    [(-1, "AP//////////", Equal.YES), (-1, "/w==", Equal.NO), (7, "Bw==", Equal.YES)],
)
def test_case_39_a_wrapped_unsigned_bigint_equals_a_numeric(wrapped, other, expected):
    column = {"source_type": "uint64", "target_type": "numeric(20,0)", "target_encoding": "base64"}
    assert expected is pair_of(column, plain(wrapped), plain(other))[0]
    assert expected is pair_of(column, schemaful(connect("int64"), wrapped),
                               schemaful(decimal(0), other))[0]  # fmt: skip


INTS = {"type": "array", "items": connect("int32")}


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ([None, None], [None, None], Equal.MAYBE),
        ([None, None], [1, 2], Equal.MAYBE),
        ([None], None, Equal.MAYBE),
        ([None, 1], [None, 1], Equal.YES),
        ([None, 1], [None, 2], Equal.NO),
        ([], [], Equal.YES),
    ],
)
@pytest.mark.parametrize("form", ["schema", "plain", "untyped"])
def test_an_array_of_several_dimensions_which_comes_as_nulls_is_unknown(
    source, target, expected, form
):
    column = {} if form == "untyped" else {"type": "array<int>"}
    rows = [schemaful(INTS, raw) if form == "schema" else plain(raw) for raw in (source, target)]
    equal, notices = pair_of(column, *rows)
    assert expected is equal
    assert (expected is Equal.MAYBE) == (NoticeCode.NESTED_ARRAY in notices)
