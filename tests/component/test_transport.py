"""Every private method of Faust and aiokafka that the transport overrides or calls, pinned: an
upgrade that changes one fails here and not in a migration.
"""

import asyncio
import inspect
from pathlib import Path
from types import SimpleNamespace

import aiokafka.client
import faust
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.protocol.metadata import MetadataRequest
from faust.tables.recovery import Recovery
from faust.transport import consumer as stock
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from figwatch.connectors.config.root import Config
from figwatch.streams.consumer import RawBatch
from figwatch.streams.faust_app import new_app
from figwatch.streams.transport import register
from figwatch.validators.errors import ConfigurationError
from tests.component.migration import Migration

TP0 = TP("mono.public.inventory", 0)
OTHER = TP("mono.public.inventory", 1)


def record(offset):
    return SimpleNamespace(offset=offset, timestamp=0, timestamp_type=0, value=b"v", key=b"k")


def records(*offsets):
    return [record(offset) for offset in offsets]


class Thread:
    """Stands in for the thread with the client: notes what is sought."""

    def __init__(self, begin=0, committed=None):
        self.sought, self._begin, self._committed = [], begin, committed or {}

    async def earliest_offsets(self, *partitions):
        return dict.fromkeys(partitions, self._begin)

    async def call_thread(self, function, *arguments):
        return function(*arguments)

    def _ensure_consumer(self):
        return self

    def seek(self, tp, offset):
        self.sought.append({tp: offset})

    async def seek_to_committed(self):
        return {tp: self._committed.get(tp, -1) for tp in (TP0, OTHER)}

    def assignment(self):
        return {TP0, OTHER}

    def highwater(self, _tp):
        return 1000


@pytest.fixture
async def consumer():
    migration = Migration(Path())
    migration.servers = "127.0.0.1:1"
    made = new_app(Config.model_validate(migration.config())).consumer
    made._thread = Thread()
    made.delivered = []

    async def deliver(message):
        made.delivered.append(message)

    made.callback = deliver
    made._read_offset.update({TP0: 0, OTHER: 0})
    return made


async def deliver(consumer, *offsets, tp=TP0):
    await consumer._deliver_fetched(tp, records(*offsets))


def taken(consumer):
    return [(m.value.first_offset, m.value.next_offset) for m in consumer.delivered]


OVERRIDDEN = {
    stock.Consumer: [
        ("perform_seek", ["self"]),
        ("ack", ["self", "message"]),
        ("_filter_tps_with_pending_acks", ["self", "topics"]),
        ("_new_offset", ["self", "tp"]),
        ("on_partitions_revoked", ["self", "revoked"]),
        ("on_partitions_assigned", ["self", "assigned", "generation_id"]),
        ("_drain_messages", ["self", "fetcher"]),
    ],
    stock.ThreadDelegateConsumer: [("seek_wait", ["self", "partitions"])],
    driver.Producer: [("_settings_extra", ["self"])],
    faust.Table: [
        ("on_start", ["self"]),
        ("persisted_offset", ["self", "tp"]),
        ("on_rebalance", ["self", "assigned", "revoked", "newly_assigned", "generation_id"]),
        ("on_recovery_completed", ["self", "active_tps", "standby_tps"]),
    ],
    faust.App: [("_create_directories", ["self"])],
}
CALLED = {
    stock.Consumer: [
        "_wait_next_records",
        "_clean_unacked_messages",
        "_is_changelog_tp",
        "stop_flow",
        "commit",
    ],
    driver.AIOKafkaConsumerThread: [
        "earliest_offsets",
        "_ensure_consumer",
        "call_thread",
        "topic_partitions",
    ],
    driver.Producer: ["_ensure_producer"],
    Recovery: ["need_recovery"],
    GroupCoordinator: ["check_errors"],
    TopicPartitionState: ["has_valid_position", "position"],
}


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [(owner, name, ps) for owner, methods in OVERRIDDEN.items() for name, ps in methods],
)
def test_an_overridden_method_still_has_its_shape(owner, name, parameters):
    assert parameters == list(inspect.signature(getattr(owner, name)).parameters)


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in CALLED.items() for name in names]
)
def test_a_method_that_is_called_is_still_there(owner, name):
    assert hasattr(owner, name)


def test_the_client_still_waits_for_its_errors_to_be_fetched():
    source = inspect.getsource(GroupCoordinator)
    assert "_pending_exception" in source
    assert "_coordination_task" in source


def test_asking_for_metadata_creates_no_topic():
    register()
    stock_default = MetadataRequest(["t"])._allow_auto_topic_creation
    assert stock_default is None, "now decided by the library"
    assert aiokafka.client.MetadataRequest(["t"])._allow_auto_topic_creation is False


async def test_a_fetched_list_is_one_event_that_says_what_it_covers(consumer):
    await deliver(consumer, 0, 1, 2)
    await deliver(consumer, 3)
    assert [(0, 3), (3, 4)] == taken(consumer)
    assert [3, 1] == [len(m.value.records) for m in consumer.delivered]


