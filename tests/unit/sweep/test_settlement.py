"""Suspects of a sweep, settled against the streams: through the production judge."""

import msgspec
import pytest

from figwatch.validators import change as c
from figwatch.validators.outcome import Verdict
from figwatch.validators.sweep.suspects import MAX_SUSPECTS
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
    assert MAX_SUSPECTS == len(line.judge.suspects.waiting)
    assert b"stock\x000" not in line.judge.suspects.waiting


def test_a_suspect_travels_as_a_record():
    suspect = c.Suspect("stock", b"k", None, b"2" * 16, b"", b"ab", 5, 6)
    assert suspect == c.decode_record(c.encode(suspect))
    assert 10 == msgspec.msgpack.decode(c.encode(suspect))[0]


NOTHING = (False, 0, 0, 0, 0)
"""The facts of a sweep that has looked at nothing yet."""


def end(line: Timeline, *doubted: bytes, sweep: str = "s1", **how) -> Timeline:
    """The sweep that began with `begin` has come to its end."""
    facts = {"whole": True, "differences": 0, "clean_us": line.now_us - 1} | how
    began_us = line.now_us - 1_000_000
    return line.apply(
        c.SweepEnd("stock", sweep, began_us, line.now_us, source_rows=5, target_rows=5,
                   doubted=doubted, **facts)
    )  # fmt: skip


def begin(line: Timeline, sweep: str = "s1") -> Timeline:
    line.apply(c.SweepEnd("stock", sweep, line.now_us, 0, *NOTHING))
    return line.wait(2_000)


def test_a_whole_sweep_tells_every_key_that_was_unknown_when_it_began():
    line = quiet().source("Z", key="other").target("Z", key="other").malformed()
    end(begin(line.malformed(key="other")), b"other")
    assert (Verdict.CONSISTENT, Verdict.UNKNOWN) == (line.verdict(), line.verdict("other"))


@pytest.mark.parametrize("how", [{"whole": False}, {"sweep": "another"}])
def test_a_part_of_a_sweep_or_one_whose_beginning_was_not_heard_tells_nothing(how):
    line = end(begin(quiet().malformed()), **how)
    assert Verdict.UNKNOWN == line.verdict()


def test_what_became_unknown_while_it_swept_stays_unknown():
    line = end(begin(quiet()).malformed())
    assert Verdict.UNKNOWN == line.verdict()
    lost = end(begin(quiet()).gap())
    assert Verdict.UNKNOWN == lost.verdict()
    before = end(begin(quiet().gap()))
    assert Verdict.CONSISTENT == before.verdict()


def test_two_rows_that_were_equal_say_nothing_once_an_event_may_have_been_missed():
    for accident in (Timeline.malformed, Timeline.gap):
        line = look(quiet().malformed(), "A", "A")
        assert Verdict.CONSISTENT == line.verdict()
        accident(line).evaluate()
        assert Verdict.UNKNOWN == line.verdict(), accident


def test_a_whole_sweep_resolves_what_an_earlier_one_found_and_only_that():
    line = look(quiet(), "B", "A").settle()
    assert [b"k"] == [f[0] for f in told(line)]
    end(begin(line), b"k")
    assert [b"k"] == [f[0] for f in told(line)], "still doubted"
    end(begin(line, "s2"), sweep="s2")
    assert [] == told(line)
    fenced = quiet().source("B").settle()
    end(begin(fenced))
    assert ["fence"] == [f[3] for f in told(fenced)]


def test_the_newest_sweep_stands_in_the_summary_and_a_clean_one_before_it_still_counts():
    line = end(begin(quiet()), clean_us=7)
    end(begin(line, "s2"), sweep="s2", whole=False, clean_us=0, differences=2)
    seen = line.restart().books().sweep
    assert seen is not None
    assert (False, 2, 7, 5) == (seen.whole, seen.differences, seen.clean_us, seen.source_rows)
    older = c.SweepEnd("stock", "s0", 1, 2, *NOTHING)
    line.apply(older)
    assert seen == line.books().sweep


def test_the_sweep_that_asks_hears_how_each_suspect_was_settled():
    def answers(line):
        return [(a.key, a.settlement, a.verdict, a.kind) for a in line.judge.take_answers()]

    def asked(line, source, target):
        line.wait(6_000)
        one, other = row(source), row(target)
        still_us = line.now_us - 5_000_000
        return line.apply(
            c.Suspect("stock", b"k", one["fingerprint"], other["fingerprint"], one["sketch"],
                      other["sketch"], still_us, line.now_us, "s1")
        )  # fmt: skip

    line = asked(quiet(), "B", "A")
    assert [] == answers(line)
    assert [(b"k", "finding", "divergent", "stale")] == answers(line.settle())
    assert [] == answers(look(quiet(), "B", "A").settle()), "nobody asked"
    late = asked(quiet(), "B", "A")
    late.source("B", at=(late.now_us - 1_000_000_000_000) / 1_000 - 1_000)
    assert [(b"k", "superseded")] == [a[:2] for a in answers(late)]
    known = asked(quiet().source("B").settle(), "B", "A")
    assert [(b"k", "known", "divergent", "stale")] == answers(known)
    (answer,) = [c.SweepAnswer("s1", "stock", b"k", "known", "divergent", "stale")]
    assert answer == c.decode_answer(c.encode(answer))
