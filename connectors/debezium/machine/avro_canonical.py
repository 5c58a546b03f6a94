"""The simple columns of Avro rows: which those are, and the code that reads them.

`connectors.debezium.machine.avro` calls `Canonical` where a row is to be made so; a value that is
not simple makes its record one that does not fit, and the usual way reads it. What is written is in
`connectors.debezium.machine.canonical`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from figwatch.connectors.debezium.avro_compile import Make
from figwatch.connectors.debezium.machine.canonical import Run
from figwatch.connectors.debezium.machine.runtime import Code
from figwatch.validators.mapping.simple import Simple


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


def write_simple(
    code: Code, simple: Simple, places: Mapping[str, str], types: Mapping[str, Any]
) -> None:
    """Code that writes a column of a run. `places` has the variables that hold where the columns'
    values start.
    """
    code.put(f"(global.set $p (local.get ${places[simple.column]}))")
    _write(code, simple, types[simple.column])


def _write(code: Code, simple: Simple, schema: Any) -> None:
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if isinstance(kind, dict):
        _write(code, simple, kind)
    elif isinstance(kind, list):
        _write_union(code, simple, kind)
    elif kind == "null":
        code.put("(call $c_null)" if simple.null else "(call $fail)")
    elif kind == "string":
        code.put(f"(call $c_text (i32.const {simple.text_below}))")
    elif kind == "boolean":
        code.put("(call $c_boolean)")
    elif kind == "bytes":
        code.put(f"(call $c_decimal (i32.const {simple.scale}))")
    else:
        bounds = " ".join(f"(i64.const {number})" for number in simple.integers or ())
        code.put(f"(call $c_number {bounds})")


def _write_union(code: Code, simple: Simple, branches: Sequence[Any]) -> None:
    index = code.variable("u", "i32")
    code.put(f"(local.set ${index} (i32.load8_u (global.get $p)))")
    code.put("(global.set $p (i32.add (global.get $p) (i32.const 1))) (block $union")
    for number, branch in enumerate(branches):
        code.put(f"(if (i32.eq (local.get ${index}) (i32.const {number * 2})) (then")
        _write(code, simple, branch)
        code.put("(br $union)))")
    code.put("(call $fail))")
