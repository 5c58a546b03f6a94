"""Which way a pair is swept, and what is refused."""

import dataclasses
from typing import Any

import pytest

from figwatch.validators.canonical.kinds import kind_of
from figwatch.validators.canonical.wire import Encoding
from figwatch.validators.mapping.rules import ColumnRule, PairRule, Transforms
from figwatch.validators.sweep.facts import ColumnFacts, Family, ServerFacts, TableFacts
from figwatch.validators.sweep.plan import Cast, Refusal, SweepPlan, Way, plan_pair

ID = ColumnFacts("id", "bigint", Family.INT, not_null=True)
SERVER = ServerFacts("postgresql", 18, probe=("1", "2"))


def column(type_: str, family: Family, collation: str = "") -> ColumnFacts:
    return ColumnFacts("v", type_, family, collation=collation)


def table(*columns: ColumnFacts, index: tuple[str, ...] = ("id",)) -> TableFacts:
    return TableFacts("public.t", "1r", columns, (index,))


def plan(
    one: ColumnFacts, other: ColumnFacts, transforms: Transforms | None = None,
    servers: tuple[ServerFacts, ServerFacts] = (SERVER, SERVER), **how: Any,
) -> SweepPlan | Refusal:  # fmt: skip
    rule = PairRule(
        "t",
        (ColumnRule("id", "id", "id"),),
        (ColumnRule("v", "v", "v", transforms=transforms or Transforms(), **how),),
    )
    return plan_pair(rule, table(ID, one), table(ID, other), servers)


TEXT, VARCHAR = column("text", Family.TEXT, "C"), column("character varying(9)", Family.TEXT, "C")
INT, BIGINT = column("integer", Family.INT), column("bigint", Family.INT)
NUMBER, MONEY = column("numeric(10,2)", Family.NUMERIC), column("numeric(12,4)", Family.NUMERIC)
FIVE, EIGHT = column("character(5)", Family.CHAR), column("character(8)", Family.CHAR)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (INT, BIGINT, Cast.INT),
        (BIGINT, BIGINT, Cast.INT),
        (INT, INT, Cast.NONE),
        (INT, NUMBER, Cast.NUMERIC),
        (NUMBER, MONEY, Cast.NUMERIC),
        (TEXT, VARCHAR, Cast.TEXT),
        (FIVE, FIVE, Cast.NONE),
        (FIVE, EIGHT, None),  # padding of two lengths hashes alike and may mean two texts
        (FIVE, TEXT, None),
        (NUMBER, TEXT, None),
        (column("interval", Family.OTHER), column("interval", Family.OTHER), Cast.TEXT),
    ],
)
def test_columns_are_hashed_as_what_both_types_share(one, other, shared):
    made = plan(one, other)
    assert isinstance(made, SweepPlan)
    assert shared == made.columns[0].shared
    assert (Way.MERGE if shared is None else Way.CHECKSUM) == made.way


@pytest.mark.parametrize(("unit", "way"), [("us", Way.MERGE), ("ms", Way.CHECKSUM)])
def test_equal_numbers_in_two_units_of_time_are_two_times(unit: str, way: Way):
    encodings = {"source_encoding": Encoding.MS, "target_encoding": Encoding(unit)}
    made = plan(BIGINT, BIGINT, **encodings)
    assert isinstance(made, SweepPlan)
    assert way == made.way


def test_an_old_server_reads_and_a_table_with_heirs_is_refused():
    old = dataclasses.replace(SERVER, version=13)
    made = plan(INT, INT, servers=(old, SERVER))
    assert isinstance(made, SweepPlan)
    assert Way.MERGE == made.way
    rule = PairRule("t", (ColumnRule("id", "id", "id"),), ())
    heir = dataclasses.replace(table(ID), inherited=True)
    refused = plan_pair(rule, table(ID), heir, (SERVER, SERVER))
    assert isinstance(refused, Refusal)
    assert "sweep.inherited" == refused.code


@pytest.mark.parametrize(
    "transforms",
    [
        Transforms(factor="100", scale=2),
        Transforms(values=(("A", "active"),)),
        Transforms(values=(("1", 2),), has_null_as=True, null_as=0),
        Transforms(split=0),
        Transforms(has_constant=True, constant=1),
        Transforms(source_path=("a",)),
        Transforms(source_time_zone="Europe/Vienna"),
    ],
)
def test_a_transform_of_one_side_goes_through_the_mapping(transforms: Transforms):
    made = plan(INT, INT, transforms)
    assert isinstance(made, SweepPlan)
    assert (Way.MERGE, None) == (made.way, made.columns[0].shared)


STAMP, ZONED = column("timestamp", Family.TIMESTAMP), column("timestamptz", Family.TIMESTAMPTZ)
LABEL = column("label", Family.ENUM)


