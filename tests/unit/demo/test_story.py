"""The story, told with a figwatch made of a few lines: it must notice when figwatch fails it."""

# ruff: noqa: ARG002 - the fakes have the signatures of what they stand in for

from dataclasses import replace

import pytest

from figwatch.demo.comparison import Found, compare
from figwatch.demo.story import FAULTS, Story, StoryError
from figwatch.demo.truth import Expected, Fault, Kind, Planted, rows, stale
from figwatch.demo.watcher import Counts, Exit, GateAnswer

DETECTION_US = 2_000_000


class Clock:
    def __init__(self):
        self.seconds = 1_000.0

    def monotonic(self):
        return self.seconds

    def sleep(self, seconds):
        self.seconds += seconds

    @property
    def now_us(self):
        return int(self.seconds * 1_000_000)


class Silent:
    def chapter(self, title): ...
    def say(self, text): ...


class World:
    """Plants, and a figwatch that finds them; its flaws are overridden in the tests."""

    def __init__(self, clock):
        self.clock = clock
        self.open = {}
        self.resolved = []
        self.stalled = False
        self.items = iter(range(900_000, 900_100))

    # what is done to the migration
    def plant(self, fault, *, seconds=0.0):
        if fault in (Fault.REPLICATOR_STALLED, Fault.CONNECTOR_STOPPED):
            self.stalled = fault is Fault.REPLICATOR_STALLED
            return Planted(fault, (), self.clock.now_us, self.clock.now_us)
        item = next(self.items)
        expected = stale(item) if fault is Fault.LOST_UPDATE else rows(item, Kind.EXTRA)
        planted = Planted(fault, expected, self.clock.now_us, self.clock.now_us)
        self.open[planted.fault] = [self.finding(fault, one) for one in expected]
        return planted

    def repair(self, planted):
        self.stalled = False
        for one in self.open.pop(planted.fault, []):
            self.resolved.append(replace(one, resolved_us=self.clock.now_us))

    def finding(self, fault, expected):
        now_us = self.clock.now_us
        return Found(
            expected.pair,
            expected.item_id,
            expected.kind,
            expected.columns,
            now_us,
            now_us + DETECTION_US,
            None,
            "fence",
        )

    # what figwatch says of it
    def counts(self):
        return Counts(300, 1, 4 if self.stalled else 0, len(self.findings_open()), 0)

    def findings_open(self):
        every = [one for found in self.open.values() for one in found]
        return [one for one in every if one.detected_us <= self.clock.now_us]

    def findings(self):
        return (*self.findings_open(), *self.resolved)

    def gate(self, stage):
        assert stage == "sync"
        return GateAnswer(Exit.FAIL if self.findings_open() else Exit.PASS)


def tell(make=World):
    clock = Clock()
    world = make(clock)
    return Story(world, world, Silent(), clock).tell()


def test_a_figwatch_that_finds_everything_and_nothing_else_passes():
    report = tell()
    assert report.failures == []
    assert report.passed
    assert 2 * len(FAULTS) == len(report.planted.planted)
    assert {2.0} == {row.seconds for row in report.planted.planted}
    assert all(row.resolved for row in report.planted.planted)
    assert (report.gate_while_open, report.gate_after_repair) == (1, 0)
    assert [delay.overdue_keys_max for delay in report.delays] == [4, 0]


class MissesDeletes(World):
    def finding(self, fault, expected):
        found = super().finding(fault, expected)
        lost = fault is Fault.LOST_DELETE
        return replace(found, detected_us=self.clock.now_us + 10**12) if lost else found


class FindsTooMuch(World):
    def findings(self):
        healthy = Found("stock", 7, "stale", frozenset({"quantity"}), 0, 0, 5, "fence")
        return (*super().findings(), healthy)


class FindsTwice(World):
    """The same key again, after its finding: one of the two is false."""

    def repair(self, planted):
        super().repair(planted)
        if planted.fault is Fault.LOST_UPDATE:
            once = self.resolved[-1]
            self.resolved.append(replace(once, detected_us=once.detected_us + 1))


