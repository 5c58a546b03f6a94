"""Conformance cases 13 and 21-48: each type in each form it can take gives one canonical value."""

from decimal import Decimal

import msgspec
import pytest

from figwatch.connectors.debezium.avro import Registered, UnknownSchemaError
from figwatch.validators.change import Change
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import GROUPS, NOTHING
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
    from_json = one(Stream(made, INV), as_json(form, form.raw))
    from_avro = one(Stream(made), data)
    assert from_json.fingerprint == from_avro.fingerprint
    assert (from_json.key, from_json.position, from_json.tx) == (
        from_avro.key, from_avro.position, from_avro.tx,
    )  # fmt: skip