async def test_records_fetched_before_a_seek_are_dropped_wherever_they_begin(consumer):
    """They may begin just where they are wanted: the client stands elsewhere by now."""
    consumer._read_offset[TP0] = 5
    for stale in ((1, 2), (5, 6), (300, 301)):
        consumer._unproven.add(TP0)
        await deliver(consumer, *stale)
        assert [] == taken(consumer)
        await consumer._prove()
    assert [{TP0: 5}] * 3 == consumer._thread.sought
    await deliver(consumer, 3, 4, 5, 6)
    assert [(5, 7)] == taken(consumer)


async def test_a_record_fetched_before_it_is_wanted_leaves_no_hole_at_the_end(consumer):
    """The client is past it, nothing comes after: taken for a tail, it would never be read."""
    consumer._read_offset.pop(TP0)
    await deliver(consumer, 530)
    consumer._read_offset[TP0] = 530
    consumer._position = lambda tp: 531 if tp == TP0 else None
    await consumer._deliver_tails()
    assert [] == taken(consumer)
    await consumer._prove()
    await deliver(consumer, 530)
    assert [(530, 531)] == taken(consumer)


async def test_what_is_sought_while_a_seek_is_on_its_way_stays_unproven(consumer):
    consumer._unproven.add(TP0)
    real = consumer._thread.call_thread

    async def meanwhile(function, *arguments):
        await real(function, *arguments)
        consumer._unproven.add(TP0)

    consumer._thread.call_thread = meanwhile
    await consumer._prove()
    await deliver(consumer, 0)
    assert [] == taken(consumer)


async def test_offsets_that_go_back_stop_the_worker_instead_of_being_dropped(consumer):
    """A topic made anew: dropping its records would look like a healthy, silent migration."""
    consumer._read_offset[TP0] = 5
    with pytest.raises(ConfigurationError, match="made anew"):
        await deliver(consumer, 0, 1)


async def test_records_of_a_partition_that_is_not_sought_yet_are_dropped(consumer):
    consumer._read_offset.pop(TP0)
    await deliver(consumer, 0, 1)
    assert [] == taken(consumer)
    assert TP0 in consumer._unproven


async def test_a_hole_behind_a_seek_of_the_fetching_task_is_real(consumer):
    consumer._unproven.add(TP0)
    await consumer._prove()
    await deliver(consumer, 300)
    assert [(0, 301)] == taken(consumer)


async def test_reading_begins_at_the_committed_offset_or_at_the_first_one(consumer):
    consumer._thread = Thread(begin=40, committed={TP0: 7})
    await consumer.perform_seek()
    assert {TP0: 7, OTHER: 40} == consumer.origins
    assert {TP0, OTHER} == consumer._unproven
    await consumer._prove()
    assert {OTHER: 40} in consumer._thread.sought


async def test_offsets_are_committed_behind_the_leading_acknowledged_batches(consumer):
    for first in (0, 10, 20):
        await deliver(consumer, *range(first, first + 10))
    one, two, three = consumer.delivered
    consumer.ack(three)
    assert [] == list(consumer._filter_tps_with_pending_acks())
    consumer.ack(one)
    assert 10 == consumer._new_offset(TP0)
    assert consumer._new_offset(TP0) is None
    consumer.ack(two)
    assert 30 == consumer._new_offset(TP0)


async def test_an_acknowledgement_from_before_a_seek_commits_nothing(consumer):
    await deliver(consumer, *range(10))
    stale = consumer.delivered[0]
    await consumer.perform_seek()
    await consumer._prove()
    await deliver(consumer, *range(10))
    consumer.ack(stale)
    assert 2 == len(consumer.delivered)
    assert [] == list(consumer._filter_tps_with_pending_acks())


async def test_offsets_without_records_at_the_end_are_covered(consumer):
    await deliver(consumer, 0, 1)
    consumer._position = lambda tp: 5 if tp == TP0 else None
    await consumer._deliver_tails()
    assert RawBatch((), 2, 5) == consumer.delivered[-1].value


async def test_a_recovery_ends_where_the_last_changelog_records_were_compacted_away(consumer):
    recovery = consumer.app.tables.recovery
    changelog = TP("figwatch-trial-join-changelog", 0)
    recovery.in_recovery = True
    recovery.active_highwaters[changelog] = 9
    recovery.active_offsets[changelog] = 6
    consumer._position = lambda _tp: 9
    consumer._end_recovery_by_position()
    assert not recovery.signal_recovery_end.is_set()
    consumer._position = lambda _tp: 10
    consumer._unproven.add(changelog)
    consumer._end_recovery_by_position()
    assert not recovery.signal_recovery_end.is_set(), "the client may have passed what was dropped"
    consumer._unproven.clear()
    consumer._end_recovery_by_position()
    assert recovery.signal_recovery_end.is_set()


async def test_settling_waits_for_what_the_agents_hold_and_then_commits(consumer):
    order = []
    await deliver(consumer, 0)
    message = consumer.delivered[0]
    consumer._unacked_messages.add(message)

    async def commit():
        order.append("commit")

    class Listener:
        async def quiet(self):
            order.append("quiet")

    def finish():
        order.append("ack")
        consumer.ack(message)

    consumer.commit, consumer.listener = commit, Listener()
    asyncio.get_running_loop().call_later(0.05, finish)
    await consumer.settle()
    assert ["ack", "quiet", "commit"] == order
