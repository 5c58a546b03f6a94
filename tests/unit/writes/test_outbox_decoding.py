"""Raw records of a table and of its outbox: from configuration to what the judge says."""

import functools
import json

import pytest

from figwatch.connectors.capture import Capture
from figwatch.connectors.config.file import parse_config
from figwatch.connectors.record_fields import comparable
from figwatch.connectors.replay import Replay
from figwatch.connectors.writes_decoder import WritesDecoder
from figwatch.validators.change import Change, Malformed
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.writes.records import OutboxChange, OutboxEvent
from tests.unit.sagas.test_decoding import BASE

OUTBOX = """\
outboxes:
  - name: stock
    side: service
    table: public.stock_levels
    aggregate_column: sku
    topic: outbox.event.StockLevel
    events:
      - type: StockAdjusted
        changed: [on_hand]
        content: {on_hand: "value:onHand", "delta:on_hand": "value:delta"}
"""
TABLE, EVENTS = "inv.public.stock_levels", "outbox.event.StockLevel"
US = 1_700_000_000_000_000


@functools.cache
def config(more=OUTBOX):
    return parse_config(BASE + more).config


def row(on_hand, op="u", at=0, before=None, **source):
    source = {"ts_us": US + at, "lsn": 100 + at, "txId": 7, "snapshot": None} | source
    after = {"sku": "7", "on_hand": on_hand, "held": 0}
    if op == "d":
        before, after = {"sku": "7", "on_hand": 0, "held": 0}, None
    return {"op": op, "before": before, "after": after, "source": source}


def decode(topic, value, key=b'{"sku":"7"}', headers=(), more=OUTBOX):
    raw = json.dumps(value).encode()
    return WritesDecoder(config(more)).for_topic(topic)(0, 3, US, headers, key, raw)


def routed(payload, kind=b"StockAdjusted", ident=b"a", key=b"7"):
    """As the outbox router writes it: the payload is text within JSON."""
    headers = [("id", ident), ("eventType", kind)]
    return decode(EVENTS, json.dumps(payload), key, headers)


def test_a_row_is_told_to_its_pair_and_to_the_outbox():
    pair, box = decode(TABLE, row(10))
    assert (Change, OutboxChange) == (type(pair), type(box))
    assert (b"7", "u", ("10",), US, True, 7) == (
        box.aggregate, box.op, box.values, box.at_us, box.committed, box.tx,
    )  # fmt: skip
    assert box.before is None


def test_the_row_before_is_told_where_it_is_whole():
    _, box = decode(TABLE, row(10, before={"sku": "7", "on_hand": 12, "held": 0}))
    assert ("12",) == box.before


def test_a_snapshots_row_is_no_committed_change():
    _, box = decode(TABLE, row(10, op="r", snapshot="true"))
    assert not box.committed


def test_a_deleted_rows_aggregate_comes_from_its_key():
    _, box = decode(TABLE, row(0, op="d"))
    assert (b"7", "d") == (box.aggregate, box.op)


def test_an_event_is_told_with_its_content_as_it_compares():
    (event,) = routed({"sku": "7", "onHand": 10.0, "delta": -2})
    assert ("StockAdjusted", b"7", ("10", "-2"), "") == (
        event.name, event.aggregate, event.values, event.fault,
    )  # fmt: skip
    assert event.event_id
    assert isinstance(event, OutboxEvent)


def test_an_event_without_an_aggregate_goes_to_the_dead_letters():
    (bad,) = routed({}, key=None)
    assert (Malformed, "outbox_aggregate") == (type(bad), bad.reason)


def test_a_captured_outbox_table_tells_its_transaction():
    raw = OUTBOX.replace("outbox.event.StockLevel", "inv.public.outbox") + (
        '    event: "value:after.type"\n    aggregate: "value:after.aggregateid"\n'
        '    id: "value:after.id"\n    transaction: "value:source.txId"\n'
    )
    raw = raw.replace("value:onHand", "value:after.payload.onHand")
    payload = json.dumps({"onHand": 10, "delta": 1})
    after = {"id": "x", "aggregateid": "7", "type": "StockAdjusted", "payload": payload}
    value = {"op": "c", "before": None, "after": after, "source": {"txId": 7, "ts_us": US}}
    (event,) = decode("inv.public.outbox", value, more=raw)
    assert (7, "10", "StockAdjusted") == (event.tx, event.values[0], event.name)
    assert () == decode("inv.public.outbox", value | {"op": "d"}, more=raw)


def test_an_event_is_held_against_its_schema(tmp_path):
    file = tmp_path / "adjusted.json"
    file.write_text('{"properties": {"delta": {"type": "integer"}}, "required": ["delta"]}')
    more = OUTBOX + f'        json_schema: "{file}"\n'
    headers = [("eventType", b"StockAdjusted")]
    (good,) = decode(EVENTS, {"delta": 1}, b"7", headers, more)
    (bad,) = decode(EVENTS, {"delta": "1"}, b"7", headers, more)
    assert ("", "$.delta (type)") == (good.fault, bad.fault)
    file.write_text("{")
    with pytest.raises(ConfigurationError, match="no JSON Schema"):
        WritesDecoder(config(more))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (("side: service", "side: nowhere"), "config.unknown-side"),
        (("topic: outbox.event.StockLevel", f"topic: {TABLE}"), "config.outbox-own-topic"),
        (("side: service", "side: service\n    while_leading: stock"), "config.outbox-pair"),
    ],
)
def test_what_cannot_be_is_refused(broken, code):
    with pytest.raises(ConfigurationError) as refused:
        parse_config(BASE + OUTBOX.replace(*broken))
    assert code in {problem.code for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("first", "second"),
    [("10", 10.0), ("1.50", 1.5), (True, "true"), ({"b": 1, "a": 2}, {"a": 2, "b": 1})],
)
def test_values_that_mean_the_same_compare_equal(first, second):
    assert comparable(first) == comparable(second)
    assert comparable(first) != comparable("other")


@pytest.mark.parametrize(
    ("lost", "expected"), [(False, {"matched": 2}), (True, {"matched": 1, "gap": 1})]
)
def test_a_replay_checks_outbox_events(tmp_path, lost, expected):
    def line(topic, offset, key, payload, at, headers=()):
        return json.dumps({
            "topic": topic, "partition": 0, "offset": offset, "ts": (US + at) // 1000,
            "headers": list(headers), "key": key, "payload": json.dumps(payload),
        })  # fmt: skip

    def event(offset, on_hand, delta, at):
        headers = ("id", str(offset), "eventType", "StockAdjusted")
        return line(
            EVENTS, offset, "7", json.dumps({"onHand": on_hand, "delta": delta}), at, headers
        )

    key, beat = '{"sku":"7"}', 60_000_000
    lines = [
        line(TABLE, 0, key, row(10, "c"), 0),
        event(0, 10, 10, 1000),
        line(TABLE, 1, key, row(8, at=1_000_000), 1_000_000),
        *([] if lost else [event(1, 8, -2, 1_001_000)]),
        line("__debezium-heartbeat.inv", 0, "{}", {"ts_ms": (US + beat) // 1000}, beat),
    ]
    file = tmp_path / "capture.jsonl"
    file.write_text("\n".join(lines))
    made = parse_config(BASE.replace(
        "{topic_prefix: inv}", "{topic_prefix: inv, heartbeat_topic: __debezium-heartbeat.inv}"
    ) + OUTBOX).config  # fmt: skip
    done = Replay(made, Capture([file])).run()
    assert expected == done.summary.outboxes["stock"].counts
