"""The lines of a batch as forms: a row's form equals the other side's exactly when both rows are
equal as far as their lines tell. Worked out column by column, which costs a third of row by row.

A form is the shared columns as they are written, and the canonical value of each other column.
`figwatch.connectors.sweep.rows` makes a side's `Forms`, `...reading` compares what comes out.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

TEXTS_MAX = 100_000
"""Texts of a column whose canonical value is remembered."""

Form: TypeAlias = tuple[Any, ...]
Place: TypeAlias = Sequence[bytes]
"""One column of a batch."""


class _Known(dict[Any, Any]):
    """What was read, by the text it was read from: each text is read once."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, texts: Any) -> Any:
        if len(self) >= TEXTS_MAX:
            self.clear()
        found = self[texts] = self._read(texts)
        return found


class Column:
    """What is made of the columns at some places of the batch. `read` takes a row's texts there."""

    def __init__(self, places: tuple[int, ...], read: Callable[[tuple[bytes, ...]], Any]) -> None:
        self._places, self._known, self._alone = places, _Known(read), False

    @classmethod
    def of_one(cls, place: int, read: Callable[[bytes], Any]) -> "Column":
        """What is made of one column; `read` takes its text."""
        made = cls((place,), lambda texts: read(texts[0]))
        made._known, made._alone = _Known(read), True
        return made

    def of(self, places: Sequence[Place], rows: int) -> list[Any]:
        """One value for each row."""
        known = self._known
        if self._alone:
            return [known[text] for text in places[self._places[0]]]
        if not self._places:
            return [known[()]] * rows
        parts = [places[place] for place in self._places]
        return [known[texts] for texts in zip(*parts, strict=True)]


class Forms:
    """Makes the forms of one side's lines, which hold `extra` columns behind the shared ones."""

    def __init__(self, extra: int, columns: Sequence[Column], passing: Column | None) -> None:
        self._extra, self._columns, self._passing = extra, columns, passing

    def of(self, lines: list[bytes]) -> tuple[list[bytes], list[Form]]:
        """The lines that the pair's filter lets pass, and their forms."""
        split = [line.rsplit(b"\t", self._extra) for line in lines] if self._extra else None
        shared = lines if split is None else [parts[0] for parts in split]
        places = [[parts[n + 1] for parts in split or ()] for n in range(self._extra)]
        if self._passing is not None:
            passing = self._passing.of(places, len(lines))
            lines, shared, *places = (
                list(itertools.compress(each, passing)) for each in (lines, shared, *places)
            )
        values = [column.of(places, len(lines)) for column in self._columns]
        return lines, list(zip(shared, *values, strict=True))


def unmatched(
    lines: list[bytes], forms: Sequence[Any], others: list[bytes], other_forms: Sequence[Any]
) -> tuple[list[bytes], list[bytes]]:
    """The lines of both sides whose form has no equal. Most rows meet theirs at the same place."""
    both = min(len(forms), len(other_forms))
    moved = [
        n for n, (one, other) in enumerate(zip(forms, other_forms, strict=False)) if one != other
    ]
    mine, theirs = [*moved, *range(both, len(forms))], [*moved, *range(both, len(other_forms))]
    ours, their = {forms[n] for n in mine}, {other_forms[n] for n in theirs}
    return (
        [lines[n] for n in mine if forms[n] not in their],
        [others[n] for n in theirs if other_forms[n] not in ours],
    )
