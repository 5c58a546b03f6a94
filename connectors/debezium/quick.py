"""The quick way of a topic's usual records: one generated function from bytes to changes.

It is made for one form of records (which schemas, which log) and gives None for every record that
is not exactly of it, or that takes any thought: `connectors.debezium.route` then goes the plain
way, which gives the same changes. Generated code is what `validators.mapping_compile` makes of the
pairs' mappings, behind the lines that stand here.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.documents import RECORD_BYTES_MAX
from figwatch.connectors.debezium.plan import KeyPlan, RowPlan
from figwatch.validators import canonical
from figwatch.validators.canonical import Placeholder
from figwatch.validators.change import Change, Op, Snapshot
from figwatch.validators.mapping_compile import Half, Memory, define, key_code, row_code

OLD_KEY, NEW_KEY = "__debezium.oldkey", "__debezium.newkey"
FORMS_MAX = 64
"""Forms of one topic whose functions are kept; beyond it all are made anew when met."""
UPSERTS = {"c": Op.CREATE, "u": Op.UPDATE, "r": Op.READ}

Quick = Callable[..., Sequence[Change] | None]
"""(partition, offset, append time in µs, headers, key, value) → changes, or None; of events, the
decoded key row and envelope stand in place of key and value.
"""
Compile = Callable[..., Quick]


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


class QuickWays:
    """The quick functions of one topic, each made when its form was first met."""

    def __init__(self, topic: str, placeholder: Placeholder, nulls: sources.Nulls) -> None:
        self._topic = topic
        self._nulls = nulls
        self._placeholder = placeholder
        self._many: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forget all functions: an agreement has changed."""
        self._many.clear()
        self._forget()

    def _forget(self) -> None:
        self.json: Quick | None = None
        """The function for the form in which JSON came last."""
        self._form: Form | None = None
        self._made: dict[Form, Quick] = {}
        self._events: dict[tuple[RowPlan, KeyPlan, bool], Quick] = {}

    def pause(self) -> None:
        """No function for JSON until a form is learned again: something is to be looked at."""
        self.json = self._form = None

    def learn_json(self, form: Form, sample: Any) -> None:
        """Be quick with such records from now on: one has just gone the plain way."""
        if form != self._form:
            self._form = form
            found = self._made.get(form)
            if found is None:
                found = self._made[form] = self._compile(compile_json, form, sample)
            self.json = found

    def events(self, plan: RowPlan, key_plan: KeyPlan, sample: Any, *, log: bool) -> Quick:
        """The function for decoded envelopes of these plans; `log`: their source is a LogEntry."""
        found = self._events.get((plan, key_plan, log))
        if found is None:
            found = self._compile(compile_event, Form(plan, key_plan, log=log), sample)
            self._events[plan, key_plan, log] = found
        return found

    def _compile(self, compile_: Compile, form: Form, sample: Any) -> Quick:
        if len(self._made) + len(self._events) >= FORMS_MAX:
            self._made.clear()
            self._events.clear()
        memory = Memory(self._many, self._forget)
        scope = {"topic": self._topic, "nulls": self._nulls}
        return compile_(scope, form, self._placeholder, memory, sample)


def compile_json(
    names: Mapping[str, Any],
    form: Form,
    placeholder: Placeholder,
    memory: Memory,
    sample: Any,
) -> Quick:
    """The function for JSON records of a form. `sample` is one of its rows, `names` those of the
    topic.
    """
    size, key_size = len(form.prefix), len(form.key_prefix)
    json = form.row.log_json if form.log else form.row.json
    scope = {
        "json": json.decode,
        "key_json": form.key.json.decode,
        "prefix": form.prefix,
        "key_prefix": form.key_prefix,
        **names,
    }
    brace = ord("{")
    lines = [
        f"if value[0] != {brace} or key[0] != {brace} or len(value) > {RECORD_BYTES_MAX}: return",
        *(["if not value.startswith(prefix) or value[-1] != 125: return"] if size else []),
        *(["if not key.startswith(key_prefix): return"] if key_size else []),
        f"event = json(value[{size}:-1])" if size else "event = json(value)",
        f"k = key_json(key[{key_size}:-1])" if key_size else "k = key_json(key)",
    ]
    return _compile("headers, key, value", lines, scope, form, placeholder, memory, sample)


