"""A row event of one topic becomes a Change for every pair that the topic feeds.

Here stand the rules of debezium.md: only the key of a delete counts, a key that the row contradicts
is no key, a null may be an unchanged value. `connectors.debezium.route` is the caller.
"""

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.framing import Headers
from figwatch.connectors.debezium.keys import KeyReader, KeyRow
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.plan import Feed, FeedPlan, RowPlan
from figwatch.connectors.debezium.quick_code import NEW_KEY, OLD_KEY
from figwatch.connectors.debezium.row_keys import RowKeys, lacks, made_up
from figwatch.connectors.debezium.shapes import Event, Ignored
from figwatch.connectors.debezium.source import Source
from figwatch.validators.canonical import rows as canonical
from figwatch.validators.canonical.numbers import BadValueError
from figwatch.validators.canonical.rows import MissingColumnError, UnknownValueError
from figwatch.validators.change import Change, Malformed, Op, Snapshot, Truncate

Decoded = Sequence[Change | Truncate | Malformed]
Where = tuple[str, int, int, int]
"""Topic, partition, offset, append time in microseconds."""
_NO_SOURCE = Source()
_BAD = (ValueError, ArithmeticError, RecursionError)
"""What a value may raise on its way to its canonical form."""
_UNSET = msgspec.UNSET
# looking a member up in its enum costs more than the comparison
_CREATE, _UPDATE, _READ, _LOG = Op.CREATE, Op.UPDATE, Op.READ, Snapshot.NONE
_SILENT = canonical.SILENT
PARTITIONS_MAX = 100_000


class RowEvent(msgspec.Struct, gc=False):
    """A row event with its row as the plan's Struct; the JSON envelope's Struct looks the same."""

    op: str
    after: Any
    source: Source | None
    transaction: Any
    flattened: bool = False


class LogEvent(msgspec.Struct, gc=False):
    """What is needed of a row event whose source is a LogEntry."""

    op: str
    after: Any
    source: Any


