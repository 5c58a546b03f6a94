"""The gate of stage sync, criterion by criterion: each case has a twin that must not pass."""

import dataclasses

import msgspec
import pytest

from figwatch.validators.convergence import Quantiles
from figwatch.validators.lately import MINUTE_US, Lately
from figwatch.validators.overview import Overview, overview
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.sync import sync_gate
from figwatch.validators.stages.sync_criteria import SyncCriteria
from figwatch.validators.summary import PairSummary, StreamSummary, Summary, SweepSummary

NOW_US = 1_800_000_000_000_000
FRESH_US = 15_000_000
HOUR_START_US = NOW_US // (60 * MINUTE_US) * 60 * MINUTE_US
DAY_US = 86_400_000_000
CRITERIA = SyncCriteria(pairs=("stock",))


def pair(**changes) -> PairSummary:
    """A pair in sync, changed as the case wants it."""
    facts = {
        "keys": {"consistent": 500, "in_flight": 2},
        "unknown": {},
        "open_findings": {},
        "findings_total": {},
        "convergence": Quantiles(count=1000, within=1000, buckets={}),
        "unshown": 0,
        "oldest_unshown_us": 0,
        "capture": {},
        "changes": {},
        "duplicates": {},
        "source_watermark_us": NOW_US,
        "target_watermark_us": NOW_US,
        "verified_through_us": NOW_US - 1_000_000,
        "transient": 0,
        "alarms": {},
    }
    return PairSummary(**(facts | changes))


def summary(partition=0, as_of_us=NOW_US, streams=(), **pairs) -> Summary:
    return Summary(partition, as_of_us, "worker", {}, 0, pairs, list(streams))


def view(*summaries, partitions=1, now_us=NOW_US, unreadable=0) -> Overview:
    known = {one.partition: one for one in summaries}
    return overview(known, partitions, now_us, FRESH_US, unreadable)


def answers(seen: Overview, criteria: SyncCriteria = CRITERIA) -> dict[str, Answer]:
    return {one.name: one.answer for one in sync_gate(seen, criteria).criteria}


def test_a_migration_in_sync_passes_and_says_what_was_not_checked():
    result = sync_gate(view(summary(stock=pair())), CRITERIA)
    assert {Answer.PASS} == {one.answer for one in result.criteria}
    assert Answer.PASS == result.answer
    assert "sweep" in result.not_checked[0]


GAP = StreamSummary("mono.t", 0, 9, NOW_US, gap_reason="gap", gap_offset=4)


