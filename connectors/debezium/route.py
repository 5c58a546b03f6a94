"""One data topic: raw records in, changes out. The hot path of figwatch.

A plain JSON envelope goes straight into generated Structs (`connectors.debezium.plan`); a record
with an embedded schema is recognised by its first bytes and only its payload decoded; all other
shapes take the slower way over `connectors.debezium.shapes`. What a row event becomes is in
`connectors.debezium.rows`.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.ahead import BATCH_MIN, Record, direct_of, read_ahead
from figwatch.connectors.debezium.avro import UNFIT, AvroReader, Role
from figwatch.connectors.debezium.avro_direct import SCHEMAS_MAX, Direct, Directs
from figwatch.connectors.debezium.documents import RECORD_BYTES_MAX, Document, document_of
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.json_ahead import JsonAhead
from figwatch.connectors.debezium.keys import KeyReader
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.plan import Feed, RowPlan, row_plan
from figwatch.connectors.debezium.quick import QuickWays
from figwatch.connectors.debezium.quick_code import UPSERTS, Form
from figwatch.connectors.debezium.rows import Decoded, RowEvent, RowWriter, Where
from figwatch.connectors.debezium.schema import BadSchemaError, ConnectSchema
from figwatch.connectors.debezium.shapes import Event, Ignored, event_of
from figwatch.connectors.debezium.source import (
    Nulls,
    is_log,
)
from figwatch.validators.canonical.json import json_text
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.canonical.wire import Wire

_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError)
IDENTITY_LOOKS = 50
"""First rows of a topic that are looked at for their old row (REPLICA IDENTITY FULL)."""
DOUBTED_TIMES = 20
"""So many times more rows are looked at once a delete was refused for want of knowing it."""


Decode = Callable[[int, int, int, Headers, bytes | None, bytes | None], Decoded]
"""(partition, offset, append time in µs, headers, key, value) → records."""


class Route:
    """Decodes the records of one topic for every pair that it feeds."""

    def __init__(  # made in one place, the decoder
        self,
        topic: str,
        feeds: Sequence[Feed],
        avro: AvroReader,
        placeholder: Placeholder,
        ignored: Counter[str],
        on_change: Callable[["Route"], None],
        nulls: Nulls,
        *,
        quick: bool = True,
    ) -> None:
        self.topic = topic
        self.feeds = feeds
        self.ignored = ignored
        self._avro = avro
        self._placeholder = placeholder
        self._on_change = on_change
        self._looks = IDENTITY_LOOKS
        self._brace = b"{" if avro.takes_json else b"\xff"  # which no record starts with
        self._keys = KeyReader(feeds, avro, placeholder, self._learn, quick=quick)
        self._rows = RowWriter(feeds, self._keys, ignored, nulls)
        self._nulls = nulls
        self._quick = QuickWays(topic, self, placeholder, nulls) if quick else None
        self.reset()

    def reset(self) -> None:
        """Forget all compiled plans: an agreement has changed."""
        self._plans: dict[Any, RowPlan] = {}
        self._plain = row_plan(self.feeds, {}, self._placeholder, quick=self._quick is not None)
        self._directs: Directs[RowPlan] = Directs(Role.VALUE)
        self._prefix = b"\0"  # no JSON starts so
        self._prefix_plan = self._plain
        self._keys.reset()
        self._json = JsonAhead(self._placeholder)
        if self._quick is not None:
            self._quick.reset()

    def decode(
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Decoded:
        """The changes of one record; empty when it is no row event.

        Raises:
            RegistryUnavailable: its schema cannot be had now; ask again later.
        """
        if self._quick is not None and (quick := self._quick.json) is not None:
            return quick(partition, offset, append_us, headers, key, value)
        return self.plainly(partition, offset, append_us, headers, key, value)

    def plainly(  # noqa: C901, PLR0911  # every case, in its order
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        value: bytes | None,
    ) -> Decoded:
        """The same without the quick way."""
        where = (self.topic, partition, offset, append_us)
        try:
            if value is None:
                return self._rows.tombstone(where, headers, key)
            if self._looks:
                return self._any_shape(where, headers, key, value)
            direct = self._directs.find(value, headers) if self._directs else None
            if direct is not None:
                found = self._avro_event(where, headers, key, value, direct)
                if found is not None:
                    return found
            elif value[:1] == self._brace and len(value) <= RECORD_BYTES_MAX:
                plan, payload = self._plain, value
                if value.startswith(self._prefix) and value[-1:] == b"}":
                    plan, payload = self._prefix_plan, value[len(self._prefix) : -1]
                try:
                    event = plan.json.decode(payload)
                except _UNREADABLE:
                    return self._any_shape(where, headers, key, value)
                op = UPSERTS.get(event.op) if event.op.__class__ is str else None
                if op is not None and event.after and event.source is not None:
                    found = self._rows.upsert(where, headers, key, op, event, plan)
                    self._be_quick(key, event, plan)
                    return found
                if event.op == "d" and event.source is not None:
                    found = self._rows.quick_delete(where, headers, key, event, plan)
                    if found is not None:
                        return found
            return self._any_shape(where, headers, key, value)
        except MalformedError as error:
            return self._rows.malformed(where, headers, key, error.reason, str(error))

    def refuse(  # the arguments of `decode`
        self,
        partition: int,
        offset: int,
        append_us: int,
        headers: Headers,
        key: bytes | None,
        reason: Reason,
        detail: str,
    ) -> Decoded:
        """A Malformed for each pair, for a record that the caller cannot use."""
        where = (self.topic, partition, offset, append_us)
        return self._rows.malformed(where, headers, key, reason, detail)

    def _be_quick(self, key: bytes | None, event: Any, plan: RowPlan) -> None:
        """Know what the usual records of this topic look like: this one went the plain way."""
        found = self._keys.form(key)
        if self._quick is None or found is None:
            return
        key_plan, key_prefix = found
        prefix = b"" if plan is self._plain else self._prefix
        form = Form(plan, key_plan, prefix, key_prefix, is_log(event.source))
        self._quick.learn_json(form, event.after)

    def _avro_event(
        self,
        where: Where,
        headers: Headers,
        key: bytes | None,
        value: bytes,
        direct: Direct[RowPlan],
    ) -> Decoded | None:
        """The changes of an Avro envelope of a known schema; None where that is not enough."""
        plan = direct.plan
        try:
            event, end = direct.read(value, direct.start)
        except UNFIT:
            return None
        if end != len(value) or event.source is None:
            return None
        op = UPSERTS.get(event.op)
        if op is not None and event.after is not None:
            key_row = self._keys.read(key, headers)
            if self._quick is not None and key_row is not None:
                quick = self._quick.events(plan, key_row.plan, event.after)
                found = quick(*where[1:], headers, key_row.row, event)
                if found is not None:
                    return found
            return self._rows.upsert(where, headers, key, op, event, plan)
        if event.op == "d":
            return self._rows.quick_delete(where, headers, key, event, plan)
        return None

    def ahead(self, records: Sequence[Record]) -> Decode:
        """The callable for these records, which come next; most are read for all at once."""
        ways = self._quick
        if ways is None:
            return self.decode
        found = None
        if not self._looks and len(records) >= BATCH_MIN:
            found = self._avro_ahead(ways, records)
            if found is None and ways.form is not None:
                found = self._json.read(records, ways.form, ways, self.decode)
        return found or ways.json or self.decode

    def _avro_ahead(self, ways: QuickWays, records: Sequence[Record]) -> Decode | None:
        first = records[0]
        if not self._directs or first.value is None or first.key is None:
            return None
        key_direct = self._keys.directs.find(first.key, first.headers)
        direct = self._directs.find(first.value, first.headers)
        if key_direct is None or direct is None:
            return None
        return read_ahead(records, key_direct, direct, ways, self.decode)

    def learn(self, headers: Headers, key: bytes | None, value: bytes | None) -> None:
        """Take the schemas of a record, without decoding its row.

        Raises:
            RegistryUnavailable: a schema cannot be had now.
        """
        with contextlib.suppress(MalformedError):
            self._keys.read(key, headers)
        if value is None:
            return
        if value[:1] == b"{" and value.startswith(self._prefix):
            with contextlib.suppress(*_UNREADABLE):
                event = self._prefix_plan.json.decode(value[len(self._prefix) : -1])
                self._nulls.note(event.source.snapshot if event.source is not None else "")
            return
        if value[:1] == b"{" and b'"schema":{' not in value:
            return
        with contextlib.suppress(ValueError):
            document = document_of(value, headers, Role.VALUE, self._avro)
            event = event_of(document.value, headers)
            if isinstance(event, Event):
                self._nulls.note(event.source.snapshot)
                plan = self._plan(document, event)
                self._remember(document, event, plan, headers, value)

    def example(
        self, headers: Headers, value: bytes | None
    ) -> tuple[Mapping[str, Any], Mapping[str, Wire]] | None:
        """The raw row of a record and what its schema says of each column; None without a row.

        Raises:
            RegistryUnavailable: its schema cannot be had now.
        """
        with contextlib.suppress(ValueError):
            document = document_of(value or b"null", headers, Role.VALUE, self._avro)
            event = event_of(document.value, headers)
            if isinstance(event, Event) and event.after is not None:
                return event.after, self._plan(document, event).wires
        return None

    def _learn(self, wires: dict[str, Wire]) -> None:
        changed = [feed.learn(wires, self._placeholder) for feed in self.feeds]
        if any(changed):
            self._on_change(self)

    def _any_shape(
        self, where: Where, headers: Headers, key: bytes | None, value: bytes
    ) -> Decoded:
        document = document_of(value, headers, Role.VALUE, self._avro)
        if document.value is None:  # Avro's and JsonConverter's null
            return self._rows.tombstone(where, headers, key)
        try:
            event = event_of(document.value, headers)
        except ValueError as error:
            raise MalformedError(Reason.UNKNOWN_SHAPE, str(error)) from None
        if isinstance(event, Ignored):
            self.ignored[event] += 1
            return ()
        plan = self._plan(document, event)
        self._remember(document, event, plan, headers, value)
        return self._write(where, headers, key, event, plan)

    def _remember(
        self, document: Document, event: Event, plan: RowPlan, headers: Headers, value: bytes
    ) -> None:
        """Know the next record of this schema by what names it."""
        if event.member != "after" or event.flattened or event.inner_schema is not None:
            return
        if document.data_schema is not None:
            return
        schema, log = document.avro, is_log(event.source)
        if schema is not None:
            self._directs.learn(
                value,
                headers,
                lambda prefix: direct_of(plan, schema, prefix, self._placeholder, log=log),
            )
        if document.prefix is not None and event.member == "after" and not event.flattened:
            self._prefix, self._prefix_plan = document.prefix, plan

    def _write(
        self, where: Where, headers: Headers, key: bytes | None, event: Event, plan: RowPlan
    ) -> Decoded:
        if event.op == "t":
            return self._rows.truncate(where, event)
        after = None if event.after is None else plan.row_of(event.after)
        row = RowEvent(event.op, after, event.source, event.transaction, event.flattened)
        if event.op == "d" or after is None:
            # neither old nor new row: the key alone says which one is gone
            found = self._rows.delete(where, headers, key, row, plan, event.before)
            if self._rows.row_keys.unsure:
                self._rows.row_keys.unsure = False
                self._looks = IDENTITY_LOOKS * DOUBTED_TIMES
                if self._quick is not None:
                    self._quick.pause()
            return found
        if self._looks:
            self._looks -= 1
            if event.op == "u":
                self._rows.row_keys.note_identity(event.before, event.after or {})
        return self._rows.upsert(where, headers, key, UPSERTS[event.op], row, plan)

    def _plan(self, document: Document, event: Event) -> RowPlan:
        schema = document.data_schema or document.schema
        if event.inner_schema is not None:
            schema = ConnectSchema(event.inner_schema, json_text(event.inner_schema))
        if schema is None:
            return self._plain
        identity = (schema.identity, event.member)
        plan = self._plans.get(identity)
        if plan is None:
            try:
                wires = schema.wires(event.member)
            except BadSchemaError as error:
                raise MalformedError(Reason.BAD_SCHEMA, f"the value's schema: {error}") from None
            self._learn(wires)  # may reset this route
            if len(self._plans) >= SCHEMAS_MAX:
                self._plans.clear()
            plan = self._plans[identity] = row_plan(
                self.feeds, wires, self._placeholder, quick=self._quick is not None
            )
        return plan
