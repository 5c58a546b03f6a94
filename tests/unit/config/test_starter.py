"""`figwatch init --from-database`: which types a first configuration names."""

import pytest

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.config.starter import PairTables, StarterSide, starter_text
from figwatch.connectors.databases_mysql import type_name
from figwatch.validators.canonical.kinds import kind_of
from figwatch.validators.doctor.facts import ColumnFacts, TableFacts


def written(ours, theirs):
    """The line of column `v`, whose type is `ours` on the source and `theirs` on the target."""

    def table(kind):
        columns = [
            ColumnFacts(name, its, nullable=True, has_default=False, toastable=False)
            for name, its in (("id", "integer"), ("v", kind))
        ]
        return {"s.t": TableFacts("s.t", "d", (), ("id",), tuple(columns))}

    text = starter_text(
        migration="m", bootstrap_servers="x:1", source=StarterSide("one", "one", None),
        target=StarterSide("two", "two", None), pairs=[PairTables("p", "s.t", "s.t")],
        tables={"one": table(ours)} | ({"two": table(theirs)} if theirs else {}),
    )  # fmt: skip
    parse_config(text, "figwatch.yaml")
    (line,) = [line.strip() for line in text.splitlines() if line.strip().startswith("v: ")]
    return line.removeprefix("v: ").removeprefix("{to: v, ").removesuffix("}")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("integer", "bigint", "v"),
        ("text", "character varying(40)", "v"),
        ("integer", "boolean", 'source_type: "integer", target_type: "boolean"'),
        ("text", "numeric(10,2)", 'source_type: "text", target_type: "numeric(10,2)"'),
        ("numeric(10,2)", "numeric(10,2)", 'type: "numeric(10,2)"'),
        ("numeric(10,2)", None, 'type: "numeric(10,2)"'),
        ("mood", "mood", "v"),
        ("integer", "mood", "v"),
        ("uint64", "numeric(20,0)", 'source_type: "uint64", target_type: "numeric(20,0)"'),
        ("tinyint(1)", "boolean", "type: bool"),
        ("tinyint(1)", "smallint", 'source_type: "tinyint(1)", target_type: "smallint"'),
        ("tinyint(1)", "tinyint(1)", "type: int"),
        ("tinyint(1)", None, "v"),
    ],
)
def test_a_type_is_named_where_plain_json_does_not_tell_it(ours, theirs, expected):
    assert expected == written(ours, theirs)


@pytest.mark.parametrize(
    ("column_type", "digits", "kind"),
    [
        ("bigint(20) unsigned", None, "uint64"),
        ("bigint(20) unsigned zerofill", None, "uint64"),
        ("int(10) unsigned", None, "int"),
        ("tinyint(1)", None, "bool"),
        ("tinyint(4)", None, "int"),
        ("year(4)", None, "int"),
        ("decimal(12,4) unsigned", None, "decimal(4)"),
        ("float", None, "float32"),
        ("double", None, "float64"),
        ("varchar(60)", None, "text"),
        ("char(8)", None, "char"),
        ("enum('a','b(c)')", None, "text"),
        ("varbinary(40)", None, "bytes"),
        ("datetime", 0, "timestamp(0)"),
        ("datetime(6)", 6, "timestamp(6)"),
        ("timestamp(3)", 3, "timestamptz(3)"),
        ("time(3)", 3, "time"),
        ("bit(10)", None, "bits(10)"),
        ("json", None, "json"),
        ("point", None, "json"),
    ],
)
def test_a_type_of_mysql_becomes_what_its_values_mean(column_type, digits, kind):
    data_type = column_type.partition("(")[0].partition(" ")[0]
    assert kind == str(kind_of(type_name(data_type, column_type, digits)))
