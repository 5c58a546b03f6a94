"""The quick way and the plain way give the same changes, for every form and for anything else."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from figwatch.connectors.debezium import route
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.shapes import header_value
from figwatch.validators.change import Change, Malformed
from figwatch.validators.mapping import inline as mapping_inline
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.forms import GROUPS, NOTHING
from tests.unit.debezium.support import (
    INV,
    MONO,
    MYSQL,
    Stream,
    config,
    dump,
    envelope,
    field,
)
from tests.unit.debezium.test_cases_values import Shelf, as_json, column
from tests.unit.debezium.test_fuzz import _TRANSFORMS, BOUNDED, HEADERS, JSON

WARM = 3
"""Records before the quick way is taken."""


@pytest.fixture(autouse=True, scope="module")
def path():
    """In place of the folder's fixture: here each test takes both ways."""
    usual, route.IDENTITY_LOOKS = route.IDENTITY_LOOKS, 0
    yield
    route.IDENTITY_LOOKS = usual


def two(columns, topic=MONO, registries=None, **options):
    """A quick stream and a plain one."""
    made = config(columns, **options)
    return [Stream(Decoder(made, registries, quick=quick), topic) for quick in (True, False)]


def both(streams, key, value, headers=()):
    quick, plain = (stream.raw(key, value, headers) for stream in streams)
    assert quick == plain
    return quick


def avro_of(form, raw):
    fields = [field("id", "int32"), field("v", form.schema)]
    schema = envelope_schema(fields)
    shelf = Shelf()
    frame = b"\0" + shelf.put(schema)
    return shelf, frame + binary(schema, envelope("c", {"id": 1, "v": raw}))


_FORMS = [
    pytest.param(group, form, id=f"{group.type} {group.canonical[:20]}: {form.mode}")
    for group in GROUPS
    for form in group.forms
]


@pytest.mark.parametrize(("group", "form"), _FORMS)
def test_every_form_of_every_type_is_the_same_quickly(group, form):
    streams = two(column(group, form, form))
    raws = [form.raw, *group.others, None, form.raw]
    for _ in range(WARM):
        for raw in raws:
            for op in "cur":
                value = as_json(form, raw).replace(b'"op":"c"', b'"op":"%s"' % op.encode())
                both(streams, dump({"id": 1}), value)


@pytest.mark.parametrize(
    ("group", "form"), [p for p in _FORMS if p.values[1].schema and p.values[1].avro is not None]
)
def test_every_form_of_every_type_is_the_same_quickly_in_avro(group, form):
    shelf, value = avro_of(form, form.raw if form.avro is NOTHING else form.avro)
    streams = two(column(group, form, form), registries={"monolith": shelf})
    for _ in range(WARM):
        both(streams, dump({"id": 1}), value)


def test_usual_records_go_the_quick_way(monkeypatch):
    plainly = []
    way = route.Route.plainly
    monkeypatch.setattr(
        route.Route, "plainly", lambda self, *record: plainly.append(1) or way(self, *record)
    )
    for source in ({}, MYSQL):
        stream = two({"v": "v", "w": "w"})[0]
        for n in range(WARM + 10):
            if n == WARM:
                plainly.clear()
            after = {"id": n, "v": [None, "é" * n, n, True, "x"][n % 5], "w": "2024"}
            assert isinstance(stream.one("cur"[n % 3], after, **source), Change)
    assert not plainly


def test_a_case_that_is_wrong_in_the_quick_way_is_noticed(monkeypatch):
    wrong = tuple(bound * 1_000_000 for bound in mapping_inline._SECONDS)
    monkeypatch.setattr(mapping_inline, "_SECONDS", wrong)  # takes the infinities for dates
    streams = two({"v": {"type": "timestamp", "source_encoding": "us"}})
    record = dump({"id": 1}), dump(envelope("c", {"id": 1, "v": 9223372036825200000}))
    with pytest.raises(AssertionError):
        both(streams, *record)


def test_a_column_of_many_texts_and_numbers_in_any_order_is_the_same(monkeypatch):
    monkeypatch.setattr(mapping_inline, "KNOWN_MAX", 4)
    streams = two({"v": "v", "w": {"type": "decimal(2)", "source_encoding": "string"}})
    for n in range(60):
        after = {"id": n, "v": f"text {n}" if n % 7 else n, "w": f"{n}.50" if n % 5 else None}
        both(streams, dump({"id": n}), dump(envelope("c", after)))
    assert streams[0].decoder._routes[MONO]._quick._many


def test_texts_of_many_bytes_but_few_letters_are_equal_on_both_sides():
    text = "Привет, мир и лад"  # more than 30 bytes, fewer than 28 letters
    made = config({"v": {"type": "text", "source_path": "a"}})
    source = Stream(Decoder(made), MONO).one("c", {"id": 1, "v": {"a": text}})
    target = Stream(Decoder(made), INV).one("c", {"id": 1, "v": text})
    assert source.fingerprint == target.fingerprint
    assert source.carried == target.carried


def test_a_change_of_agreement_in_mid_stream_reaches_the_quick_way():
    schemas = [{"type": "int64", "name": f"io.debezium.time.{name}Timestamp"}
               for name in ("Micro", "")]  # fmt: skip
    mode, form = GROUPS[0].forms[0].mode, type(GROUPS[0].forms[0])
    streams = two(None)
    micro, milli = (
        as_json(form(mode, None, schema), raw)
        for schema, raw in zip(schemas, (1_700_000_000_123_456, 1_700_000_000_123), strict=True)
    )
    first = [both(streams, dump({"id": 1}), micro)[0].fingerprint for _ in range(WARM)]
    both(streams, dump({"id": 1}), milli)
    after = [both(streams, dump({"id": 1}), value)[0].fingerprint for value in (micro, milli)]
    assert first[0] != after[0] == after[1]


@BOUNDED
@example([("x", None, None, [("__op", b"t")])], None, {}, {})
@given(st.lists(st.tuples(st.sampled_from("cudrtx"), JSON, JSON, HEADERS), max_size=6),
       st.sampled_from([None, {"v": "v", "a": "a"}, *({"v": t} for t in _TRANSFORMS)]),
       st.sampled_from([{}, MYSQL, {"txId": None}, {"snapshot": "last"}, {"ts_us": 1.5}]),
       st.sampled_from([{}, {"source_filter": {"v": [1]}}]))  # fmt: skip
def test_any_records_are_the_same_quickly(records, columns, source, pair):
    streams = two(columns, pair=pair)
    for op, raw, other, headers in (*(("c", 1, 1, ()),) * WARM, *records):
        after = {"id": other if raw == other else 1, "v": raw, "a": other}
        value = json.dumps(envelope(op, after, source=source)).encode()
        found = both(streams, dump({"id": 1}), value, headers)
        told = [header_value(data) for name, data in headers if name == "__op"]
        # no envelope, so that a flattened row's header says what happened
        truncates = op == "t" or (op == "x" and told[-1:] == ["t"])
        assert all(isinstance(record, Change | Malformed) for record in found) or truncates
        both(streams, json.dumps(raw).encode(), json.dumps(other).encode(), headers)
        both(streams, None if raw is None else dump({"id": 1}), None, headers)
