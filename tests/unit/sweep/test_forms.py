"""Batches of lines as forms: what has no equal on the other side, and nothing else, is left."""

import random

import pytest

from figwatch.connectors.sweep import forms
from figwatch.connectors.sweep.forms import Column, Forms, unmatched


def length(text: bytes) -> int:
    return len(text)


def test_a_form_is_the_shared_columns_and_the_value_of_each_other():
    columns = [Column.of_one(1, length), Column((0, 1), lambda t: t), Column((), lambda _: "same")]
    lines = [b"7\tx\t\taaa", b"8\ty\tb\t\\N"]
    assert (
        lines,
        [(b"7\tx", 3, (b"", b"aaa"), "same"), (b"8\ty", 2, (b"b", b"\\N"), "same")],
    ) == Forms(2, columns, None).of(lines)
    assert ([], []) == Forms(2, columns, None).of([])


def test_what_the_filter_leaves_out_has_no_form():
    made = Forms(1, [], Column((0,), lambda texts: texts[0] != b"no"))
    assert ([b"1\tyes"], [(b"1",)]) == made.of([b"1\tyes", b"2\tno"])
    assert ([], []) == made.of([b"2\tno"])


def test_texts_are_read_once_and_a_bounded_number_is_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forms, "TEXTS_MAX", 10)
    asked: list[bytes] = []
    column = Column.of_one(0, lambda text: asked.append(text) or text)
    few = [b"%d" % (n % 5) for n in range(100)]
    assert few == column.of([few], 100)
    assert 5 == len(asked)
    many = [b"%d" % n for n in range(1000)]
    assert many == column.of([many], 1000)
    assert len(column._known) <= 10


def test_rows_that_moved_changed_came_or_went_are_told_from_those_that_did_not():
    draw = random.Random(3)
    for _ in range(300):
        ours = {key: draw.randrange(3) for key in range(draw.randrange(30))}
        theirs = {
            key: value if draw.random() < 0.8 else 9
            for key, value in ours.items()
            if draw.random() < 0.9
        }
        theirs |= {100 + n: 1 for n in range(draw.randrange(3))}
        sides = [list(rows.items()) for rows in (ours, theirs)]
        if draw.random() < 0.3:
            draw.shuffle(sides[1])  # as a look-up answers
        lines = [[b"%d" % key for key, _ in rows] for rows in sides]
        left = unmatched(lines[0], sides[0], lines[1], sides[1])
        expected = [
            {b"%d" % k for k, v in one.items() if other.get(k) != v}
            for one, other in ((ours, theirs), (theirs, ours))
        ]
        assert expected == [set(each) for each in left]
