"""A seed as files for `figwatch replay`: what figwatch read of it, and its configuration."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from figwatch.connectors.capture import Line, RawReading
from figwatch.demo.simulator.check import document_of
from figwatch.demo.simulator.weather import Weather


def write_capture(lines: Iterable[Line], path: Path) -> None:
    """Write lines as `kcat -C -J` prints them, readings among them; microseconds as fractions."""
    with path.open("wb") as file:
        for line in lines:
            file.write(msgspec.json.encode(_document(line)) + b"\n")


def write_configuration(weather: Weather, path: Path) -> None:
    """Write the configuration under which a seed is judged; YAML reads JSON."""
    path.write_text(json.dumps(document_of(weather), indent=2), "utf-8")


def _document(line: Line) -> dict[str, Any]:
    where: dict[str, Any] = {"topic": line.topic, "partition": line.partition}
    if isinstance(line, RawReading):
        group = {} if line.group is None else {"group": line.group, "committed": line.committed}
        return where | group | {"end_offset": line.end_offset, "ts": line.answered_us / 1_000}
    headers: list[str | None] = []
    for name, value in line.headers:
        headers += [name, _text(value)]
    return where | {
        "offset": line.offset, "ts": line.append_us / 1_000, "headers": headers,
        "key": _text(line.key), "payload": _text(line.value),
    }  # fmt: skip


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode()
