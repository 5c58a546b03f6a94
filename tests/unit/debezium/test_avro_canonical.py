"""Simple columns leave the machine in canonical form: the same as the plain way makes, for any
values, simple or not.
"""

import functools
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from figwatch.connectors.debezium import ahead, route
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.connectors.debezium.machine.transcoder import Transcoder
from figwatch.validators.change import Change
from tests.unit.debezium.avro_form import binary
from tests.unit.debezium.support import MONO, TS, config, envelope, together
from tests.unit.debezium.test_cases_values import Shelf
from tests.unit.debezium.test_fuzz import BOUNDED

LONGS = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.sampled_from([
        sign * (1 << bits) + near
        for bits in (0, 5, 7, 8, 15, 16, 31, 32, 62) for sign in (1, -1) for near in (-1, 0, 1)
    ]),
    st.integers(-70_000, 70_000),
)  # fmt: skip
SECONDS = st.one_of(st.integers(0, 4_000_000_000), st.integers(-15_000_000_000, 110_000_000_000))
TEXTS = st.one_of(
    st.text("abc /09:", max_size=34), st.text(max_size=12),
    st.sampled_from(["", "x" * 27, "x" * 28, "__debezium_unavailable_value", "é" * 13, "é" * 14]),
)  # fmt: skip


def semantic(kind, name, **parameters):
    return {"type": kind, "connect.name": name, "connect.parameters": parameters}


def decimal(scale):
    return semantic("bytes", "org.apache.kafka.connect.data.Decimal", scale=str(scale))


# column: Avro's type, its values; all are simple but `other` and `uuid`
KINDS = {
    "text": ("string", TEXTS),
    "text2": (["null", {"type": "string"}], st.none() | TEXTS),
    "whole": ("int", st.integers(-(1 << 31), (1 << 31) - 1)),
    "other": (["null", "double"], st.none() | st.floats()),
    "large": (["null", "long"], st.none() | LONGS),
    "flag": (["boolean", "null"], st.none() | st.booleans()),
    "cents": (["null", decimal(2)], st.none() | st.binary(max_size=7)),
    "tiny": (decimal(18), st.integers(-(10**6), 10**6).map(lambda n: n.to_bytes(4, "big",
                                                                              signed=True))),
    "uuid": (semantic("string", "io.debezium.data.Uuid"), st.uuids().map(str)),
    "units": (decimal(0), st.binary(min_size=1, max_size=6)),
    "at": (["null", semantic("long", "io.debezium.time.MicroTimestamp")],
           st.none() | SECONDS.map(lambda n: n * 1_000_000 + 7)),
    "at3": (semantic("long", "io.debezium.time.Timestamp"), SECONDS.map(lambda n: n * 1_000 + 7)),
    "day": (semantic("int", "io.debezium.time.Date"), st.integers(-200_000, 110_000_000)),
}  # fmt: skip
MIXED = tuple(KINDS)
SIMPLE = tuple(name for name in KINDS if name not in {"other", "uuid"})
ROWS = st.fixed_dictionaries({name: values for name, (_, values) in KINDS.items()})
PLAIN_ROW = {
    "text": "ab", "text2": None, "whole": 5, "other": 0.5, "large": -(1 << 40), "flag": True,
    "cents": b"\0\x96", "tiny": b"\0\0\0\1", "uuid": "0b3d0c1e-8f0a-4c8b-9c6d-1a2b3c4d5e6f",
    "units": b"\xff", "at": TS, "at3": TS // 1_000, "day": 19_782,
}  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def path():
    """In place of the folder's fixture: the records before the quick way are not of interest."""
    usual, route.IDENTITY_LOOKS = route.IDENTITY_LOOKS, 0
    yield
    route.IDENTITY_LOOKS = usual


