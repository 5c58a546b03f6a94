"""What the façade sends on with a request, and what a program reads of it."""

import datetime as dt
import re
import time

import httpx
from starlette.responses import JSONResponse
from starlette.routing import Route

from figwatch.demo.api import application
from figwatch.demo.tracing import ASKED, Asked, asked, onward

TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENTS = f"00-{TRACE}-b7ad6b7169203331-01"


def test_a_clients_trace_is_carried_on_with_a_span_of_the_proxys_own():
    sent = onward({"traceparent": CLIENTS})["traceparent"]
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-01", sent)
    assert sent != CLIENTS


def test_a_request_without_a_trace_or_with_a_broken_one_begins_a_trace():
    first, second = onward({}), onward({"traceparent": "00-zz-1-01"})
    assert None not in {asked(first).traceparent, asked(second).traceparent}
    assert first["traceparent"][3:35] != second["traceparent"][3:35]


def test_the_time_of_the_request_comes_along_in_microseconds():
    at_us = time.time_ns() // 1000
    told = asked(onward({})).at
    assert told is not None
    assert (
        dt.timedelta()
        <= told - dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC)
        < dt.timedelta(seconds=60)
    )


def test_what_cannot_be_read_is_none():
    assert Asked() == asked({"traceparent": "00-1-2-3", "x-request-start": "yesterday"})


async def test_a_program_knows_what_it_answers_and_forgets_it_afterwards():
    class Opened:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    async def show(_):
        return JSONResponse({"trace": ASKED.get().traceparent, "at": str(ASKED.get().at)})

    served = httpx.ASGITransport(application([Route("/show", show)], Opened()))
    async with httpx.AsyncClient(transport=served, base_url="http://shop") as client:
        sent = {"traceparent": CLIENTS, "x-request-start": "t=1"}
        known, bare = await client.get("/show", headers=sent), await client.get("/show")
    assert {"trace": CLIENTS, "at": "1970-01-01 00:00:00.000001+00:00"} == known.json()
    assert {"trace": None, "at": "None"} == bare.json()
