"""The generated functions of the quick way: the lines that they are made of.

`connectors.debezium.quick` keeps them. Generated code is what `validators.mapping.compile` makes of
the pairs' mappings, behind the lines that stand here. It is one function because a call costs as
much as two columns. `_function` has its outline.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.documents import RECORD_BYTES_MAX
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.plan import KeyPlan, RowPlan
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.change import Change, Malformed, Op, Snapshot, Truncate
from figwatch.validators.mapping.compile import Half, Memory, define, key_code, row_code

OLD_KEY, NEW_KEY = "__debezium.oldkey", "__debezium.newkey"
UPSERTS = {"c": Op.CREATE, "u": Op.UPDATE, "r": Op.READ}

Quick = Callable[
    [int, int, int, Headers, bytes | None, bytes | None], Sequence[Change | Truncate | Malformed]
]
"""(partition, offset, append time in µs, headers, key, value) → what the record means."""
QuickEvent = Callable[..., Sequence[Change] | None]
"""The same with the decoded key row and envelope in place of key and value; None for an event that
takes any thought.
"""
Ahead = Callable[..., Any]
"""(offset, what to give for an unknown one) → key row and envelope that were read ahead."""
Unread = (None, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """One form of records: the plans of their schemas, and what stands before a JSON payload
    (empty: no schema in the record).
    """

    row: RowPlan
    key: KeyPlan
    prefix: bytes = b""
    key_prefix: bytes = b""
    log: bool = False
    """The source block holds PostgreSQL's numbers (`source.LogSource`, `source.LogEntry`)."""
    runs: tuple[range, ...] = ()
    """Columns of the only feed that come in canonical form (`machine.canonical`)."""


_ARGUMENTS = "partition, offset, append_us, headers, raw_key, value"
_ANEW = f"return route.decode({_ARGUMENTS})"


