"""The 48 conformance cases of the Debezium reference and the tests that show each: found by their
names, so that a case without a test is seen (`test_types_table.py`), and put into docs/types.md.
"""

import ast
import pathlib

from tests.unit.debezium.forms import GROUPS

HERE = pathlib.Path(__file__).parent
CASES = {
    1: "c/u/d/r are upserts and deletes",
    2: "a tombstone behind its delete is nothing new",
    3: "a lone tombstone is a delete",
    4: "a record of nothing is ignored and counted",
    5: "t clears the table",
    6: "messages, heartbeats, transactions, DDL and signals are no rows",
    7: "a primary-key change is one move",
    8: "without its headers it is a delete and an insert",
    9: "a partitioned table is the union of its leaf topics",
    10: "of a delete under REPLICA IDENTITY DEFAULT only the key counts",
    11: "a made-up key under USING INDEX is flagged",
    12: "neither old nor new row: a delete by its key alone",
    13: "JSON with and without schema and Avro give one canonical row",
    14: 'snapshot: true, "true", null and every other spelling',
    15: "without ts_us (before 2.6)",
    16: "a transaction's id is the part before the colon",
    17: "a position that goes back is accepted",
    18: "rows of a COPY share a position and are several",
    19: "an exact replay is a duplicate",
    20: "an incremental snapshot's row has no position and gives no sample",
    21: "a decimal in base64, scale 2",
    22: "a negative decimal",
    23: "VariableScaleDecimal, fixed scale, text and JSON number",
    24: "NaN: equal where written, unknown against null",
    25: "scale 2046 of numeric(5,-2)",
    26: "ms, us, ns and ISO timestamps",
    27: "a microsecond before the epoch",
    28: "truncated times are compared at the coarser precision, and it is said",
    29: "the infinities, both pairs of dates",
    30: "years 12024 and BC",
    31: "offsets of timetz and timestamptz",
    32: "an interval as a length is lossy, and it is said",
    33: "bits are little-endian",
    34: "each form of unchanged TOAST is unknown",
    35: "the types whose unchanged TOAST is null are unknown",
    36: "null or DEFAULT",
    37: "JSON is compared as a value",
    38: "hstore as map and as text",
    39: "a wrapped unsigned bigint",
    40: "tinyint(1) is a boolean",
    41: "zero dates",
    42: "MySQL's TIME beyond a day",
    43: "every framing, and bad bytes",
    44: "flattened rows and their deletes",
    45: "schema evolution in mid-stream; a null key after the primary key was dropped",
    46: "char padding",
    47: "float NaN and infinities as text",
    48: "5,000 digits",
}


def forms_tested_of() -> dict[int, list[str]]:
    """Case → what shows it: functions by their names, and forms by the cases they name."""
    found: dict[int, list[str]] = {number: [] for number in CASES}
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_case_"):
                number = int(node.name.split("_")[2])
                found[number].append(f"{path.name}::{node.name}")
    for group in GROUPS:
        for number in filter(None, group.cases.replace(" ", "").split(",")):
            name = f"test_cases_values.py: {len(group.forms)} forms of {group.canonical[:40]}"
            found[int(number)].append(name)
    return found


def table() -> str:
    """The section of docs/types.md."""
    lines = [
        "",
        "## The conformance cases",
        "",
        "Each with the tests of `tests/unit/debezium` that show it, on the quick path and on the",
        "one that takes any shape. `tests/unit/captures` replays captures of real connectors.",
        "",
        "| case | what | shown by |",
        "|---|---|---|",
    ]
    for number, shown in forms_tested_of().items():
        names = "<br>".join(name.replace("|", "\\|") for name in shown)
        lines.append(f"| {number} | {CASES[number]} | {names} |")
    return "\n".join(lines) + "\n"
