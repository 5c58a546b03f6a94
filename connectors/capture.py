"""Capture files: JSON lines as `kcat -C -J` prints them, and readings of the replicator.

`figwatch.connectors.replay` feeds them to the decoder and the judge. Nothing here looks inside a
record; a line that is no record stops the replay with its place, because what follows a damaged
line could be anything.
"""

import base64
import binascii
import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from figwatch.validators.errors import FigwatchError

MAX_LINE_BYTES = 64 * 1024 * 1024


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
    headers: list[str | None] = []
    key: str | None = None
    payload: str | None = None
    key_base64: str | None = None
    payload_base64: str | None = None
    group: str | None = None
    committed: int | None = None
    end_offset: int | None = None


_DECODER = msgspec.json.Decoder(_Line)


class Capture:
    """One or several capture files; can be read more than once."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    def __iter__(self) -> Iterator[Line]:
        """Lines in arrival order: each file's own order, several files merged by their times."""
        if len(self.paths) == 1:
            yield from _lines(self.paths[0])
            return
        streams = [_numbered(i, path) for i, path in enumerate(self.paths)]
        for _, _, _, line in heapq.merge(*streams, key=lambda item: item[:3]):
            yield line


def _numbered(file: int, path: Path) -> Iterator[tuple[int, int, int, Line]]:
    latest_us = 0
    for n, line in enumerate(_lines(path)):
        at_us = line.append_us if isinstance(line, RawRecord) else line.answered_us
        latest_us = max(latest_us, at_us)
        yield latest_us, file, n, line


def _lines(path: Path) -> Iterator[Line]:
    try:
        with path.open("rb") as file:
            for number, text in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), 1):
                if text.strip():
                    yield _parse(text, path, number)
    except OSError as error:
        raise FigwatchError(
            "replay.unreadable", f"{path}: {error.strerror}", fix="name a readable capture file"
        ) from error


def _parse(text: bytes, path: Path, number: int) -> Line:
    try:
        line = _DECODER.decode(text)
        at_us = round(line.ts * 1000)
        if line.offset is None:
            if line.end_offset is None:
                raise _bad(path, number, "neither `offset` (a record) nor `end_offset` (a reading)")
            return RawReading(
                line.topic, line.partition, line.group, line.committed, line.end_offset, at_us
            )
        names, values = line.headers[::2], line.headers[1::2]
        headers = tuple(
            (name or "", None if value is None else value.encode())
            for name, value in zip(names, values, strict=False)
        )
        key = _bytes(line.key, line.key_base64)
        value = _bytes(line.payload, line.payload_base64)
        return RawRecord(line.topic, line.partition, line.offset, at_us, headers, key, value)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error) as error:
        raise _bad(path, number, str(error)) from error


def _bytes(text: str | None, encoded: str | None) -> bytes | None:
    if encoded is not None:
        return base64.b64decode(encoded, validate=True)
    return None if text is None else text.encode("utf-8", "surrogatepass")


def _bad(path: Path, number: int, cause: str) -> FigwatchError:
    return FigwatchError(
        "replay.bad-line",
        f"not a line of a capture: {cause}",
        where=f"{path}:{number}",
        fix="write captures with `kcat -C -J`; cut a damaged last line off",
    )
