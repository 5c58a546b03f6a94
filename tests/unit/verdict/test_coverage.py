"""Watermarks, barriers, readings and `verified_through`: nothing claims more than was judged."""

from figwatch.validators.change import Gap, Side
from figwatch.validators.outcome import Verdict
from figwatch.validators.stream import MAX_BARRIERS, MAX_READINGS
from figwatch.validators.summary import copy_summary, merge
from tests.unit.verdict.timeline import TOPICS, Timeline


def through_ms(line: Timeline) -> float:
    return (line.books().verified_through_us - line.at_us(0)) / 1_000


def test_a_heartbeat_counts_once_consumption_has_passed_its_end_offset():
    line = Timeline().unread(side=Side.TARGET).beat(at=5_000)
    before = line.books().target_watermark_us
    line.ends[TOPICS[1], 0] = 0
    line.target("A", at=100)
    assert (0, line.at_us(5_000)) == (before, line.books().target_watermark_us)


def test_a_side_is_as_far_as_its_slowest_partition():
    line = Timeline(partitions=2).target("A", at=900, partition=0).target("B", at=300, partition=1)
    assert line.at_us(300) == line.books().target_watermark_us


def test_a_partition_that_was_added_holds_the_watermark_until_it_is_heard():
    line = Timeline().target("A", at=900)
    line.topology(2, Side.TARGET)
    assert 0 == line.books().target_watermark_us


def test_snapshot_rows_advance_no_watermark():
    line = Timeline().target("A", at=900, op=3, snapshot=2)
    assert 0 == line.books().target_watermark_us


def test_commit_times_leave_room_for_the_allowed_disorder():
    line = Timeline(rules={"disorder_us": 10_000}).target("A", at=900)
    assert line.at_us(890) == line.books().target_watermark_us


def test_verified_through_is_what_both_sides_have_reached():
    line = (
        Timeline().source("A", at=10).target("A", at=20).beat(at=700, side=0).beat(at=500, side=1)
    )
    assert 500 == through_ms(line)


def test_verified_through_stops_at_the_oldest_change_that_is_not_shown():
    line = Timeline().source("A", at=10).target("A", at=20).source("B", at=100)
    line.target("Z", key="z", at=400).source("Z", key="z", at=300).beat(at=5_000)
    assert 100 == through_ms(line)


def test_verified_through_stops_at_it_though_the_target_was_touched_since():
    line = Timeline().source("A", at=10).target("A", at=20).source("B", at=100).source("C", at=200)
    line.target("X", at=300).target("A", at=400).beat(at=5_000)
    assert 100 == through_ms(line)


def test_a_divergent_key_is_judged():
    line = Timeline().source("A").target("A").source("B").settle()
    assert line.books().source_watermark_us == line.books().verified_through_us


def test_an_unknown_key_is_not():
    line = Timeline().source("A", at=10).target("A", at=20).malformed().settle()
    assert 10 == through_ms(line)


def test_barriers_and_readings_beyond_their_bound_only_delay():
    line = Timeline().unread(side=Side.TARGET).unread()
    for _ in range(3 * max(MAX_BARRIERS, MAX_READINGS)):
        line.beat().reading()
    for name in TOPICS:
        line.ends[name, 0] = 0
    source, target = line.judge.streams
    assert len(source._waiting) <= MAX_READINGS
    assert len(target._barriers) <= MAX_BARRIERS
    line.source("A").target("B").settle()
    for _ in range(2 * MAX_READINGS):
        line.reading()
    assert len(source._covered) <= MAX_READINGS
    assert Verdict.DIVERGENT == line.verdict()


def test_summaries_of_partitions_merge_into_one():
    left = Timeline().source("A").target("A", at=500).settle().judge.summary(7)
    right = Timeline().source("A", key="z").malformed("y").beat(at=300).judge.summary(5)
    before = copy_summary(left)
    merged = merge([left, right])
    pair = merged.pairs["stock"]
    assert (5, 1, 1, 1) == (
        merged.as_of_us, pair.keys["consistent"], pair.keys["unknown"], pair.convergence.count,
    )  # fmt: skip
    assert {"source:bad_json": 1} == merged.malformed
    assert 2 == sum(pair.changes.get(f"source:{op}", 0) for op in "cu")
    assert right.pairs["stock"].verified_through_us == pair.verified_through_us
    assert before == left


def test_nothing_merges_into_nothing():
    assert None is merge([])


def test_gaps_are_listed_with_their_reason():
    (stream, _) = Timeline().source("A").gap(4).judge.summary(0).streams
    assert ("gap", 5) == (stream.gap_reason, stream.gap_offset)


def test_what_was_applied_is_distrusted_after_a_schema_made_it_incomparable_and_a_gap_is_not():
    for distrust, expected in ((False, Verdict.CONSISTENT), (True, Verdict.UNKNOWN)):
        line = Timeline().source("A").target("A")
        line.apply(Gap(TOPICS[0], 0, 0, line.ends[TOPICS[0], 0], distrust))
        assert expected == line.verdict()
    line.source("B").target("B")
    assert Verdict.CONSISTENT == line.verdict()
