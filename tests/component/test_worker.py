"""The worker as a process on the mock cluster: what it finds, and what no accident changes."""

import json
import random
import subprocess
import sys
import time

import msgspec
from confluent_kafka import TopicPartition

from figwatch.streams.agreement import Learned
from tests.component.migration import FOLDER, PARTITIONS, now_us

KEYS = [f"k{n}" for n in range(60)]
FAULTS = {"k3": 999, "k17": ..., "k31": None}
"""A wrong value, a lost update, a row deleted on the target alone."""
FOUND = {"k3": "value_mismatch", "k17": "stale", "k31": "missing"}


def load(migration, rounds, pause=0.1):
    """Healthy traffic over all keys, seeded; ends with every key at a known value."""
    dice = random.Random(7)
    for number in range(rounds):
        keys = dice.sample(KEYS, 20)
        migration.write(dict.fromkeys(keys, 1000 + number))
        time.sleep(pause)


def plant(migration):
    migration.write(dict.fromkeys(KEYS, 5000), follow=FAULTS)


def settled(migration):
    return migration.judged(len(KEYS)) and migration.open() == FOUND


def assert_outcome(migration):
    """What an undisturbed run says, whatever happened to the workers."""
    migration.until(lambda: settled(migration))
    keys = migration.summary().pairs["stock"].keys
    assert (len(KEYS) - 3, 3, 0) == (keys["consistent"], keys["divergent"], keys["unknown"])
    assert sorted(FOUND) == sorted({migration.key_name(f.key) for f in migration.findings()})


def test_it_finds_what_is_planted_and_nothing_else(migration):
    worker = migration.start().ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    load(migration, 5)
    plant(migration)
    assert_outcome(migration)
    migration.write(dict.fromkeys(FOUND, 6000))
    migration.until(lambda: not migration.open())
    migration.until(lambda: len(KEYS) == migration.summary().pairs["stock"].keys["consistent"])
    code, seconds = worker.terminate()
    assert code == 0
    assert seconds < 5


def test_what_is_healthy_stays_without_findings(migration):
    """The twin: the same traffic with no fault planted."""
    migration.start().ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    load(migration, 5)
    migration.write(dict.fromkeys(KEYS, 5000))
    migration.until(lambda: migration.judged(len(KEYS)))
    time.sleep(2)
    assert [] == migration.findings()


def test_a_worker_killed_during_load_and_started_again_says_the_same(migration):
    """Also with its state elsewhere than before: the changelog is what survives."""
    migration.insert(dict.fromkeys(KEYS, 1))
    worker = migration.start().ready()
    for state in ("rocksdb", "memory"):
        load(migration, 4)
        worker.kill()
        load(migration, 2, pause=0)
        worker = migration.start(config=migration.config(state=state)).ready()
    load(migration, 2)
    plant(migration)
    worker.kill()
    migration.start(config=migration.config(state="rocksdb")).ready()
    assert_outcome(migration)


def test_a_second_worker_joins_and_leaves_under_load(migration):
    first = migration.start().ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    load(migration, 3)
    second = migration.start().ready()
    load(migration, 3)
    migration.until(lambda: len({s.worker for s in migration.summaries()}) == 2)
    load(migration, 3)
    assert second.terminate()[0] == 0
    load(migration, 3)
    plant(migration)
    assert_outcome(migration)
    assert 1 == len({s.worker for s in migration.summaries()})
    assert not first.lines("crashed")


def test_a_killed_worker_is_replaced_by_the_other(migration):
    migration.insert(dict.fromkeys(KEYS, 1))
    first, second = migration.start(), migration.start()
    first.ready()
    second.ready()
    load(migration, 3)
    first.kill()
    plant(migration)
    assert_outcome(migration)


def test_a_worker_that_writes_late_undoes_nothing(migration):
    """All that a killed worker ever wrote comes again, behind what its successor wrote."""
    changelog = f"{migration.app}-join-changelog"
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.start().ready()
    load(migration, 2)
    migration.until(lambda: migration.judged(len(KEYS)))
    late = migration.records(changelog)
    migration.workers[0].kill()
    second = migration.start().ready()
    plant(migration)
    assert_outcome(migration)
    for m in late:
        where = {"partition": m.partition(), "headers": m.headers()}
        migration.producer.produce(changelog, m.value(), key=m.key(), **where)
    migration.producer.flush()
    migration.until(lambda: second.lines("written by another worker"))
    migration.until(lambda: len(second.lines("is ready")) > 1)
    assert_outcome(migration)
    second.kill()
    migration.start().ready()
    assert_outcome(migration)


def test_a_coarser_schema_makes_earlier_rows_unknown_once_and_accuses_nobody(migration):
    """From then on values are compared by their first three digits, by every worker alike."""
    first, second = migration.start(), migration.start()
    first.ready()
    second.ready()
    migration.insert(dict.fromkeys(KEYS, 123456))
    migration.until(lambda: migration.judged(len(KEYS)))
    coarse = {"op": "u", "v": 123, "at": now_us(), "lsn": 10_000, "digits": 3}
    migration.raw(migration.target, KEYS[0].encode(), json.dumps(coarse).encode())
    unknown = lambda: migration.summary().pairs["stock"].unknown  # noqa: E731
    migration.until(lambda: unknown().get("schema_changed", 0) == len(KEYS))
    schemas = f"{migration.app}-schemas"
    done = msgspec.msgpack.encode(Learned(settled=True, memory=b"\x03"))
    migration.until(lambda: migration.records(schemas)[-1].value() == done)
    first.kill()
    second.kill()
    third = migration.start().ready()
    migration._lsn = 20_000
    migration.write(dict.fromkeys(KEYS, 555001), follow=dict.fromkeys(KEYS, 555999))
    migration.until(lambda: migration.summary().pairs["stock"].keys["consistent"] == len(KEYS))
    assert [] == migration.findings()
    assert not third.lines("a new schema")


