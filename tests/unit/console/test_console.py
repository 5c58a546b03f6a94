"""The console's server: who may see it, what it says, and that it only reads."""

import json
import sys
import time

import pytest
from aiohttp.test_utils import make_mocked_request
from aiohttp.web import Response

from figwatch.connectors.config.root import Config
from figwatch.streams import console as module
from figwatch.streams.console_guard import guard
from figwatch.streams.console_keys import KeyExplorer
from tests.unit.console.stage import KEY, NOW_US, Visitor, opened, settings

ASKED = "import json, sys; print(json.dumps({'asked': sys.argv[1:]}))"


async def allowed(request, token=None, host="127.0.0.1", hosts=()):
    async def page(_):
        return Response(text="the page")

    return (await guard(token, host, hosts)(request, page)).status


def asking(path="/", method="GET", host="127.0.0.1:6068", **headers):
    return make_mocked_request(method, path, headers={"Host": host, **headers})


@pytest.mark.parametrize(
    ("request_", "rules", "status"),
    [
        (asking(), {}, 200),
        (asking(host="localhost"), {}, 200),
        (asking(host="[::1]:6068"), {}, 200),
        (asking(host="evil.example"), {}, 421),
        (asking(host="watch.example"), {"hosts": ["watch.example"]}, 200),
        (asking(host="any.example"), {"host": "0.0.0.0", "token": "t"}, 401),
        (asking(method="POST"), {}, 405),
        (asking(), {"token": "secret"}, 401),
        (asking(Authorization="Bearer secret"), {"token": "secret"}, 200),
        (asking(Authorization="Bearer secre"), {"token": "secret"}, 401),
        (asking(Cookie="figwatch_console=secret"), {"token": "secret"}, 200),
        (asking("/?token=wrong"), {"token": "secret"}, 401),
        (asking("/?token=secret"), {"token": "secret"}, 303),
    ],
)
async def test_only_those_who_may_see_it_do(request_, rules, status):
    assert status == await allowed(request_, **rules)


async def test_the_token_goes_into_a_cookie_and_out_of_the_address():
    answer = await guard("secret", "127.0.0.1", ())(asking("/?token=secret"), None)
    assert "/" == answer.headers["Location"]
    cookie = answer.cookies["figwatch_console"]
    assert cookie["httponly"]
    assert "Strict" == cookie["samesite"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.7.7", "watch.internal"])
def test_beyond_loopback_it_needs_a_token(host):
    with pytest.raises(ValueError, match="without a token"):
        Config.model_validate(settings(console={"host": host}))


async def test_the_page_comes_with_a_policy_that_lets_nothing_in_from_elsewhere():
    async with opened() as console, Visitor(console) as visitor:
        answer = await visitor.get("/")
        assert 200 == answer.status
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for path in module.PAGE:
            assert 200 == (await visitor.get(path)).status


async def test_the_state_says_what_the_fleet_says():
    async with opened(divergent=2) as console, Visitor(console) as visitor:
        state = await visitor.event()
    assert "bad" == state["headline"]["tone"]
    assert 6 == len(state["stages"])
    assert [{"id": 7}] == [finding["key"] for finding in state["findings"]]
    assert {"fresh"} == {part["state"] for part in state["partitions"]}
    assert {"source": "monolith", "target": "service"} == state["sides"]


async def test_a_visitor_beyond_the_limit_is_asked_to_come_back(monkeypatch):
    monkeypatch.setattr(module, "VISITORS_MAX", 1)
    async with opened() as console, Visitor(console) as visitor, visitor.listening():
        assert 503 == (await visitor.get("/api/events")).status


async def test_history_is_bounded():
    async with opened() as console:
        fleet_view = console._fleet.view(NOW_US)
        for _ in range(2000):
            console._history.add(fleet_view)
        assert 30 * 60 / 2 == len(console._history.points)


async def test_only_names_of_reports_lead_to_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "figwatch-reports" / "shop" / "0001-sync"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>the report</p>")
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "report.html").write_text("no")
    async with opened() as console, Visitor(console) as visitor:
        answer = await visitor.get("/report/0001-sync")
        assert (200, "<p>the report</p>") == (answer.status, await answer.text())
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        for name in ("0002-sync", "secret", "..%2f..%2fsecret", "0001-sync%2f..%2fsecret"):
            assert 404 == (await visitor.get(f"/report/{name}")).status


def explorer(program=ASKED, **console):
    config = Config.model_validate(settings(console=console))
    return KeyExplorer(config, (sys.executable, "-c", program))


async def test_a_key_is_explained_by_the_command():
    status, body = await explorer().explain("stock", KEY)
    assert 200 == status
    assert ["--json", "--", "stock", KEY] == json.loads(body)["asked"]


async def test_row_values_are_asked_for_only_where_the_configuration_says_so():
    _, body = await explorer(values=True).explain("stock", "--help")
    assert ["--json", "--values", "--", "stock", "--help"] == json.loads(body)["asked"]


@pytest.mark.parametrize(
    ("pair", "key", "status"),
    [("other", "7", 404), ("stock", " ", 400), ("stock", "x" * 3000, 400), ("stock", "a\0", 400)],
)
async def test_what_cannot_be_asked_is_refused_in_words(pair, key, status):
    answered, body = await explorer().explain(pair, key)
    assert status == answered
    assert json.loads(body)["error"]


async def test_a_command_that_fails_or_hangs_is_an_answer_in_words(monkeypatch):
    failing = "import sys; sys.exit('error no broker answers')"
    assert (422, {"error": "error no broker answers"}) == decoded(
        await explorer(failing).explain("stock", "7")
    )
    monkeypatch.setattr("figwatch.streams.console_keys.SECONDS_MAX", 0.3)
    began = time.monotonic()
    status, _ = await explorer("import time; time.sleep(60)").explain("stock", "7")
    assert 504 == status
    assert time.monotonic() - began < 20


def decoded(answer):
    return answer[0], json.loads(answer[1])
