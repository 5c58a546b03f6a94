"""Avro records read many at once, by generated WebAssembly.

Python reads Avro a byte at a time. A sandboxed machine (wasmtime: a wheel, no compiler) reads it
as fast as C and cannot harm the process, whatever the bytes are. It turns records into msgpack,
which msgspec makes Structs of: those of the same `Make` that `connectors.debezium.avro_compile`
takes, with the same attributes. A record that does not fit gives None; the plain reader says why.
"""

import ctypes
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.avro_compile import Make
from figwatch.connectors.debezium.avro_schema import AvroSchema
from figwatch.connectors.debezium.avro_wat import (
    INPUT,
    INPUT_BYTES_MAX,
    OUTPUT,
    RECORDS_MAX,
    TABLE,
    UnsupportedError,
    module,
)


class Transcoder:
    """Reads values of one schema behind a prefix.

    Raises:
        UnsupportedError: the schema has parts that only the plain reader knows, or this machine
            has no wheel of wasmtime.
    """

    def __init__(self, schema: AvroSchema, keep: Make, prefix: bytes) -> None:
        try:
            import wasmtime  # only who reads Avro pays for it
        except ImportError:
            raise UnsupportedError("no WebAssembly here") from None
        text, made = module(schema.schema, keep, schema.known, prefix)
        self._store = wasmtime.Store()
        code = wasmtime.Module(self._store.engine, bytes(wasmtime.wat2wasm(text)))
        exports = wasmtime.Instance(self._store, code, []).exports(self._store)
        self._run: Any = exports["run"]
        self._errors = wasmtime.WasmtimeError, wasmtime.Trap
        memory: Any = exports["memory"]
        self._base = ctypes.addressof(memory.data_ptr(self._store).contents)
        self._decode = msgspec.msgpack.Decoder(list[made | None]).decode  # type: ignore[valid-type]

    def read(self, values: Sequence[bytes]) -> list[Any]:
        """The values, each a Struct of what is kept, or None where it does not fit."""
        if len(values) <= RECORDS_MAX and sum(map(len, values)) <= INPUT_BYTES_MAX:
            return self._read(values)
        found: list[Any] = []
        for part in _parts(values):
            found += self._read(part)
        return found

    def _read(self, values: Sequence[bytes]) -> list[Any]:
        lengths = array("I", map(len, values)).tobytes()
        data = b"".join(values)
        if len(data) > INPUT_BYTES_MAX:  # one value alone
            return [None] * len(values)
        ctypes.memmove(self._base + TABLE, lengths, len(lengths))
        ctypes.memmove(self._base + INPUT, data, len(data))
        head = b"\xdd" + len(values).to_bytes(4, "big")
        try:
            end = self._run(self._store, len(values))
            return self._decode(head + ctypes.string_at(self._base + OUTPUT, end - OUTPUT))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, *self._errors):
            return [None] * len(values)


def _parts(values: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut into what the machine takes at once."""
    first = size = 0
    for index, value in enumerate(values):
        if index > first and (size + len(value) > INPUT_BYTES_MAX or index - first >= RECORDS_MAX):
            yield values[first:index]
            first, size = index, 0
        size += len(value)
    if first < len(values):
        yield values[first:]
