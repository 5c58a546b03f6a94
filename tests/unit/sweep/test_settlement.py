"""Suspects of a sweep, settled against the streams: through the production judge."""

import msgspec
import pytest

from figwatch.validators import change as c
from figwatch.validators.judge import MAX_SUSPECTS
from figwatch.validators.outcome import Verdict
from tests.unit.verdict.timeline import Timeline, row


def look(line: Timeline, source: str | None, target: str | None, key: str = "k", **how) -> Timeline:
    """A sweep saw these two rows; both had stood still for five seconds."""
    line.wait(6_000)
    one, other = row(source), row(target)
    return line.apply(
        c.Suspect(
            "stock", key.encode(), one["fingerprint"], other["fingerprint"],
            one["sketch"], other["sketch"],
            how.get("still_us", line.now_us - 5_000_000), line.now_us,
        )
    )  # fmt: skip


def told(line: Timeline) -> list[tuple[bytes, str, tuple[str, ...], str]]:
    return [
        (f.key, f.kind, f.columns, f.evidence)
        for f in line.findings()
        if f.resolved_us is None and not f.void
    ]


def quiet(**how) -> Timeline:
    """Both streams show A, and agree."""
    return Timeline(**how).source("A").target("A").settle()


def test_a_record_that_the_connector_lost_is_found_when_the_streams_are_past_the_look():
    line = look(quiet(), "B", "A")
    waiting = line.verdict()
    line.settle()
    assert (Verdict.CONSISTENT, Verdict.DIVERGENT) == (waiting, line.verdict())
    assert [(b"k", "stale", ("short",), "sweep")] == told(line)


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("A", "X", "value_mismatch"),
        ("A", None, "missing"),
        (None, "A", "extra"),
        ("B", "A", "stale"),
    ],
)
def test_each_kind_is_named(source: str | None, target: str | None, kind: str):
    line = look(quiet(), source, target).settle()
    assert [kind] == [f[1] for f in told(line)]


@pytest.mark.parametrize(
    ("source", "target", "kind"), [("A", None, "missing"), (None, "A", "extra")]
)
def test_a_key_that_the_streams_never_saw_gets_its_state_from_the_sweep(source, target, kind):
    line = Timeline().source("Z", key="other").target("Z", key="other")
    look(line, source, target).settle()
    assert [(b"k", kind, (), "sweep")] == told(line)


def test_before_the_streams_are_past_the_look_nothing_is_said():
    line = look(quiet(), "B", "A").reading().wait(1_000)
    assert [] == told(line)
    assert Verdict.CONSISTENT == line.verdict()


def test_while_the_replicator_is_behind_nothing_is_said():
    line = quiet().source("Z", key="other")
    look(line, "B", "A")
    line.wait(2_000).reading(committed=1).wait(2_000).beat()
    assert [] == [f for f in told(line) if f[0] == b"k"]
    line.settle()
    assert [b"k"] == [f[0] for f in told(line) if f[3] == "sweep"]


def test_a_reading_from_before_the_look_proves_nothing():
    line = quiet()
    line.reading()
    look(line, "B", "A").wait(1_000).beat()
    assert [] == told(line)


def test_an_event_since_the_rows_stood_still_takes_the_suspect_away():
    line = look(quiet(), "B", "A")
    line.source("B", at=(line.now_us - 1_000_000_000_000) / 1_000 - 1_000).target("B").settle()
    assert [] == told(line)
    assert Verdict.CONSISTENT == line.verdict()


def test_what_the_streams_tell_as_well_is_theirs_to_judge():
    line = quiet().source("B").wait(100)
    look(line, "B", "A", still_us=line.now_us).settle()
    assert [(b"k", "stale", ("short",), "fence")] == told(line)


def test_a_known_finding_stays_what_it_is():
    line = quiet().source("B").settle()
    before = told(line)
    look(line, "B", "A").settle()
    assert before == told(line)
    assert [(b"k", "stale", ("short",), "fence")] == before


def test_without_a_fence_the_give_up_age_must_have_passed():
    line = look(quiet(rules={"fenced": False}), "B", "A").settle()
    assert [] == told(line)
    line.wait(60_000).beat()
    assert [(b"k", "stale", ("short",), "sweep")] == told(line)


def test_the_next_event_ends_the_sighting_and_a_repair_resolves_it():
    line = look(quiet(), "B", "A").settle()
    line.source("C").target("C").settle()
    assert [] == told(line)
    assert Verdict.CONSISTENT == line.verdict()
    assert [False] == [f.void for f in line.findings()]


def test_a_later_sweep_that_sees_equal_rows_resolves_it():
    line = look(quiet(), "B", "A").settle()
    look(line, "B", "B").settle()
    assert [] == told(line)
    assert Verdict.CONSISTENT == line.verdict()


def test_equal_rows_tell_a_key_that_was_unknown():
    line = quiet().malformed()
    assert Verdict.UNKNOWN == line.verdict()
    look(line, "A", "A")
    assert Verdict.CONSISTENT == line.verdict()
    line.source("B")
    assert Verdict.CONSISTENT != line.verdict()


def test_equal_rows_do_not_excuse_a_finding_of_the_streams():
    line = quiet().source("B").settle()
    look(line, "A", "A")
    assert [(b"k", "stale", ("short",), "fence")] == told(line)


def test_a_sighting_survives_a_restart():
    line = look(quiet(), "B", "A").settle()
    line.restart()
    assert Verdict.DIVERGENT == line.verdict()


def test_suspects_that_wait_are_bounded_and_the_oldest_goes_first():
    line = Timeline(rules={"fenced": True})
    for number in range(MAX_SUSPECTS + 5):
        line.judge.apply(
            c.Suspect("stock", b"%d" % number, b"1" * 16, None, b"", b"", 1, 2), line.now_us
        )
    assert MAX_SUSPECTS == len(line.judge._suspects)
    assert b"stock\x000" not in line.judge._suspects


def test_a_suspect_travels_as_a_record():
    suspect = c.Suspect("stock", b"k", None, b"2" * 16, b"", b"ab", 5, 6)
    assert suspect == c.decode_record(c.encode(suspect))
    assert 10 == msgspec.msgpack.decode(c.encode(suspect))[0]
