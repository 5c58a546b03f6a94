"""Findings that may not have been published yet survive beside the state."""

from types import SimpleNamespace

import msgspec

from figwatch.streams import outbox
from figwatch.validators.finding import Finding


def finding(detected_us=1, resolved_us=None):
    return Finding(
        pair="stock",
        key=b"k",
        detected_us=detected_us,
        kind="stale",
        columns=("v",),
        since_us=0,
        resolved_us=resolved_us,
        evidence="fence",
    )


def holding(detected_us):
    return SimpleNamespace(finding=SimpleNamespace(detected_us=detected_us))


def test_what_was_put_is_taken_back_and_leaves_no_trace_in_the_state():
    records, chunks = outbox.put([finding(1), finding(2)], 0)
    state = {**records, b"stock\0k": b"packed"}
    assert ([finding(1), finding(2)], 1) == outbox.take(state)
    assert 1 == chunks
    assert {b"stock\0k": b"packed"} == state


def test_a_burst_is_split_so_that_no_record_outgrows_kafka():
    burst = [finding(n) for n in range(outbox.CHUNK_FINDINGS_MAX * 3 + 1)]
    records, chunks = outbox.put(burst, 0)
    assert 4 == chunks
    assert max(len(value) for value in records.values()) < 100_000
    assert burst == outbox.take(dict(records))[0]


def test_a_smaller_outbox_deletes_the_chunks_it_no_longer_has():
    records, _ = outbox.put([finding()], 3)
    assert 2 == sum(value is None for value in records.values())


def test_an_open_finding_holds_only_while_the_state_has_it():
    assert outbox.holds(finding(5), holding(5))
    assert not outbox.holds(finding(5), holding(6))
    assert not outbox.holds(finding(5), SimpleNamespace(finding=None))
    assert not outbox.holds(finding(5), None)


def test_a_resolved_finding_holds_only_when_the_state_has_it_no_more():
    assert outbox.holds(finding(5, resolved_us=9), SimpleNamespace(finding=None))
    assert not outbox.holds(finding(5, resolved_us=9), holding(5))


def test_an_outbox_of_another_version_is_left_out_instead_of_stopping_the_worker():
    other = msgspec.msgpack.encode([["not", "a", "finding"]])
    assert ([], 1) == outbox.take({outbox.PREFIX + b"0": other})
