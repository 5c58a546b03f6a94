"""Topics into which a router writes several tables: a record counts for its own table only."""

import pytest

from figwatch.connectors.config.root import Config
from figwatch.connectors.debezium.decoder import Decoder
from figwatch.validators.change import Change, Malformed, Op, Truncate
from tests.unit.debezium.avro_form import binary, envelope_schema
from tests.unit.debezium.support import (
    MYSQL,
    SOURCE,
    TS,
    Stream,
    config,
    dump,
    envelope,
    field,
    with_schema,
)
from tests.unit.debezium.test_cases_values import Shelf

ALL = "mono.all"
ITEMS, ORDERS, OTHERS = (dict(SOURCE, table=table) for table in ("items", "orders", "others"))


def stream(registries=None, **second):
    """Pairs `items` and `orders`, whose source tables share one topic."""
    given = config(pair={"source_topics": [ALL]}).model_dump()
    orders = given["pairs"][0] | {
        "name": "orders", "source": "public.orders", "target": "public.order_copies",
        "columns": {"w": "w"}, **second,
    }  # fmt: skip
    both = [given["pairs"][0], orders]
    made = Decoder(Config.model_validate(given | {"pairs": both}), registries)
    return Stream(made, ALL)


def alone(tables):
    return Stream(Decoder(config(pair={"source_topics": [ALL], "source_tables": tables})), ALL)


def pairs(found):
    return [(change.pair, type(change)) for change in found]


@pytest.fixture
def routed():
    return stream()


ROWS = {"items": {"id": 1, "v": 5}, "orders": {"id": 1, "w": 5}}


@pytest.mark.parametrize(
    "form",
    [
        lambda table, row: envelope("u", row, source={"table": table}),
        lambda table, row: {"schema": None, "payload": envelope("u", row, source={"table": table})},
        lambda table, row: row | {"__schema": "public", "__table": table},
        lambda table, row: row | {"__source_schema": "public", "__source_table": table},
        lambda table, row: {
            "specversion": "1.0", "iodebeziumop": "u", "iodebeziumtsus": str(TS), "data": row,
            "iodebeziumschema": "public", "iodebeziumtable": table,
        },
    ],
)  # fmt: skip
def test_a_record_counts_for_the_pair_of_its_table_in_every_shape(routed, form):
    for table, row in ROWS.items():
        found = routed.raw(dump({"id": 1}), dump(form(table, row)))
        assert [(table, Change)] == pairs(found)


def test_a_record_with_a_schema_and_an_avro_record_name_their_table_too():
    for table, row in ROWS.items():
        fields = [field("id", "int32", optional=False), field(list(row)[1], "int32")]
        event = envelope("c", row, source={"table": table})
        assert [(table, Change)] == pairs(stream().raw(dump({"id": 1}), with_schema(event, fields)))
        shelf = Shelf()
        schema = envelope_schema(fields)
        (block,) = (f["type"] for f in schema["fields"] if f["name"] == "source")
        block["fields"] += [{"name": name, "type": "string"} for name in ("schema", "table")]
        number = shelf.put(schema)
        avro = stream({"monolith": shelf, "service": shelf})
        for _ in range(3):
            found = avro.raw(dump({"id": 1}), b"\0" + number + binary(schema, event))
            assert [(table, Change)] == pairs(found)


def test_a_table_of_no_named_pair_is_taken_for_a_part_of_each_unless_tables_are_named(routed):
    event = dump(envelope("u", {"id": 1, "v": 5, "w": 6}, source={"table": "items_2024"}))
    assert [("items", Change), ("orders", Change)] == pairs(routed.raw(dump({"id": 1}), event))
    leaf = stream(source_tables=["public.orders", "public.items_2024"])
    assert [("orders", Change)] == pairs(leaf.raw(dump({"id": 1}), event))


def test_rows_of_a_table_that_feeds_no_pair_are_counted_and_their_tombstones_too():
    some = alone(["public.items"])
    gone = dump(envelope("d", None, {"id": 1}, source={"table": "others"}))
    assert [] == some.raw(dump({"id": 1}), gone)
    assert [] == some.raw(dump({"id": 1}), None)
    assert 2 == some.decoder.ignored["other_table"]
    assert [("items", Change)] == pairs(some.send("u", ROWS["items"]))
    twin = Stream(Decoder(config(pair={"source_topics": [ALL]})), ALL)  # told nothing of tables
    assert Op.DELETE is twin.raw(dump({"id": 1}), gone)[0].op


def test_a_tombstone_belongs_to_the_delete_before_it_or_to_the_table_in_its_key(routed):
    gone = dump(envelope("d", None, {"id": 1}, source={"table": "orders"}))
    routed.raw(dump({"id": 1}), gone)
    assert [("orders", Change)] == pairs(routed.raw(dump({"id": 1}), None))
    for wrap in (lambda key: key, lambda key: {"schema": None, "payload": key}):
        key = {"id": 1, "__dbz__physicalTableIdentifier": "mono.public.items"}
        (found,) = routed.raw(dump(wrap(key)), None)
        assert ("items", Op.TOMBSTONE) == (found.pair, getattr(found, "op", found))


def test_a_lone_tombstone_makes_the_key_of_every_table_unknown_and_deletes_none(routed):
    found = routed.raw(dump({"id": 1}), None)
    assert [("items", Malformed), ("orders", Malformed)] == pairs(found)
    assert {"no_table"} == {one.reason for one in found}
    assert {routed.one("u", ROWS["items"]).key} == {one.key for one in found}
    routed.raw(dump({"id": 1}), dump(envelope("d", None, {"id": 1})), partition=1)
    assert Malformed is type(routed.raw(dump({"id": 1}), None, partition=2)[0])
    assert Malformed is type(routed.raw(dump({"id": 2}), None, partition=1)[0])


def test_a_row_that_names_no_table_is_refused_and_says_what_to_set(routed):
    found = routed.raw(dump({"id": 1}), dump({"id": 1, "v": 5, "w": 6}))
    assert [("items", Malformed), ("orders", Malformed)] == pairs(found)
    assert "add.fields" in found[0].detail


def test_what_is_no_row_or_cannot_be_read_is_told_once(routed):
    assert [] == routed.raw(None, None)
    assert [] == routed.raw(None, dump({"status": "END", "id": "7:1", "ts_ms": 1}))
    assert 2 == sum(routed.decoder.ignored.values())
    assert {"bad_json"} == {one.reason for one in routed.raw(dump({"id": 1}), b"{")}


def test_a_truncate_empties_its_own_table(routed):
    assert [("orders", Truncate)] == pairs(
        routed.raw(None, dump(envelope("t", source={"table": "orders"})))
    )


def test_tables_of_mysql_are_known_by_their_database():
    shop = alone(["shop.items"])
    event = envelope("u", ROWS["items"]) | {"source": MYSQL}
    assert [("items", Change)] == pairs(shop.raw(dump({"id": 1}), dump(event)))
    event["source"] = MYSQL | {"table": "orders"}
    assert [] == shop.raw(dump({"id": 1}), dump(event))


def test_one_record_of_each_kind_teaches_its_own_pair(routed):
    stamp = {"type": "int64", "name": "io.debezium.time.Timestamp", "version": 1}
    fields = [field("id", "int32", optional=False), field("v", stamp)]
    routed.decoder.learn(ALL, (), None, with_schema(envelope("c", ROWS["items"]), fields))
    kinds = {one.name: one for one in routed.decoder.explain("items")}
    assert "timestamp" in str(kinds["v"])