@pytest.mark.parametrize(
    ("one", "other", "transforms", "how", "shared"),
    [
        (INT, NUMBER, Transforms(factor="0.01"), {}, Cast.NUMERIC),
        (NUMBER, MONEY, Transforms(factor="100"), {"type": kind_of("decimal(2)")}, Cast.NUMERIC),
        (NUMBER, INT, Transforms(factor="100"), {"type": kind_of("int")}, None),
        (INT, BIGINT, Transforms(values=(("1", 2),)), {"type": kind_of("int")}, Cast.TEXT),
        (INT, BIGINT, Transforms(values=(("1", "2"),)), {}, None),
        (INT, BIGINT, Transforms(values=(("1", True),)), {}, None),
        (LABEL, TEXT, Transforms(values=(("A", "active"),)), {}, Cast.TEXT),
        (LABEL, TEXT, Transforms(values=(("A", None),)), {}, None),
        (STAMP, ZONED, Transforms(), {}, Cast.UTC),
        (ZONED, STAMP, Transforms(), {"cast": kind_of("text")}, None),
        (ZONED, STAMP, Transforms(), {"source_encoding": Encoding.MS}, None),
        (STAMP, ZONED, Transforms(source_time_zone="UTC", target_time_zone="UTC"), {}, None),
    ],
)  # fmt: skip
def test_what_postgresql_can_map_exactly_is_hashed_there(one, other, transforms, how, shared):
    made = plan(one, other, transforms, **how)
    assert isinstance(made, SweepPlan)
    assert (shared, Way.MERGE if shared is None else Way.CHECKSUM) == (
        made.columns[0].shared, made.way,
    )  # fmt: skip
    assert not made.columns[0].in_lines
    elsewhere = plan(one, other, transforms, (SERVER, ServerFacts("mariadb", 10)), **how)
    assert isinstance(elsewhere, SweepPlan)
    assert elsewhere.columns[0].shared is None


@pytest.mark.parametrize(
    "transforms", [Transforms(trim=True), Transforms(scale=2), Transforms(tolerance="0.1")]
)
def test_a_transform_of_both_sides_keeps_equal_values_equal(transforms: Transforms):
    made = plan(NUMBER, NUMBER, transforms)
    assert isinstance(made, SweepPlan)
    assert Way.CHECKSUM == made.way


def test_hashes_are_typed_only_where_both_servers_hash_alike():
    other = dataclasses.replace(SERVER, probe=("1", "3"))
    silent = dataclasses.replace(SERVER, probe=())
    typed = [plan(INT, INT, servers=(SERVER, s)) for s in (SERVER, other, silent)]
    assert [True, False, False] == [isinstance(p, SweepPlan) and p.typed_hash for p in typed]


def test_other_engines_and_encodings_are_compared_here():
    for server in (
        ServerFacts("mariadb", 10), dataclasses.replace(SERVER, encoding="LATIN1"),
    ):  # fmt: skip
        made = plan(INT, INT, servers=(SERVER, server))
        assert isinstance(made, SweepPlan)
        assert Way.MERGE == made.way


def keyed(one: ColumnFacts, other: ColumnFacts, type_: str | None = None) -> SweepPlan | Refusal:
    kind = kind_of(type_) if type_ else None
    rule = PairRule("t", (ColumnRule("v", "v", "v", kind),), ())
    return plan_pair(
        rule, table(one, index=("v",)), table(other, index=("v",)), (SERVER, SERVER)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "type_", "way"),
    [
        (INT, BIGINT, None, Way.CHECKSUM),
        (TEXT, VARCHAR, None, Way.CHECKSUM),
        (TEXT, column("text", Family.TEXT, "icu:1"), None, Way.LOOKUP),
        (TEXT, column("text", Family.TEXT, ""), None, Way.LOOKUP),
        (INT, TEXT, "int", Way.LOOKUP),
        (TEXT, TEXT, "int", Way.LOOKUP),
        (FIVE, FIVE, None, Way.LOOKUP),
    ],
)
def test_ranges_need_one_order_of_keys_on_both_sides(one, other, type_, way):
    made = keyed(one, other, type_)
    assert isinstance(made, SweepPlan)
    assert way == made.way


def test_a_key_by_which_the_server_sorts_strangely_is_refused():
    made = keyed(column("citext", Family.OTHER), column("citext", Family.OTHER))
    assert isinstance(made, Refusal)
    assert "sweep.key-type" == made.code


@pytest.mark.parametrize("index", [("v",), ("id", "v")])
def test_a_table_without_an_index_on_just_the_key_is_refused(index: tuple[str, ...]):
    rule = PairRule("t", (ColumnRule("id", "id", "id"),), ())
    made = plan_pair(rule, table(ID, INT), table(ID, INT, index=index), (SERVER, SERVER))
    assert isinstance(made, Refusal)
    assert "CREATE UNIQUE INDEX CONCURRENTLY ON public.t (id)" in made.fix
