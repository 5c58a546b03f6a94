"""What records have taught a decoder survives in another one."""

import msgspec
import pytest

from tests.unit.debezium.forms import CONNECT, DEBEZIUM, connect
from tests.unit.debezium.support import INV, MONO, Stream, decoder, dump
from tests.unit.debezium.test_cases_unknown import schemaful

FINE = schemaful(connect("int64", DEBEZIUM + "MicroTimestamp"), 1_709_208_000_123_456)
COARSE = schemaful(connect("int64", CONNECT + "Timestamp"), 1_709_208_000_123)


def fingerprint(made, topic, value):
    return Stream(made, topic).raw(dump({"id": 1}), value)[0].fingerprint


def test_a_decoder_that_recalls_compares_as_the_one_that_learned():
    """It never sees the coarse side's record: without memory its fingerprints would differ."""
    taught = decoder()
    taught.learn(INV, (), None, COARSE)
    fresh, forgetful = decoder(), decoder()
    fresh.recall(taught.memory())
    assert fingerprint(taught, MONO, FINE) == fingerprint(fresh, MONO, FINE)
    assert fingerprint(taught, MONO, FINE) != fingerprint(forgetful, MONO, FINE)


def test_recalling_what_is_known_changes_nothing():
    taught = decoder()
    taught.learn(INV, (), None, COARSE)
    before = taught.changed
    taught.recall(taught.memory())
    assert before == taught.changed


def test_recalling_something_coarser_counts_as_a_change():
    taught, fresh = decoder(), decoder()
    fresh.learn(MONO, (), None, FINE)
    before = fresh.changed
    taught.learn(INV, (), None, COARSE)
    fresh.recall(taught.memory())
    assert before + 1 == fresh.changed
    assert fresh.notices() == decoder_of(FINE, COARSE).notices()


def decoder_of(fine, coarse):
    made = decoder()
    made.learn(MONO, (), None, fine)
    made.learn(INV, (), None, coarse)
    return made


def test_pairs_and_columns_that_are_no_more_are_passed_over():
    memory = msgspec.msgpack.encode({"gone": {}, "items": {"gone": ({}, (), {}, (), ())}})
    made = decoder()
    made.recall(memory)
    assert 0 == made.changed


def test_a_memory_of_another_version_is_refused():
    with pytest.raises(msgspec.DecodeError):
        decoder().recall(b"\x93")