class RowWriter:
    """Writes the changes of one topic."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        keys: KeyReader,
        ignored: Counter[str],
        nulls: sources.Nulls,
    ) -> None:
        self._feeds = feeds
        self._nulls = nulls
        self._keys = keys
        self._ignored = ignored
        self.row_keys = RowKeys(feeds)
        self._last_delete: dict[int, bytes | None] = {}

    def upsert(  # the hot path: in one piece
        self, where: Where, headers: Headers, key: bytes | None, op: Op, event: Any, plan: RowPlan
    ) -> Decoded:
        """Changes of an event with a row after it."""
        source = event.source or _NO_SOURCE
        commit_us, lsn, tx = source.ts_us, source.lsn, source.txId
        if (
            commit_us.__class__ is lsn.__class__ is tx.__class__ is int
            and commit_us
            and not (commit_us | lsn | tx) >> 63
        ):
            position: tuple[int, ...] | None = (lsn, 1)
        else:
            commit_us = self._commit_us(source, event, where)
            position = sources.position(source, op)
            tx = sources.transaction_of(source, event.transaction)
        snapshot, flags = _LOG, _SILENT if op is _UPDATE else 0
        if source.snapshot != "false" or op is _READ:
            snapshot = sources.snapshot_of(source, op)
            if snapshot is not _LOG:
                flags |= canonical.OLD
            if self._nulls.kept(source.snapshot):
                flags |= canonical.KEPT
        else:
            self._nulls.replaced = True
        key_row = self._keys.read(key, headers)
        old = self._moved(headers, OLD_KEY, key_row) if headers and op is _CREATE else None
        if old is not None:
            flags |= _SILENT
        row = event.after
        topic, partition, offset, append_us = where
        found: list[Change | Malformed] = []
        for index, feed in enumerate(plan.feeds):
            row_key: bytes | None = None
            try:
                row_key = self.row_keys.of(index, feed, key_row, row)
                if feed.passes is not None and not feed.passes(row):
                    self._outside(found, feed, op, row_key, commit_us, position, tx, where)
                    continue
                fingerprint, sketch, unknown, carried = feed.fingerprint(row, flags)
                moved = None if old is None else old.bytes_of(index)
            except _BAD as error:
                found.append(_malformed(feed, row_key, where, error))
                continue
            found.append(
                Change(
                    feed.pair,
                    feed.side,
                    row_key,
                    op,
                    fingerprint,
                    sketch,
                    commit_us,
                    position,
                    tx,
                    topic,
                    partition,
                    offset,
                    append_us,
                    snapshot,
                    unknown,
                    carried,
                    moved,
                    sources.origin_of(source),
                )
            )
        return found

    def _outside(  # of the filter; the arguments of a Change
        self,
        found: list[Change | Malformed],
        feed: FeedPlan,
        op: Op,
        key: bytes,
        commit_us: int,
        position: tuple[int, ...] | None,
        tx: int | None,
        where: Where,
    ) -> None:
        """A row that takes no part: an updated one may have done so before, and is gone now."""
        if op is not Op.UPDATE:
            self._ignored[Ignored.FILTERED] += 1
            return
        gone = (Op.DELETE, None, b"", commit_us, position, tx, *where)
        found.append(Change(feed.pair, feed.side, key, *gone))

    def quick_delete(
        self, where: Where, headers: Headers, key: bytes | None, event: Any, plan: RowPlan
    ) -> Decoded | None:
        """Changes of a delete whose key stands above doubt; None when its old row is needed."""
        key_row = self._keys.read(key, headers)
        if key_row is None or key_row.bare:
            return None
        for index in range(len(self._feeds)):
            raw = key_row.raw(index)
            if lacks(raw) or made_up(raw):
                return None
        return self.delete(where, headers, key, event, plan, None)

    def delete(  # called from the hot path: positional
        self,
        where: Where,
        headers: Headers,
        key: bytes | None,
        event: Any,
        plan: RowPlan,
        before: Mapping[str, Any] | None,
    ) -> Decoded:
        """Changes of a delete. Of `before` only the key columns are used, and they only where the
        record key lacks them: the rest is made up unless the replica identity is FULL.
        """
        source = event.source or _NO_SOURCE
        commit_us = self._commit_us(source, event, where)
        position = sources.position(source, Op.DELETE)
        tx = sources.transaction_of(source, event.transaction)
        snapshot = sources.snapshot_of(source, Op.DELETE)
        key_row = self._keys.read(key, headers)
        new = self._moved(headers, NEW_KEY, key_row)
        self._remember_delete(where, key)
        found: list[Change | Malformed] = []
        for index, feed in enumerate(plan.feeds):
            row_key: bytes | None = None
            try:
                row_key = self.row_keys.of_delete(index, feed, key_row, before, plan)
                moved = None if new is None else new.bytes_of(index)
            except _BAD as error:
                found.append(_malformed(feed, row_key, where, error))
                continue
            gone = (Op.DELETE, None, b"", commit_us, position, tx, *where, snapshot, (), (), moved)
            found.append(Change(feed.pair, feed.side, row_key, *gone, sources.origin_of(source)))
        return found

    def tombstone(self, where: Where, headers: Headers, key: bytes | None) -> Decoded:
        """Changes of a record without a value."""
        partition = where[1]
        behind_delete = key is not None and self._last_delete.get(partition) == key
        self._last_delete.pop(partition, None)
        if key is None or not key:
            self._ignored[Ignored.NULL_RECORD] += 1
            return ()
        if any(name == "id" for name, _ in headers):
            self._ignored[Ignored.OUTBOX_DELETE] += 1
            return ()
        key_row = self._keys.read(key, headers)
        if key_row is None:
            raise MalformedError(Reason.NO_KEY, "a tombstone without a key")
        new = self._moved(headers, NEW_KEY, key_row)
        found: list[Change | Malformed] = []
        for index, feed in enumerate(self._feeds):
            try:
                row_key = key_row.bytes_of(index)
                moved = None if new is None else new.bytes_of(index)
            except (MissingColumnError, UnknownValueError) as error:
                if behind_delete:
                    self._ignored[Ignored.REPEATED_TOMBSTONE] += 1
                    continue
                found.append(_malformed(feed, None, where, error))
                continue
            except _BAD as error:
                found.append(_malformed(feed, None, where, error))
                continue
            rest = (where[3], None, None, *where, Snapshot.NONE, (), (), moved)
            found.append(Change(feed.rule.name, feed.side, row_key, Op.TOMBSTONE, None, b"", *rest))
        return found

    def truncate(self, where: Where, event: Event) -> Decoded:
        """The truncates of the pairs."""
        commit_us = self._commit_us(event.source, event, where)
        position = sources.position(event.source, Op.UPDATE)
        return [
            Truncate(feed.rule.name, feed.side, commit_us, position, *where) for feed in self._feeds
        ]

    def malformed(
        self, where: Where, headers: Headers, key: bytes | None, reason: Reason, detail: str
    ) -> Decoded:
        """A Malformed for each pair, with its key where that can be read."""
        try:
            key_row = self._keys.read(key, headers)
        except MalformedError:
            key_row = None
        found = []
        for index, feed in enumerate(self._feeds):
            row_key = None
            if key_row is not None:
                with contextlib.suppress(*_BAD):
                    row_key = key_row.bytes_of(index)
            name, side = feed.rule.name, feed.side
            found.append(Malformed(name, side, row_key, reason, detail, *where, keyless=not key))
        return found

    def _commit_us(self, source: Source, event: Any, where: Where) -> int:
        found = sources.commit_us(source)
        if found is not None:
            return found
        if getattr(event, "flattened", False):
            return where[3]
        raise MalformedError(Reason.NO_TIME, "the event's source has no commit time")

    def _moved(self, headers: Headers, name: str, key_row: KeyRow | None) -> KeyRow | None:
        for header, value in headers:
            if header == name:
                return self._keys.header(value, key_row, ())
        return None

    def _remember_delete(self, where: Where, key: bytes | None) -> None:
        if len(self._last_delete) >= PARTITIONS_MAX:
            self._last_delete.clear()
        self._last_delete[where[1]] = key


_REASONS = {MissingColumnError: Reason.MISSING_COLUMN, UnknownValueError: Reason.NO_KEY}


def _malformed(feed: Any, key: bytes | None, where: Where, error: Exception) -> Malformed:
    """A Malformed of one pair. Messages of this project's errors hold no values; others might."""
    if isinstance(error, MalformedError):
        reason, detail = error.reason, str(error)
    elif isinstance(error, MissingColumnError | UnknownValueError | BadValueError):
        reason, detail = _REASONS.get(type(error), Reason.BAD_VALUE), str(error)
    else:
        reason, detail = Reason.BAD_VALUE, type(error).__name__
    pair = feed.pair if isinstance(feed, FeedPlan) else feed.rule.name
    return Malformed(pair, feed.side, key, reason, detail, *where)
