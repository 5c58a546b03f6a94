"""Finding keys that look different, range by range: checksums, rows side by side, or look-ups.

Each range is bounded by keys of the source (or of the side a look-up starts from); the first one
is open to the left and the last one to the right, so that together they cover each side's whole
table, in whatever order that side sorts. `figwatch.connectors.sweep.runner` drives this.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

from figwatch.connectors.sweep.confirm import LOOK_KEYS_MAX, Texts
from figwatch.connectors.sweep.keys import PlainKeys
from figwatch.connectors.sweep.postgres import Session
from figwatch.connectors.sweep.rows import Row, RowReader, UnreadableKeyError
from figwatch.connectors.sweep.statements import KeyText, Range
from figwatch.validators.change import Side
from figwatch.validators.sweep_plan import SweepPlan, Way

LEAF_ROWS = 256
"""Rows of a range that share one checksum, on average."""
VARIANTS_MAX = 100_000
"""Keys written in another way than plainly that are remembered."""

Found = Callable[[bytes, Texts], None]
"""Told of every key that looks different."""


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """Where to go on: the pass (look-ups make two), and the last key that is done with."""

    phase: int = 0
    after: KeyText | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Scanned:
    """One range that was read. `next` None: it was the last one."""

    next: Position | None
    source_rows: int
    target_rows: int
    unreadable: int = 0
    """Rows whose key the mapping cannot read."""
    ambiguous: int = 0
    """Rows that share their canonical key with another row of their table."""


class TooManyVariantsError(Exception):
    """More keys are written in several ways than can be remembered."""


class Scan:
    """The ranges of one pair."""

    def __init__(
        self, plan: SweepPlan, sessions: tuple[Session, Session],
        readers: tuple[RowReader, RowReader], keys: PlainKeys, executor: Executor,
    ) -> None:  # fmt: skip
        self._plan = plan
        self._sessions = sessions
        self._readers = readers
        self._keys = keys
        self._executor = executor
        self.variants: tuple[dict[bytes, KeyText], dict[bytes, KeyText]] = ({}, {})
        self.phases = self._phases()
        self._whole = all(reader.whole_lines for reader in readers)
        self._unreadable = self._ambiguous = 0

    def _phases(self) -> tuple[tuple[Side, bool], ...]:
        """For look-ups: the side a pass starts from, and whether it only collects its keys. The
        side whose keys may be written in several ways comes first, so that its variants are known
        when the other side's rows look for them.
        """
        if self._plan.way is not Way.LOOKUP:
            return ((Side.SOURCE, False),)
        vary = self._keys.may_vary(Side.SOURCE), self._keys.may_vary(Side.TARGET)
        if vary[0] and vary[1]:
            return (Side.SOURCE, True), (Side.TARGET, False), (Side.SOURCE, False)
        if vary[0]:
            return (Side.SOURCE, False), (Side.TARGET, False)
        return (Side.TARGET, False), (Side.SOURCE, False)

    def range(self, position: Position, rows: int, found: Found) -> Scanned:
        """Read the range of about `rows` rows behind a position."""
        self._unreadable = self._ambiguous = 0
        if self._plan.way is Way.CHECKSUM:
            return self._checksums(position.after, rows, found)
        if self._plan.way is Way.MERGE:
            return self._merge(position.after, rows, found)
        return self._look_up(position, rows, found)

    def texts(self, key: bytes, side: Side) -> KeyText:
        """How a key is written on a side, as far as is known."""
        return self.variants[side].get(key) or self._keys.plain(key, side)

    # -- checksums

    def _checksums(self, after: KeyText | None, rows: int, found: Found) -> Scanned:
        source = self._readers[Side.SOURCE].statements
        ends = self._sessions[Side.SOURCE].rows(source.boundary(after, rows))
        end = tuple(ends[0]) if ends else None
        bounds = (after, end)
        mask = max(1 << max(rows // LEAF_ROWS, 1).bit_length() - 1, 1) - 1
        sums = self._both(lambda side: self._leaves(side, bounds, mask))
        counts = [sum(int(leaf[0]) for leaf in side.values()) for side in sums]
        leaves = [n for n in sums[0].keys() | sums[1].keys() if sums[0].get(n) != sums[1].get(n)]
        if len(leaves) > (mask + 1) // 2 and len(leaves) > 1:
            self._compare_rows(bounds, None, rows, found)  # cheaper than asking for most of it
        elif leaves:
            self._compare_hashes(bounds, mask, leaves, rows, found)
        following = None if end is None else Position(0, end)
        return Scanned(following, counts[0], counts[1], self._unreadable, self._ambiguous)

    def _leaves(self, side: Side, bounds: Range, mask: int) -> dict[int, tuple[int, str]]:
        statement = self._readers[side].statements.leaves(bounds, mask)
        return {leaf: (count, total) for leaf, count, total in self._sessions[side].rows(statement)}

    def _compare_hashes(
        self, bounds: Range, mask: int, leaves: list[int], rows: int, found: Found
    ) -> None:
        known: dict[bytes, tuple[KeyText, str]] = {}
        for key, text, row_hash in self._hashed(Side.SOURCE, bounds, mask, leaves, rows):
            known[key] = text, row_hash
        for key, text, row_hash in self._hashed(Side.TARGET, bounds, mask, leaves, rows):
            other = known.pop(key, None)
            if other is None:
                found(key, (None, text))
            elif other[1] != row_hash:
                found(key, (other[0], text))
        for key, (text, _) in known.items():
            found(key, (text, None))

    def _hashed(
        self, side: Side, bounds: Range, mask: int, leaves: list[int], rows: int
    ) -> Iterator[tuple[bytes, KeyText, str]]:
        reader, limit = self._readers[side], 2 * rows
        after, end = bounds
        while True:
            statement = reader.statements.hashed_keys((after, end), mask, leaves, limit)
            page = self._sessions[side].rows(statement)
            for *texts, row_hash in page:
                text = tuple(texts)
                try:
                    yield reader.key_of(text), text, row_hash
                except UnreadableKeyError:
                    self._unreadable += 1
            if len(page) < limit:
                return
            after = tuple(page[-1][:-1])

    # -- rows side by side

    def _merge(self, after: KeyText | None, rows: int, found: Found) -> Scanned:
        reader = self._readers[Side.SOURCE]
        lines = self._lines(Side.SOURCE, (after, None), rows)
        end = reader.key_text(lines[-1]) if len(lines) >= rows else None
        counts = self._compare_rows((after, end), lines, rows, found)
        following = None if end is None else Position(0, end)
        return Scanned(following, counts[0], counts[1], self._unreadable, self._ambiguous)

    def _compare_rows(
        self, bounds: Range, source: list[bytes] | None, rows: int, found: Found
    ) -> tuple[int, int]:
        """Compare a range row by row. Lines that are equal are rows that are equal; the others
        go through the mapping. Returns the numbers of rows.
        """
        if source is None:
            source = self._lines(Side.SOURCE, bounds, None)
        pages = self._pages(Side.TARGET, bounds, rows)
        page = next(pages)
        source, page, counts = self._unequal(Side.SOURCE, source, page)
        left = self._read(Side.SOURCE, source)
        target_rows = counts[1]
        while True:
            for key, row in self._read(Side.TARGET, page).items():
                _compare(key, left.pop(key, None), row, found)
            following = next(pages, None)
            if following is None:
                break
            _, page, (_, more) = self._unequal(Side.SOURCE, [], following)
            target_rows += more
        for key, row in left.items():
            _compare(key, row, None, found)
        return counts[0], target_rows

    def _unequal(
        self, side: Side, lines: list[bytes], others: list[bytes]
    ) -> tuple[list[bytes], list[bytes], tuple[int, int]]:
        """The lines of a side, and those of the other, that have no equal there; and how many of
        each take part in the pair.
        """
        if self._whole and lines == others:
            return [], [], (len(lines), len(others))
        if self._whole:
            ours, theirs = set(lines), set(others)
            left = [line for line in lines if line not in theirs]
            right = [line for line in others if line not in ours]
            return left, right, (len(lines), len(others))
        other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
        mine, other_form = self._readers[side].form, self._readers[other].form
        forms = {f: line for line in lines if (f := mine(line)) is not None}
        other_forms = {f: line for line in others if (f := other_form(line)) is not None}
        left = [line for form, line in forms.items() if form not in other_forms]
        right = [line for form, line in other_forms.items() if form not in forms]
        return left, right, (len(forms), len(other_forms))

    def _lines(self, side: Side, bounds: Range, limit: int | None) -> list[bytes]:
        statements = self._readers[side].statements
        lines = self._sessions[side].lines(statements.lines(statements.within(bounds), limit))
        return [line.removesuffix(b"\n") for line in lines]

    def _pages(self, side: Side, bounds: Range, rows: int) -> Iterator[list[bytes]]:
        """The lines of a range, at most twice `rows` at a time; at least one page."""
        limit = 2 * rows
        after, end = bounds
        while True:
            page = self._lines(side, (after, end), limit)
            yield page
            if len(page) < limit:
                return
            after = self._readers[side].key_text(page[-1])

    def _read(
        self, side: Side, lines: Iterable[bytes], *, counts: bool = True, repeats: bool = True
    ) -> dict[bytes, Row]:
        """Rows by key. `counts`: note what cannot be read, `repeats`: what has another row's key
        (each row is noted once).
        """
        rows: dict[bytes, Row] = {}
        for line in lines:
            try:
                row = self._readers[side].read(line)
            except UnreadableKeyError:
                self._unreadable += counts
                continue
            if row is not None:
                self._ambiguous += repeats and row.key in rows
                rows[row.key] = row
        return rows

    # -- look-ups

    def _look_up(self, position: Position, rows: int, found: Found) -> Scanned:
        side, collects = self.phases[position.phase]
        first = next(i for i, (_, c) in enumerate(self.phases) if not c)
        lines = self._lines(side, (position.after, None), rows)
        if len(lines) >= rows:
            following: Position | None = Position(
                position.phase, self._readers[side].key_text(lines[-1])
            )
        elif position.phase + 1 < len(self.phases):
            following = Position(position.phase + 1)
        else:
            following = None
        counts = [0, 0]
        for start in range(0, len(lines), LOOK_KEYS_MAX):
            part = lines[start : start + LOOK_KEYS_MAX]
            counts[side] += self._counterparts(
                side, part, found, collects=collects, values=position.phase == first
            )
        if collects:
            counts = [0, 0]
        return Scanned(following, counts[0], counts[1], self._unreadable, self._ambiguous)

    def _counterparts(
        self, side: Side, lines: list[bytes], found: Found, *, collects: bool, values: bool
    ) -> int:
        """Look the counterparts of some rows up. Only the first pass compares values; the second
        asks whether there is a counterpart at all. Returns the number of rows.
        """
        other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
        texts, count = self._sought(side, lines)
        if collects:
            return count
        theirs = self._among(other, texts)
        lines, theirs, (count, _) = self._unequal(side, lines, theirs)
        matches = self._read(other, theirs, counts=False, repeats=False)
        rows = self._read(side, lines, repeats=False)
        for key, row in rows.items():
            match = matches.get(key)
            if match is None or (values and not _same(row, match)):
                pair = (row, match) if side is Side.SOURCE else (match, row)
                found(key, (_text(pair[0]), _text(pair[1])))
        return count

    def _sought(self, side: Side, lines: list[bytes]) -> tuple[list[KeyText], int]:
        """How the other side writes the keys of these rows; the number of rows."""
        other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
        reader = self._readers[side]
        if not self._keys.may_vary(side) and not self.variants[other] and self._keys.same_text:
            return [reader.key_text(line) for line in lines], len(lines)
        keys: dict[bytes, KeyText] = {}
        for line in lines:
            text = reader.key_text(line)
            try:
                key = reader.key_of(text)
            except UnreadableKeyError:  # counted when the row is read
                continue
            self._ambiguous += key in keys
            keys[key] = text
        if self._keys.may_vary(side):
            self._note_variants(side, keys)
        return [text for key in keys if (text := self.texts(key, other))], len(lines)

    def _note_variants(self, side: Side, keys: dict[bytes, KeyText]) -> None:
        """Remember keys that are not written plainly; find those that are written both ways."""
        varied = {k: t for k, t in keys.items() if t != self._keys.plain(k, side)}
        if len(self.variants[side]) + len(varied) > VARIANTS_MAX:
            raise TooManyVariantsError
        self.variants[side].update(varied)
        if plain := [text for key in varied if (text := self._keys.plain(key, side))]:
            self._ambiguous += len(self._among(side, plain))

    def _among(self, side: Side, texts: list[KeyText]) -> list[bytes]:
        if not texts:
            return []
        statements = self._readers[side].statements
        lines = self._sessions[side].lines(statements.lines(statements.among(texts), ordered=False))
        return [line.removesuffix(b"\n") for line in lines]

    def _both(
        self, ask: Callable[[Side], dict[int, tuple[int, str]]]
    ) -> list[dict[int, tuple[int, str]]]:
        """Ask both servers at the same time."""
        target = self._executor.submit(ask, Side.TARGET)
        try:
            source = ask(Side.SOURCE)
        finally:
            target.exception()  # neither connection is left busy
        return [source, target.result()]


def _text(row: Row | None) -> KeyText | None:
    return row.key_text if row is not None else None


def _same(one: Row, other: Row) -> bool:
    if one.fingerprint is None or other.fingerprint is None:
        return False
    return one.fingerprint == other.fingerprint


def _compare(key: bytes, source: Row | None, target: Row | None, found: Found) -> None:
    if source is None or target is None or not _same(source, target):
        found(key, (_text(source), _text(target)))