def compile_event(
    names: Mapping[str, Any], form: Form, placeholder: Placeholder, memory: Memory, sample: Any
) -> Quick:
    """The function for envelopes and key rows of a form that are decoded already."""
    lines = ["if event is None or k is None: return"]
    return _compile("headers, k, event", lines, dict(names), form, placeholder, memory, sample)


def _compile(
    arguments: str,
    lines: list[str],
    scope: dict[str, Any],
    form: Form,
    placeholder: Placeholder,
    memory: Memory,
    sample: Any,
) -> Quick:
    scope |= _NAMES
    specials = []
    body = [*lines, *_EVENT, *(_LOG if form.log else _SOURCE), *_KIND]
    for number, plan in enumerate(form.row.feeds):
        feed, tag = plan.feed, f"{number}_"
        row = Half(feed.columns, feed.side, form.row.fields, form.row.wires, placeholder)
        key = Half(feed.key, feed.side, form.key.fields, form.key.wires, placeholder)
        row_lines = row_code(row, tag, memory, sample)
        key_lines = key_code(key, "k", tag)
        scope |= row_lines.scope | key_lines.scope
        scope |= {f"pair{tag}": plan.pair, f"side{tag}": plan.side, f"passes{tag}": plan.passes}
        specials.append(scope[f"special{tag}"])
        same = " or ".join(
            f"k.f{form.key.fields[name]} != r.f{form.row.fields[name]}" for name in feed.key_columns
        )
        body += [
            f"if {same}: return",
            *([f"if not passes{tag}(r): return"] if plan.passes is not None else []),
            *key_lines.lines,
            *row_lines.lines,
            f"change{tag} = Change(pair{tag}, side{tag}, {_REST})",
        ]
    changes = "".join(f"change{number}_, " for number in range(len(form.row.feeds)))

    def clear() -> None:
        for special in specials:
            special.clear()

    scope["clear"] = clear
    quick: Quick = define(
        scope,
        "quick",
        [
            f"def quick(partition, offset, append_us, {arguments}):",
            "  try:",
            *(f"    {line}" for line in [*body, f"return ({changes})"]),
            "  except Exception:",  # whatever it is, the plain way meets it again and says it
            "    clear()",
        ],
    )
    return quick


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
    "if not r or op is None or source is None: return",
    "origin = source.origin",
    "if origin.__class__ is not str: origin = ''",
]
_LOG = [
    "commit_us = source.ts_us; lsn = source.lsn; tx = source.txId",
    "if commit_us is None or lsn is None or tx is None: return",
    "position = (lsn, 1)",
]
_SOURCE = [
    "commit_us = source.ts_us; lsn = source.lsn; tx = source.txId",
    "if (type(commit_us) is type(lsn) is type(tx) is int and commit_us",
    "        and not (commit_us | lsn | tx) >> 63): position = (lsn, 1)",
    "else:",
    "    commit_us = commit_of(source)",
    "    if commit_us is None: return",
    "    position = position_of(source, op); tx = transaction_of(source, event.transaction)",
]
_KIND = [
    f"flags = {canonical.SILENT} if op is update else 0",
    "if source.snapshot == 'false' and op is not read: snapshot = none; nulls.replaced = True",
    "else:",
    "    snapshot = snapshot_of(source, op)",
    f"    if snapshot is not none: flags |= {canonical.OLD}",
    f"    if nulls.kept(source.snapshot): flags |= {canonical.KEPT}",
    "if op is create and headers:",
    "    for name, _ in headers:",
    "        if name == old_key: return",
]
