"""What the fence rests on, broken: each is noticed, and said."""

from figwatch.validators import fence_trust
from figwatch.validators.change import Side
from figwatch.validators.fence_trust import WRITTEN_AGAIN_MAX, written_again
from figwatch.validators.outcome import Reason, Verdict
from tests.unit.verdict.timeline import Timeline


def proved() -> Timeline:
    """A finding proved by the fence: B is committed as done, the target still shows A."""
    return Timeline().source("A").target("A").source("B").reading().wait(50).beat()


def caught(key: str = "") -> Timeline:
    """The write comes after its offset was committed, and before figwatch called it lost."""
    line = Timeline().source("A").target("A").source("B").reading()
    if key:
        line.source("A", key=key).reading()
    ms = (line.now_us - line.at_us(0)) / 1_000
    return line.wait(50).beat(at=ms + 20).target("B", at=ms + 40).reading()


WRITTEN_LATE = {"written_after_commit": 1, "fence_demoted": 1}


def test_a_finding_made_when_its_row_had_been_written_demotes_the_fence(needs):
    def story():
        books = caught().books()
        return books.demoted, books.alarms

    needs("early_commits_unnoticed", story, (True, WRITTEN_LATE), (False, {}))


def test_writes_called_done_before_they_came_demote_the_fence_after_a_few(needs):
    """No finding told of them: somebody may have mended one by chance, but not three."""

    def story():
        line, demoted = Timeline(), []
        for key in "xyz":
            line.source("A", key=key).reading().wait(50).target("A", key=key).reading()
            demoted.append(line.books().demoted)
        return demoted, len(line.findings())

    needs("early_commits_unnoticed", story, ([False, False, True], 0), ([False] * 3, 0))


def test_a_restart_forgives_no_late_write():
    line = Timeline()
    for key in "xyz":
        line.source("A", key=key).reading().wait(50).target("A", key=key).reading().restart()
    assert line.books().demoted


def test_a_version_that_is_not_the_newest_is_no_repair():
    line = Timeline()
    for key in "xyz":
        line.source("A", key=key).target("A", key=key).source("B", key=key).source("C", key=key)
        line.reading().wait(50).beat().wait(4_000).target("B", key=key).reading()
    assert line.books().demoted


def test_an_event_that_leaves_its_row_as_it_was_is_no_late_write():
    """The value stood there when the source came back to it: nobody wrote it late."""

    def story(values):
        line = Timeline()
        for key in "xyz":
            line.source("A", key=key).target("A", key=key)
            for value in values:
                line.source(value, key=key)
            line.reading().wait(50).target(values[-1], key=key).reading()
        return line.books().demoted

    assert not story("BA")
    assert story("BC"), "the twin: a row that is changed"


def test_writes_in_time_demote_nothing():
    line = Timeline()
    for n in range(20):
        line.source(f"v{n}").target(f"v{n}").reading().wait(50).beat()
    assert (False, {}) == (line.books().demoted, line.books().alarms)


def test_repairs_of_many_rows_are_counted_and_demote_nothing():
    line = Timeline()
    for n in range(20):
        line.source("A", key=f"k{n}")
    line.settle().settle()
    for n in range(20):
        line.target("A", key=f"k{n}")
    line.reading()
    assert (False, {"written_after_commit": 20}) == (line.books().demoted, line.books().alarms)


def test_behind_a_demoted_fence_nothing_is_divergent_by_it():
    line = caught().source("C").settle()
    waiting = line.verdict()
    line.wait(60_000).beat()
    assert (Verdict.OVERDUE, Verdict.UNKNOWN, Reason.DEMOTED_FENCE) == (
        waiting, line.verdict(), line.reason(),
    )  # fmt: skip


def test_a_demotion_voids_the_open_findings_that_rest_on_the_fence():
    line = caught("z")
    void = [f.key for f in line.findings() if f.void]
    assert (2, [b"z"]) == (len(line.findings()), void)
    assert Verdict.DIVERGENT != line.verdict("z")


def test_a_finding_that_rests_on_the_whole_history_survives_a_demotion():
    line = proved()
    line.source("A", key="z").target("A", key="z").target("X", key="z").settle()
    line.target("B", at=70).reading()
    assert Verdict.DIVERGENT == line.verdict("z")


def test_a_repair_by_people_is_no_proof_against_the_fence(needs):
    def story():
        line = proved().wait(30_000).reading().wait(50).target("B").reading()
        return line.verdict(), line.books().demoted

    needs("every_repair_demotes", story, (Verdict.CONSISTENT, False), (Verdict.CONSISTENT, True))


def test_the_next_change_heals_with_its_own_version_and_demotes_nothing():
    line = proved().source("C").target("C")
    assert (Verdict.CONSISTENT, False) == (line.verdict(), line.books().demoted)


def test_a_version_that_the_connector_emits_again_is_not_called_late(needs):
    """figwatch reads the second copy of B after its write; B was lost the first time."""

    def story():
        line = caught_by("again")
        return line.books().alarms

    needs("every_late_write_convicts", story, {}, WRITTEN_LATE)


def test_a_later_version_of_equal_value_is_not_called_late(needs):
    """The write is that of the second B, which figwatch has not read yet."""

    def story():
        line = caught_by("equal")
        return line.books().alarms

    needs("every_late_write_convicts", story, {}, WRITTEN_LATE)


def test_an_update_that_changes_nothing_writes_the_version_again():
    assert {} == caught_by("touch").books().alarms


