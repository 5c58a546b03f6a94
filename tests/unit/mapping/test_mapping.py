"""The mapping of columns: each transform, what is rejected at load, how a pair explains itself."""

import pydantic
import pytest

from figwatch.connectors.capture import RawRecord
from figwatch.connectors.config.columns import pair_rule
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.validators.change import Change, Malformed, Op, Side
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.mapping.agreement import NoticeCode
from tests.unit.debezium.forms import decimal
from tests.unit.debezium.support import (
    INV,
    MONO,
    TS,
    Stream,
    config,
    decoder,
    dump,
    envelope,
    field,
    with_schema,
)


def compare(column, source, target):
    """Whether a source row {v: source} and a target row {v: target} have one fingerprint."""
    made = decoder({"v": column})
    rows = [source if isinstance(source, dict) else {"v": source}, {"v": target}]
    one, other = (
        Stream(made, topic).one("c", {"id": 1} | row)
        for topic, row in zip(("mono.public.items", INV), rows, strict=True)
    )
    assert isinstance(one, Change), one
    assert isinstance(other, Change), other
    assert (one.fingerprint == other.fingerprint) == (one.sketch == other.sketch)
    return one.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("column", "source", "target", "equal"),
    [
        ("v", 7, 7, True),
        ("v", 7, 7.0, True),
        ("v", 7, "7", False),
        ("v", True, 1, True),
        ("v", None, "", False),
        ({"type": "int"}, 7, "7", True),
        ({"type": "text"}, 7, "7", True),
        ({"type": "text"}, 7, "07", False),
        ({"type": "text", "trim": True}, " a ", "a", True),
        ({"type": "text", "trim": True}, "a b", "ab", False),
        ({"case": "lower"}, "ABC", "abc", True),
        ({"case": "upper"}, "abd", "ABC", False),
        ({"type": "text", "pad": 5}, "42", "00042", True),
        ({"type": "text", "pad": 5}, "42", "0042x", False),
        ({"null_as": ""}, None, "", True),
        ({"null_as": ""}, None, " ", False),
        ({"type": "int", "null_as": 0}, None, 0, True),
        ({"type": "decimal(2)", "source_encoding": "base64", "target_encoding": "string"},
         "AJY=", "1.50", True),
        ({"type": "decimal(2)", "source_encoding": "base64", "target_encoding": "string"},
         "AJY=", "1.51", False),
        ({"type": "decimal", "source_encoding": "string", "scale": 2}, "1.005", "1.01", True),
        ({"type": "decimal", "source_encoding": "string", "scale": 2}, "-1.005", "-1.01", True),
        ({"type": "decimal", "source_encoding": "string", "scale": 2}, "1.004", "1.01", False),
        ({"type": "decimal", "source_encoding": "string", "scale": -2}, "1249", "1200", True),
        ({"type": "float64", "tolerance": 0.01}, 1.001, 1.004, True),
        ({"type": "float64", "tolerance": 0.01}, 1.0049, 1.0051, False),  # the edge, as told
        ({"type": "decimal", "factor": 100}, 12.34, 1234, True),
        ({"type": "decimal", "factor": 100}, 12.34, 1235, False),
        ({"type": "int", "factor": 60}, 2, 120, True),
        ({"values": {"A": "active", "D": "deleted"}}, "A", "active", True),
        ({"values": {"A": "active"}}, "D", "active", False),
        ({"values": {"A": "active"}}, "D", "D", True),
        ({"values": {"1": True}, "type": "bool"}, 1, True, True),
        ({"constant": "EUR"}, {"w": 1}, "EUR", True),
        ({"constant": "EUR"}, {"w": 1}, "USD", False),
        ({"constant": None}, {"w": 1}, None, True),
        ({"concat": ["a", "b"]}, {"a": "Ada", "b": "Lovelace"}, "Ada Lovelace", True),
        ({"concat": ["a", "b"]}, {"a": "Ada", "b": None}, "Ada", True),
        ({"concat": ["a", "b"], "separator": "-"}, {"a": 1, "b": 2}, "1-2", True),
        ({"concat": ["a", "b"]}, {"a": "Ada", "b": "L"}, "Ada Lovelace", False),
        ({"split": {"separator": " ", "index": 1}}, "Ada Lovelace", "Lovelace", True),
        ({"split": {"separator": " ", "index": 5}}, "Ada Lovelace", None, True),
        ({"source_path": "address.city"}, '{"address":{"city":"Wien"}}', "Wien", True),
        ({"source_path": "address.city"}, '{"address":{"city":"Graz"}}', "Wien", False),
        ({"source_path": "list.1", "target_path": "x"}, '{"list":[1,2]}', '{"x":2}', True),
        ({"source_path": "a.b"}, "{}", None, True),
        ({"type": "timestamp", "source_encoding": "us", "target_encoding": "ms"},
         1_709_208_000_123_456, 1_709_208_000_123, True),
        ({"type": "timestamp", "source_encoding": "us", "target_encoding": "ms"},
         1_709_208_000_124_456, 1_709_208_000_123, False),
        ({"type": "timestamp", "source_encoding": "us", "precision": "s"},
         1_709_208_000_123_456, 1_709_208_000_999_999, True),
        ({"type": "timestamp(3)"}, 1_709_208_000_123, 1_709_208_000_123, True),
        ({"type": "timestamp", "source_encoding": "us", "target_encoding": "iso",
          "source_time_zone": "Europe/Vienna"},
         "2024-07-01T12:00:00", "2024-07-01T10:00:00Z", True),
        ({"type": "timestamp", "source_encoding": "us", "target_encoding": "iso",
          "source_time_zone": "Europe/Vienna"},
         "2024-01-01T12:00:00", "2024-01-01T10:00:00Z", False),
        ({"type": "date", "cast": "timestamp"}, 19_782, 19_782, True),
        ({"source_type": "date", "target_type": "timestamp"}, 19_782,
         19_782 * 86_400_000_000, True),
        ({"source_type": "bool", "target_type": "text", "cast": "bool"}, True, "t", True),
        ({"type": "decimal", "source_encoding": "string", "cast": "text"}, "1.50", "1.5", True),
        ({"type": "array<int>"}, [1, 2], ["1", 2], True),
        ({"type": "char"}, "a ", "a", True),
    ],
)  # fmt: skip
def test_a_mapped_value_compares_as_it_is_told(column, source, target, equal):
    assert equal == compare(column, source, target)