def compile_json(
    names: Mapping[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> Quick:
    """The function for JSON records of a form. `sample` is one of its rows, `names` those of the
    topic.
    """
    size = len(form.prefix)
    json = form.row.log_json if form.log else form.row.json
    scope = {
        "json": json.decode,
        "key_json": form.key.json.decode,
        "prefix": form.prefix,
        "key_prefix": form.key_prefix,
        **names,
    }
    lines = [
        f"if len(value) > {RECORD_BYTES_MAX}: break",
        *(["if not value.startswith(prefix) or value[-1] != 125: break"] if size else []),
        f"event = json(value[{size}:-1])" if size else "event = json(value)",
        *_json_key(form),
    ]
    body = [*lines, *_body(scope, form, placeholder, memory, sample)]
    function = _function(_ARGUMENTS, body, f"return route.plainly({_ARGUMENTS})", _ANEW)
    quick: Quick = define(scope, "quick", function)
    return quick


def compile_event(
    names: Mapping[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> QuickEvent:
    """The function for envelopes and key rows of a form that are decoded already."""
    scope = dict(names)
    body = _body(scope, form, placeholder, memory, sample)
    arguments = "partition, offset, append_us, headers, k, event"
    function = _function(arguments, body, "return None", "return None")
    quick: QuickEvent = define(scope, "quick", function)
    return quick


def compile_batch(
    names: Mapping[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> Callable[[Ahead, Quick], Quick]:
    """What makes the function of one batch, whose envelopes and key rows `ahead` gives."""
    lines = ["k, event = ahead(offset, unread)", "if event is None or k is None: break"]
    return _batch({**names, "unread": Unread}, form, placeholder, memory, sample, lines)


def compile_json_batch(
    names: Mapping[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> Callable[[Ahead, Quick], Quick]:
    """The same for JSON, of which `ahead` gives the envelopes alone."""
    scope = {**names, "key_json": form.key.json.decode, "key_prefix": form.key_prefix}
    lines = ["event = ahead(offset)", "if event is None: break", *_json_key(form)]
    return _batch(scope, form, placeholder, memory, sample, lines)


def _batch(
    scope: dict[str, Any],
    form: Form,
    placeholder: Placeholder,
    memory: Memory,
    sample: Any,
    lines: list[str],
) -> Callable[[Ahead, Quick], Quick]:
    body = [*lines, *_body(scope, form, placeholder, memory, sample)]
    function = _function(_ARGUMENTS, body, f"return otherwise({_ARGUMENTS})", _ANEW)
    made = ["def batch(ahead, otherwise):", *(f"  {line}" for line in function), "  return quick"]
    batch: Callable[[Ahead, Quick], Quick] = define(scope, "batch", made)
    return batch


def _json_key(form: Form) -> list[str]:
    size = len(form.key_prefix)
    if not size:
        return ["k = key_json(raw_key)"]
    return [
        "if not raw_key.startswith(key_prefix) or raw_key[-1] != 125: break",
        f"k = key_json(raw_key[{size}:-1])",
    ]


def _function(arguments: str, body: list[str], otherwise: str, forgotten: str) -> list[str]:
    """A function of lines that return the changes, or break where they are not to be had."""
    return [
        f"def quick({arguments}):",
        "  while fresh:",  # once
        "    try:",
        *(f"      {line}" for line in body),
        "    except Exception:",  # whatever it is, the plain way meets it again and says it
        "      clear()",
        "    break",
        f"  else: {forgotten}",  # in mid-batch
        f"  {otherwise}",
    ]


def _body(
    scope: dict[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> list[str]:
    """From `event` and `k`, the key row, to the changes; `scope` gets the names that it needs."""
    scope |= _NAMES
    specials = []
    body = [*_EVENT, *(_LOG if form.log else _SOURCE), *_KIND]
    for number, plan in enumerate(form.row.feeds):
        feed, tag = plan.feed, f"{number}_"
        row = Half(feed.columns, feed.side, form.row.fields, form.row.wires, placeholder)
        key = Half(feed.key, feed.side, form.key.fields, form.key.wires, placeholder)
        row_lines = row_code(row, tag, memory, sample, form.runs)
        key_lines = key_code(key, "k", tag)
        scope |= row_lines.scope | key_lines.scope
        scope |= {f"pair{tag}": plan.pair, f"side{tag}": plan.side, f"passes{tag}": plan.passes}
        specials.append(scope[f"special{tag}"])
        same = " or ".join(
            f"k.f{form.key.fields[name]} != r.f{form.row.fields[name]}" for name in feed.key_columns
        )
        body += [
            f"if {same}: break",
            *([f"if not passes{tag}(r): break"] if plan.passes is not None else []),
            *key_lines.lines,
            *row_lines.lines,
            f"change{tag} = Change(pair{tag}, side{tag}, {_REST})",
        ]

    def clear() -> None:
        for special in specials:
            special.clear()

    scope["clear"] = clear
    changes = "".join(f"change{number}_, " for number in range(len(form.row.feeds)))
    return [*body, f"return ({changes})"]


_NAMES: dict[str, Any] = {
    "upserts": UPSERTS.get,
    "Change": Change,
    "create": Op.CREATE,
    "update": Op.UPDATE,
    "read": Op.READ,
    "none": Snapshot.NONE,
    "old_key": OLD_KEY,
    "commit_of": sources.commit_us,
    "position_of": sources.position,
    "transaction_of": sources.transaction_of,
    "snapshot_of": sources.snapshot_of,
}
_REST = (
    "key, op, h, x, commit_us, position, tx, topic, partition, offset, append_us, snapshot, u, c, "
    "None, origin"
)
_EVENT = [
    "r = event.after; source = event.source; op = upserts(event.op)",
    "if not r or op is None or source is None: break",
    "origin = source.origin",
    "if origin.__class__ is not str: origin = ''",
]
_LOG = [
    "commit_us = source.ts_us; lsn = source.lsn; tx = source.txId",
    "if commit_us is None or lsn is None or tx is None: break",
    "position = (lsn, 1)",
]
_SOURCE = [
    "commit_us = source.ts_us; lsn = source.lsn; tx = source.txId",
    "if (type(commit_us) is type(lsn) is type(tx) is int and commit_us",
    "        and not (commit_us | lsn | tx) >> 63): position = (lsn, 1)",
    "else:",
    "    commit_us = commit_of(source)",
    "    if commit_us is None: break",
    "    position = position_of(source, op); tx = transaction_of(source, event.transaction)",
]
_KIND = [
    f"flags = {canonical.SILENT} if op is update else 0",
    "if source.snapshot == 'false' and op is not read: snapshot = none; nulls.replaced = True",
    "else:",
    "    snapshot = snapshot_of(source, op)",
    f"    if snapshot is not none: flags |= {canonical.OLD}",
    f"    if nulls.kept(source.snapshot): flags |= {canonical.KEPT}",
    "if op is create and headers and old_key in dict(headers): break",
]
