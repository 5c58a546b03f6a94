"""Avro records of a topic read many at once, before they are decoded one by one.

Simple rows leave the machine in canonical form (`connectors.debezium.machine.avro_canonical`); what
is not simple is read by it as values; and what it cannot read goes the way of a single record.
`connectors.debezium.json_ahead` does the same for JSON; `connectors.debezium.route` calls both.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from figwatch.connectors.debezium.avro import Role
from figwatch.connectors.debezium.avro_compile import Make
from figwatch.connectors.debezium.avro_direct import Batch, Direct, Ready
from figwatch.connectors.debezium.avro_schema import AvroSchema
from figwatch.connectors.debezium.framing import Headers, SchemaRef, named_in
from figwatch.connectors.debezium.machine.avro_canonical import Canonical, fits
from figwatch.connectors.debezium.machine.canonical import cut, runs_of
from figwatch.connectors.debezium.plan import KeyPlan, RowPlan
from figwatch.connectors.debezium.quick import QuickWays
from figwatch.connectors.debezium.quick_code import Form, Quick
from figwatch.connectors.debezium.rows import LogEvent, RowEvent
from figwatch.connectors.debezium.source import FIELDS, LOG_FIELDS, LogEntry, Source
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.mapping.compile import Half
from figwatch.validators.mapping.simple import Simple, simple_column

BATCH_MIN = 16
"""Fewer records than this are not read together."""
SIMPLE_SHARE_MIN = 0.5
"""Where fewer rows of a batch are simple..."""
MISSES_MAX = 3
"""... so many times, one after the other, the schema's rows are no longer read as such. Once may be
one bad text, which spoils a batch.
"""


class Record(Protocol):
    """What is needed of a consumed record."""

    offset: int
    headers: Headers
    key: bytes | None
    value: bytes | None


def direct_of(
    plan: RowPlan, schema: AvroSchema, prefix: bytes, placeholder: Placeholder, *, log: bool
) -> Direct[RowPlan]:
    """What reads the envelopes of a schema; `log`: PostgreSQL's usual ones."""
    row = Make(plan.row, dict.fromkeys(plan.fields), msgspec.UNSET)
    source = Make(Source, dict.fromkeys(FIELDS), msgspec.UNSET)
    of = {"op": None, "after": row, "source": source, "transaction": None}
    direct = Direct(plan, schema, Make(RowEvent, of), prefix, _log_event(row) if log else None)
    found = _canonical(plan, schema, placeholder) if log and len(plan.feeds) == 1 else None
    if found is not None:
        canonical, runs = found
        direct.ready = Ready(Batch(schema, _log_event(canonical), prefix), runs)
    return direct


def _log_event(row: Make | Canonical) -> Make:
    source = Make(LogEntry, dict.fromkeys(LOG_FIELDS), msgspec.UNSET)
    return Make(LogEvent, {"op": None, "after": row, "source": source})


def _canonical(
    plan: RowPlan, schema: AvroSchema, placeholder: Placeholder
) -> tuple[Canonical, tuple[range, ...]] | None:
    """How the rows of the only feed are made; None where nothing of them is simple."""
    types = schema.types("after")
    columns = [
        one if one is not None and fits(types.get(one.column), one) else None
        for one in simple_columns(plan, placeholder)
    ]
    runs = runs_of(columns)
    if not runs:
        return None
    kept = kept_columns(plan, runs)
    struct = msgspec.defstruct(
        "Kept", [(attribute, Any, msgspec.UNSET) for attribute in kept.values()], gc=False
    )
    make = Make(struct, dict.fromkeys(kept), msgspec.UNSET)
    return Canonical(make, cut(columns, runs)), runs


def simple_columns(plan: RowPlan, placeholder: Placeholder) -> list[Simple | None]:
    """What is simple about the columns of the only feed, in the order of the canonical row; nothing
    where every row has to be looked at first.
    """
    (made,) = plan.feeds
    if made.passes is not None:
        return []
    feed = made.feed
    half = Half(feed.columns, feed.side, plan.fields, plan.wires, placeholder)
    return [simple_column(half, i, agreement) for i, agreement in enumerate(feed.columns)]


def kept_columns(plan: RowPlan, runs: Sequence[range]) -> dict[str, str]:
    """The raw columns whose values are needed beside the runs, and their attributes."""
    feed = plan.feeds[0].feed
    ready = {index for run in runs for index in run}
    others = (a for i, a in enumerate(feed.columns) if i not in ready)
    needed = {*feed.key_columns, *(c for a in others for c in a.rule.columns(feed.side))}
    return {name: f"f{plan.fields[name]}" for name in plan.fields if name in needed}


def few(events: Sequence[Any]) -> bool:
    """Whether too few records of a batch were read."""
    return events.count(None) > len(events) * (1 - SIMPLE_SHARE_MIN)


def read_ahead(
    records: Sequence[Record],
    key_direct: Direct[KeyPlan],
    direct: Direct[RowPlan],
    ways: QuickWays,
    otherwise: Quick,
) -> Quick | None:
    """The function for records that come next, read by the schemas of the first (one batch rarely
    has several); None where the machine does not know these schemas.
    """
    if not (key_direct.start and direct.start):
        records = _named_alike(records)
    keys = key_direct.many([r.key or b"" for r in records])
    if keys is None:
        return None
    values = [r.value or b"" for r in records]
    offsets = [r.offset for r in records]
    form = Form(direct.plan, key_direct.plan, log=direct.log)
    ready = direct.ready
    if ready is not None:
        events = ready.batch.read(values)
        if events is not None and not few(events):
            ready.misses = 0
            left = [n for n, event in enumerate(events) if event is None]
            others = direct.many([values[n] for n in left]) if len(left) >= BATCH_MIN else None
            if others is not None:
                read = [keys[n] for n in left], others
                otherwise = _batch(ways, form, [offsets[n] for n in left], *read, otherwise)
            form = dataclasses.replace(form, runs=ready.runs)
            return _batch(ways, form, offsets, keys, events, otherwise)
        ready.misses += 1
        if events is None or ready.misses >= MISSES_MAX:
            direct.ready = None
    events = direct.many(values)
    return None if events is None else _batch(ways, form, offsets, keys, events, otherwise)


def _named_alike(records: Sequence[Record]) -> Sequence[Record]:
    """Those whose headers name the same schemas as the first one's."""
    headers = records[0].headers
    refs = _refs(headers)
    return [r for r in records if r.headers == headers or _refs(r.headers) == refs]


def _refs(headers: Headers) -> tuple[SchemaRef | None, ...]:
    return named_in(headers, Role.KEY), named_in(headers, Role.VALUE)


def _batch(  # what was read, in the same order
    ways: QuickWays,
    form: Form,
    offsets: Sequence[int],
    keys: Sequence[Any],
    events: Sequence[Any],
    otherwise: Quick,
) -> Quick:
    sample = next((e.after for e in events if e is not None and e.after is not None), None)
    read = dict(zip(offsets, zip(keys, events, strict=True), strict=True))
    return ways.batch(form, sample)(read.get, otherwise)
