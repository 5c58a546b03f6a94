"""Trace contexts and times of requests as records carry them: strict, counted, never fatal."""

import json

import pytest

from figwatch.connectors.trace_context import request_us, trace_of
from figwatch.validators.change import Change
from tests.unit.writes.test_outbox_decoding import EVENTS, OUTBOX, TABLE, US, decode, row

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WHOLE = f"00-{TRACE}-{SPAN}-01"
ASKED = OUTBOX + "    request: header:requestedAt\n"


@pytest.mark.parametrize(
    "value",
    [WHOLE, f"00-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what-comes"],
)
def test_a_trace_context_of_this_or_a_later_version_is_read(value):
    assert f"{TRACE}-{SPAN}" == trace_of(value)


@pytest.mark.parametrize(
    "value",
    [
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"{WHOLE}-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f" {WHOLE}",
        f"{WHOLE}\n",
        "00",
        7,
        {"traceparent": WHOLE},
    ],
)
def test_what_is_not_exactly_a_trace_context_is_none(value):
    assert trace_of(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0),
        ("", 0),
        (US, US),
        (US // 1000, US),
        ("2023-11-14T22:13:20Z", US),
        ("2023-11-14T22:13:20.000001Z", US + 1),
        ("yesterday", None),
        (-1, None),
        (0, None),
        (True, None),
    ],
)
def test_the_time_of_a_request_is_read_or_is_none(value, expected):
    assert expected == request_us(value)


def event(*headers):
    told = [("eventType", b"StockAdjusted"), ("id", b"a"), *headers]
    (found,) = decode(EVENTS, json.dumps({"onHand": 1}), b"7", told, more=ASKED)
    return found.requested_us, found.trace, found.problems


def test_an_event_tells_its_request_by_headers():
    at = ("requestedAt", b"2023-11-14T22:13:20Z")
    assert (US, f"{TRACE}-{SPAN}", ()) == event(at, ("traceparent", WHOLE.encode()))


def test_an_event_without_them_is_as_good_and_a_broken_one_is_named():
    assert (0, "", ("no_request",)) == event()
    assert (0, "", ("no_request",)) == event(("requestedAt", None), ("traceparent", None))
    broken = (("requestedAt", b"soon"), ("traceparent", b"\xff\xfe"))
    assert (0, "", ("bad_request", "bad_trace")) == event(*broken)


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"ts_ms": US // 1000}, US),
        ({"ts_ms": 5, "ts_us": US + 1}, US + 1),
        ({}, 0),
        ({"ts_ms": "soon"}, 0),
    ],
)
def test_a_change_tells_its_rows_and_when_the_connector_read_it(envelope, expected):
    pair, box = decode(TABLE, row(10) | envelope)
    assert isinstance(pair, Change)
    assert (((pair.pair, pair.key),), expected) == (box.rows, box.emitted_us)