@pytest.mark.parametrize(
    ("seen", "criterion", "answer"),
    [
        pytest.param(
            view(summary(stock=pair(keys={"consistent": 9, "divergent": 1}))),
            "none_divergent",
            Answer.FAIL,
            id="one divergent key fails",
        ),
        pytest.param(
            view(summary(stock=pair(open_findings={"stale": 1}))),
            "none_divergent",
            Answer.FAIL,
            id="so does an open finding whose key is counted otherwise",
        ),
        pytest.param(
            view(summary(stock=pair(keys={"consistent": 9, "unknown": 1}, unknown={"gap": 1}))),
            "none_unknown",
            Answer.INCONCLUSIVE,
            id="an unknown key is neither equal nor different",
        ),
        pytest.param(
            view(summary(stock=pair(keys={"consistent": 9, "overdue": 1}))),
            "few_overdue",
            Answer.INCONCLUSIVE,
            id="an overdue key may still arrive",
        ),
        pytest.param(
            view(summary(stock=pair(keys={}))),
            "compared",
            Answer.INCONCLUSIVE,
            id="no key at all: nothing was verified",
        ),
        pytest.param(
            view(summary(other=pair())),
            "compared",
            Answer.INCONCLUSIVE,
            id="a pair of the configuration without evidence is not passed over",
        ),
        pytest.param(
            view(summary(stock=pair(verified_through_us=NOW_US - 61_000_000))),
            "verified_through",
            Answer.INCONCLUSIVE,
            id="judged only up to a minute ago",
        ),
        pytest.param(
            view(summary(stock=pair(verified_through_us=NOW_US + 61_000_000))),
            "verified_through",
            Answer.INCONCLUSIVE,
            id="judged up to an instant that has not come: it would look fresh for too long",
        ),
        pytest.param(
            view(summary(stock=pair(verified_through_us=0))),
            "verified_through",
            Answer.INCONCLUSIVE,
            id="nothing verified yet",
        ),
        pytest.param(
            view(summary(stock=pair(demoted=True))),
            "fence_trusted",
            Answer.INCONCLUSIVE,
            id="a replicator that commits too early proves nothing",
        ),
        pytest.param(
            view(summary(streams=[GAP], stock=pair())),
            "coverage",
            Answer.INCONCLUSIVE,
            id="a gap may hide keys that were never seen",
        ),
        pytest.param(
            view(summary(stock=pair()), partitions=2),
            "fresh_summaries",
            Answer.INCONCLUSIVE,
            id="a partition that never reported",
        ),
        pytest.param(
            view(summary(stock=pair(), as_of_us=NOW_US - FRESH_US - 1)),
            "fresh_summaries",
            Answer.INCONCLUSIVE,
            id="a partition whose worker has stopped",
        ),
        pytest.param(
            view(summary(stock=pair()), unreadable=1),
            "fresh_summaries",
            Answer.INCONCLUSIVE,
            id="a summary of another version",
        ),
        pytest.param(view(), "fresh_summaries", Answer.INCONCLUSIVE, id="no worker at all"),
    ],
)
def test_what_is_not_shown_does_not_pass(seen, criterion, answer):
    assert answer == answers(seen)[criterion]
    assert answer == sync_gate(seen, CRITERIA).answer


@pytest.mark.parametrize(
    ("within", "count", "unshown", "answer"),
    [
        pytest.param(1000, 1000, 0, Answer.PASS, id="all in time"),
        pytest.param(449, 449, 0, Answer.PASS, id="just enough"),
        pytest.param(448, 448, 0, Answer.INCONCLUSIVE, id="enough for one look, not for many"),
        pytest.param(299, 299, 0, Answer.INCONCLUSIVE, id="too small a sample, though shown"),
        pytest.param(299, 300, 0, Answer.INCONCLUSIVE, id="99.67 % seen, 99 % not shown"),
        pytest.param(10, 20, 0, Answer.INCONCLUSIVE, id="too small a sample to fail on"),
        pytest.param(950, 1000, 0, Answer.FAIL, id="95 % cannot be 99 %"),
        pytest.param(1000, 1000, 100, Answer.FAIL, id="lost changes count against it"),
    ],
)
def test_convergence_is_shown_by_the_exact_bound(within, count, unshown, answer):
    seen = view(
        summary(
            stock=pair(
                convergence=Quantiles(count=count, within=within, buckets={}),
                unshown=unshown,
            )
        )
    )
    result = sync_gate(seen, CRITERIA)
    criterion = next(one for one in result.criteria if one.name == "convergence")
    assert (answer, answer) == (criterion.answer, result.answer)
    assert (answer is Answer.PASS) == (not criterion.missing)


def missing(**facts):
    result = sync_gate(view(summary(stock=pair(**facts))), CRITERIA)
    (criterion,) = [c for c in result.criteria if c.name == "convergence"]
    return criterion.missing, criterion.wait_seconds


