"""Record keys: which row a record is about, in any encoding, also in the headers of a move.

`connectors.debezium.route` asks for the key's row and turns it into canonical key bytes with the
plan's function for each pair.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.avro import UNFIT, AvroReader, Role
from figwatch.connectors.debezium.avro_compile import Make
from figwatch.connectors.debezium.avro_direct import SCHEMAS_MAX, Direct, Directs
from figwatch.connectors.debezium.documents import Document, document_of
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.plan import Feed, KeyPlan, key_plan
from figwatch.connectors.debezium.schema import BadSchemaError
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.canonical.wire import Wire
from figwatch.validators.mapping.transforms import spelled

_BRACE = ord("{")


class KeyRow(msgspec.Struct, frozen=True, gc=False):
    """The raw columns of a record key and the plan that reads them."""

    plan: KeyPlan
    row: Any
    bare: bool = False
    """It came as text without types: the row's own values say what they are."""

    def says(self, feed: int, raw: Any) -> bool:
        """Whether a row's raw key values are what this bare key spells."""
        mine = self.raw(feed)
        if mine.__class__ is tuple and raw.__class__ is tuple:
            return list(map(spelled, mine)) == list(map(spelled, raw))
        return spelled(mine) == spelled(raw)

    def bytes_of(self, feed: int) -> bytes:
        """The canonical key for a feed.

        Raises:
            ValueError: the feed's key columns are not in it, or cannot be read.
        """
        return self.plan.feeds[feed][0](self.row)

    def raw(self, feed: int) -> Any:
        """The raw values, to compare with the row's."""
        return self.plan.feeds[feed][1](self.row)


class KeyReader:
    """Reads the keys of one topic. `on_wires` is told of each schema before it is compiled."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        avro: AvroReader,
        placeholder: Placeholder,
        on_wires: Callable[[dict[str, Wire]], None],
        *,
        quick: bool = True,
    ) -> None:
        self._feeds = feeds
        self._avro = avro
        self._placeholder = placeholder
        self._on_wires = on_wires
        self._quick = quick
        self.reset()

    def reset(self) -> None:
        """Forget all compiled plans."""
        self._plans: dict[Any, KeyPlan] = {}
        self._plain = key_plan(self._feeds, {}, self._placeholder, quick=self._quick)
        self.directs: Directs[KeyPlan] = Directs(Role.KEY)
        self._prefix = b"\0"  # no JSON starts so
        self._prefix_plan = self._plain

    def read(self, key: bytes | None, headers: Headers) -> KeyRow | None:
        """The row of a record key; None without one.

        Raises:
            MalformedError: it cannot be read.
            RegistryUnavailable: its schema cannot be had now.
        """
        if not key:
            return None
        direct = self.directs.find(key, headers) if self.directs else None
        if direct is not None:
            try:
                row, end = direct.read(key, direct.start)
            except UNFIT:
                return self._slow(key, headers)
            return KeyRow(direct.plan, row) if end == len(key) else self._slow(key, headers)
        if key[0] == _BRACE:
            plan, data = self._plain, key
            if key.startswith(self._prefix) and key.endswith(b"}"):
                plan, data = self._prefix_plan, key[len(self._prefix) : -1]
            try:
                row = plan.json.decode(data)
            except (msgspec.MsgspecError, UnicodeError, RecursionError, ArithmeticError):
                return self._slow(key, headers)
            # a key with schema decodes into a plain Struct of which nothing is set
            if row.f0 is not msgspec.UNSET:
                return KeyRow(plan, row)
        return self._slow(key, headers)

    def form(self, key: bytes | None) -> tuple[KeyPlan, bytes] | None:
        """The plan of a JSON key and what stands before its payload; None where `read` needs more
        than these.
        """
        if not key or key[0] != _BRACE:
            return None
        if key.startswith(self._prefix):
            return self._prefix_plan, self._prefix
        return self._plain, b""

    def header(self, value: bytes | None, like: KeyRow | None, headers: Headers) -> KeyRow | None:
        """The key in a header of a move. SimpleHeaderConverter drops its schema: the record key's
        stands in.
        """
        found = self.read(value, headers)
        if found is None or like is None or found.plan is not self._plain:
            return found
        values = {name: getattr(found.row, f"f{i}") for name, i in found.plan.fields.items()}
        return KeyRow(like.plan, like.plan.row_of(values))

    def _slow(self, key: bytes, headers: Headers) -> KeyRow:
        try:
            document = document_of(key, headers, Role.KEY, self._avro)
        except MalformedError as error:
            if error.reason is not Reason.BAD_JSON or key[:1] in b'{["':
                raise
            return self._struct(_text(key)) or self._bare(_text(key))
        if not isinstance(document.value, dict):
            return self._bare(document.value)
        plan = self._plan(document)
        schema = document.avro
        if schema is not None:
            keep = Make(plan.row, dict.fromkeys(plan.fields), msgspec.UNSET)
            self.directs.learn(key, headers, lambda prefix: Direct(plan, schema, keep, prefix))
        if document.prefix is not None:
            self._prefix, self._prefix_plan = document.prefix, plan
        return KeyRow(plan, plan.row_of(document.value))

    def _plan(self, document: Document) -> KeyPlan:
        if document.schema is None:
            return self._plain
        plan = self._plans.get(document.schema.identity)
        if plan is None:
            try:
                wires = document.schema.wires(None)
            except BadSchemaError as error:
                raise MalformedError(Reason.BAD_SCHEMA, f"the key's schema: {error}") from None
            self._on_wires(wires)  # may reset this reader
            if len(self._plans) >= SCHEMAS_MAX:
                self._plans.clear()
            plan = key_plan(self._feeds, wires, self._placeholder, quick=self._quick)
            self._plans[document.schema.identity] = plan
        return plan

    def _bare(self, value: Any) -> KeyRow:
        """A key that is just a value (outbox events, bare keys): the only column, if it is one."""
        values = [_scalar(value)] * (len(self._plain.fields) == 1)
        return KeyRow(self._plain, self._plain.row(*values), bare=True)

    def _struct(self, text: str) -> KeyRow | None:
        """A key as StringConverter writes it: `Struct{id=1,site=north}`."""
        match = _STRUCT.fullmatch(text)
        if match is None:
            return None
        names = "|".join(map(re.escape, self._plain.fields))
        only = len(self._plain.fields) == 1
        found = re.split(rf"(?:^|,)({names})=", match[1], maxsplit=int(only))[1:]
        values = dict(zip(found[::2], map(_scalar, found[1::2]), strict=True))
        if len(values) * 2 < len(found):  # a text looks like a column of its own
            values = {}
        return KeyRow(self._plain, self._plain.row_of(values), bare=True)


_STRUCT = re.compile(r"Struct\{(.*)\}", re.DOTALL)
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)


def _scalar(value: Any) -> Any:
    """Text of a whole number as that number."""
    return int(value) if value.__class__ is str and _WHOLE.fullmatch(value) else value


def _text(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise MalformedError(Reason.UNKNOWN_FRAMING, "the key is no text") from None
