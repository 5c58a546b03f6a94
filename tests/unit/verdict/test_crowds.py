"""Many open keys at once are packed, but for a few: the same is said of them, in less memory."""

import pytest

from figwatch.validators import key_table
from figwatch.validators.change import Side
from figwatch.validators.outcome import Verdict
from figwatch.validators.resting import STEP_US
from tests.unit.verdict.timeline import Timeline

KEYS = [f"k{n:02}" for n in range(20)]
OBJECTS_MAX = 3


@pytest.fixture
def crowded(monkeypatch):
    monkeypatch.setattr(key_table, "OBJECTS_MAX", OBJECTS_MAX)


def behind(keys=KEYS):
    """The replicator stands still: it has not shown an update of any key."""
    line = Timeline()
    for key in keys:
        line.source("A", key=key).target("A", key=key)
    for key in keys:
        line.source("B", key=key)
    return line


def counts(line):
    table = line.judge.table
    return len(table.objects()), len(table.next_waiting()), len(table.inconsistent())


def sums(line):
    books = line.books()
    times = (books.oldest_unshown_us // STEP_US, books.verified_through_us // STEP_US)
    return books.keys, books.unknown, books.open_findings, books.unshown, *times


def story(line):
    """What is said at every turn of a crowd's life."""
    yield sums(line)
    line.wait(1_500).beat()
    yield sums(line)
    for key in KEYS[:5]:
        line.source("C", key=key)
    yield sums(line)
    for key in KEYS[2:9]:
        line.target("B", key=key)
    yield sums(line)
    line.settle()
    yield sums(line), sorted((f.key, f.kind, f.since_us) for f in line.findings())
    line.restart().settle()
    yield sums(line)
    for key in KEYS:
        line.target("C" if key in KEYS[:5] else "B", key=key)
    line.settle()
    yield sums(line)
    assert {*KEYS} == {key for key in KEYS if line.verdict(key) is Verdict.CONSISTENT}


@pytest.mark.usefixtures("crowded")
def test_a_few_open_keys_are_objects_and_the_others_are_packed():
    assert (OBJECTS_MAX, 20 - OBJECTS_MAX, 20) == counts(behind())


def test_the_same_is_said_of_a_crowd_as_of_objects(monkeypatch):
    as_objects = [*story(behind())]
    assert as_objects[0][0]["in_flight"] == 20
    assert as_objects[1][0]["overdue"] == as_objects[1][3] == 20
    for most in (0, 1, OBJECTS_MAX):
        monkeypatch.setattr(key_table, "OBJECTS_MAX", most)
        assert as_objects == [*story(behind())]


@pytest.mark.usefixtures("crowded")
def test_what_a_batch_has_touched_is_packed_with_it_and_written_once():
    line = behind()
    assert {*KEYS} <= {key.split(b"\0")[1].decode() for key in dict(line.judge.take_dirty())}
    assert (0, 20, 20) == counts(line)
    line.evaluate()
    assert {} == dict(line.judge.take_dirty())


@pytest.mark.usefixtures("crowded")
def test_what_is_written_of_a_crowd_is_its_state():
    line = behind()
    for key, packed in dict(line.judge.take_dirty()).items():
        if key in line.judge.table:
            assert line.judge.table.peek(key) == key_table.unpack(packed)


@pytest.mark.usefixtures("crowded")
def test_a_restored_crowd_is_packed():
    assert (OBJECTS_MAX, 20 - OBJECTS_MAX, 20) == counts(behind().restart())


@pytest.mark.usefixtures("crowded")
def test_a_truncate_and_a_lost_stretch_leave_a_crowd_packed():
    line = behind().truncate(Side.TARGET)
    assert (OBJECTS_MAX, 20 - OBJECTS_MAX, 20) == counts(line)
    line.gap()
    assert 20 == line.books().keys["unknown"]
    assert len(line.judge.table.objects()) <= OBJECTS_MAX


@pytest.mark.usefixtures("crowded")
def test_a_crowd_is_looked_at_by_and_by(monkeypatch):
    line = behind()
    monkeypatch.setattr(key_table, "LOOK_MAX", 4)
    line.settle()
    found = [line.books().keys["divergent"]]
    assert 0 < found[0] <= OBJECTS_MAX + 4
    while found[-1] < 20:
        found.append(line.evaluate().books().keys["divergent"])
        assert 0 < found[-1] - found[-2] <= 4
    assert 20 == len(line.findings())