class Twins:
    """A decoder that reads ahead and one that goes the plain way, of some columns in an order that
    is not the schema's.
    """

    def __init__(self, names):
        row = {"type": "record", "name": "Value", "fields": [
            {"name": "id", "type": "long"},
            *({"name": name, "type": KINDS[name][0]} for name in sorted(names))]}  # fmt: skip
        source = {"type": "record", "name": "Source", "fields": [
            {"name": "snapshot", "type": ["null", "string"], "default": None},
            *({"name": n, "type": ["null", "long"]} for n in ("ts_us", "txId", "lsn")),
        ]}  # fmt: skip
        self.schema = {"type": "record", "name": "Envelope", "fields": [
            {"name": "before", "type": ["null", row]}, {"name": "after", "type": ["null", "Value"]},
            {"name": "source", "type": source}, {"name": "op", "type": "string"}]}  # fmt: skip
        self.key = {"type": "record", "name": "Key", "fields": [{"name": "id", "type": "long"}]}
        shelf = Shelf()
        self.frames = [b"\0" + shelf.put(made) for made in (self.key, self.schema)]
        made = config({name: name for name in names})
        self.quick, self.plain = (
            Decoder(made, {"monolith": shelf}, quick=quick) for quick in (True, False)
        )
        self.of([PLAIN_ROW])  # the schemas are met

    def records(self, rows):
        for n, row in enumerate(rows):
            event = envelope("cu"[n % 2], {"id": n} | row)
            event["source"] = {k: event["source"][k] for k in ("snapshot", "ts_us", "txId", "lsn")}
            yield SimpleNamespace(
                offset=n,
                headers=(),
                key=self.frames[0] + binary(self.key, {"id": n}),
                value=self.frames[1] + binary(self.schema, event),
            )

    def of(self, rows):
        """What both make of rows."""
        return self.of_records(list(self.records(rows)))

    def of_records(self, consumed):
        return [together(decoder, consumed) for decoder in (self.quick, self.plain)]

    @property
    def ready(self):
        (direct,) = self.quick._routes[MONO]._directs._by_prefix.values()
        return direct.ready


twins = functools.cache(Twins)


@pytest.mark.parametrize("names", [SIMPLE, MIXED], ids=["simple", "mixed"])
@BOUNDED
@given(rows=st.lists(ROWS, min_size=1, max_size=12), plain=st.integers(20, 40))
def test_any_rows_are_the_same_in_canonical_form(names, rows, plain):
    # mostly simple ones, so that the machine is not given up
    quick, usual = twins(names).of([*rows, *[PLAIN_ROW] * plain])
    assert usual == quick
    assert {Change} == {type(change) for (change,) in quick}
    assert twins(names).ready is not None


@pytest.mark.parametrize(("names", "runs"), [(SIMPLE, 1), (MIXED, 3)], ids=["simple", "mixed"])
def test_simple_rows_take_no_other_way(names, runs, monkeypatch):
    made = Twins(names)
    monkeypatch.setattr(route.Route, "decode", None)
    monkeypatch.setattr(ahead.Direct, "many", None, raising=False)
    consumed = list(made.records([PLAIN_ROW] * ahead.BATCH_MIN))
    decode = made.quick.for_batch(MONO, consumed)
    found = [decode(0, r.offset, TS, (), r.key, r.value) for r in consumed]
    assert ahead.BATCH_MIN == len(found)
    assert runs == len(made.ready.runs)


def test_where_few_rows_are_simple_the_machine_is_no_longer_asked():
    made = Twins(SIMPLE)
    for _ in range(ahead.MISSES_MAX):
        assert made.ready is not None
        quick, usual = made.of([PLAIN_ROW | {"text": "é"}] * 30 + [PLAIN_ROW] * 10)
        assert usual == quick
    assert made.ready is None


def test_a_text_that_is_none_spoils_its_batch_alone():
    made = Twins(MIXED)
    spoiled = list(made.records([PLAIN_ROW] * 40))
    spoiled[7].value = spoiled[7].value.replace(PLAIN_ROW["uuid"].encode(), b"\xff" * 36)
    for _ in range(ahead.MISSES_MAX * 2):
        for batch in (spoiled, list(made.records([PLAIN_ROW] * 40))):
            quick, usual = made.of_records(batch)
            assert usual == quick
    assert made.ready is not None


def test_a_wrong_sketch_or_atom_is_noticed(monkeypatch):
    made, read = Twins(SIMPLE), Transcoder.read
    rows = [PLAIN_ROW | {"whole": n} for n in range(ahead.BATCH_MIN)]
    for attribute in ("x0", "e0"):

        def forged(self, values, attribute=attribute):
            found = read(self, values)
            for one in found:
                if hasattr(getattr(one, "after", None), attribute):
                    data = getattr(one.after, attribute)
                    setattr(one.after, attribute, data[:-1] + bytes([data[-1] ^ 1]))
            return found

        monkeypatch.setattr(Transcoder, "read", forged)
        quick, usual = made.of(rows)
        assert all(q != u for q, u in zip(quick, usual, strict=True))