def test_columns_are_renamed_and_composite_keys_keep_their_order():
    made = decoder({"quantity": "on_hand"}, {"a": "x", "b": {"to": "y", "type": "text"}})
    one = Stream(made).one("c", {"a": 1, "b": 2, "quantity": 5}, key={"a": 1, "b": 2})
    other = Stream(made, INV).one("c", {"x": 1, "y": "2", "on_hand": 5}, key={"y": "2", "x": 1})
    assert (one.key, one.fingerprint) == (other.key, other.fingerprint)
    assert {"a": 1, "b": "2"} == made.decode_key("items", one.key)
    assert ("quantity",) == made.column_names("items")


def test_a_key_of_another_type_is_the_same_key():
    made = decoder(key={"id": {"type": "int"}})
    one = Stream(made).one("c", {"id": 7, "v": 1})
    assert one.key == Stream(made, INV).one("c", {"id": "7", "v": 1}).key
    assert one.key != Stream(made, INV).one("c", {"id": "8", "v": 1}).key


@pytest.mark.parametrize("values", [7, [7, 8]])
def test_a_row_outside_its_filter_is_absent(values):
    made = decoder(pair={"source_filter": {"tenant": values}})
    stream = Stream(made)
    assert Op.CREATE is stream.one("c", {"id": 1, "v": 5, "tenant": 7}).op
    assert [] == stream.send("c", {"id": 2, "v": 5, "tenant": 9})
    left = stream.one("u", {"id": 1, "v": 5, "tenant": 9})
    assert (Op.DELETE, None) == (left.op, left.fingerprint)
    assert 1 == made.ignored["filtered"]
    assert "missing_column" == stream.one("c", {"id": 1, "v": 5}).reason


def test_parts_of_a_joined_text_are_read_by_their_schema():
    made = decoder({"v": {"concat": ["w", "x"]}})
    fields = [field("id", "int32"), field("w", decimal(2)), field("x", "string")]
    value = with_schema(envelope("c", {"id": 1, "w": "AJY=", "x": "EUR"}), fields)
    (one,) = Stream(made).raw(dump({"id": 1}), value)
    other = Stream(made, INV).one("c", {"id": 1, "v": "1.5 EUR"})
    assert one.fingerprint == other.fingerprint


def test_without_columns_a_pair_compares_which_rows_there_are():
    one, other = (Stream(decoder({})).one("c", {"id": 1, "v": v}) for v in (1, 2))
    assert one.fingerprint == other.fingerprint
    assert b"" == one.sketch


@pytest.mark.parametrize(
    ("options", "field", "fix"),
    [
        ({"key": {"a": "x", "b": "x"}}, "key.b.to", "once"),
        ({"columns": {"a": "x", "b": "x"}}, "columns.b.to", "once"),
        ({"columns": {"a": {"source_encoding": "ms"}}}, "source_encoding", "type"),
        ({"columns": {"a": {"type": "int", "source_encoding": "ms"}}}, "source_encoding", "one of"),
        ({"columns": {"a": {"type": "decimal", "target_encoding": "base64"}}}, "target_encoding",
         "decimal(2)"),
        ({"columns": {"a": {"type": "int", "trim": True}}}, "type", "text"),
        ({"columns": {"a": {"type": "text", "scale": 2}}}, "type", "drop"),
        ({"columns": {"a": {"type": "int", "null_as": "x"}}}, "null_as", "int"),
        ({"columns": {"a": {"type": "bool", "values": {"A": "maybe"}}}}, "values.A", "bool"),
        ({"columns": {"a": {"constant": 1, "concat": ["x"]}}}, "concat", "one of them"),
        ({"columns": {"a": {"type": "int", "scale": 1, "tolerance": 1}}}, "tolerance", "one"),
        ({"key": {"a": {"constant": 1}}}, "key.a", "column"),
    ],
)  # fmt: skip
def test_an_impossible_mapping_is_rejected_with_field_and_fix(options, field, fix):
    pair = {"key": {"id": "id"}, "columns": {}} | options
    with pytest.raises((ConfigurationError, pydantic.ValidationError)) as caught:
        pair_rule(config(pair["columns"], pair["key"]).pairs[0])
    text = str(caught.value)
    assert field in text
    assert fix in text