def test_the_changes_that_are_missing_are_named_with_the_time_they_take_at_the_present_rate():
    lately = Lately()
    lately.add(NOW_US - MINUTE_US, 299, 299)
    seconds = (NOW_US - (NOW_US - MINUTE_US) // MINUTE_US * MINUTE_US) / 1e6
    counted = Quantiles(count=299, within=299, buckets={})
    text, wait = missing(convergence=counted, lately=lately)
    assert text.startswith("150 more changes, all of them within the objective; in about ")
    assert pytest.approx(150 * seconds / 299) == wait


def test_a_share_of_late_changes_that_is_too_large_never_shows_it_at_the_present_rate():
    lately = Lately()
    lately.add(NOW_US, 600, 592)
    counted = Quantiles(count=600, within=592, buckets={})
    text, wait = missing(convergence=counted, lately=lately)
    assert text.endswith("at the present rate it never will")
    assert wait is None


def test_changes_that_come_too_seldom_for_the_window_never_show_it():
    lately = Lately()
    lately.add(NOW_US - 30 * MINUTE_US, 1, 1)
    lately.add(NOW_US - 4 * MINUTE_US, 1, 1)
    criteria = dataclasses.replace(CRITERIA, window_us=60 * MINUTE_US)
    counted = Quantiles(count=2, within=2, buckets={})
    result = sync_gate(view(summary(stock=pair(convergence=counted, lately=lately))), criteria)
    assert [None] == [c.wait_seconds for c in result.criteria if c.name == "convergence"]


def windowed(count, hours_ago=0):
    """The convergence of that many good changes, in a window of 24 hours."""
    lately = Lately()
    lately.add(NOW_US - hours_ago * 60 * MINUTE_US, 0, 0)
    lately.add(NOW_US, count, count)
    criteria = dataclasses.replace(CRITERIA, window_us=DAY_US)
    counted = Quantiles(count=9000, within=1, buckets={})
    result = sync_gate(view(summary(stock=pair(convergence=counted, lately=lately))), criteria)
    (found,) = [c for c in result.criteria if c.name == "convergence"]
    return found


@pytest.mark.parametrize(
    ("hours_ago", "beginning", "needed"),
    [(0, 1, 477), (23, 1, 477), (24, 2, 725), (240, 20, 1305), (24 * 90, 180, 1778)],
)
def test_each_beginning_must_show_its_part_of_the_confidence(hours_ago, beginning, needed):
    found = windowed(needed, hours_ago)
    assert Answer.PASS == found.answer
    assert Answer.INCONCLUSIVE == windowed(needed - 1, hours_ago).answer
    assert f"fixed beginning {beginning}:" in found.evidence[0].origin.notes[0]
    assert "at 95% confidence" in found.reason


@pytest.mark.parametrize(
    ("window_minutes", "seconds"),
    [
        (60, 477 - 60),  # well within the first beginning
        (30, 725 - 60),  # it ends in two minutes: the second one has them, and must show more
        (20, None),  # neither the second one nor the third one ever has enough
    ],
)
def test_a_wait_that_outlasts_its_beginning_goes_on_with_the_next_one(window_minutes, seconds):
    lately, now_us = Lately(), HOUR_START_US + 28 * MINUTE_US
    lately.add(HOUR_START_US, 0, 0)
    lately.add(now_us - MINUTE_US, 60, 60)
    criteria = dataclasses.replace(CRITERIA, window_us=window_minutes * MINUTE_US)
    seen = view(summary(stock=pair(lately=lately)), now_us=now_us)
    (found,) = [c for c in sync_gate(seen, criteria).criteria if c.name == "convergence"]
    assert pytest.approx(seconds) == found.wait_seconds


def test_fail_outweighs_inconclusive():
    seen = view(summary(stock=pair(keys={"divergent": 1, "unknown": 1})), partitions=2)
    assert Answer.FAIL == sync_gate(seen, CRITERIA).answer


def test_every_pair_is_asked():
    criteria = dataclasses.replace(CRITERIA, pairs=("stock", "items"))
    seen = view(summary(stock=pair(), items=pair(keys={"consistent": 1, "divergent": 1})))
    assert [("items", Answer.FAIL)] == [
        (one.pair, one.answer)
        for one in sync_gate(seen, criteria).criteria
        if one.answer is not Answer.PASS
    ]


def test_a_sweep_that_is_demanded_is_never_taken_for_granted():
    criteria = dataclasses.replace(CRITERIA, sweep_required=True)
    result = sync_gate(view(summary(stock=pair())), criteria)
    assert Answer.INCONCLUSIVE == result.answer
    assert () == result.not_checked


SWEPT = SweepSummary(
    began_us=NOW_US - 4_000_000, ended_us=NOW_US - 1_000_000, whole=True, differences=0,
    source_rows=10, target_rows=10, clean_us=NOW_US - 4_000_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "open_findings", "answer", "because"),
    [
        ({}, {}, Answer.PASS, "10 and 10 rows were found equal"),
        ({"clean_us": NOW_US - DAY_US - 1}, {}, Answer.INCONCLUSIVE, "24.0 h ago"),
        ({"clean_us": NOW_US + 301_000_000}, {}, Answer.INCONCLUSIVE, "in the future"),
        ({"clean_us": 0, "whole": False}, {}, Answer.INCONCLUSIVE, "incomplete"),
        ({"differences": 2}, {"missing": 2}, Answer.FAIL, "2 differences"),
        ({"differences": 2}, {}, Answer.INCONCLUSIVE, "2 differences"),
    ],
)
def test_a_demanded_sweep_must_be_clean_and_recent(changes, open_findings, answer, because):
    criteria = dataclasses.replace(CRITERIA, sweep_required=True, sweep_age_max_us=DAY_US)
    swept = msgspec.structs.replace(SWEPT, **changes)
    seen = view(summary(stock=pair(sweep=swept, open_findings=open_findings)))
    (criterion,) = [c for c in sync_gate(seen, criteria).criteria if c.name == "sweep"]
    assert (answer, "stock") == (criterion.answer, criterion.pair)
    assert because in criterion.reason


