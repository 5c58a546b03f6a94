"""Raw records of sagas' topics to events; configurations that cannot be."""

import functools
import json

import pytest

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.record_fields import check_expression, time_us
from figwatch.connectors.writes_decoder import WritesDecoder
from figwatch.validators.change import Malformed
from figwatch.validators.errors import ConfigurationError
from figwatch.validators.writes.records import Report, SagaEvent

BASE = """\
migration: inventory
kafka: {bootstrap_servers: "localhost:9092"}
sides:
  monolith: {topic_prefix: mono}
  service: {topic_prefix: inv}
authority: monolith
pairs:
  - {name: stock, source: public.inventory, target: public.stock_levels, key: {item_id: sku}}
"""
EVENTS = """\
sagas:
  - name: order
    time_limit_seconds: 30
    start: [OrderPlaced]
    ignored_events: [OrderViewed]
    steps:
      - {name: reserve, done: ItemReserved, failed: StockRefused, undone: ReservationReleased}
      - {name: pay, done: PaymentTaken, failed: PaymentRefused}
    topics:
      - {side: service, topic: outbox.event.Order, correlation: key, time: "value:at"}
      - {side: service, topic: outbox.event.StockLevel, correlation: "value:reference",
         correlation_pattern: "order-(.+)"}
"""
STATE = """\
sagas:
  - name: order
    time_limit_seconds: 30
    steps: [{name: credit}, {name: payment}]
    state: {side: service, table: public.sagastate, layout: debezium, type_value: order}
"""


@functools.cache
def decoder(sagas):
    return WritesDecoder(parse_config(BASE + sagas).config)


def decode(made, topic, value, key=b"k", headers=()):
    raw = value if isinstance(value, bytes | None) else json.dumps(value).encode()
    return made.for_topic(topic)(0, 7, 1_000_000, headers, key, raw)


def outbox(name, payload, key=b"17", ident="a"):
    """As the outbox router writes it: the payload is text within JSON."""
    headers = [("id", ident.encode()), ("eventType", name.encode())]
    return decode(decoder(EVENTS), payload[0], json.dumps(json.dumps(payload[1])).encode(), key,
                  headers)  # fmt: skip


def test_an_outbox_event_names_its_saga_and_what_it_says():
    (event,) = outbox("OrderPlaced", ("outbox.event.Order", {"at": 1_700_000_000_000}))
    assert ("order", b"17", True) == (event.saga, event.instance, event.start)
    assert 1_700_000_000_000_000 == event.at_us
    assert event.event_id


def test_an_event_of_another_topic_is_found_by_its_reference():
    told = ("outbox.event.StockLevel", {"sku": "7", "reference": "order-17"})
    (event,) = outbox("ItemReserved", told, key=b"7")
    assert (b"17", 0b01, 1_000_000) == (event.instance, event.done, event.at_us)


def test_a_reference_of_another_process_is_none_of_the_sagas_business():
    assert () == outbox("ItemReserved", ("outbox.event.StockLevel", {"reference": "manual"}))


def test_a_missing_correlation_id_is_malformed_and_keeps_the_record():
    (bad,) = outbox("ItemReserved", ("outbox.event.StockLevel", {"sku": "7"}))
    assert isinstance(bad, Malformed)
    assert "saga_correlation" == bad.reason


def test_an_ignored_event_is_nothing_and_an_undeclared_one_is_told_by_name():
    assert () == outbox("OrderViewed", ("outbox.event.Order", {}))
    (event,) = outbox("OrderExpired", ("outbox.event.Order", {}))
    assert "OrderExpired" == event.undeclared


def test_bytes_that_are_no_json_are_malformed():
    made = decoder(EVENTS)
    headers = [("eventType", b"ItemReserved")]
    (bad,) = decode(made, "outbox.event.StockLevel", b"{no", None, headers)
    assert "bad_json" == bad.reason


def test_an_event_without_a_name_is_malformed():
    (bad,) = decode(decoder(EVENTS), "outbox.event.Order", {"a": 1})
    assert "saga_event" == bad.reason


