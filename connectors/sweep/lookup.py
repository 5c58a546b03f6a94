"""Look-ups: where the two sides sort their keys differently, each row's counterpart is looked up by
its key, from both sides.
"""

from figwatch.connectors.sweep.confirm import LOOK_KEYS_MAX
from figwatch.connectors.sweep.keys import PlainKeys
from figwatch.connectors.sweep.one_side import KeyText
from figwatch.connectors.sweep.reading import Found, Reading, same, text_of
from figwatch.connectors.sweep.rows import UnreadableKeyError
from figwatch.validators.change import Side

VARIANTS_MAX = 100_000
"""Keys written in another way than plainly that are remembered."""


class TooManyVariantsError(Exception):
    """More keys are written in several ways than can be remembered."""


class Lookup:
    """The passes of one pair."""

    def __init__(self, reading: Reading, keys: PlainKeys) -> None:
        self._reading, self._keys = reading, keys
        self.variants: tuple[dict[bytes, KeyText], dict[bytes, KeyText]] = ({}, {})
        self.phases = self._phases()

    def _phases(self) -> tuple[tuple[Side, bool], ...]:
        """The side a pass starts from, and whether it only collects its keys. The
        side whose keys may be written in several ways comes first, so that its variants are known
        when the other side's rows look for them.
        """
        vary = self._keys.may_vary(Side.SOURCE), self._keys.may_vary(Side.TARGET)
        if vary[0] and vary[1]:
            return (Side.SOURCE, True), (Side.TARGET, False), (Side.SOURCE, False)
        if vary[0]:
            return (Side.SOURCE, False), (Side.TARGET, False)
        return (Side.TARGET, False), (Side.SOURCE, False)

    def texts(self, key: bytes, side: Side) -> KeyText:
        """How a key is written on a side, as far as is known."""
        return self.variants[side].get(key) or self._keys.plain(key, side)

    def range(
        self, phase: int, after: KeyText | None, rows: int, found: Found
    ) -> tuple[tuple[int, KeyText | None] | None, tuple[int, int]]:
        """Look `rows` rows up; where to go on (None: this was the last), and rows counted."""
        side, collects = self.phases[phase]
        first = next(i for i, (_, c) in enumerate(self.phases) if not c)
        lines = self._reading.lines(side, (after, None), rows)
        following: tuple[int, KeyText | None] | None = None
        if len(lines) >= rows:
            following = phase, self._reading.readers[side].key_text(lines[-1])
        elif phase + 1 < len(self.phases):
            following = phase + 1, None
        counts = [0, 0]
        for start in range(0, len(lines), LOOK_KEYS_MAX):
            part = lines[start : start + LOOK_KEYS_MAX]
            counts[side] += self._counterparts(
                side, part, found, collects=collects, values=phase == first
            )
        return following, (0, 0) if collects else (counts[0], counts[1])

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
        lines, theirs, (count, _) = self._reading.unequal(side, lines, theirs)
        matches = self._reading.read(other, theirs, counts=False, repeats=False)
        rows = self._reading.read(side, lines, repeats=False)
        for key, row in rows.items():
            match = matches.get(key)
            if match is None or (values and not same(row, match)):
                pair = (row, match) if side is Side.SOURCE else (match, row)
                found(key, (text_of(pair[0]), text_of(pair[1])))
        return count

    def _sought(self, side: Side, lines: list[bytes]) -> tuple[list[KeyText], int]:
        """How the other side writes the keys of these rows; the number of rows."""
        other = Side.TARGET if side is Side.SOURCE else Side.SOURCE
        reader = self._reading.readers[side]
        if not self._keys.may_vary(side) and not self.variants[other] and self._keys.same_text:
            return [reader.key_text(line) for line in lines], len(lines)
        keys: dict[bytes, KeyText] = {}
        for line in lines:
            text = reader.key_text(line)
            try:
                key = reader.key_of(text)
            except UnreadableKeyError:  # counted when the row is read
                continue
            self._reading.ambiguous += key in keys
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
            self._reading.ambiguous += len(self._among(side, plain))

    def _among(self, side: Side, texts: list[KeyText]) -> list[bytes]:
        if not texts:
            return []
        statements = self._reading.readers[side].statements
        asked = statements.lines(statements.among(texts), ordered=False)
        return self._reading.sessions[side].lines(asked)
