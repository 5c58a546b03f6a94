"""Nearly every key has the short form, and what it leaves out is never lost."""

import copy

import pytest

from figwatch.validators.packing import FOLDED_VERSION, STATE_VERSION, pack, unpack
from figwatch.validators.state import (
    Entry,
    KeyState,
    OpenFinding,
    Past,
    Source,
    Swept,
    Target,
    Track,
)
from tests.unit.verdict.timeline import Timeline

OTHER = {
    "finding": OpenFinding(2, (1,), 3, 4, 0, False, 5, 6),  # noqa: FBT003  # as it is stored
    "past": Past(1, 2, 0, 3),
    "swept": Swept(-1, (), 1, 2, 3, 4, 5),
    "carried": ((1, b"long"),),
    "unknown": (1,),
    "dropped": [(b"prefix", 7)],
    "ahead": [(None, 7)],
    "position": (99, 98, 97),
    "emitted": (99, 98, 97),
    "moved": (99, 98, 97),
    "fingerprint": None,
    "sketch": b"other",
}
"""Values that differ from those of a key at rest; numbers grow by one."""
PARTS = {
    "key": lambda state: state,
    "source": lambda state: state.source,
    "source's track": lambda state: state.source.track,
    "newest": lambda state: state.source.ring[-1],
    "older": lambda state: state.source.ring[0],
    "target": lambda state: state.target,
    "target's track": lambda state: state.target.track,
}
FIELDS = {
    "key": KeyState, "source": Source, "source's track": Track, "newest": Entry, "older": Entry,
    "target": Target, "target's track": Track,
}  # fmt: skip
STRUCTURE = {"source", "target", "track", "ring"}


def healthy(versions="ABC"):
    line = Timeline()
    for version in versions:
        line.source(version).target(version)
    return line.settle()


@pytest.mark.parametrize("versions", ["A", "ABC", "ABCDEFGHIJ"])
def test_a_key_whose_sides_agree_has_the_short_form(versions):
    state = healthy(versions).state()
    assert STATE_VERSION == pack(state)[0]
    assert state == unpack(pack(state))


def test_a_deleted_row_and_one_of_a_snapshot_have_the_short_form():
    gone = healthy().source(None).target(None).settle().state()
    read = Timeline().source("A", op=3, snapshot=1).target("A", op=3, snapshot=1).settle().state()
    assert read.source.track.snapshot
    for state in (gone, read):
        assert STATE_VERSION == pack(state)[0]
        assert state == unpack(pack(state))


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (part, field)
        for part, kind in FIELDS.items()
        for field in kind.__struct_fields__
        if field not in STRUCTURE and field != "shared"
    ],
)
def test_whatever_is_unusual_is_kept(part, field):
    state = copy.deepcopy(healthy().state())
    owner = PARTS[part](state)
    value = getattr(owner, field)
    other = OTHER[field] if field in OTHER else value + 1 if value is not None else 7
    setattr(owner, field, not value if isinstance(value, bool) else other)
    assert state == unpack(pack(state))


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_key_of_one_side_has_the_longer_form(side):
    state = getattr(Timeline(), side)("A").settle().state()
    assert FOLDED_VERSION == pack(state)[0]
    assert state == unpack(pack(state))
