"""The join table: awaited writes to explicit partitions, recovery in batches, nothing left over."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.types import TP

from figwatch.connectors.config import Config
from figwatch.streams.faust_app import new_app
from figwatch.streams.table import ForeignWriteError, JoinTable
from tests.component.migration import Migration
from tests.unit.streams.test_sender import Producer

TOPIC = "figwatch-trial-join-changelog"


def changelog(*pairs):
    return [SimpleNamespace(key=key, value=value) for key, value in pairs]


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


async def test_recovery_hands_the_newest_state_over_once_and_keeps_none_of_it(table, heard):
    table.restore(1, changelog((b"a", b"1"), (b"b", b"1")))
    table.restore(1, changelog((b"a", b"2"), (b"b", None)))
    await table.on_recovery_completed(own(1, 2), set())
    assert {1: {b"a": b"2"}, 2: {}} == heard.restored
    assert {} == table._restored
    assert 1 == heard.ready


async def test_a_partition_given_away_is_forgotten_and_restored_when_it_comes_back(table, heard):
    await table.on_recovery_completed(own(1, 2), set())
    await table.on_rebalance(own(2), own(1), set())
    assert [1] == heard.lost
    await table.on_rebalance(own(1, 2), set(), own(1))
    table.restore(1, changelog((b"a", b"3")))
    await table.on_recovery_completed(own(1, 2), set())
    assert {b"a": b"3"} == heard.restored[1]


async def test_a_partition_that_stays_keeps_its_judge(table, heard):
    await table.on_recovery_completed(own(1), set())
    heard.restored.clear()
    await table.on_rebalance(own(1), set(), set())
    await table.on_recovery_completed(own(1), set())
    assert {} == heard.restored
    assert [] == table.app.crashes


async def test_foreign_records_for_a_partition_that_stayed_crash_the_worker(table):
    await table.on_recovery_completed(own(1), set())
    table.restore(1, changelog((b"a", b"x")))
    await table.on_recovery_completed(own(1), set())
    assert [ForeignWriteError] == [type(error) for error in table.app.crashes]


async def test_writes_go_to_their_partition_and_move_the_point_of_recovery(table):
    producer = Producer(most=2)
    table.app.producer._ensure_producer = lambda: producer
    recovery = table.app.tables.recovery
    recovery.active_offsets[TP(TOPIC, 3)] = -1
    await table.on_recovery_completed(own(3), set())
    await table.write(3, {b"a": b"1", b"b": None, b"c": b"2"})
    assert [(TOPIC, 3, [(b"a", b"1"), (b"b", None)]), (TOPIC, 3, [(b"c", b"2")])] == producer.sent
    assert 2 == recovery.active_offsets[TP(TOPIC, 3)]


async def test_a_write_that_stands_behind_somebody_elses_is_noticed(table):
    producer = Producer()
    table.app.producer._ensure_producer = lambda: producer
    await table.on_recovery_completed(own(3), set())
    await table.write(3, {b"a": b"1"})
    producer.sent.append((TOPIC, 3, [(b"z", b"zombie")]))
    with pytest.raises(ForeignWriteError):
        await table.write(3, {b"a": b"2"})
