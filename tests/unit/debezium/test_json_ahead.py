"""JSON read many records at once gives what it gives one by one, whatever its bytes are."""

import functools
import json
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from figwatch.connectors.debezium import json_ahead, route
from figwatch.connectors.debezium.ahead import BATCH_MIN, MISSES_MAX
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.machine.json import (
    NAMES_BYTES_MAX,
    Shape,
    Wanted,
    module,
    raw_value,
)
from figwatch.connectors.debezium.machine.runtime import UnsupportedError
from figwatch.connectors.debezium.machine.transcoder import Transcoder
from figwatch.validators.change import Change, Malformed
from tests.unit.debezium.support import MONO, TS, config, envelope, field, together
from tests.unit.debezium.test_avro_canonical import LONGS, SECONDS, TEXTS
from tests.unit.debezium.test_fuzz import BOUNDED, JSON


@pytest.fixture(autouse=True, scope="module")
def path():
    """In place of the folder's fixture: the records before the quick way are not of interest."""
    usual, route.IDENTITY_LOOKS = route.IDENTITY_LOOKS, 0
    yield
    route.IDENTITY_LOOKS = usual


def written(value):
    """As Jackson writes it: compact, letters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


# -- the machine alone

SOURCE = ("snapshot", "ts_us", "txId", "lsn")
LETTERS = b'{}[]",:\\ 0123456789.-+eEtfn\0\x1f\x80\xff'
SHAPE = Shape(("before", "after", "source", "op"), ("id", "v", "w"), SOURCE)


@functools.cache
def machine():
    return Transcoder(*module(SHAPE, Wanted({"id": "f0", "v": "f1"}, ())), raw_value)


def event(before=None, v=None, w=None, **source):
    numbers = {"snapshot": "false", "ts_us": TS, "txId": 7, "lsn": 9} | source
    return {"before": before, "after": {"id": 1, "v": v, "w": w}, "source": numbers, "op": "u"}


class Row(msgspec.Struct):
    id: Any
    v: Any


class Source(msgspec.Struct):
    snapshot: Any
    ts_us: Any
    txId: Any  # noqa: N815  # Debezium's name
    lsn: Any


class Envelope(msgspec.Struct):
    after: Row
    source: Source
    op: str


def read_plainly(data):
    """What msgspec makes of an envelope of this shape; None where it is something else."""
    try:
        found = msgspec.json.Decoder(Envelope, float_hook=Decimal).decode(data)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return found.after.id, found.after.v, [getattr(found.source, n) for n in SOURCE], found.op


def shown(made):
    return (made.after.f0, made.after.f1, [getattr(made.source, name) for name in SOURCE], made.op)


def same(value, data):
    """Whether the machine read what msgspec reads: 1 and True and 1.0 are not the same."""
    return repr(shown(value)) == repr(read_plainly(data))


@BOUNDED
@given(before=JSON, v=JSON, w=JSON)
def test_any_json_in_any_place_is_read_or_stepped_over(before, v, w):
    data = written(event(before, v, w))
    (found,) = machine().read([data])
    assert (read_plainly(data) is None) == (found is None) or b"\\u" in data
    assert found is None or same(found, data)


@BOUNDED
@given(before=JSON, v=JSON | LONGS | TEXTS, w=JSON, data=st.data())
def test_changed_bytes_are_read_alike_or_do_not_fit(before, v, w, data):
    changed = bytearray(written(event(before, v, w)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(st.sampled_from(LETTERS))
        changed[place : place + data.draw(st.integers(0, 1))] = bytes([new])
    whole = written(event(w=5))
    for batch in ([whole, bytes(changed), whole], [bytes(changed[: len(changed) // 2]), whole]):
        found = machine().read(batch)
        assert len(batch) == len(found)
        assert all(one is None or same(one, of) for one, of in zip(found, batch, strict=True))


NUMBERS = ["0", "-0", "00", "01", "-", "1.", ".5", "1.5", "-1.50", "1e5", "1E+5", "1e", "1e-",
           "1.e5", "--1", "+1", "1" * 15, "1" * 16, "1" * 17, "9" * 18, "9" * 19, "-" + "9" * 18,
           "9" * 40, "-9223372036854775808", "1" * 16 + ".5", "1_0", "0x1", "1 ", " 1"]  # fmt: skip
TEXTS_OF_JSON = [r'"\n"', r'"\""', r'"\\"', r'"\/"', r'"\b\f\r\t"', r'"\a"', r'"\x41"', r'"\u0041"',
                 r'"\ud83d\ude00"', r'"\ud800"', '"\x1f"', '"\x7f"', '"é"', '"', '"\\"', '"a"b"',
                 f'"{"x" * 40}"', f'"{"x" * 15}\\n{"y" * 15}"', f'"{"é" * 20}"']  # fmt: skip
OTHERS = ["null", "true", "false", "nul", "nulL", "True", "fals", "falsE", "{}", "[]", "[1,]",
          "[,1]", "{,}", '{"a"}', '{"a":}', '{"a":1,}', "{1:2}", '{"a":1]', "[1}", "[[]",
          '{"a":{"b":[1]}}', "[" * 30 + "]" * 30, "[" * 60 + "]" * 60, "", "1,2",
          "undefined", "NaN"]  # fmt: skip
STRICTER = {"-0", r'"\u0041"', r'"\ud83d\ude00"', "1 ", " 1", "[" * 60 + "]" * 60}
"""What msgspec reads and the machine leaves to it."""


@pytest.mark.parametrize("place", ["before", "v", "w"])
@pytest.mark.parametrize("text", [*NUMBERS, *TEXTS_OF_JSON, *OTHERS])
def test_a_value_is_json_to_the_machine_where_it_is_to_msgspec(place, text):
    data = written(event(**{place: "<here>"})).replace(b'"<here>"', text.encode())
    (found,) = machine().read([data])
    if found is not None:
        assert same(found, data)
    elif text not in STRICTER:
        assert read_plainly(data) is None
    if text == "-0" and place != "v":
        assert found is not None  # only stepped over


@pytest.mark.parametrize(
    "source", [{"lsn": None}, {"lsn": -1}, {"ts_us": 0}, {"txId": 1.5}, {"txId": 10**18}]
)
def test_a_source_without_the_numbers_of_a_log_does_not_fit(source):
    whole = written(event())
    found = machine().read([whole, written(event(**source)), whole])
    assert [False, True, False] == [one is None for one in found]


def test_names_of_any_letters_are_compared_and_too_many_are_refused():
    names = ("id", "v", 'a "quoted" \\ name', "größe" * 20, "\n")
    made = module(SHAPE._replace(row=names), Wanted({"id": "f0", "v": "f1"}, ()))
    row = dict.fromkeys(names, 1)
    data, other = (
        written(event() | {"after": after}) for after in (row, dict(reversed(row.items())))
    )
    assert [True, False] == [one is not None for one in Transcoder(*made).read([data, other])]
    with pytest.raises(UnsupportedError):
        module(SHAPE._replace(row=("x" * NAMES_BYTES_MAX,)), Wanted({}, ()))


# -- the columns in canonical form

STAMP = {"type": "timestamp", "source_encoding": "us"}
COLUMNS = {
    "text": ({"type": "text"}, TEXTS),
    "natural": ("natural", JSON | TEXTS | LONGS),
    "whole": ({"type": "int"}, st.none() | LONGS | st.sampled_from([1.5, "7", True])),
    "flag": ({"type": "bool"}, st.none() | st.booleans() | st.sampled_from([0, "t", {}, []])),
    "other": ({"type": "float8"}, st.none() | st.floats(allow_nan=False, allow_infinity=False)),
    "cents": ({"type": "decimal(2)", "source_encoding": "base64"},
              st.none() | st.sampled_from(["", "AJY=", "AJZ=", "/w==", "gAAAAAAA", "A", "AJY",
                                           "====", "AAAAAAAAAAA=", "A===", "AA=A", "é===", "f/8=",
                                           5, 1.5])),
    "at": (STAMP, st.none() | SECONDS.map(lambda n: n * 1_000_000 + 7)),
    "day": ({"type": "date", "source_encoding": "days"}, st.integers(-200_000, 110_000_000)),
}  # fmt: skip
PLAIN_ROW = {
    "text": "ab", "natural": 5, "whole": None, "flag": True, "other": 0.5, "cents": "AJY=",
    "at": TS, "day": 19_782,
}  # fmt: skip
ROWS = st.fixed_dictionaries({name: values for name, (_, values) in COLUMNS.items()})
SIMPLE = tuple(name for name in COLUMNS if name != "other")
MIXED = tuple(COLUMNS)


def schema_of(names):
    """A Connect schema that says no more than the configuration does."""
    fields = [field("id", "int32"), *(field(name, "string") for name in names)]
    row = {"type": "struct", "fields": fields, "optional": True}
    return {"type": "struct", "name": f"{MONO}.Envelope", "fields": [
        row | {"field": "before"}, row | {"field": "after"}]}  # fmt: skip


class Twins:
    """A decoder that reads ahead and one that goes the plain way; the columns' order is not that of
    the records.
    """

    def __init__(self, names, *, schema=False):
        self.names = sorted(names)
        columns = {name: COLUMNS[name][0] for name in names}
        made = config({n: n if c == "natural" else c for n, c in columns.items()})
        self.quick, self.plain = (Decoder(made, quick=quick) for quick in (True, False))
        self.schema = schema
        for _ in range(3):  # the form is met, and the machine made
            self.of([PLAIN_ROW] * BATCH_MIN)

    def wrapped(self, value, schema):
        return b'{"schema":' + written(schema) + b',"payload":' + value + b"}"

    def record(self, n, row, op=None, **more):
        made = envelope(op or "cu"[n % 2], {"id": n} | {k: row[k] for k in self.names if k in row})
        made |= more
        key, value = written({"id": n}), written(made)
        if self.schema:
            value = self.wrapped(value, schema_of(self.names))
            key = self.wrapped(key, {"type": "struct", "fields": [field("id", "int32")]})
        return SimpleNamespace(offset=n, headers=(), key=key, value=value)

    def of(self, rows):
        """What both make of rows, which may be records."""
        consumed = [self.record(n, r) if isinstance(r, dict) else r for n, r in enumerate(rows)]
        for n, record in enumerate(consumed):
            record.offset = n
        return [together(decoder, consumed) for decoder in (self.quick, self.plain)]

    @property
    def machine(self):
        return self.quick._routes[MONO]._json._machine


twins = functools.cache(Twins)


@pytest.mark.parametrize("names", [SIMPLE, MIXED], ids=["simple", "mixed"])
@BOUNDED
@given(rows=st.lists(ROWS, min_size=1, max_size=12), plain=st.integers(20, 40))
def test_any_rows_are_the_same_in_canonical_form(names, rows, plain):
    # mostly simple ones, so that the machine is not given up
    quick, usual = twins(names).of([*rows, *[PLAIN_ROW] * plain])
    assert usual == quick
    assert twins(names).machine is not None


@pytest.mark.parametrize(("names", "runs"), [(SIMPLE, 1), (MIXED, 2)], ids=["simple", "mixed"])
@pytest.mark.parametrize("schema", [False, True], ids=["bare", "with schema"])
def test_simple_rows_take_no_other_way(names, runs, schema, monkeypatch):
    names = [n for n in names if not schema or n in {"text", "other"}]
    made = Twins(names, schema=schema)
    monkeypatch.setattr(route.Route, "decode", None)
    consumed = [made.record(n, PLAIN_ROW) for n in range(BATCH_MIN)]
    decode = made.quick.for_batch(MONO, consumed)
    found = [decode(0, r.offset, TS, (), r.key, r.value) for r in consumed]
    assert BATCH_MIN == len(found)
    assert (1 if schema else runs) == len(made.machine.form.runs)


@pytest.mark.parametrize("schema", [False, True], ids=["bare", "with schema"])
def test_records_between_the_usual_ones_are_what_they_are_alone(schema):
    made = Twins(("text",) if schema else SIMPLE, schema=schema)
    usual = [made.record(n, PLAIN_ROW) for n in range(60)]
    others = [
        made.record(60, PLAIN_ROW, "d"), made.record(61, PLAIN_ROW, after=None),
        made.record(62, PLAIN_ROW, before={"id": 62} | PLAIN_ROW), made.record(63, PLAIN_ROW, "x"),
        made.record(64, {"text": "only"}), made.record(65, PLAIN_ROW, transaction={"id": "776:1"}),
        made.record(66, PLAIN_ROW, source=None), made.record(67, PLAIN_ROW, "r"),
        *(SimpleNamespace(headers=(), key=key, value=value) for key, value in (
            (written({"id": 1}), None), (None, None), (b"", b""), (b"[", usual[0].value),
            (usual[1].key, usual[2].value), (usual[1].key, usual[1].value[:-1]),
            (usual[1].key, usual[1].value + b"}"), (usual[1].key, usual[1].value[:-1] + b"]"),
            (usual[1].key[:-1] + b"]", usual[1].value), (usual[1].key, b"\0\0\0\0\x09x"),
            (usual[1].key, usual[1].value.replace(b'"ab"', b'"\xff"')),
            (usual[1].key, usual[1].value.replace(b":", b": ")),
        )),
    ]  # fmt: skip
    for first in range(0, 40, 5):
        quick, plain = made.of(usual[:first] + others + usual[first:])
        assert plain == quick
    assert {Change, Malformed} == {type(one) for found in quick for one in found}


@pytest.mark.parametrize("half", ["key", "value"])
def test_a_record_with_schema_is_read_to_its_last_byte(half):
    made = Twins(("text",), schema=True)
    records = [made.record(n, PLAIN_ROW) for n in range(40)]
    setattr(records[7], half, getattr(records[7], half)[:-1] + b"]")
    for found in made.of(records):
        assert [7] == [n for n, (one,) in enumerate(found) if type(one) is Malformed]


@functools.cache
def fuzzed(schema):
    """Twins of their own: bytes that spoil several batches in a row make them give up the machine,
    so that the next batch must make another.
    """
    return Twins(("text", "other"), schema=True) if schema else Twins(MIXED)


@pytest.mark.parametrize("schema", [False, True], ids=["bare", "with schema"])
@BOUNDED
@given(st.data())
def test_changed_bytes_among_usual_records_mean_the_same(schema, data):
    made = fuzzed(schema)
    records = [made.record(n, PLAIN_ROW) for n in range(BATCH_MIN)]
    for record in data.draw(st.lists(st.sampled_from(records), max_size=4)):
        half = data.draw(st.sampled_from(["key", "value"]))
        changed = bytearray(getattr(record, half))
        place = data.draw(st.integers(0, len(changed) - 1))
        # what is no text at all in a place that nobody reads: no two ways need agree on that
        letter = data.draw(st.sampled_from(LETTERS).filter(lambda letter: letter < 128))
        new = bytes([letter] * data.draw(st.integers(0, 2)))
        changed[place : place + data.draw(st.integers(0, 2))] = new
        setattr(record, half, bytes(changed))
    made.quick._routes[MONO]._json._next = 0
    quick, plain = made.of(records)
    assert plain == quick


def test_another_shape_is_learned_but_not_with_every_batch(monkeypatch):
    made, learned = Twins(("text",)), []
    learn = json_ahead.module
    monkeypatch.setattr(json_ahead, "module", lambda *shape: learned.append(1) or learn(*shape))
    wide = [{"text": "ab", "whole": 5}] * 40
    made.names = ["text", "whole"]
    first = made.machine
    for _ in range(json_ahead.LEARN_EVERY + 2):
        quick, plain = made.of(wide)
        assert plain == quick
    assert [1] == learned
    assert first is not made.machine is not None


def test_where_few_rows_are_simple_the_machine_is_no_longer_asked():
    made = Twins(SIMPLE)
    for _ in range(MISSES_MAX):
        assert made.machine is not None
        quick, usual = made.of([PLAIN_ROW | {"text": "é"}] * 30 + [PLAIN_ROW] * 10)
        assert usual == quick
    assert made.machine is None


def test_a_text_that_is_none_spoils_its_batch_alone():
    made = Twins(MIXED)
    records = [made.record(n, PLAIN_ROW) for n in range(40)]
    records[7].value = records[7].value.replace(b'"false"', b'"\xff"')
    for _ in range(MISSES_MAX * 2):
        for batch in (records, [PLAIN_ROW] * 40):
            quick, usual = made.of(batch)
            assert usual == quick
    assert made.machine is not None


def test_a_column_that_is_rarely_simple_is_left_out_of_the_runs():
    made = Twins(SIMPLE)
    made.quick._routes[MONO].reset()  # an agreement has changed: a machine is made at once
    for _ in range(2):
        quick, usual = made.of([PLAIN_ROW | {"text": "é" * (n % 3)} for n in range(40)])
        assert usual == quick
    assert "text" == SIMPLE[0]
    assert (range(1, len(SIMPLE)),) == made.machine.form.runs


@pytest.mark.parametrize("without", ["the wheel", "memory"])
def test_without_a_machine_json_is_read_all_the_same(without, monkeypatch):
    def refuse(*_):
        raise wasmtime.WasmtimeError("mmap failed")

    if without == "memory":
        monkeypatch.setattr(wasmtime, "Instance", refuse)
    else:
        monkeypatch.setitem(sys.modules, "wasmtime", None)
    made = Twins(SIMPLE)
    quick, usual = made.of([PLAIN_ROW] * 40)
    assert usual == quick
    assert made.machine is None


def test_a_wrong_sketch_or_atom_is_noticed(monkeypatch):
    made, read = Twins(SIMPLE), Transcoder.read
    rows = [PLAIN_ROW | {"whole": n} for n in range(40)]

    def forged(change):
        monkeypatch.setattr(Transcoder, "read", lambda self, values: change(read(self, values)))
        quick, usual = made.of(rows)
        return usual != quick

    for attribute in ("x0", "e0"):

        def changed(found, attribute=attribute):
            for one in found:
                data = getattr(one.after, attribute)
                setattr(one.after, attribute, data[:-1] + bytes([data[-1] ^ 1]))
            return found

        assert forged(changed)
    # a row of another key is not taken
    assert not forged(lambda found: found[1:] + found[:1])
