"""`figwatch run` on a real broker: topics it makes, accidents it survives, partitions that grow."""

import time

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import ConfigResource, ResourceType

from figwatch.demo.sandbox import Service
from tests.component.test_worker import FOUND, KEYS, assert_outcome, load, plant
from tests.e2e.live import LiveMigration


@pytest.fixture
def migration(tmp_path, sandbox):
    with LiveMigration(tmp_path, sandbox.bootstrap_servers) as running:
        yield running


def test_a_worker_killed_under_load_says_the_same_as_an_undisturbed_one(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    worker = migration.start().ready()
    for _ in range(2):
        load(migration, 5)
        worker.kill()
        load(migration, 3, pause=0)
        worker = migration.start().ready()
    load(migration, 3)
    plant(migration)
    assert_outcome(migration)
    migration.write(dict.fromkeys(FOUND, 6000))
    migration.until(lambda: not migration.open())
    code, seconds = worker.terminate()
    assert code == 0
    assert seconds < 5


def test_a_second_worker_joins_and_leaves_under_load(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.start().ready()
    load(migration, 3)
    second = migration.start().ready()
    load(migration, 3)
    migration.until(lambda: len({s.worker for s in migration.summaries()}) == 2)
    assert second.terminate()[0] == 0
    load(migration, 3)
    plant(migration)
    assert_outcome(migration)


def test_a_broker_killed_under_load_changes_nothing(migration, stack):
    migration.insert(dict.fromkeys(KEYS, 1))
    worker = migration.start().ready()
    load(migration, 3)
    stack.kill(Service.KAFKA)
    time.sleep(3)
    stack.start_service(Service.KAFKA)
    load(migration, 3)
    plant(migration)
    assert_outcome(migration)
    assert worker.process.poll() is None


def test_partitions_added_while_it_runs_are_read_and_counted_in_the_watermark(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.start().ready()
    migration.until(lambda: migration.judged(len(KEYS)))
    migration.grow(migration.target, 6)
    more = {f"n{n}": 1 for n in range(40)}
    migration.insert(more)  # the client spreads them over the new partitions once it knows
    time.sleep(1)

    def read():
        streams = migration.summary().streams
        return 6 == sum(s.topic == migration.target and s.next_offset >= 0 for s in streams)

    migration.until(read)
    migration.until(lambda: migration.judged(len(KEYS) + len(more)))

    def fresh():
        pair = migration.summary().pairs["stock"]
        return time.time() - pair.target_watermark_us / 1e6 < 5

    migration.until(fresh)


def test_a_topic_that_is_made_anew_stops_the_worker_and_says_so(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    worker = migration.start().ready()
    migration.until(lambda: migration.judged(len(KEYS)))
    migration.remake(migration.source)
    migration.write(dict.fromkeys(KEYS[:8], 2))
    assert 2 == worker.process.wait(60)
    assert worker.lines("made anew")


def test_it_makes_topics_of_its_own_and_touches_none_of_the_users(migration):
    before = set(migration.admin.list_topics(timeout=10).topics)
    ends = {t: users_end(migration, t) for t in (migration.source, migration.target)}
    migration.start().ready()
    made = set(migration.admin.list_topics(timeout=10).topics) - before
    kinds = (
        "changes",
        "join-changelog",
        "findings",
        "summaries",
        "dead-letters",
        "sweeps",
        "schemas",
    )
    assert {f"{migration.app}-{kind}" for kind in kinds} == {t for t in made if "figwatch" in t}
    policies = {kind: policy(migration, f"{migration.app}-{kind}") for kind in kinds}
    compacted = {"join-changelog", "findings", "summaries", "schemas"}
    assert {k: "compact" if k in compacted else "delete" for k in kinds} == policies
    assert ends == {t: users_end(migration, t) for t in ends}


def users_end(migration, topic):
    reader = migration.consumer("ends")
    ends = [reader.get_watermark_offsets(TopicPartition(topic, n), 10)[1] for n in range(4)]
    reader.close()
    return ends


def policy(migration, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    described = migration.admin.describe_configs([resource])[resource].result(30)
    return described["cleanup.policy"].value
