"""Writes that come round: arrivals, echoes, loops are told apart; nothing else is called so."""

import hashlib
from dataclasses import replace

import pytest

from figwatch.validators.change import Change, Op, Side, Snapshot
from figwatch.validators.pair import PairRules
from figwatch.validators.writes.echo_summary import EchoSummary, merge_echoes
from figwatch.validators.writes.echoes import WAITING_MAX, Echoes
from tests.component.both_ways import BothWays

SECOND = 1_000_000
RULES = PairRules("stock", ("a.t",), ("b.t",), ("v",))
NAMED = replace(RULES, origins=("back", "forward"))
A, B = Side.SOURCE, Side.TARGET


def write(side, value, at, *, origin="", key=b"k", position=None, snapshot=Snapshot.NONE):
    digest = hashlib.blake2b(value.encode(), digest_size=16).digest()
    us = round(at * SECOND)
    return Change(
        "stock", side, key, Op.UPDATE, digest, b"", us, position or (us, 1), None, "t", 0, us, us,
        snapshot, (), (), None, origin,
    )  # fmt: skip


def followed(*writes, rules=RULES, known=1000, copied=(True, True)):
    echoes = Echoes(rules)
    echoes.copied[:] = copied
    for each in writes:
        echoes.seen(each, each.fingerprint)
    echoes.evaluate(known * SECOND)
    return echoes


def bounced(hops, *, origins=("", ""), every=0.2):
    """A write of A, and that many copies of it."""
    return [
        write((A, B)[n % 2], "v", 1 + n * every, origin=origins[n % 2] if n else "")
        for n in range(hops + 1)
    ]


def counts(*writes, **options):
    return followed(*writes, **options).kept.counts


def test_a_copy_is_an_arrival_and_no_echo():
    assert {"outside": 1, "arrival": 1} == counts(write(A, "v", 1), write(B, "v", 1.3))
    assert {"outside": 1, "arrival": 1} == counts(write(B, "v", 1), write(A, "v", 1.3))


def test_what_comes_back_to_its_writer_is_an_echo():
    assert {"outside": 1, "arrival": 1, "echo": 1} == counts(*bounced(2))


def test_a_loop_is_named_with_its_key_and_length_and_the_twin_one_copy_short_is_none():
    looping = followed(*bounced(6), known=4).summary()
    (loop,) = looping.loops
    assert (b"k", 6, 1_000_000, 2_200_000, "values") == (
        loop.key, loop.hops, loop.since_us, loop.last_us, loop.evidence,
    )  # fmt: skip
    assert (1, 1) == (looping.looping, looping.counts["loop"])
    twin = followed(*bounced(5), known=4).summary()
    assert ([], 0) == (twin.loops, twin.looping)


def test_a_loop_that_ended_is_told_and_does_not_loop_now():
    ended = followed(*bounced(8)).summary()
    assert (0, 1, 2_600_000) == (ended.looping, ended.counts["loop"], ended.newest_loop_us)


def test_a_row_that_is_touched_is_no_loop_while_nobody_copies_back():
    assert {"outside": 4, "arrival": 4} == counts(*bounced(7), copied=(False, True))
    assert 1 == counts(*bounced(7))["loop"]


def test_before_the_way_back_is_open_nothing_loops():
    """The group of the replicator back is named, and has never committed an offset."""

    def loops(**how):
        migration = BothWays(**how)
        migration.go_wrong()
        return migration.judge.summary(migration.now).pairs["mirrored"].echoes.counts.get("loop", 0)

    assert (0, 1) == (loops(back_named=True), loops())


def test_two_values_that_change_places_for_ever_are_a_loop():
    swaps = [
        write(side, value, 1 + 0.2 * n + 0.01 * side)
        for n in range(8)
        for side, value in ((A, "ab"[n % 2]), (B, "ba"[n % 2]))
    ]
    summary = followed(*swaps, known=4).summary()
    assert (1, 2) == (summary.looping, summary.counts["outside"])


def test_new_values_at_any_rate_are_no_loop():
    writes = []
    for n in range(50):
        writes += [write(A, str(n), 1 + n * 0.1), write(B, str(n), 1.05 + n * 0.1)]
    assert {"outside": 50, "arrival": 50} == counts(*writes)


def test_an_origin_tells_a_row_that_is_touched_from_one_that_comes_round():
    touched = []
    for n in range(20):
        touched += [write(A, "v", 1 + n), write(B, "v", 1.2 + n, origin="forward")]
    assert {"outside": 20, "arrival": 20} == counts(*touched, rules=NAMED)
    round_and_round = bounced(20, origins=("back", "forward"))
    (loop,) = followed(*round_and_round, rules=NAMED).kept.loops
    assert ("origin", 20) == (loop.evidence, loop.hops)


def test_another_origin_than_the_replicators_is_an_outside_write():
    assert {"outside": 2} == counts(
        write(A, "v", 1), write(B, "v", 1.2, origin="loader"), rules=NAMED
    )


def test_an_old_value_that_comes_back_over_a_newer_one_is_told():
    writes = [write(A, "old", 1), write(B, "old", 1.2), write(A, "new", 1.3), write(A, "old", 1.4)]
    assert 1 == counts(*writes)["reverted"]
    twin = [write(A, "old", 1), write(B, "old", 1.2), write(A, "old", 1.3), write(A, "new", 1.4)]
    assert "reverted" not in counts(*twin)


def test_what_is_emitted_again_is_no_write():
    again = [
        replaced
        for each in bounced(1)
        for replaced in (each, write(each.side, "v", each.commit_us / SECOND))
    ]
    assert {"outside": 1, "arrival": 1} == counts(*again)


def test_what_comes_later_than_a_copy_may_is_none():
    assert {"outside": 2} == counts(write(A, "v", 1), write(B, "v", 6.5))


def test_nothing_is_said_before_both_sides_are_known_beyond_it():
    echoes = followed(*bounced(6), known=1.1)
    assert {"outside": 1} == echoes.kept.counts
    echoes.evaluate(10 * SECOND)
    assert 1 == echoes.kept.counts["loop"]


def test_rows_of_a_snapshot_are_no_writes():
    assert {} == counts(write(A, "v", 1, snapshot=Snapshot.ROW))


@pytest.mark.parametrize("bound", ["waiting", "keys"])
def test_what_is_too_much_to_follow_is_counted(bound, monkeypatch):
    name = {"waiting": "WAITING_MAX", "keys": "KEYS_MAX"}[bound]
    assert WAITING_MAX > 10
    monkeypatch.setattr(f"figwatch.validators.writes.echoes.{name}", 10)
    found = counts(*(write(A, "v", 1 + n / 100, key=b"%d" % n) for n in range(25)), known=2)
    assert 15 == found["unfollowed"]


def test_partitions_summaries_add_up():
    one, two = followed(*bounced(6)).summary(), followed(*bounced(8), known=500).summary()
    merge_echoes(one, two)
    assert (2, 2, 500 * SECOND, 2_600_000) == (
        one.counts["loop"], len(one.loops), one.known_us, one.newest_loop_us,
    )  # fmt: skip
    assert EchoSummary() == EchoSummary(counts={})
