"""The join table: awaited writes to explicit partitions, recovery in batches, nothing left over."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.types import TP

from figwatch.connectors.config.root import Config
from figwatch.streams.faust_app import new_app
from figwatch.streams.table import (
    OWNER_HEADER,
    ForeignWriteError,
    IncompleteRecoveryError,
    JoinTable,
    Restored,
)
from tests.component.migration import Migration
from tests.unit.streams.test_sender import Producer

TOPIC = "figwatch-trial-join-changelog"


def changelog(*pairs, owner=0):
    headers = ((OWNER_HEADER, owner.to_bytes(8, "big")),) if owner else ()
    return [SimpleNamespace(key=key, value=value, headers=headers) for key, value in pairs]


class Heard:
    def __init__(self):
        self.restored, self.lost, self.ready = {}, [], 0

    def on_restored(self, partition, state):
        self.restored[partition] = state

    def on_ready(self):
        self.ready += 1


@pytest.fixture
async def heard():
    return Heard()


@pytest.fixture
async def table(heard):
    migration = Migration(Path())
    migration.servers = "127.0.0.1:1"
    app = new_app(Config.model_validate(migration.config()))
    made = JoinTable(
        app,
        partitions=4,
        on_restored=heard.on_restored,
        on_lost=heard.lost.append,
        on_ready=heard.on_ready,
    )
    app.tables.add(made)
    app.crashes = []

    async def crash(error):
        app.crashes.append(error)

    app.crash = crash
    return made


def own(*partitions):
    return {TP(TOPIC, p) for p in partitions}


async def recover(table, *partitions, last=-1, read=-1):
    """A recovery ends, as Faust tells it; `last` offset of the changelogs, `read` so far."""
    recovery = table.app.tables.recovery
    for tp in own(*partitions):
        recovery.active_highwaters[tp] = last
        recovery.active_offsets[tp] = read
    await table.on_recovery_completed(own(*partitions), set())


async def test_recovery_hands_the_newest_state_over_once_and_keeps_none_of_it(table, heard):
    table.restore(1, changelog((b"a", b"1"), (b"b", b"1")))
    table.restore(1, changelog((b"a", b"2"), (b"b", None)))
    await recover(table, 1, 2)
    assert {1: {b"a": b"2"}, 2: {}} == heard.restored
    assert {} == table._restored
    assert 1 == heard.ready


async def test_a_partition_given_away_is_forgotten_and_restored_when_it_comes_back(table, heard):
    await recover(table, 1, 2)
    await table.on_rebalance(own(2), own(1), set())
    assert [1] == heard.lost
    await table.on_rebalance(own(1, 2), set(), own(1))
    table.restore(1, changelog((b"a", b"3")))
    await recover(table, 1, 2)
    assert {b"a": b"3"} == heard.restored[1]


async def test_a_partition_that_stays_keeps_its_judge(table, heard):
    await recover(table, 1)
    heard.restored.clear()
    await table.on_rebalance(own(1), set(), set())
    await recover(table, 1)
    assert {} == heard.restored
    assert [] == table.app.crashes


async def test_foreign_records_for_a_partition_that_stayed_crash_the_worker(table):
    await recover(table, 1)
    table.restore(1, changelog((b"a", b"x")))
    await recover(table, 1)
    assert [ForeignWriteError] == [type(error) for error in table.app.crashes]


async def test_a_recovery_that_ended_too_early_hands_nothing_over(table, heard):
    table.restore(1, changelog((b"a", b"1")))
    await recover(table, 1, last=9, read=0)
    assert {} == heard.restored
    assert [IncompleteRecoveryError] == [type(error) for error in table.app.crashes]


async def test_a_partition_of_unknown_length_is_not_taken_over(table, heard):
    await table.on_recovery_completed(own(1), set())
    assert {} == heard.restored
    assert [IncompleteRecoveryError] == [type(error) for error in table.app.crashes]


@pytest.mark.parametrize("sign", ["signal", "generation"])
async def test_a_recovery_that_another_rebalance_interrupts_hands_nothing_over(table, heard, sign):
    """Faust goes on as if it had ended; the next recovery hands over what there is."""
    recovery = table.app.tables.recovery
    recovery._generation_id = 1 if sign == "generation" else 0
    if sign == "signal":
        recovery.signal_recovery_start.set()
    await recover(table, 1)
    assert ({}, 0, []) == (heard.restored, heard.ready, table.app.crashes)
    recovery._generation_id = 0
    recovery.signal_recovery_start.clear()
    await recover(table, 1)
    assert ({1: {}}, 1) == (heard.restored, heard.ready)


async def test_a_recovery_begins_anew_after_a_rebalance_and_a_judged_partition_goes_on(table):
    recovery, (judged,), (new,) = table.app.tables.recovery, own(1), own(2)
    await recover(table, 1, last=7, read=7)
    table.restore(2, changelog((b"a", b"1")))
    recovery.active_offsets[new] = 5
    await table.on_rebalance(own(1, 2), set(), own(2))
    assert {judged: 7, new: None} == dict(recovery.active_offsets)
    assert {} == table._restored


async def test_writes_go_to_their_partition_and_move_the_point_of_recovery(table):
    producer = Producer(most=2)
    table.app.producer._ensure_producer = lambda: producer
    recovery = table.app.tables.recovery
    await recover(table, 3)
    await table.write(3, {b"a": b"1", b"b": None, b"c": b"2"})
    assert [(TOPIC, 3, [(b"a", b"1"), (b"b", None)]), (TOPIC, 3, [(b"c", b"2")])] == producer.sent
    assert 2 == recovery.active_offsets[TP(TOPIC, 3)]


async def test_a_write_that_stands_behind_somebody_elses_is_noticed(table):
    producer = Producer()
    table.app.producer._ensure_producer = lambda: producer
    await recover(table, 3)
    await table.write(3, {b"a": b"1"})
    producer.sent.append((TOPIC, 3, [(b"z", b"zombie")]))
    with pytest.raises(ForeignWriteError):
        await table.write(3, {b"a": b"2"})


async def test_what_an_earlier_owner_writes_late_is_left_out_and_put_back(table, heard):
    """The successor's value stands before it: taken, the late one would undo applied changes."""
    producer = Producer(most=9)
    table.app.producer._ensure_producer = lambda: producer
    table.restore(1, changelog((b"a", b"1"), (b"b", b"1"), owner=7))
    table.restore(1, changelog((b"a", b"2"), owner=9))
    table.restore(1, changelog((b"a", b"late"), (b"new", b"late"), owner=7))
    await recover(table, 1)
    assert {1: {b"a": b"2", b"b": b"1"}} == heard.restored
    await table.write(1, {b"b": b"3"})
    await table.write(1, {b"b": b"4"})
    first, second = (dict(records) for _, _, records in producer.sent)
    assert {b"a": b"2", b"new": None, b"b": b"3"} == first
    assert {b"b": b"4"} == second


async def test_the_later_owner_of_two_is_told_from_what_it_has_read(table, heard):
    """The twin: the same records of a later owner count."""
    table.restore(1, changelog((b"a", b"1"), owner=7))
    table.restore(1, changelog((b"a", b"2"), owner=9))
    await recover(table, 1)
    assert {1: {b"a": b"2"}} == heard.restored


async def test_every_write_bears_the_owners_number(table):
    producer = Producer()
    table.app.producer._ensure_producer = lambda: producer
    table.restore(1, changelog((b"a", b"1"), owner=7))
    await recover(table, 1)
    await table.write(1, {b"a": b"2"})
    ((name, number),) = producer.headers[-1]
    assert OWNER_HEADER == name
    assert int.from_bytes(number, "big") > 7


def test_an_owner_is_above_all_before_and_the_later_of_two_that_read_the_same():
    before = Restored(owner=(5 << 32) + 900)
    assert before.owner < before.next_owner(3) < before.next_owner(4)
    group_made_anew = Restored(owner=before.next_owner(4))
    assert group_made_anew.owner < group_made_anew.next_owner(1)
