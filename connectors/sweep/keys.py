"""The plain text of a canonical key on either side: what a key that was seen on one side only is
looked up by on the other.
"""

import re
from collections.abc import Sequence
from typing import Any

from figwatch.connectors.sweep.one_side import KeyText
from figwatch.validators.canonical.kinds import Base, Kind
from figwatch.validators.canonical.rows import decode_key
from figwatch.validators.change import Side
from figwatch.validators.mapping.rules import PairRule
from figwatch.validators.sweep.facts import Family, TableFacts

_WHOLE = re.compile(r"-?\d{1,19}")
_INT8_MAX = 2**63 - 1

_SAME_TEXT = {Family.INT, Family.NUMERIC, Family.UUID, Family.TEXT, Family.DATE, Family.BYTES}
_TEXT_OF = {
    (one, other)
    for name in (Family.INT, Family.UUID)
    for one, other in ((name, Family.TEXT), (Family.TEXT, name))
}


class PlainKeys:
    """Plain key texts of a pair, and the key as people read it."""

    def __init__(
        self, rule: PairRule, kinds: Sequence[Kind], tables: tuple[TableFacts, TableFacts]
    ) -> None:
        self._names = rule.key_names
        self._kinds = kinds
        self._families = tuple(
            tuple(_family(table, c.columns(Side(i))[0]) for c in rule.key)
            for i, table in enumerate(tables)
        )
        self.same_text = all(
            (one is other and one in _SAME_TEXT) or (one, other) in _TEXT_OF
            for one, other in zip(*self._families, strict=True)
        )
        """A key's text on one side can be searched for on the other as it is."""
        self._transformed = any(c.transforms != type(c.transforms)() for c in rule.key)

    def shown(self, key: bytes) -> dict[str, Any]:
        """Key columns by the source's names."""
        return decode_key(key, self._names)

    def plain(self, key: bytes, side: Side) -> KeyText:
        """The key's texts on a side; empty where its types cannot hold such a key."""
        texts = []
        for value, family in zip(self.shown(key).values(), self._families[side], strict=True):
            text = _text(value, family)
            if text is None:
                return ()
            texts.append(text)
        return tuple(texts)

    def may_vary(self, side: Side) -> bool:
        """Whether one key may be written in several ways on a side ("7", "007")."""
        loose = {Family.TEXT, Family.CHAR, Family.ENUM}
        return self._transformed or any(
            family in loose and kind.base not in {Base.TEXT, Base.CHAR, Base.NATURAL}
            for family, kind in zip(self._families[side], self._kinds, strict=True)
        )


def is_int8(text: str) -> bool:
    """Whether a text is a whole number that eight bytes hold."""
    return bool(_WHOLE.fullmatch(text)) and -_INT8_MAX <= int(text) + (text[0] == "-") <= _INT8_MAX


def _family(table: TableFacts, name: str) -> Family:
    facts = table.column(name)
    assert facts is not None  # the planner refused otherwise
    return facts.family


def _text(value: Any, family: Family) -> str | None:
    if family is Family.BYTES:
        return "\\x" + str(value)
    if value is True or value is False:
        return "true" if value else "false"
    text = str(value)
    if family is Family.INT and not is_int8(text):
        return None
    if "\0" in text:  # no text of PostgreSQL's holds it
        return None
    return text
