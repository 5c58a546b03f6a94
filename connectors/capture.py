"""Capture files: JSON lines as `kcat -C -J` prints them, and readings of the replicator.

`figwatch.connectors.replay` feeds them to the decoder and the judge. Nothing here looks inside a
record; a line that is no record stops the replay with its place, because what follows a damaged
line could be anything.
"""

import base64
import heapq
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from figwatch.connectors.capture_files import CaptureFile
from figwatch.validators.errors import FigwatchError

MAX_LINE_BYTES = 64 * 1024 * 1024
PAIR = 2


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """One Kafka record. `append_us` is the broker's time in microseconds."""

    topic: str
    partition: int
    offset: int
    append_us: int
    headers: tuple[tuple[str, bytes | None], ...]
    key: bytes | None
    value: bytes | None


class RawReading(msgspec.Struct, frozen=True, gc=False):
    """A reading as captured: `group` and `committed` are None for an end offset only."""

    topic: str
    partition: int
    group: str | None
    committed: int | None
    end_offset: int
    answered_us: int


Line: TypeAlias = RawRecord | RawReading


class _Line(msgspec.Struct, gc=False):
    topic: str
    partition: int
    ts: float = 0
    offset: int | None = None
    headers: list[Any] | dict[str, Any] | None = None
    key: Any = None
    payload: Any = None
    key_base64: str | None = None
    payload_base64: str | None = None
    group: str | None = None
    committed: int | None = None
    end_offset: int | None = None


_KCAT_FIELDS = frozenset({"tstype", "broker", "key_schema_id", "value_schema_id"})
"""Fields that kcat prints besides, and nothing here needs."""
_DECODER = msgspec.json.Decoder(_Line)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Capture:
    """One or several capture files; can be read more than once."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._files = tuple(map(CaptureFile, paths))

    def __iter__(self) -> Iterator[Line]:
        """Lines in arrival order: each file's own order, several files merged by their times."""
        if len(self._files) == 1:
            yield from _lines(self._files[0])
            return
        streams = [_numbered(i, file) for i, file in enumerate(self._files)]
        for _, _, _, line in heapq.merge(*streams, key=lambda item: item[:3]):
            yield line


def _numbered(number: int, file: CaptureFile) -> Iterator[tuple[int, int, int, Line]]:
    latest_us = 0
    for n, line in enumerate(_lines(file)):
        at_us = line.append_us if isinstance(line, RawRecord) else line.answered_us
        latest_us = max(latest_us, at_us)
        yield latest_us, number, n, line


def _lines(file: CaptureFile) -> Iterator[Line]:
    for number, text in enumerate(file.lines(MAX_LINE_BYTES), 1):
        if text.strip():
            yield _parse(text, file.path, number)


def _parse(text: bytes, path: Path, number: int) -> Line:
    try:
        line = _decoded(text)
        at_us = round(line.ts * 1000)
        if line.offset is None:
            if line.end_offset is None:
                raise _bad(path, number, "neither `offset` (a record) nor `end_offset` (a reading)")
            return RawReading(
                line.topic, line.partition, line.group, line.committed, line.end_offset, at_us
            )
        key = _bytes(line.key, line.key_base64)
        value = _bytes(line.payload, line.payload_base64)
        if value is None:
            _no_stranger(text)
        return RawRecord(
            line.topic, line.partition, line.offset, at_us, _headers(line.headers), key, value
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _bad(path, number, str(error)) from error


def _no_stranger(text: bytes) -> None:
    """Refuse a record whose value may stand under another name: it would pass for a tombstone.

    Raises:
        ValueError: it has no payload, and fields that no capture has.
    """
    try:
        fields = _FIELDS.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # kcat's own bytes
    strange = sorted(fields.keys() - set(_Line.__struct_fields__) - _KCAT_FIELDS)
    if strange and "payload" not in fields and "payload_base64" not in fields:
        raise ValueError(f"no `payload` (a tombstone has null), but `{strange[0][:40]}`")


def _decoded(text: bytes) -> _Line:
    """A line. kcat copies bytes that are no UTF-8 as they are: then they are taken back so."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        try:
            document = json.loads(text.decode("utf-8", "surrogateescape"), strict=False)
        except (ValueError, RecursionError):
            raise error from None
        return msgspec.convert(document, _Line)


def _headers(given: list[Any] | dict[str, Any] | None) -> tuple[tuple[str, bytes | None], ...]:
    """Kcat's flat list of names and values; also pairs or an object, as other tools write them."""
    if not given:
        return ()
    if isinstance(given, dict):
        pairs = list(given.items())
    elif all(isinstance(item, list) and len(item) == PAIR for item in given):
        pairs = [(name, value) for name, value in given]
    else:
        pairs = list(zip(given[::2], given[1::2], strict=False))
    return tuple((str(name or ""), _bytes(value, None)) for name, value in pairs)


def _bytes(value: Any, encoded: str | None) -> bytes | None:
    """A key, payload or header: text, base64 beside it, or a document (kcat's `-s value=avro`)."""
    if encoded is not None:
        return base64.b64decode(encoded, validate=True)
    if value is None:
        return None
    if not isinstance(value, str):
        return msgspec.json.encode(value)
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _bad(path: Path, number: int, cause: str) -> FigwatchError:
    return FigwatchError(
        "replay.bad-line",
        f"not a line of a capture: {cause}",
        where=f"{path}:{number}",
        fix="write captures with `kcat -C -J`; cut a damaged last line off",
    )