def test_an_exception_in_the_judge_loses_nothing(migration):
    assert_survives(migration, "judge")


def test_a_failed_changelog_write_loses_nothing(migration):
    assert_survives(migration, "state")


def test_findings_that_could_not_be_published_are_published_after_the_restart(migration):
    assert_survives(migration, "findings")


def assert_survives(migration, fault):
    worker = migration.start(fault=fault).ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    load(migration, 3)
    plant(migration)
    assert_outcome(migration)
    assert worker.lines("a planted fault"), "nothing went wrong: this test verified nothing"
    assert worker.process.poll() is None


def test_poison_records_become_dead_letters_and_the_worker_lives_on(migration):
    worker = migration.start().ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.raw(migration.source, b"k5", b"not json")
    migration.raw(migration.target, b"k6", b"boom")
    migration.until(lambda: len(migration.records(migration.letters)) == 2)
    letters = [json.loads(m.value()) for m in migration.records(migration.letters)]
    reasons = {(letter["topic"], letter["reason"], letter["detail"]) for letter in letters}
    assert {
        (migration.source, "bad_json", "JSONDecodeError"),
        (migration.target, "decoder_failed", "RuntimeError"),
    } == (reasons)
    assert worker.lines("cannot be read many at once")
    migration.until(lambda: migration.summary().pairs["stock"].keys["unknown"] > 0)
    status, text = worker.get("metrics")
    assert status == 200
    assert 'figwatch_malformed_total{reason="bad_json",side="monolith"} 1.0' in text
    migration.write(dict.fromkeys(KEYS, 2))
    migration.until(lambda: migration.summary().pairs["stock"].keys["consistent"] == len(KEYS))


def test_metrics_show_what_was_counted_and_only_partitions_held(migration):
    worker = migration.start().ready()
    migration.insert(dict.fromkeys(KEYS, 1))
    migration.until(lambda: migration.judged(len(KEYS)))
    time.sleep(1.5)
    _, text = worker.get("metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert len(KEYS) == float(lines['figwatch_changes_total{op="c",pair="stock",side="monolith"}'])
    assert len(KEYS) == float(lines['figwatch_keys{pair="stock",verdict="consistent"}'])
    assert len(KEYS) == float(lines['figwatch_convergence_seconds_bucket{le="1.0",pair="stock"}'])
    behind = time.time() - float(
        lines['figwatch_watermark_timestamp_seconds{pair="stock",side="service"}']
    )
    assert 0 < behind < 5
    assert not any("k1" in line for line in lines)
    assert worker.get("livez")[0] == 200


def test_a_missing_topic_and_a_missing_group_are_said_together_with_their_fix(migration):
    config = migration.config()
    config["sides"]["service"]["consumer_group"] = "nobody"
    config["pairs"][0]["target"] = "public.elsewhere"
    worker = migration.start(config=config)
    assert 2 == worker.process.wait(30)
    text = worker.log.read_text()
    assert "kafka.no-topic" in text
    assert "trial-inv.public.elsewhere" in text
    assert "kafka.no-group" in text
    assert "Traceback" not in text


def test_a_wrong_number_of_internal_partitions_is_refused(migration):
    worker = migration.start(config=migration.config(internal_partitions=8))
    assert 2 == worker.process.wait(30)
    assert f"{migration.app}-changes has {PARTITIONS} partitions, not 8" in worker.log.read_text()


def test_a_state_of_another_version_ends_the_worker_and_says_what_to_do(migration):
    migration.raw(f"{migration.app}-join-changelog", b"stock\0k1", b"\xee of the future")
    worker = migration.start()
    assert 2 == worker.process.wait(40)
    text = worker.log.read_text()
    assert "state.version" in text
    assert "state version 238, this figwatch reads" in text
    assert "begin anew" in text
    assert "crashed and starts again" not in text


def test_an_unreachable_broker_is_said_without_a_traceback(migration):
    config = migration.config()
    config["kafka"]["bootstrap_servers"] = "127.0.0.1:1"
    config["limits"] = {"kafka_timeout_seconds": 1}
    worker = migration.start(config=config)
    assert 4 == worker.process.wait(30)
    text = worker.log.read_text()
    assert "kafka.unreachable" in text
    assert "Traceback" not in text


def test_the_same_exception_in_a_stock_agent_loses_a_record_that_was_committed(migration):
    """The twin of the exception in the judge: why the worker is no stock one."""
    out = migration.folder / "seen"
    for number in range(100):
        migration.producer.produce("stock", str(number).encode(), partition=0)
    migration.producer.flush()
    program = [sys.executable, "-W", "ignore", str(FOLDER / "stock_agent.py")]
    stock = subprocess.Popen([*program, migration.servers, "stock", str(out)], stderr=-3)
    try:
        migration.until(lambda: out.exists() and "99" in out.read_text().split())
        reader = migration.consumer("stock")
        asked = [TopicPartition("stock", 0)]
        migration.until(lambda: reader.committed(asked, 10)[0].offset == 100)
        reader.close()
    finally:
        stock.kill()
        stock.wait()
    assert {"33"} == {str(n) for n in range(100)} - set(out.read_text().split())