@pytest.mark.parametrize(
    "column",
    [{"type": "money2"}, {"type": "timestamp(12)"}, {"source_time_zone": "Mars/X"}, {"pad": 0},
     {"tolerance": 0}, {"factor": "x"}, {"typo": 1}, {"source_encoding": "utf8"},
     {"source_path": "a..b"}, {"case": "title"}, {"type": "array<array<array<array<array<array<"
     "array<int>>>>>>>"}],
)  # fmt: skip
def test_an_unknown_word_in_the_mapping_is_rejected_at_load(column):
    with pytest.raises(pydantic.ValidationError):
        config({"v": column})


def test_the_catalogue_gives_types_where_the_configuration_does_not():
    types = {"monolith": {"public.items": {"v": "timestamp(3) without time zone"}},
             "service": {"public.copies": {"v": "timestamp with time zone"}}}  # fmt: skip
    made = Decoder(config(), types=types)
    one = Stream(made).one("c", {"id": 1, "v": 1_709_208_000_123})
    other = Stream(made, INV).one("c", {"id": 1, "v": "2024-02-29T12:00:00.123Z"})
    assert one.fingerprint == other.fingerprint
    assert [] == [n for n in made.notices() if n.code is not NoticeCode.LOSSY_TIME]


def test_an_ambiguous_decimal_is_malformed_not_guessed():
    made = decoder({"v": {"type": "decimal(0)"}})
    assert isinstance(Stream(made).one("c", {"id": 1, "v": "1234"}), Malformed)
    assert isinstance(Stream(made).one("c", {"id": 1, "v": "12345"}), Change)
    assert isinstance(Stream(made).one("c", {"id": 1, "v": "BNI="}), Change)


def test_a_mapping_explains_itself_with_an_example_of_both_sides():
    made = decoder({"price": {"to": "cents", "type": "decimal(2)", "source_encoding": "base64",
                              "target_encoding": "number", "factor": 100}})  # fmt: skip
    rows = {Side.SOURCE: {"id": 1, "price": "AJY="}, Side.TARGET: {"id": 1, "cents": 151}}
    key, price = made.explain("items", rows)
    assert (True, True, "natural") == (key.is_key, key.equal, key.compared_as)
    assert (150, 151, False) == (price.source.example, price.target.example, price.equal)
    assert ("price", "base64", (("factor", "100"),)) == (
        price.source.columns[0], price.source.encoding, price.transforms,
    )  # fmt: skip
    (_, missing) = made.explain("items", {Side.SOURCE: {"id": 1}})
    assert "price" in missing.source.problem


def test_a_mapping_explains_itself_with_records_read_by_their_schemas():
    made = decoder({"price": {"to": "cents", "type": "decimal(2)", "factor": 100}})
    fields = [field("id", "int32", optional=False), field("price", decimal(2))]
    record = with_schema(envelope("c", {"id": 1, "price": "AJY="}), fields)
    target = dump(envelope("c", {"id": 1, "cents": "150.00"}))
    records = {
        side: RawRecord(topic, 0, 0, TS, (), dump({"id": 1}), value)
        for side, topic, value in ((Side.SOURCE, MONO, record), (Side.TARGET, INV, target))
    }
    key, price = made.explain_records("items", records)
    assert (True, True) == (key.equal, price.equal)
    assert ("base64", 150, 150) == (
        price.source.encoding, price.source.example, price.target.example,
    )  # fmt: skip
    nothing = {Side.SOURCE: RawRecord(MONO, 0, 0, TS, (), None, b"{")}
    assert all(view.equal is None for view in made.explain_records("items", nothing))


@pytest.mark.parametrize("side", ["monolith", "service"])
def test_each_side_may_have_its_own_placeholder_for_unchanged_values(side):
    made = decoder(sides={side: {"unavailable_value_placeholder": "(unchanged by us)"}})
    for text in ("(unchanged by us)", "__debezium_unavailable_value"):
        assert (0,) == Stream(made).one("u", {"id": 1, "v": text}).unknown
        assert (0,) == Stream(made).one("u", {"id": 1, "v": list(text.encode())}).unknown
    assert () == Stream(made).one("u", {"id": 1, "v": "(unchanged by them)"}).unknown
