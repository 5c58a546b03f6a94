"""The WebAssembly text that turns JSON envelopes of one shape into msgpack, for
`connectors.debezium.machine.transcoder`.

A converter writes the members of a topic's records in the same order every time, so what stands
between the values is compared as it is. A record that looks in any way different does not fit. The
functions that are called are in `connectors.debezium.machine.json_runtime`.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from figwatch.connectors.debezium.machine.canonical import CANONICAL, Run, attributes, write_run
from figwatch.connectors.debezium.machine.json_runtime import RAW, READING
from figwatch.connectors.debezium.machine.runtime import Code, UnsupportedError
from figwatch.connectors.debezium.source import LOG_FIELDS, LogEntry
from figwatch.validators.mapping.simple import Simple

NAMES_BYTES_MAX = 32_768
"""Of the members of an envelope, its row and its source block, all in all."""
_LEAST = {"ts_us": 1, "txId": 0, "lsn": 0}
_STEP = 16


class Shape(NamedTuple):
    """The names of an envelope's members in their order, and those of its row and source."""

    members: tuple[str, ...]
    row: tuple[str, ...]
    source: tuple[str, ...]

    @classmethod
    def of(cls, envelope: Any) -> "Shape | None":
        """The shape of a decoded envelope of PostgreSQL's log; None for anything else."""
        if not isinstance(envelope, dict):
            return None
        row, source = envelope.get("after"), envelope.get("source")
        if not isinstance(row, dict) or not isinstance(source, dict) or "op" not in envelope:
            return None
        if not row or not {"snapshot", *_LEAST} <= source.keys():
            return None
        return cls(tuple(envelope), tuple(row), tuple(source))


class Wanted(NamedTuple):
    """What is made of a row: the attributes of some columns' values, and runs of simple columns."""

    kept: Mapping[str, str]
    runs: tuple[Run, ...]


def module(shape: Shape, wanted: Wanted) -> tuple[str, "type[msgspec.Struct]"]:
    """The text of the module, and the Struct that its msgpack is of: a `rows.LogEvent`'s
    attributes.

    Raises:
        UnsupportedError: it cannot be made.
    """
    if len(msgspec.json.encode(shape)) > NAMES_BYTES_MAX:
        raise UnsupportedError("an envelope of too many members")
    compiler = _Compiler()
    made = compiler.envelope(shape, wanted)
    return compiler.module([CANONICAL, READING]), made


def raw_value(code: int, data: memoryview) -> Any:
    """A value that came as its JSON.

    Raises:
        msgspec.DecodeError: it is none.
    """
    if code != RAW:
        raise msgspec.DecodeError("an unknown extension")
    return _RAW.decode(data)


_RAW = msgspec.json.Decoder(float_hook=Decimal)


class _Compiler(Code):
    def __init__(self) -> None:
        super().__init__()
        self._literal = ""

    def put(self, line: str) -> None:
        """Code that comes when the bytes so far have been compared."""
        literal, self._literal = self._literal.encode(), ""
        for test in _compared(literal) if literal else ():
            super().put(test)
        super().put(line)

    def names(self, names: Sequence[str]) -> Any:
        """The members of an object one by one, each when its value is to be read."""
        for before, name in zip(itertools.chain("{", itertools.repeat(",")), names, strict=False):
            self._literal += f"{before}{msgspec.json.encode(name).decode()}:"
            yield name
        self._literal += "}"

    def envelope(self, shape: Shape, wanted: Wanted) -> "type[msgspec.Struct]":
        self.put("(call $put (i32.const 0x93))")
        types: list[tuple[str, Any]] = []
        for name in self.names(shape.members):
            if name == "after":
                types.append((name, self.row(shape.row, wanted)))
            elif name == "source":
                types.append((name, self.source(shape.source)))
            elif name == "op":
                types.append((name, str))
                self.put("(call $value)")
            else:
                self.put("(call $skip (i32.const 0))")
        self.put("")
        made: type[msgspec.Struct] = _struct(types)
        return made

    def row(self, names: Sequence[str], wanted: Wanted) -> Any:
        places = {one.column: "" for part in wanted.runs for one in part}
        kept = [name for name in names if name in wanted.kept]
        types = [(wanted.kept[name], Any) for name in kept] + attributes(wanted.runs)
        self.put(f"(call $head (i32.const 0xdd) (i32.const {len(types)}))")
        for name in self.names(names):
            if name in places:
                places[name] = self.variable("place", "i32")
                self.put(f"(local.set ${places[name]} (global.get $p))")
            self.put("(call $value)" if name in wanted.kept else "(call $skip (i32.const 0))")
        end = self.variable("end", "i32")
        self.put(f"(local.set ${end} (global.get $p)) (if (global.get $bad) (then (return)))")
        for part in wanted.runs:
            write_run(self, part, lambda one: self.column(one, places[one.column]))
        self.put(f"(global.set $p (local.get ${end}))")
        absent = [(to, Any, msgspec.UNSET) for name, to in wanted.kept.items() if name not in kept]
        return _struct([*types, *absent])

    def column(self, simple: Simple, place: str) -> None:
        scale = -1 if simple.scale is None else simple.scale
        flags = (simple.null, simple.boolean, simple.integers is not None)
        numbers = [simple.text_below, scale, *map(int, flags)]
        bounds = " ".join(f"(i64.const {n})" for n in simple.integers or (0, 0, 0))
        self.put(f"(global.set $p (local.get ${place}))")
        self.put(f"(call $column {' '.join(f'(i32.const {n})' for n in numbers)} {bounds})")

    def source(self, names: Sequence[str]) -> Any:
        kept = [name for name in names if name in LOG_FIELDS]
        self.put(f"(call $put (i32.const {0x90 | len(kept)}))")
        for name in self.names(names):
            if name in _LEAST:
                self.put(f"(call $natural (i64.const {_LEAST[name]}))")
            else:
                self.put("(call $value)" if name in kept else "(call $skip (i32.const 0))")
        types = {field.name: field.type for field in msgspec.structs.fields(LogEntry)}
        absent = [(name, Any, None) for name in LOG_FIELDS if name not in kept]
        return _struct([*((name, types[name]) for name in kept), *absent])


def _struct(fields: Sequence[tuple[str, Any] | tuple[str, Any, Any]]) -> Any:
    return msgspec.defstruct("Made", fields, array_like=True, gc=False)


def _compared(literal: bytes) -> Iterator[str]:
    """Code that steps over these bytes; what follows is not run where others stand there. Loads
    may reach beyond the record, where nothing is of interest.
    """
    for at in range(0, len(literal), _STEP):
        part = literal[at : at + _STEP]
        here = f"(v128.load offset={at} (global.get $p))"
        if len(part) < _STEP:
            mask = " ".join(["-1"] * len(part) + ["0"] * (_STEP - len(part)))
            here = f"(v128.and {here} (v128.const i8x16 {mask}))"
        there = " ".join(map(str, part.ljust(_STEP, b"\0")))
        yield f"(if (v128.any_true (v128.xor {here} (v128.const i8x16 {there})))"
        yield "(then (call $fail) (return)))"
    yield f"(global.set $p (i32.add (global.get $p) (i32.const {len(literal)})))"
