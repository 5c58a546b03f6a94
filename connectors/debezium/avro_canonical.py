"""Simple columns (`validators.mapping.simple`) brought into canonical form by the machine that
reads Avro: their sketches and their encoded atoms leave it as bytes, ready to be hashed.

`connectors.debezium.avro_wat` calls `Canonical` where a row is to be made so; a value that is not
simple makes its record one that does not fit, and the usual way reads it. The encoding is
`validators.canonical.rows.encode`'s, the sketch `validators.canonical.rows.sketch_of`'s; the
functions that are called are in `connectors.debezium.avro_canonical_runtime`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from figwatch.connectors.debezium.avro_compile import Make
from figwatch.validators.mapping.simple import Simple

Run = tuple[Simple, ...]
"""Columns that stand beside each other in the canonical row, and are all simple."""


class Canonical(NamedTuple):
    """A row is wanted as what `kept` makes of some columns, and of each run two attributes of
    bytes: `x<n>` its sketches, `e<n>` its encoded atoms.
    """

    kept: Make
    runs: tuple[Run, ...]

    @property
    def names(self) -> frozenset[str]:
        """The raw columns of the runs."""
        return frozenset(one.column for run in self.runs for one in run)

    @property
    def attributes(self) -> list[tuple[str, type]]:
        """What is added to the attributes of `kept`."""
        return [(f"{letter}{n}", bytes) for n in range(len(self.runs)) for letter in "xe"]


class Writer(Protocol):
    """What is needed of the compiler."""

    def put(self, line: str) -> None: ...
    def variable(self, prefix: str, kind: str) -> str: ...


def fits(schema: Any, simple: Simple | None) -> bool:
    """Whether a column's Avro type has values that are simple."""
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if simple is None:
        return False
    if isinstance(kind, list):
        others = [branch for branch in kind if branch != "null"]
        return bool(others) and all(fits(branch, simple) for branch in others)
    if isinstance(kind, dict):
        return fits(kind, simple)
    return bool(_SIMPLE[kind](simple)) if isinstance(kind, str) and kind in _SIMPLE else False


_SIMPLE: dict[str, Callable[[Simple], Any]] = {
    "string": lambda simple: simple.text_below,
    "int": lambda simple: simple.integers,
    "long": lambda simple: simple.integers,
    "boolean": lambda simple: simple.boolean,
    "bytes": lambda simple: simple.scale is not None,
}


def write_run(
    writer: Writer, run: Run, places: Mapping[str, str], types: Mapping[str, Any]
) -> None:
    """Code that writes the two attributes of a run. `places` has the variables that hold where the
    columns' values start.
    """
    at = writer.variable("at", "i32")
    size = 2 * len(run)
    writer.put(f"(call $bin16 (i32.const {size})) (global.set $s (global.get $o))")
    writer.put(f"(if (call $room (i32.const {size})) (then")
    writer.put(f"(global.set $o (i32.add (global.get $o) (i32.const {size})))))")
    writer.put(f"(local.set ${at} (global.get $o)) (call $bin16 (i32.const 0))")
    for simple in run:
        writer.put(f"(global.set $p (local.get ${places[simple.column]}))")
        _write(writer, simple, types[simple.column])
    writer.put(f"(call $sized (local.get ${at}))")


def _write(writer: Writer, simple: Simple, schema: Any) -> None:
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if isinstance(kind, dict):
        _write(writer, simple, kind)
    elif isinstance(kind, list):
        _write_union(writer, simple, kind)
    elif kind == "null":
        writer.put("(call $c_null)" if simple.null else "(call $fail)")
    elif kind == "string":
        writer.put(f"(call $c_text (i32.const {simple.text_below}))")
    elif kind == "boolean":
        writer.put("(call $c_boolean)")
    elif kind == "bytes":
        writer.put(f"(call $c_decimal (i32.const {simple.scale}))")
    else:
        bounds = " ".join(f"(i64.const {number})" for number in simple.integers or ())
        writer.put(f"(call $c_number {bounds})")


def _write_union(writer: Writer, simple: Simple, branches: Sequence[Any]) -> None:
    index = writer.variable("u", "i32")
    writer.put(f"(local.set ${index} (i32.load8_u (global.get $p)))")
    writer.put("(global.set $p (i32.add (global.get $p) (i32.const 1))) (block $union")
    for number, branch in enumerate(branches):
        writer.put(f"(if (i32.eq (local.get ${index}) (i32.const {number * 2})) (then")
        _write(writer, simple, branch)
        writer.put("(br $union)))")
    writer.put("(call $fail))")