def test_the_newest_sweep_of_all_partitions_counts():
    older = msgspec.structs.replace(SWEPT, ended_us=5, clean_us=1)
    parts = [summary(n, stock=pair(sweep=s)) for n, s in enumerate((None, older, SWEPT, None))]
    merged = view(*parts, partitions=4).merged
    assert merged is not None
    assert SWEPT == merged.pairs["stock"].sweep


def test_one_bad_partition_of_many_is_seen_in_the_merge():
    good, bad = pair(), pair(keys={"consistent": 1, "divergent": 1})
    seen = view(summary(0, stock=good), summary(1, stock=bad), partitions=2)
    assert Answer.FAIL == sync_gate(seen, CRITERIA).answer
    twin = view(summary(0, stock=good), summary(1, stock=pair()), partitions=2)
    assert Answer.PASS == sync_gate(twin, CRITERIA).answer


def test_the_thresholds_are_the_configurations():
    overdue = view(summary(stock=pair(keys={"consistent": 99, "overdue": 1})))
    lenient = dataclasses.replace(CRITERIA, overdue_share_max=0.01)
    assert Answer.PASS == sync_gate(overdue, lenient).answer
    assert Answer.INCONCLUSIVE == sync_gate(overdue, CRITERIA).answer


def test_a_reason_for_incompleteness_names_the_partitions():
    gone = msgspec.structs.replace(summary(2, as_of_us=0, stock=pair()), worker="host-2")
    seen = view(summary(0, stock=pair()), gone, partitions=3)
    expected = "no summary of partition 1, an old summary of partition 2, last by host-2"
    assert f"{expected} (of 3 partitions)" == seen.reason
    moved = view(summary(0, stock=pair()), summary(2, as_of_us=0, stock=pair()), partitions=3)
    assert "last by" not in moved.reason, "its worker reports another partition"


def test_a_summary_from_a_clock_ahead_of_ours_is_fresh():
    assert view(summary(stock=pair(), as_of_us=NOW_US + 3_000_000)).complete


def test_a_summary_from_a_clock_that_is_far_ahead_would_outlive_its_worker():
    seen = view(summary(stock=pair(), as_of_us=NOW_US + 61_000_000))
    assert not seen.complete
    assert "clocks" in seen.reason
    assert "old" not in seen.reason
    assert Answer.INCONCLUSIVE is answers(seen)["fresh_summaries"]
