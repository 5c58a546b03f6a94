"""The rows of both sides as lines and as rows of the mapping, and which of them have no equal.

The three ways of finding keys that look different are made of these: `figwatch.connectors.sweep.
ranges` and `...lookup`.
"""

import contextlib
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from figwatch.connectors.sweep.confirm import Texts
from figwatch.connectors.sweep.forms import unmatched
from figwatch.connectors.sweep.one_side import KeyText, Range
from figwatch.connectors.sweep.rows import Row, RowReader, UnreadableKeyError
from figwatch.connectors.sweep.session import Session
from figwatch.validators.change import Side

Found: TypeAlias = Callable[[bytes, Texts], None]
"""Told of every key that looks different."""


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: a batch is a million tuples, none of them in a cycle, and
    walking through them again and again took two fifths of a sweep's time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class Reading:
    """What is read of one pair, and what of it could not be told."""

    def __init__(
        self, sessions: tuple[Session, Session], readers: tuple[RowReader, RowReader]
    ) -> None:
        self.sessions, self.readers = sessions, readers
        self._whole = all(reader.whole_lines for reader in readers)
        self.unreadable = self.ambiguous = 0
        """Of the range that is read now; see `figwatch.connectors.sweep.scan.Scanned`."""

    def lines(self, side: Side, bounds: Range, limit: int | None) -> list[bytes]:
        """The lines of a range, in the order of that side's index."""
        statements = self.readers[side].statements
        return self.sessions[side].lines(statements.lines(statements.within(bounds), limit))

    def pages(self, side: Side, bounds: Range, rows: int) -> Iterator[list[bytes]]:
        """The lines of a range, at most twice `rows` at a time; at least one page."""
        limit = 2 * rows
        after, end = bounds
        while True:
            page = self.lines(side, (after, end), limit)
            yield page
            if len(page) < limit:
                return
            after = self.readers[side].key_text(page[-1])

    @_uncollected()
    def unequal(
        self, side: Side, lines: list[bytes], others: list[bytes]
    ) -> tuple[list[bytes], list[bytes], tuple[int, int]]:
        """The lines of a side, and those of the other, that have no equal there; and how many of
        each take part in the pair.
        """
        forms: Sequence[Any] = lines
        other_forms: Sequence[Any] = others
        if not self._whole:
            other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
            lines, forms = self.readers[side].forms.of(lines)
            others, other_forms = self.readers[other].forms.of(others)
        counts = len(lines), len(others)
        if forms == other_forms:
            return [], [], counts
        return *unmatched(lines, forms, others, other_forms), counts

    def read(
        self, side: Side, lines: Iterable[bytes], *, counts: bool = True, repeats: bool = True
    ) -> dict[bytes, Row]:
        """Rows by key. `counts`: note what cannot be read, `repeats`: what has another row's key
        (each row is noted once).
        """
        rows: dict[bytes, Row] = {}
        for line in lines:
            try:
                row = self.readers[side].read(line)
            except UnreadableKeyError:
                self.unreadable += counts
                continue
            if row is not None:
                self.ambiguous += repeats and row.key in rows
                rows[row.key] = row
        return rows


def text_of(row: Row | None) -> KeyText | None:
    """A row's key as its table writes it."""
    return row.key_text if row is not None else None


def same(one: Row, other: Row) -> bool:
    """Whether two rows mean the same; one that cannot be read equals nothing."""
    if one.fingerprint is None or other.fingerprint is None:
        return False
    return one.fingerprint == other.fingerprint
