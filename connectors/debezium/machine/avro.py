"""The WebAssembly text that turns Avro values of one schema into msgpack, for
`connectors.debezium.machine.transcoder`.

The functions that it calls are in `connectors.debezium.machine.avro_runtime`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.avro_compile import ITEM_DEPTH_MAX, Make, full_name, named_types
from figwatch.connectors.debezium.machine.avro_canonical import Canonical, write_simple
from figwatch.connectors.debezium.machine.avro_runtime import READING, SIMPLE
from figwatch.connectors.debezium.machine.canonical import CANONICAL, attributes, write_run
from figwatch.connectors.debezium.machine.runtime import (
    INPUT_BYTES_MAX,
    TABLE,
    Code,
    UnsupportedError,
    data,
)

Keep = Make | Canonical | None
"""What is built of a value: None is all of it."""
SYMBOLS_MAX = 256


def module(
    schema: Any, keep: Make, known: Sequence[Any], prefix: bytes
) -> tuple[str, "type[msgspec.Struct]"]:
    """The text of the module, and the Struct that its msgpack is of. Its function `run` takes the
    number of records and returns where the output ends; a record does not fit without this prefix.

    Raises:
        UnsupportedError: it cannot be made.
        ValueError, KeyError, TypeError: no Avro schema.
    """
    compiler = _Compiler()
    for other in known:
        compiler.names.update(named_types(other))
    made = compiler.value(schema, keep, "", 0, out=True)
    if not (isinstance(made, type) and issubclass(made, msgspec.Struct)):
        raise UnsupportedError("an Avro schema that is no record")
    functions = [READING, data(0, bytes(compiler.constants))]
    if compiler.canonical:
        functions += [CANONICAL, SIMPLE]
    return compiler.module(functions, prefix), made


class _Compiler(Code):
    def __init__(self) -> None:
        super().__init__()
        self.constants = bytearray()
        self.names: dict[str, tuple[Any, str]] = {}
        self.canonical = False

    def value(  # noqa: PLR0911  # one for each family of types
        self, schema: Any, keep: Keep, space: str, depth: int, *, out: bool
    ) -> Any:
        """Read a value, or step over it (not `out`); returns its type for msgspec."""
        _shallow(depth)
        kind = schema.get("type") if isinstance(schema, dict) else schema
        if isinstance(kind, list):
            return self.union(kind, keep, space, depth + 1, out=out)
        if isinstance(kind, dict):
            return self.value(kind, keep, space, depth + 1, out=out)
        if kind in _SCALARS:
            self.put(f"(call ${'' if out else 'skip_'}{kind})")
            return Any
        if kind in {"array", "map"}:
            self.blocks(schema, space, depth + 1, out=out)
            return Any
        if kind not in {"record", "enum", "fixed"}:
            return self.by_name(str(kind), keep, space, depth + 1, out=out)
        full, space = full_name(schema, space)
        self.names[full] = (schema, space)
        if kind == "record":
            return self.record(schema, keep, space, depth + 1, out=out)
        return self.enum(schema, out=out) if kind == "enum" else self.fixed(schema, out=out)

    def by_name(self, name: str, keep: Keep, space: str, depth: int, *, out: bool) -> Any:
        full = name if name in self.names or not space else f"{space}.{name}"
        if full not in self.names:
            raise ValueError("an Avro schema names a type that is not defined")
        schema, inner = self.names[full]
        return self.value(schema, keep, inner, depth, out=out)

    def union(self, branches: list[Any], keep: Keep, space: str, depth: int, *, out: bool) -> Any:
        # fewer than 64 branches: one byte
        found: list[Any] = []
        index = self.variable("u", "i32")
        self.put(f"(local.set ${index} (i32.load8_u (global.get $p)))")
        self.put("(global.set $p (i32.add (global.get $p) (i32.const 1))) (block $union")
        for number, branch in enumerate(branches):
            self.put(f"(if (i32.eq (local.get ${index}) (i32.const {number * 2})) (then")
            found.append(self.value(branch, keep, space, depth, out=out))
            self.put("(br $union)))")
        self.put("(call $fail))")
        structs = [made for made in found if made is not Any]
        return structs[0] | None if structs else Any

    def record(self, schema: Any, keep: Keep, space: str, depth: int, *, out: bool) -> Any:
        if out and keep is None:
            fields = schema["fields"]
            self.put(f"(call $head (i32.const 0xdf) (i32.const {len(fields)}))")
            for field in fields:
                self.text(field["name"])
                self.value(field["type"], None, space, depth, out=True)
            return Any
        if not out or keep is None:
            for field in schema["fields"]:
                self.value(field["type"], None, space, depth, out=False)
            return Any
        return self.made(schema, keep, space, depth)

    def made(self, schema: Any, keep: Make | Canonical, space: str, depth: int) -> Any:
        """A record as an array of the fields that are kept, in the schema's order; behind them the
        runs of a canonical row.
        """
        runs: Sequence[Any] = ()
        added: list[tuple[str, type]] = []
        simple: frozenset[str] = frozenset()
        if isinstance(keep, Canonical):
            runs, added, simple, self.canonical = keep.runs, attributes(keep.runs), keep.names, True
            keep = keep.kept
        present = [field["name"] for field in schema["fields"] if field["name"] in keep.of]
        declared = _attributes(keep)
        named = dict(zip(keep.of, declared, strict=False))
        self.put(f"(call $head (i32.const 0xdd) (i32.const {len(present) + len(added)}))")
        types: dict[str, Any] = {}
        places: dict[str, str] = {}
        for field in schema["fields"]:
            name = field["name"]
            wanted = name in keep.of
            if name in simple:
                places[name] = self.variable("place", "i32")
                self.put(f"(local.set ${places[name]} (global.get $p))")
            inner = keep.of.get(name)
            found = self.value(field["type"], inner, space, depth, out=wanted)
            if wanted:
                types[name] = declared[named[name]] if found is Any else found
        if runs:
            end = self.variable("end", "i32")
            self.put(f"(local.set ${end} (global.get $p))")
            simple_types = {field["name"]: field["type"] for field in schema["fields"]}
            for part in runs:
                write_run(self, part, lambda one: write_simple(self, one, places, simple_types))
            self.put(f"(global.set $p (local.get ${end}))")
        absent = [name for name in keep.of if name not in types]
        return msgspec.defstruct(
            "Made",
            [
                *((named[name], types[name]) for name in present),
                *added,
                *((named[name], Any, keep.absent) for name in absent),
            ],
            array_like=True,
            gc=False,
        )

    def blocks(self, schema: Any, space: str, depth: int, *, out: bool) -> None:
        """Arrays and maps: blocks of items, each with its count, and its size where that is
        negative. Their number is written where their place was kept.
        """
        mapped = schema["type"] == "map"
        n = len(self.variables)
        count, total = self.variable("count", "i64"), self.variable("total", "i32")
        place, before = self.variable("place", "i32"), self.variable("before", "i32")
        self.put(f"(local.set ${place} (global.get $o)) (local.set ${total} (i32.const 0))")
        if out:
            self.put(f"(call $head (i32.const {0xDF if mapped else 0xDD}) (i32.const 0))")
        self.put(f"(block $done{n} (loop $block{n} (local.set ${count} (call $count))")
        self.put(f"(br_if $done{n} (i64.eqz (local.get ${count}))) (loop $item{n}")
        if mapped:
            self.put(f"(call ${'' if out else 'skip_'}string)")
        item = schema["values" if mapped else "items"]
        self.put(f"(local.set ${before} (global.get $p))")
        self.value(item, None, space, depth, out=out)
        # an item of no bytes would make a small record a huge list
        self.put(f"(if (i32.eq (local.get ${before}) (global.get $p)) (then (call $fail)))")
        self.put(f"(br_if $done{n} (global.get $bad))")
        self.put(f"(local.set ${total} (i32.add (local.get ${total}) (i32.const 1)))")
        self.put(f"(local.set ${count} (i64.sub (local.get ${count}) (i64.const 1)))")
        self.put(f"(br_if $item{n} (i64.ne (local.get ${count}) (i64.const 0))))")
        self.put(f"(br $block{n})))")
        if out:
            self.put(f"(call $number (local.get ${place}) (local.get ${total}))")

    def enum(self, schema: Any, *, out: bool) -> Any:
        symbols = schema["symbols"]
        if len(symbols) > SYMBOLS_MAX:
            raise UnsupportedError("an Avro enum of too many symbols")
        if not out:
            self.put("(call $skip_long)")
            return Any
        index = self.variable("symbol", "i64")
        self.put(f"(local.set ${index} (call $read)) (block $enum")
        for number, symbol in enumerate(symbols):
            self.put(f"(if (i64.eq (local.get ${index}) (i64.const {number})) (then")
            self.text(symbol)
            self.put("(br $enum)))")
        self.put("(call $fail))")
        return Any

    def fixed(self, schema: Any, *, out: bool) -> Any:
        size = int(schema["size"])
        if not 0 <= size < INPUT_BYTES_MAX:
            raise UnsupportedError("an Avro fixed of no size that fits")
        self.put(f"(call ${'bin' if out else 'step'} (i32.const {size}))")
        return Any

    def text(self, word: str) -> None:
        data = word.encode()
        at = self.constants.find(data)
        if at < 0:
            at = len(self.constants)
            self.constants += data
        if len(self.constants) > TABLE:
            raise UnsupportedError("an Avro schema of too many names")
        self.put(f"(call $text (i32.const {at}) (i32.const {len(data)}))")


def _attributes(keep: Make) -> dict[str, Any]:
    """Names and types of what is made."""
    if not (isinstance(keep.make, type) and issubclass(keep.make, msgspec.Struct)):
        raise UnsupportedError("only Structs are made")
    return {field.name: field.type for field in msgspec.structs.fields(keep.make)}


def _shallow(depth: int) -> None:
    if depth > ITEM_DEPTH_MAX:  # or recursive
        raise UnsupportedError(f"an Avro schema is nested deeper than {ITEM_DEPTH_MAX}")


_SCALARS = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
