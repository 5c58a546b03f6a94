"""Avro's binary form (specification 1.11) read by generated code: one function for a schema.

Only what is wanted is built; the rest is stepped over. The text of a function is made of numbers
and of names that stand in its scope, never of a schema's own words. Used by
`connectors.debezium.avro`.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from figwatch.connectors.debezium.avro_blocks import Item, bad, list_reader, map_reader

ITEM_DEPTH_MAX = 32
Reader = Item
"""(data, start) → (value, end)."""


class Make(NamedTuple):
    """A record is not wanted as a dict but as `make(field, field, ...)`: of each field what `of`
    keeps (a Make, or None for all); `absent` for those that the schema lacks. All other fields are
    skipped.
    """

    make: Callable[..., Any]
    of: Mapping[str, Any]
    absent: Any = None


Keep = Make | None
"""What is built of a value: None is all of it."""


def compile_reader(schema: Any, keep: Keep = None, known: Sequence[Any] = ()) -> Reader:
    """The function that reads values of a parsed schema (JSON form, names not yet resolved; those
    it does not define itself are defined in the `known` schemas).

    It raises BadAvroError, IndexError, struct.error or UnicodeError for bytes that do not fit; the
    caller also checks that all bytes were read.

    Raises:
        ValueError: no Avro schema, or nested too deeply.
    """
    compiler = _Compiler()
    for other in known:
        compiler.names.update(named_types(other))
    return compiler.function(schema, keep)


class _Place(NamedTuple):
    """Where in the code and in the schema the compiler is."""

    indent: int
    space: str
    """Namespace."""
    depth: int

    @property
    def pad(self) -> str:
        return "    " * self.indent

    def inner(self, indent: int = 0, space: str | None = None) -> "_Place":
        """One level deeper in the schema."""
        return _Place(self.indent + indent, self.space if space is None else space, self.depth + 1)


class _Compiler:
    def __init__(self) -> None:
        self.scope: dict[str, Any] = {
            "bad": bad,
            "double": struct.Struct("<d").unpack_from,
            "single": struct.Struct("<f").unpack_from,
        }
        self.names: dict[str, Any] = {}
        self.made: dict[str, str] = {}
        self.count = 0

    def function(self, schema: Any, keep: Keep) -> Reader:
        name = self._define(schema, keep, _Place(1, "", 0))
        return self.scope[name]  # type: ignore[no-any-return]

    def _define(self, schema: Any, keep: Keep, place: _Place, *, wanted: bool = True) -> str:
        name = self._name("f")
        out = "v" if wanted else ""
        body = self._value(schema, keep, out, _Place(1, place.space, place.depth))
        lines = [f"def {name}(d, p):", *body, f"    return {out or None}, p"]
        exec(compile("\n".join(lines), "<figwatch avro>", "exec"), self.scope)  # noqa: S102
        return name

    def _name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def _value(  # noqa: PLR0911  # one for each family of types
        self, schema: Any, keep: Keep, out: str, place: _Place
    ) -> list[str]:
        """Code that reads a value into variable `out`, or steps over it (`out` empty)."""
        if place.depth > ITEM_DEPTH_MAX:
            raise ValueError(f"an Avro schema is nested deeper than {ITEM_DEPTH_MAX}")
        kind = schema.get("type") if isinstance(schema, dict) else schema
        if isinstance(kind, dict):
            return self._value(kind, keep, out, place.inner())
        if isinstance(kind, list):
            return self._union(kind, keep, out, place)
        if kind in _SCALARS:
            return [place.pad + line.replace("{o}", out) for line in _SCALARS[kind](bool(out))]
        if kind in {"array", "map"}:
            return self._blocks(schema, out, place)
        if kind not in {"record", "enum", "fixed"}:
            return self._by_name(kind, keep, out, place)
        full, space = full_name(schema, place.space)
        self.names[full] = (schema, space)
        if kind == "record":
            return self._record(schema, keep, out, place.inner(space=space))
        return self._fixed_or_enum(schema, out, place.pad)

    def _record(self, schema: Any, keep: Keep, out: str, place: _Place) -> list[str]:
        lines: list[str] = []
        built: dict[str, str] = {}
        for field in schema["fields"]:
            name = field["name"]
            wanted = bool(out) and (keep is None or name in keep.of)
            if wanted:
                built[name] = self._name("v")
            inner = keep.of[name] if keep is not None and wanted else None
            lines += self._value(field["type"], inner, built.get(name, ""), place)
        if out:
            lines.append(f"{place.pad}{out} = {self._built(built, keep)}")
        return lines or [f"{place.pad}pass"]

    def _built(self, built: dict[str, str], keep: Keep) -> str:
        if keep is None:
            names = {self._constant(name): variable for name, variable in built.items()}
            return "{" + ", ".join(f"{name}: {v}" for name, v in names.items()) + "}"
        absent = self._constant(keep.absent)
        arguments = ", ".join(built.get(name, absent) for name in keep.of)
        return f"{self._constant(keep.make)}({arguments})"

    def _constant(self, value: Any) -> str:
        name = self._name("k")
        self.scope[name] = value
        return name

    def _union(self, branches: list[Any], keep: Keep, out: str, place: _Place) -> list[str]:
        index = self._name("i")
        lines = [f"{place.pad}{index} = d[p]; p += 1"]  # fewer than 64 branches: one byte
        for number, branch in enumerate(branches):
            lines.append(f"{place.pad}{'elif' if number else 'if'} {index} == {number * 2}:")
            lines += self._value(branch, keep, out, place.inner(indent=1))
        return [*lines, f"{place.pad}else: bad()"]

    def _fixed_or_enum(self, schema: Any, out: str, pad: str) -> list[str]:
        if schema["type"] == "fixed":
            size = int(schema["size"])
            keep = [f"{pad}{out} = d[p:p + {size}]"] if out else []
            return [*keep, f"{pad}p += {size}"]
        symbols = self._name("s")
        self.scope[symbols] = tuple(schema["symbols"])
        index = self._name("i")
        lines = [pad + line.replace("{o}", index) for line in _long(keep=True)]
        return [*lines, f"{pad}if {index} < 0: bad()", f"{pad}{out or '_'} = {symbols}[{index}]"]

    def _blocks(self, schema: Any, out: str, place: _Place) -> list[str]:
        """Arrays and maps: blocks of items, each with its count, and its size where that is
        negative.
        """
        mapped = schema["type"] == "map"
        kind = schema["values" if mapped else "items"]
        item = self._define(kind, None, place.inner(), wanted=bool(out))
        helper = self._name("b")
        read = self.scope[item]
        self.scope[helper] = map_reader(read, wanted=bool(out)) if mapped else list_reader(read)
        return [f"{place.pad}{out or '_'}, p = {helper}(d, p)"]

    def _by_name(self, name: Any, keep: Keep, out: str, place: _Place) -> list[str]:
        """A type that was defined before, possibly the one being defined."""
        full = str(name)
        if full not in self.names and place.space:
            full = f"{place.space}.{name}"
        if full not in self.names:
            raise ValueError("an Avro schema names a type that is not defined")
        schema, space = self.names[full]
        if keep is not None:  # what is kept has an end, the type may have none
            return self._value(schema, keep, out, place.inner(space=space))
        if full not in self.made:
            call = self.made[full] = self._name("r")
            self.scope[call] = self._later(f"{call}_")
            self.scope[f"{call}_"] = self.scope[self._define(schema, None, _Place(0, space, 1))]
        return [f"{place.pad}{out or '_'}, p = {self.made[full]}(d, p)"]

    def _later(self, name: str) -> Reader:
        """Looked up when called: a recursive type is not finished when it is first named."""
        return lambda data, start: self.scope[name](data, start)  # noqa: PLW0108  # not there yet


def named_types(
    schema: Any, space: str = "", depth: int = 0
) -> Iterator[tuple[str, tuple[Any, str]]]:
    """The named types that a schema defines, by their full names, each with its namespace.

    Raises:
        ValueError: nested too deeply.
    """
    if depth > ITEM_DEPTH_MAX:
        raise ValueError(f"an Avro schema is nested deeper than {ITEM_DEPTH_MAX}")
    parts: list[Any] = schema if isinstance(schema, list) else []
    if isinstance(schema, dict):
        if schema.get("type") in {"record", "enum", "fixed"}:
            full, space = full_name(schema, space)
            yield full, (schema, space)
        parts = [field.get("type") for field in schema.get("fields") or ()]
        parts += [schema.get("items"), schema.get("values")]
    for part in parts:
        yield from named_types(part, space, depth + 1)


def full_name(schema: Any, space: str) -> tuple[str, str]:
    """A named type's full name, and the namespace in which it stands."""
    name = schema["name"]
    if "." in name:
        return name, name.rpartition(".")[0]
    space = schema.get("namespace", space) or ""
    return (f"{space}.{name}" if space else name), space


