"""JSON records of a topic read many at once, before they are decoded one by one.

What a machine (`connectors.debezium.machine.json`) is made for is learned from records: the order
of their members, and which columns have simple values. A record that looks different goes the way
of a single one. `connectors.debezium.route` is the caller.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from figwatch.connectors.debezium.ahead import (
    MISSES_MAX,
    Record,
    few,
    kept_columns,
    simple_columns,
)
from figwatch.connectors.debezium.machine.canonical import cut, runs_of
from figwatch.connectors.debezium.machine.json import Shape, Wanted, module, raw_value
from figwatch.connectors.debezium.machine.json_runtime import DIGITS_MAX
from figwatch.connectors.debezium.machine.runtime import UnsupportedError
from figwatch.connectors.debezium.machine.transcoder import Transcoder
from figwatch.connectors.debezium.quick import QuickWays
from figwatch.connectors.debezium.quick_code import Form, Quick, compile_json_batch
from figwatch.validators.canonical.json import json_text, parse_json
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.mapping.simple import Simple

SAMPLE = 32
"""Records of a batch that are looked at to learn their form."""
LEARN_EVERY = 256
"""Batches between two machines of a topic: making one takes as long as reading ten batches."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Machine:
    of: Form
    """The form of the records that it reads."""
    form: Form
    """The same with the runs that it makes."""
    transcoder: Transcoder


class JsonAhead:
    """Reads the JSON records of one topic."""

    def __init__(self, placeholder: Placeholder) -> None:
        self._placeholder = placeholder
        self._machine: _Machine | None = None
        self._misses = self._batches = 0
        self._next = 0
        """The batch from which on another machine may be made."""

    def read(
        self, records: Sequence[Record], form: Form, ways: QuickWays, otherwise: Quick
    ) -> Quick | None:
        """The function for records that come next, most of which are likely of this form; None
        where no machine is to be had for it.
        """
        self._batches += 1
        machine = self._machine
        if machine is None or machine.of != form:
            if self._batches < self._next or not _readable(form):
                return None
            machine = self._machine = self._learn(_payloads(records[:SAMPLE], form.prefix), form)
            if machine is None:
                return None
        events = machine.transcoder.read(_payloads(records, form.prefix))
        self._misses = self._misses + 1 if few(events) else 0
        if self._misses >= MISSES_MAX:
            self._machine, self._misses = None, 0
        read = {r.offset: event for r, event in zip(records, events, strict=True)}
        sample = next((event.after for event in events if event is not None), None)
        return ways.batch(machine.form, sample, compile_json_batch)(read.get, otherwise)

    def _learn(self, values: Sequence[bytes], form: Form) -> _Machine | None:
        shape, rows = _alike(values)
        if shape is None:
            return None
        self._next = self._batches + LEARN_EVERY
        columns = [
            one if one is not None and all(_shows(one, row) for row in rows) else None
            for one in simple_columns(form.row, self._placeholder)
        ]
        runs = runs_of(columns)
        if not runs:
            return None
        try:
            text, made = module(shape, Wanted(kept_columns(form.row, runs), cut(columns, runs)))
            transcoder = Transcoder(text, made, raw_value)
        except UnsupportedError:
            return None
        return _Machine(form, dataclasses.replace(form, runs=runs), transcoder)


def _readable(form: Form) -> bool:
    """Whether a machine can be made for the records of a form: one pair, every row of it."""
    return form.log and len(form.row.feeds) == 1 and form.row.feeds[0].passes is None


def _payloads(records: Sequence[Record], prefix: bytes) -> list[bytes]:
    """The payloads behind a prefix; empty where there is none."""
    if not prefix:
        return [r.value or b"" for r in records]
    size = len(prefix)
    return [
        v[size:-1] if (v := r.value) and v.startswith(prefix) and v.endswith(b"}") else b""
        for r in records
    ]


def _alike(values: Sequence[bytes]) -> tuple[Shape | None, list[Any]]:
    """The shape that is the first to come, and the rows of all envelopes that have it."""
    rows: list[Any] = []
    wanted = None
    for value in values:
        try:
            envelope = parse_json(value)
        except ValueError:
            continue
        shape = Shape.of(envelope)
        wanted = wanted or shape
        if shape is not None and shape == wanted:
            rows.append(envelope["after"])
    return wanted, rows


def _shows(simple: Simple, row: Any) -> bool:
    """Whether a column's value looks simple; the machine has the last word."""
    value = row.get(simple.column, ...)
    if isinstance(value, bool):
        return simple.boolean
    if isinstance(value, int):
        low, high, _ = simple.integers or (0, -1, 0)
        return low <= value <= high and abs(value) < 10**DIGITS_MAX
    if isinstance(value, str):
        short = simple.scale is not None or len(value) < simple.text_below
        return short and value.isascii() and len(json_text(value)) == len(value) + 2  # no escapes
    return value is None and simple.null