class WrongKind(World):
    def finding(self, fault, expected):
        return replace(super().finding(fault, expected), kind="missing")


class WrongColumns(World):
    def finding(self, fault, expected):
        return replace(super().finding(fault, expected), columns=frozenset({"notes"}))


class ProvesByHistory(World):
    def finding(self, fault, expected):
        return replace(super().finding(fault, expected), evidence="history")


def test_history_is_as_good_a_proof_as_the_fence():
    assert tell(ProvesByHistory).passed


class NoProof(World):
    def finding(self, fault, expected):
        return replace(super().finding(fault, expected), evidence="timeout")


class DelaysAreDivergent(World):
    def counts(self):
        return replace(super().counts(), divergent=3 if self.stalled else 0)


class NothingIsEverOverdue(World):
    def counts(self):
        return replace(super().counts(), overdue=0)


class NeverSettles(World):
    def counts(self):
        return replace(super().counts(), overdue=1)


class NeverResolves(World):
    def repair(self, planted):
        self.stalled = False


class GatePassesAlways(World):
    def gate(self, stage):
        return GateAnswer(Exit.PASS)


class GateCannotTell(World):
    def gate(self, stage):
        return GateAnswer(Exit.INCONCLUSIVE)


class GateNeverPasses(World):
    def gate(self, stage):
        return GateAnswer(Exit.FAIL)


@pytest.mark.parametrize(
    ("flaw", "failure"),
    [
        (MissesDeletes, "lost_delete: not found"),
        (FindsTooMuch, "planted and found are not the same"),
        (FindsTwice, "planted and found are not the same"),
        (WrongKind, "planted and found are not the same"),
        (WrongColumns, "planted and found are not the same"),
        (NoProof, "planted and found are not the same"),
        (DelaysAreDivergent, "replicator_stalled: called divergent"),
        (NothingIsEverOverdue, "nothing was called overdue"),
        (NeverSettles, "not settled"),
        (NeverResolves, "still open"),
        (GatePassesAlways, "the gate answered PASS while findings were open"),
        (GateCannotTell, "the gate answered INCONCLUSIVE while findings were open"),
        (GateNeverPasses, "the gate did not pass"),
    ],
)
def test_a_flaw_of_figwatch_fails_the_story_and_is_named(flaw, failure):
    report = tell(flaw)
    assert not report.passed
    assert any(failure in one for one in report.failures), report.failures


def test_a_figwatch_that_never_answers_is_no_verdict():
    class Mute(World):
        def counts(self):
            return None

    with pytest.raises(StoryError, match="did not answer"):
        tell(Mute)


def test_a_program_that_ends_ends_the_story_at_once():
    clock = Clock()
    world = World(clock)
    story = Story(world, world, Silent(), clock, lambda: "worker 1")
    with pytest.raises(StoryError, match="worker 1 has ended"):
        story.tell()


def test_a_finding_from_before_the_planting_does_not_count_for_it():
    expected = Expected("stock", 1, Kind.EXTRA)
    planted = Planted(Fault.LOST_DELETE, (expected,), 100, 110)
    early = Found("stock", 1, "extra", frozenset(), 50, 99, None, "fence")
    comparison = compare([planted], [early])
    assert not comparison.ok
    assert comparison.planted[0].found_kind is None
    assert [one.item_id for one in comparison.false_findings] == [1]


def test_a_finding_that_comes_too_late_is_not_ok():
    expected = Expected("stock", 1, Kind.EXTRA)
    planted = Planted(Fault.LOST_DELETE, (expected,), 100, 110)
    found = Found("stock", 1, "extra", frozenset(), 110, 15_000_110, None, "fence")
    assert compare([planted], [found]).ok
    assert not compare([planted], [replace(found, detected_us=15_000_111)]).ok


def test_comparing_nothing_is_not_ok():
    assert not compare([], []).ok