def _long(keep: bool) -> list[str]:
    if not keep:
        return ["while d[p] > 127: p += 1", "p += 1"]
    return [
        "b = d[p]; p += 1",
        "if b < 128: {o} = (b >> 1) ^ -(b & 1)",
        "else:",
        "    n = b & 127; s = 7",
        "    while True:",
        "        b = d[p]; p += 1",
        "        n |= (b & 127) << s",
        "        if b < 128: break",
        "        s += 7",
        "        if s > 63: bad()",
        "    {o} = (n >> 1) ^ -(n & 1)",
    ]


def _sized(convert: str) -> Callable[[bool], list[str]]:
    def lines(keep: bool) -> list[str]:
        length = [line.replace("{o}", "z") for line in _long(keep=True)]
        build = [f"{{o}} = d[p:p + z]{convert}"] if keep else []
        return [*length, "if z < 0: bad()", *build, "p += z"]

    return lines


def _plain(expression: str, size: int) -> Callable[[bool], list[str]]:
    return lambda keep: [*([f"{{o}} = {expression}"] if keep else []), f"p += {size}"]


_SCALARS: dict[str, Callable[[bool], list[str]]] = {
    "null": lambda keep: ["{o} = None"] if keep else ["pass"],
    "boolean": _plain("d[p] == 1", 1),
    "int": _long,
    "long": _long,
    "float": _plain("single(d, p)[0]", 4),
    "double": _plain("double(d, p)[0]", 8),
    "bytes": _sized(""),
    "string": _sized(".decode()"),
}