def test_what_is_remembered_of_such_updates_is_bounded():
    pair = Timeline().judge.pairs["stock"]
    for n in range(WRITTEN_AGAIN_MAX + 5):
        written_again(pair, b"%d" % n, 0, n)
    assert WRITTEN_AGAIN_MAX == len(pair.written_again)


def caught_by(way: str) -> Timeline:
    """B was lost and is committed as done; the value comes by another event, read after it."""
    line = Timeline().source("A").target("A").source("B").reading()
    ms = (line.now_us - line.at_us(0)) / 1_000
    line.wait(50).beat(at=ms + 20).target("B", at=ms + 40)
    if way == "again":
        line.again(1)
    elif way == "touch":
        line.source("B", at=ms + 30)
    else:
        line.source("C", at=ms + 30).source("B", at=ms + 31)
    return line.reading()


def test_a_suspicion_waits_for_what_figwatch_has_not_read():
    line = Timeline().source("A").target("A").source("B").reading()
    ms = (line.now_us - line.at_us(0)) / 1_000
    line.wait(50).beat(at=ms + 20).target("B", at=ms + 40).unread(1).reading()
    waiting = line.books().demoted
    assert (False, False) == (waiting, line.again(1).reading().books().demoted)


def test_a_repair_that_the_clocks_cannot_tell_from_an_earlier_write_demotes_nothing():
    """The databases' clocks may differ by 400 ms; the repair came 100 ms after the finding."""
    line = Timeline(rules={"skew_us": 400_000}).source("A").target("A").source("B").reading()
    line.wait(600).beat()
    assert Verdict.DIVERGENT == line.verdict()
    ms = (line.now_us - line.at_us(0)) / 1_000
    line.wait(100).target("B", at=ms + 100).reading()
    assert (False, {"written_after_commit": 1}) == (line.books().demoted, line.books().alarms)


def test_a_reading_from_long_before_the_write_accuses_nobody():
    """The replicator may have been sent back and have come again, with nobody looking."""
    line = proved().wait(30_000).target("B").reading()
    assert (False, {}) == (line.books().demoted, line.books().alarms)


def test_suspicions_are_bounded(monkeypatch):
    monkeypatch.setattr(fence_trust, "SUSPICIONS_MAX", 5)
    line = Timeline()
    for n in range(9):
        line.source("A", key=f"k{n}")
    line.reading()
    for n in range(9):
        line.target("A", key=f"k{n}")
    assert {"written_after_commit": 5} == line.reading().books().alarms


def test_a_rewind_that_heals_demotes_nothing():
    line = proved().reading(committed=1).target("B").reading()
    assert (Verdict.CONSISTENT, False) == (line.verdict(), line.books().demoted)


def test_a_target_event_from_before_the_watermark_voids_the_findings_since(needs):
    """The heartbeat ran ahead of the log: B had been written and stood in the backlog."""

    def story():
        line = proved()
        at = (line.state().source.ring[-1].commit_us - line.at_us(0)) / 1_000 + 1
        line.target("B", at=at)
        return line.verdict(), line.finding().void, line.books().alarms

    needs(
        "late_target_events_unnoticed", story,
        (Verdict.CONSISTENT, True, {"late_target_event": 1}),
        (Verdict.CONSISTENT, False, {}),
    )  # fmt: skip


def test_the_grace_of_later_heartbeats_grows_by_what_the_late_event_was_short_of():
    line = Timeline().target("A", at=10).beat(at=5_000, side=Side.TARGET).target("B", at=2_000)
    fell = line.books().target_watermark_us
    line.beat(at=9_000, side=Side.TARGET)
    assert (line.at_us(2_000), line.at_us(6_000)) == (fell, line.books().target_watermark_us)


def test_a_late_target_event_voids_findings_of_every_pair_that_follows_its_topic():
    line = Timeline(pairs=("stock", "levels")).source("A", key="z").settle()
    line.target("A", at=20)
    assert {("stock", True), ("levels", True)} == {(f.pair, f.void) for f in line.findings()}


def test_a_late_target_event_voids_findings_that_have_resolved_meanwhile():
    line = proved().source("A")
    assert (Verdict.CONSISTENT, False) == (line.verdict(), line.finding().void)
    line.target("Z", key="z", at=(line.books().target_watermark_us - line.at_us(0)) / 1_000 - 30)
    assert line.finding().void


def test_a_finding_from_before_the_late_event_stands():
    line = proved()
    line.beat(at=9_000, side=Side.TARGET).target("Z", key="z", at=8_000)
    assert Verdict.DIVERGENT == line.verdict()


def test_commit_times_that_fall_along_the_log_are_said(needs):
    """MySQL's are the statement's; they void nothing, because they are never too late."""

    def story():
        line = proved().source("Z", key="z", at=5)
        line.target("Y", key="y", at=500).target("X", key="x", at=100)
        return line.verdict(), line.books().alarms

    needs(
        "falling_times_unnoticed", story,
        (Verdict.DIVERGENT, {"time_regression": 2}), (Verdict.DIVERGENT, {}),
    )  # fmt: skip


def test_times_that_fall_within_the_allowed_disorder_are_not_said():
    line = Timeline(rules={"disorder_us": 10_000}).source("A", at=100).source("Z", key="z", at=95)
    assert {} == line.books().alarms


def test_an_event_that_could_not_be_read_the_first_time_is_no_falling_time():
    line = Timeline().malformed().source("Z", key="z", at=900).source("A", at=100)
    assert {} == line.books().alarms
