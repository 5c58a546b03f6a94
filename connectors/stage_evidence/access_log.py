"""Requests out of a JSON access log of NGINX or Envoy: in time, without error.

NGINX: a `log_format` with `escape=json` whose members are called like the variables ($request_time
in seconds, $status, $request_method, $request_uri or $uri, $time_iso8601 or $msec). Envoy: the
default members of its JSON format (duration in ms, response_code, method, path, start_time).
Streamed: memory does not grow with the file.
"""

import datetime as dt
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.connectors.stage_evidence.traffic import Window, not_begun, timed
from figwatch.validators.stages.facts import Origin, Share

SOURCE = "access_log"
LINES_MAX = 50_000_000
LINE_BYTES_MAX = 65_536
MALFORMED_SHARE_MAX = 0.01
"""More unreadable lines than this, and the log is no evidence."""
STATUSES = range(100, 600)
"""Others (0, 000) are written for requests that nobody answered."""
SERVER_ERROR = 500
LATE_US = 600_000_000
"""A log that begins this much after the window does not cover it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One line, as far as it counts."""

    at_us: int
    seconds: float
    status: int
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines count."""

    path_pattern: str | None = None
    methods: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    total: int = 0
    in_time: int = 0
    without_error: int = 0
    lines: int = 0
    malformed: int = 0
    first_us: int = 0
    last_us: int = 0


def read_log(
    path: str, kind: str, window: Window, wanted: Wanted, latency_seconds: float
) -> tuple[Share, Share]:
    """Shares of timely and of good answers. An unreadable line counts as a bad request."""
    try:
        with pathlib.Path(path).open("rb") as file:
            tally = _tally(file, kind, window, wanted, latency_seconds)
    except OSError as error:
        reason = error.strerror or "not readable"
        trouble = Trouble(f"the access log {path} cannot be read: {reason}", "correct its path")
        return _unknown(trouble, path, window)
    trouble_found = _doubt(tally, path, window)
    if trouble_found:
        return _unknown(trouble_found, path, window)
    notes = (f"{tally.malformed} unreadable lines count as bad",) if tally.malformed else ()
    total = tally.total + tally.malformed
    # The log's beginning may be later than the window's: samples came in the shorter time.
    from_us = max(window.from_us, tally.first_us)
    origin = Origin(SOURCE, path, tally.last_us, from_us, total, notes=notes)
    return (
        timed(Share("in_time", origin, tally.in_time, total), latency_seconds),
        Share("without_error", origin, tally.without_error, total),
    )


def parse_line(line: bytes, kind: str) -> Request | None:
    """A line of the log; None where it cannot be read."""
    try:
        entry = msgspec.json.decode(line)
        if kind == "envoy-log":
            return Request(
                _time_us(entry["start_time"]),
                float(entry["duration"]) / 1000,
                int(entry["response_code"]),
                str(entry.get("method", "")),
                str(entry.get("path", "")),
            )
        return Request(
            _time_us(entry["msec"] if "msec" in entry else entry["time_iso8601"]),
            float(entry["request_time"]),
            int(entry["status"]),
            str(entry.get("request_method", "")),
            str(entry.get("request_uri", entry.get("uri", ""))),
        )
    except (
        msgspec.DecodeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        RecursionError,
    ):
        return None


def _time_us(value: Any) -> int:
    try:
        return round(float(value) * 1e6)
    except ValueError:
        at = dt.datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise
        return round(at.timestamp() * 1e6)


def _tally(
    lines: Iterable[bytes], kind: str, window: Window, wanted: Wanted, latency_seconds: float
) -> _Tally:
    tally = _Tally()
    pattern = re.compile(wanted.path_pattern) if wanted.path_pattern else None
    for line in lines:
        tally.lines += 1
        if tally.lines > LINES_MAX:
            break
        if not line.endswith(b"\n"):
            break  # the last one is still being written
        request = parse_line(line, kind) if len(line) <= LINE_BYTES_MAX else None
        if request is None or not request.seconds >= 0 or request.status not in STATUSES:
            tally.malformed += 1
            continue
        tally.first_us = min(tally.first_us or request.at_us, request.at_us)
        if not window.from_us <= request.at_us <= window.to_us:
            continue
        tally.last_us = max(tally.last_us, request.at_us)
        if pattern and not pattern.search(request.path.partition("?")[0]):
            continue
        if wanted.methods and request.method not in wanted.methods:
            continue
        tally.total += 1
        tally.in_time += request.seconds <= latency_seconds
        tally.without_error += request.status < SERVER_ERROR
    return tally


def _doubt(tally: _Tally, path: str, window: Window) -> Trouble | None:
    if tally.lines > LINES_MAX:
        return Trouble(f"{path} has more than {LINES_MAX} lines", "rotate the log more often")
    if tally.malformed > MALFORMED_SHARE_MAX * tally.lines:
        cause = f"{tally.malformed} of {tally.lines} lines of {path} cannot be read"
        fix = "a JSON object a line, with time, duration and status"
        return Trouble(cause, fix)
    if trouble := not_begun(window):
        return trouble
    if not tally.total:
        fix = "correct path, path_pattern and methods"
        return Trouble(f"{path} has no such request in the window", fix)
    if tally.first_us > window.from_us + LATE_US:
        cause = f"{path} begins after the window: requests before its rotation are missing"
        return Trouble(cause, "keep the log longer, or begin the window (`since`) later")
    return None


def _unknown(trouble: Trouble, path: str, window: Window) -> tuple[Share, Share]:
    origin = trouble.origin(SOURCE, path, window.from_us)
    return Share("in_time", origin), Share("without_error", origin)
