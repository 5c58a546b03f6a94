"""Many findings at once, and findings that come back: counted exactly, listed within a bound."""

import pytest

from figwatch.validators.outcome import Verdict
from figwatch.validators.result import finding_json
from figwatch.validators.stages.sync import _none_divergent
from figwatch.validators.summary import copy_summary, merge
from tests.unit.verdict.timeline import Timeline

KEYS = [f"k{n:02}" for n in range(20)]
LISTED_MAX = 5


def burst(listed_max=LISTED_MAX):
    """The replicator loses an update of every key."""
    line = Timeline(rules={"findings_max": listed_max})
    for key in KEYS:
        line.source("A", key=key).target("A", key=key)
    for key in KEYS:
        line.source("B", key=key)
    return line.settle()


def heal(line, keys):
    for key in keys:
        line.target("B", key=key)
    return line.settle()


def listed(line):
    return {f.key.decode() for f in line.findings() if f.resolved_us is None}


def divergent(line):
    return {key for key in KEYS if line.verdict(key) is Verdict.DIVERGENT}


def test_a_burst_is_counted_exactly_and_listed_up_to_the_limit():
    line = burst()
    books = line.books()
    assert (20, {"stale": 20}, {"stale": 20}) == (
        books.keys["divergent"], books.open_findings, books.findings_total,
    )  # fmt: skip
    assert (5, 15, 15) == (len(line.findings()), books.unlisted, books.unlisted_total)


def test_within_the_limit_everything_is_listed():
    line = burst(listed_max=20)
    assert (20, 0) == (len(line.findings()), line.books().unlisted)


def test_what_was_only_counted_is_listed_once_all_of_it_has_room():
    line = burst()
    heal(line, sorted(listed(line))[:4])
    assert (1, 15) == (len(listed(line)), line.books().unlisted)
    heal(line, sorted(divergent(line) - listed(line))[:12])
    still = divergent(line)
    assert 1 < len(still) <= LISTED_MAX
    assert (still, 0) == (listed(line), line.books().unlisted)


def test_a_burst_that_heals_writes_no_more_than_twice_the_limit():
    line = burst()
    for key in KEYS:
        heal(line, [key])
    assert set() == listed(line)
    assert len(line.findings()) <= 2 * LISTED_MAX
    assert (0, 0, 15) == (
        line.books().keys["divergent"], line.books().unlisted, line.books().unlisted_total,
    )  # fmt: skip


@pytest.mark.parametrize("listed_max", [LISTED_MAX, 20])
def test_a_restart_knows_what_was_listed(listed_max):
    line = burst(listed_max).restart()
    assert (listed_max, 20 - listed_max) == (len(listed(line)), line.books().unlisted)
    heal(line, KEYS)
    assert set() == listed(line)


def test_partitions_add_up_what_they_do_not_list_and_the_gate_says_it():
    summary = burst().judge.summary(0)
    merged = merge([summary, copy_summary(summary)])
    assert 30 == merged.pairs["stock"].unlisted
    assert "30 that are only counted" in _none_divergent("", merged.pairs["stock"], None, 0).missing
    whole = burst(20).judge.summary(0).pairs["stock"]
    assert "only counted" not in _none_divergent("", whole, None, 0).missing


def test_a_finding_that_comes_back_tells_of_the_first_one():
    line = Timeline().source("A").target("A").source("B").settle()
    (first,) = line.findings()
    line.target("B").settle().restart()
    line.target("X").settle().wait(5_000).settle()
    first, again = sorted(line.findings(), key=lambda f: f.detected_us)
    assert (0, 1) == (first.reopened, again.reopened)
    assert (first.detected_us, "fence", first.resolved_us) == (
        again.first_detected_us, again.first_evidence, again.last_resolved_us,
    )  # fmt: skip
    assert again.detected_us > first.resolved_us
    told = finding_json(again, lambda _pair, _key: {})
    assert (1, first.detected_us) == (told["reopened"], told["first_detected_us"])
    assert "reopened" not in finding_json(first, lambda _pair, _key: {})
