"""Writes docs/types.md from the proved forms: `python -m tests.unit.debezium.types_table`."""

import pathlib

from tests.unit.debezium import cases
from tests.unit.debezium.forms import GROUPS

TARGET = pathlib.Path(__file__).parents[3] / "docs" / "types.md"
SHOWN_MAX = 44
HEAD = """# Types and encodings

Every row of a group arrives differently and means the same value; figwatch compares the canonical
one. This page is written by `python -m tests.unit.debezium.types_table` from the forms that
`tests/unit/debezium` proves, each as JSON with a schema and as Avro where the form has a schema,
each against the next in its group.

Where a record carries no schema, `type` and `source_encoding` or `target_encoding` of the column
say what it is. Without any of these a JSON number is that number, a string that string.
"""
TAIL = """
## What is decided, and on what ground

- **Order of knowledge.** The Connect schema in the record, the Avro schema, the column's `type`,
  the database's catalogue.
- **Two sides of different types** and no `type` are compared in what they share: text reads as
  anything, the less exact number wins, the coarser fraction of a second wins, a date is its
  midnight, a timestamp without zone is UTC. `figwatch explain --mapping` says which.
- **Lossy encodings** (milliseconds against microseconds, intervals as lengths, decimals as floats)
  are compared as exactly as the coarser side allows, and said once.
- **Unknown** is each form of unchanged TOAST, a null of a type whose unchanged value Debezium
  shows as null (on `u`, and on the `c` of a primary-key change), and a date before 1582-10-15 read
  by a snapshot.
- **What an encoding cannot hold** comes as null: NaN from `decimal.handling.mode=precise`, a year
  outside 1677 to 2262 from `time.precision.mode=nanoseconds`. Such a value is unknown against null,
  and differs from any other. A null that is NaN in both databases, or NaN in the one and null in
  the other, is the same null in both records: nothing in the record, its old row or its schema
  tells which of the two it is, and to call it unknown would make every null of a `numeric`
  unknown. Only a sweep, or `decimal.handling.mode=string`, tells them apart.
- **Arrays of several dimensions** come as nulls: an array of nothing but nulls is unknown.
- **Text of bytes without an encoding** is base64 or, where it cannot be that, hex; text that can be
  both is Malformed, and the message names the setting.
- **Decimals as doubles without a schema** (`decimal.handling.mode=double`): set `source_type` or
  `target_type` to `float64`; both sides are then compared as floats.
- **Text of a decimal without an encoding** is base64 unless it has a point or a leading minus;
  digits alone at scale 0 are ambiguous, and then Malformed.
- **Null in place of a DEFAULT.** Connect's converters write a column's DEFAULT for null unless they
  are told not to. Such a value is unknown against null and against the DEFAULT, and differs from
  any other. Records are trusted where they show that their converter keeps nulls:
  `source.snapshot`, which has a DEFAULT itself, is then null in the log. `null_default` of a
  column decides otherwise: `distinct` trusts all records, `same` compares null and DEFAULT as
  equal. A record without schema does not say which columns have a DEFAULT: `doctor` does.
- **Rounding** (`scale`, `tolerance`) has edges: two values on the two sides of one differ, however
  close they are.
"""


def table():
    lines = [HEAD]
    for kind in sorted({group.type for group in GROUPS}):
        lines += [f"\n## {kind}\n", "| arrives as | mode | schema | encoding | canonical |",
                  "|---|---|---|---|---|"]  # fmt: skip
        for group in (g for g in GROUPS if g.type == kind):
            lines += [
                f"| `{shown(form.raw)}` | {form.mode} | {schema(form)} | {form.encoding or ''} "
                f"| {shown(group.canonical)} |"
                for form in group.forms
            ]
    return "\n".join(lines) + "\n" + TAIL + cases.table()


def schema(form):
    if form.schema is None:
        return ""
    return str(form.schema.get("name", form.schema["type"])).rpartition(".")[2]


def shown(value):
    text = str(value).replace("|", "\\|")
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def main():
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(table())


if __name__ == "__main__":
    main()