def test_ids_tell_events_apart_and_absent_ids_do_not():
    (first,) = outbox("OrderPlaced", ("outbox.event.Order", {}), ident="a")
    (second,) = outbox("OrderPlaced", ("outbox.event.Order", {}), ident="b")
    assert first.event_id != second.event_id
    (third,) = decode(
        decoder(EVENTS), "outbox.event.Order", {}, b"1", [("eventType", b"OrderPlaced")]
    )
    assert 0 == third.event_id


# -- state tables ------------------------------------------------------------------------------


def row_event(op, row, ts_us=5_000_000, snapshot="false"):
    source = {"ts_us": ts_us, "ts_ms": ts_us // 1000, "snapshot": snapshot, "lsn": 1}
    before, after = (row, None) if op == "d" else (None, row)
    return {"op": op, "before": before, "after": after, "source": source}


def saga_row(status, steps=None, kind="order"):
    return {"id": "8f", "type": kind, "sagastatus": status, "stepstatus": json.dumps(steps or {})}


def state(sagas, value, table="sagastate"):
    return decode(decoder(sagas), f"inv.public.{table}", value, b'{"id": "8f"}')


def test_debeziums_saga_table_tells_the_saga_and_its_steps():
    (event,) = state(STATE, row_event("c", saga_row("STARTED", {"credit": "STARTED"})))
    assert (True, Report.RUNNING, 0, True) == (
        event.start,
        event.report,
        event.done,
        event.committed,
    )
    steps = {"credit": "COMPENSATED", "payment": "FAILED"}
    (event,) = state(STATE, row_event("u", saga_row("ABORTED", steps)))
    assert (Report.COMPENSATED, 0b01, 0b01, 0b10) == (
        event.report, event.done, event.undone, event.failed,
    )  # fmt: skip


def test_rows_of_another_kind_of_saga_and_cleaned_up_rows_are_nothing():
    assert () == state(STATE, row_event("c", saga_row("STARTED", kind="refund")))
    assert () == state(STATE, row_event("d", saga_row("COMPLETED")))


def test_what_was_over_before_figwatch_looked_is_no_sample_but_what_is_open_is_watched():
    assert () == state(STATE, row_event("r", saga_row("COMPLETED"), snapshot="true"))
    (event,) = state(STATE, row_event("r", saga_row("STARTED"), snapshot="true"))
    assert (True, False) == (event.start, event.committed)


def test_a_status_that_nothing_explains_is_undeclared():
    (event,) = state(STATE, row_event("u", saga_row("PAUSED")))
    assert "PAUSED" == event.undeclared


def layout(name, **fields):
    extra = "".join(f", {k}: {v}" for k, v in fields.items())
    return f"""\
sagas:
  - name: order
    time_limit_seconds: 30
    state: {{side: service, table: public.sagastate, layout: {name}{extra}}}
"""


@pytest.mark.parametrize(
    ("row", "report"),
    [
        ({"end_state": False, "compensating": False, "failed": False}, Report.RUNNING),
        ({"end_state": 1, "compensating": 0, "failed": 0}, Report.COMPLETED),
        ({"end_state": False, "compensating": True, "failed": False}, Report.COMPENSATING),
        ({"end_state": True, "compensating": True, "failed": False}, Report.COMPENSATED),
        ({"end_state": True, "compensating": True, "failed": True}, Report.FAILED),
    ],
)
def test_eventuates_flags(row, report):
    (event,) = state(layout("eventuate"), row_event("u", {"saga_id": "8f", **row}))
    assert (report, b"8f") == (event.report, event.instance)


@pytest.mark.parametrize(
    ("status", "undoing", "running", "report"),
    [
        ("RU", None, 1, Report.RUNNING),
        ("SU", None, 0, Report.COMPLETED),
        ("FA", "RU", 1, Report.COMPENSATING),
        ("FA", "SU", 0, Report.COMPENSATED),
        ("UN", "FA", 0, Report.FAILED),
        ("FA", None, 0, Report.FAILED),
    ],
)
def test_seatas_two_statuses(status, undoing, running, report):
    row = {"id": "8f", "status": status, "compensation_status": undoing, "is_running": running}
    (event,) = state(layout("seata"), row_event("u", row))
    assert report is event.report


def test_masstransits_deleted_row_is_an_end():
    made = layout("masstransit", states="{Refunding: compensating}")
    (event,) = state(made, row_event("u", {"CorrelationId": "8f", "CurrentState": "Paying"}))
    assert Report.RUNNING is event.report
    (event,) = state(made, row_event("u", {"CorrelationId": "8f", "CurrentState": "Refunding"}))
    assert Report.COMPENSATING is event.report
    (event,) = state(made, row_event("d", {"CorrelationId": "8f"}))
    assert Report.GONE is event.report


def test_a_table_of_ones_own_says_what_its_columns_mean():
    made = layout(
        "columns", correlation="saga", status="state", states="{X: running, Y: completed}"
    )
    (event,) = state(made, row_event("u", {"saga": 5, "state": "Y"}))
    assert (b"5", Report.COMPLETED) == (event.instance, event.report)


# -- configurations ----------------------------------------------------------------------------


def codes(sagas):
    with pytest.raises(ConfigurationError) as caught:
        parse_config(BASE + sagas)
    return {problem.code for problem in caught.value.problems}, caught.value.problems


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("start: [OrderPlaced]", "start: []"), "config.saga-no-start"),
        (("done: PaymentTaken, ", ""), "config.saga-no-end"),
        (("failed: PaymentRefused}", "after: [pay]}"), "config.saga-cycle"),
        (("failed: PaymentRefused}", "after: [ship]}"), "config.saga-unknown-step"),
        (("name: pay,", "name: reserve,"), "config.saga-duplicate-step"),
        (("failed: PaymentRefused", "failed: PaymentTaken"), "config.saga-ambiguous-event"),
        (
            ("side: service, topic: outbox.event.Order", "side: shop, topic: x"),
            "config.unknown-side",
        ),
        (("correlation: key,", "correlation: nowhere,"), "config.wrong-value"),
        (('"order-(.+)"', '"order-("'), "config.wrong-value"),
        (("time_limit_seconds: 30", "time_limit_seconds: 0"), "config.wrong-value"),
    ],
)
def test_a_saga_that_cannot_be_is_a_clear_error_with_its_line(change, code):
    assert change[0] in EVENTS
    found, problems = codes(EVENTS.replace(*change, 1))
    assert {code} == found
    assert all("figwatch.yaml:" in p.where and p.fix for p in problems)


