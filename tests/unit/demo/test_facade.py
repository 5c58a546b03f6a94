"""The façade's routing, with two small upstreams in place of the systems."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from figwatch.demo.facade import Routing, create_app, upstream_of


class Upstreams(httpx.AsyncBaseTransport):
    """Answers with the host's name; a host that is down refuses."""

    def __init__(self, down=()):
        self.down = down

        async def echo(request):
            body = (await request.body()).decode()
            return JSONResponse({"host": request.url.hostname, "body": body})

        app = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])])
        self.real = httpx.ASGITransport(app)

    async def handle_async_request(self, request):
        if request.url.host in self.down:
            raise httpx.ConnectError("down")
        return await self.real.handle_async_request(request)


@asynccontextmanager
async def facade(reads="monolith", writes="monolith", down=()):
    app = create_app("http://monolith", "http://service", Routing(reads, writes), Upstreams(down))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://facade"
    ) as client:
        yield client


async def test_everything_goes_to_the_monolith_at_first():
    async with facade() as client:
        read = await client.get("/api/inventory/7")
        write = await client.post("/api/inventory/adjust", json={"itemId": 7})
    assert read.json()["host"] == "monolith"
    assert write.json() == {"host": "monolith", "body": '{"itemId":7}'}


async def test_reads_and_writes_are_rerouted_while_it_runs():
    async with facade() as client:
        changed = await client.put("/routing", json={"reads": "service"})
        read = await client.get("/api/inventory/7")
        write = await client.post("/api/inventory/adjust", json={"itemId": 7})
    assert changed.json() == {"reads": "service", "writes": "monolith"}
    assert (read.json()["host"], write.json()["host"]) == ("service", "monolith")


@pytest.mark.parametrize(
    "change",
    [{"reads": "elsewhere"}, {"reads": "split:101"}, {"reads": "split:"}, {"rads": "service"}, []],
)
async def test_an_impossible_routing_is_refused_and_changes_nothing(change):
    async with facade() as client:
        answer = await client.put("/routing", json=change)
        after = await client.get("/routing")
    assert answer.status_code == 400
    assert after.json() == {"reads": "monolith", "writes": "monolith"}


async def test_orders_stay_with_the_monolith():
    async with facade("service", "service") as client:
        placed = await client.post("/api/orders", json={})
        shipped = await client.post("/api/orders/3/ship")
    assert [placed.json()["host"], shipped.json()["host"]] == ["monolith", "monolith"]


def test_a_split_sends_its_share_of_the_items_and_always_the_same_ones():
    items = [str(item).encode() for item in range(10_000)]
    first = [upstream_of("split:10", item) for item in items]
    assert first == [upstream_of("split:10", item) for item in items]
    assert 900 < first.count("service") < 1100
    assert {"monolith"} == {upstream_of("split:0", item) for item in items}
    assert {"service"} == {upstream_of("split:100", item) for item in items}


async def test_reads_and_writes_of_one_item_take_the_same_side_of_the_same_split():
    async with facade("split:50", "split:50") as client:
        for item in range(20):
            read = await client.get(f"/api/inventory/{item}")
            write = await client.post("/api/inventory/adjust", json={"itemId": item})
            assert read.json()["host"] == write.json()["host"]


async def test_an_upstream_that_is_down_gives_502_and_is_measured():
    async with facade("service", down={"service"}) as client:
        answer = await client.get("/api/inventory/7")
        metrics = (await client.get("/metrics")).text
    assert answer.status_code == 502
    assert (
        'http_server_request_duration_seconds_count{http_request_method="GET",'
        'http_response_status_code="502",http_route="/api/inventory/{itemId}",upstream="service"}'
        " 1.0" in metrics
    )


async def test_the_latency_histogram_has_the_bucket_that_the_gate_asks_for():
    async with facade() as client:
        await client.get("/api/inventory/7")
        metrics = (await client.get("/metrics")).text
    assert 'le="0.05"' in metrics
    assert "http_server_request_duration_seconds_bucket" in metrics


async def test_each_systems_requests_go_to_a_log_of_its_own_as_nginx_writes_it(tmp_path):
    logs = {name: tmp_path / f"{name}.log" for name in ("monolith", "service")}
    app = create_app("http://monolith", "http://service", None, Upstreams(), access_logs=logs)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://facade"
    ) as client:
        await client.get("/api/inventory/7")
        await client.put("/routing", json={"reads": "service"})
        await client.get("/api/inventory/8")
    paths = {
        name: [json.loads(line)["request_uri"] for line in log.read_text().splitlines()]
        for name, log in logs.items()
    }
    assert {"monolith": ["/api/inventory/7"], "service": ["/api/inventory/8"]} == paths


async def test_a_planted_fault_spoils_the_requests_of_its_system_until_it_is_taken_back():
    async with facade(reads="split:50") as client:
        planted = {"upstream": "service", "abortShare": 1.0}
        assert 200 == (await client.put("/faults", json=planted)).status_code
        statuses = {(await client.get(f"/api/inventory/{item}")).status_code for item in range(40)}
        await client.put("/faults", json={"upstream": "service"})
        after = {(await client.get(f"/api/inventory/{item}")).status_code for item in range(40)}
        assert 400 == (await client.put("/faults", json={"upstream": "moon"})).status_code
    assert ({200, 503}, {200}) == (statuses, after)
