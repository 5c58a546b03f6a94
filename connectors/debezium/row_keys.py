"""Which row an event is about: the record key, the row, and what each is worth.

Only the key of a delete counts, a key that the row contradicts is none, and under REPLICA IDENTITY
USING INDEX Debezium makes keys up. `connectors.debezium.rows` is the caller.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from figwatch.connectors.debezium.keys import KeyRow
from figwatch.connectors.debezium.malformed import MalformedError, Reason
from figwatch.connectors.debezium.plan import Feed, FeedPlan, RowPlan

_UNSET = msgspec.UNSET


class RowKeys:
    """The keys of one topic's events."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._full_identity = False
        self.unsure = False
        """A delete was refused for want of knowing the identity: set back by who looks for it."""

    def note_identity(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """Learn from an update whether old rows are complete (REPLICA IDENTITY FULL): only then
        does one come with an unchanged key. The last one counts: an identity can be changed.
        """
        if before is None:
            self._full_identity = False
            return
        for feed in self._feeds:
            old = [before.get(column) for column in feed.key_columns]
            if not made_up(tuple(old)) and old == [after.get(c) for c in feed.key_columns]:
                self._full_identity = True

    def of(self, index: int, feed: FeedPlan, key_row: KeyRow | None, row: Any) -> bytes:
        """The canonical key of an upsert, from the record key where it holds the columns; the row
        must not contradict it.
        """
        if key_row is None:
            return from_row(feed, row)
        key_of, raw_of = key_row.plan.feeds[index]
        raw, row_raw = raw_of(key_row.row), feed.raw_key(row)
        if raw == row_raw and raw is not _UNSET:
            return key_of(key_row.row)
        if lacks(raw):
            return from_row(feed, row)
        if key_row.bare and not lacks(row_raw) and key_row.says(index, row_raw):
            return from_row(feed, row)
        found = key_of(key_row.row)
        if not lacks(row_raw) and feed.key(row) != found:
            raise MalformedError(Reason.KEY_MISMATCH, "key and row name different rows")
        return found

    def of_delete(
        self,
        index: int,
        feed: FeedPlan,
        key_row: KeyRow | None,
        before: Mapping[str, Any] | None,
        plan: RowPlan,
    ) -> bytes:
        """The canonical key of a delete.

        Raises:
            ValueError: there is none that can be trusted.
        """
        raw = msgspec.UNSET if key_row is None else key_row.raw(index)
        if key_row is not None and not lacks(raw):
            if made_up(raw) and before is not None and self._doubtful(index, before):
                self.unsure = True
                raise MalformedError(
                    Reason.KEY_MISMATCH,
                    "the key of a delete is made up: REPLICA IDENTITY must cover the primary key",
                )
            if key_row.bare and before is not None:
                row = plan.row_of(before)
                if not lacks(feed.raw_key(row)) and key_row.says(index, feed.raw_key(row)):
                    return from_row(feed, row)
            return key_row.bytes_of(index)
        if before is None:
            raise MalformedError(Reason.NO_KEY, "a delete without key and old row")
        row = plan.row_of(before)
        if key_row is not None and made_up(feed.raw_key(row)) and not self._full_identity:
            self.unsure = True
            raise MalformedError(
                Reason.NO_KEY, "the key columns of the pair are not in the key of a delete"
            )
        return from_row(feed, row)

    def _doubtful(self, index: int, before: Mapping[str, Any]) -> bool:
        """Whether an all-default key is made up: the identity covers other columns than the key,
        so that some of them are real while the rest is filled up.
        """
        if self._full_identity:
            return False
        columns = set(self._feeds[index].key_columns)
        others = [_default(v) for name, v in before.items() if name not in columns]
        return any(others) and not all(others)


def from_row(feed: FeedPlan, row: Any) -> bytes:
    """The canonical key from the row alone."""
    raw = feed.raw_key(row)
    if lacks(raw):
        raise MalformedError(Reason.NO_KEY, "the pair's key columns are not in the record")
    return feed.key(row)


def lacks(raw: Any) -> bool:
    """Whether a key column is absent."""
    return raw is msgspec.UNSET or (raw.__class__ is tuple and msgspec.UNSET in raw)


def _default(value: Any) -> bool:
    """Whether Debezium may have made this value up for a column it was not sent."""
    if value.__class__ is dict:  # an unconstrained numeric
        return "scale" in value and _default(value.get("value"))
    return value is None or value == [] or value in _DEFAULTS


_DEFAULTS = ("", 0, b"", b"\0", "AA==", "0", "1970-01-01T00:00:00Z", "00:00:00Z")
"""Zero also as a decimal, in each of its encodings."""


def made_up(raw: Any) -> bool:
    """Whether a key may be made up, all of it."""
    return all(map(_default, raw)) if raw.__class__ is tuple else _default(raw)