def test_a_state_table_without_an_end_or_a_status_is_refused():
    assert {"config.saga-no-end"} == codes(layout("columns", correlation="a", status="b"))[0]
    assert {"config.saga-column"} == codes(layout("columns", states="{Y: completed}"))[0]


def test_two_sagas_of_one_name_are_refused():
    assert {"config.duplicate-saga"} == codes(EVENTS + EVENTS.removeprefix("sagas:\n"))[0]


def test_a_saga_needs_topics_or_a_table():
    saga = "{name: order, time_limit_seconds: 1, start: [A], steps: [{name: a, done: B}]}"
    assert {"config.saga-where"} == codes(f"sagas: [{saga}]\n")[0]


@pytest.mark.parametrize("text", ["header:", "value:", "value:a..b", "body:a", ""])
def test_expressions_that_name_no_place_are_refused(text):
    with pytest.raises(ValueError, match="names no place"):
        check_expression(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, 1_700_000_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123_000),
        (1_700_000_000_123_456, 1_700_000_000_123_456),
        (1_700_000_000_123_456_789, 1_700_000_000_123_456),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("yesterday", None),
        (None, None),
        (True, None),
    ],
)
def test_times_in_any_unit(value, expected):
    assert expected == time_us(value)


def test_a_topic_that_carries_rows_and_a_saga_is_decoded_for_both():
    sagas = STATE.replace("public.sagastate", "public.stock_levels").replace(
        "type_value: order", ""
    )
    made = decoder(
        sagas.replace("debezium, ", "columns, correlation: sku, status: s, states: {Y: completed}")
    )
    found = decode(made, "inv.public.stock_levels", row_event("u", {"sku": "1", "s": "Y"}),
                   b'{"sku": "1"}')  # fmt: skip
    assert {"Change", "SagaEvent"} == {type(fact).__name__ for fact in found}
    assert isinstance(found[-1], SagaEvent)
