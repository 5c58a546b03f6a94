"""Records read many at once, by generated WebAssembly.

Python reads Avro a byte at a time, and hashes JSON a column at a time. A sandboxed machine
(wasmtime: a wheel, no compiler) does both as fast as C and cannot harm the process, whatever the
bytes are. It turns records into msgpack, which msgspec makes Structs of. A record that does not fit
gives None; the plain reader says why. `connectors.debezium.machine.avro` and
`connectors.debezium.machine.json` have the code that is run.
"""

import ctypes
import weakref
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.machine.runtime import (
    INPUT,
    INPUT_BYTES_MAX,
    OUTPUT,
    RECORDS_MAX,
    TABLE,
    UnsupportedError,
)

ExtHook = Callable[[int, memoryview], Any]


class Transcoder:
    """Runs one module, whose msgpack is of Structs `made`; `ext_hook` reads msgpack's extensions.

    Raises:
        UnsupportedError: this machine has no wheel of wasmtime, or no room for its memory.
    """

    def __init__(
        self, text: str, made: "type[msgspec.Struct]", ext_hook: ExtHook | None = None
    ) -> None:
        try:
            import wasmtime  # only who needs it pays for it
        except ImportError:
            raise UnsupportedError("no WebAssembly here") from None
        self._errors = wasmtime.WasmtimeError, wasmtime.Trap
        self._store = wasmtime.Store()
        try:
            module = wasmtime.Module(self._store.engine, bytes(wasmtime.wat2wasm(text)))
            exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        except wasmtime.WasmtimeError:
            raise UnsupportedError("WebAssembly cannot be run here") from None
        # wasmtime's own way of freeing them complains when the interpreter ends
        weakref.finalize(self, _close, self._store, self._store.engine)
        self._run: Any = exports["run"]
        memory: Any = exports["memory"]
        self._base = ctypes.addressof(memory.data_ptr(self._store).contents)
        kind = list[made | None]  # type: ignore[valid-type]
        self._decode = msgspec.msgpack.Decoder(kind, ext_hook=ext_hook).decode

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


def _close(*held: Any) -> None:
    for one in held:
        one.close()


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
