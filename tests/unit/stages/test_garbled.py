"""Evidence that is garbled in any way ends in a fact that says so, and never in an exception."""

import json
import random
import re
from types import SimpleNamespace

import httpx
import msgspec
import pytest

from figwatch.connectors.config.stages import DocumentConfig
from figwatch.connectors.stage_evidence import documents, health, leftovers, traffic
from figwatch.connectors.stage_evidence.access_log import Wanted, read_log
from figwatch.connectors.stage_evidence.approvals import append_approval, read_approvals
from figwatch.connectors.stage_evidence.baseline import (
    Baseline,
    ShadowResult,
    baseline_path,
    read_baseline,
    read_shadow,
    shadow_path,
)
from figwatch.connectors.stage_evidence.coverage import read_coverage
from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.connectors.stage_evidence.test_results import read_junit, read_sarif
from figwatch.validators.stages.facts import Approval, Origin, Share
from tests.unit.stages.test_files import COBERTURA, JUNIT, LCOV, PACK, SARIF, WINDOW, nginx

VALUES = ("null", "{}", "[]", "-1", "1e400", '"x"', "true", "9" * 400, "1e308", '{"a": 1}')
ODD = '\0\t"<>[]{}\xff\U0010ffff'
AVRO = '{"type": "record", "name": "B", "fields": [{"name": "n", "type": ["null", "int"]}]}'
SCHEMA = '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}'
ASYNC = 'asyncapi: 3.0.0\ninfo: {title: a, version: "1"}\nchannels: {a: {address: b}}\n'
ENVOY = '{"start_time": "1970-01-01T00:16:40Z", "duration": 51, "response_code": 200}\n'
RAN = '{"runs": [{"results": [], "invocations": [{"endTimeUtc": "2027-01-01T00:00:00Z"}]}]}'
SHARE = Share("s", Origin("x"), 1, 2)
NOW = 1_800_000_000
VECTOR = json.dumps(
    {"status": "success", "data": {"resultType": "vector", "result": [
        {"metric": {"le": "0.1"}, "value": [NOW - 5, "12.5"]}]}}
)  # fmt: skip
TIMES = 120


def garbled(text, dice):
    """The text cut short, with a piece missing or twice, an odd character, or another value."""
    first, last = sorted(dice.randrange(len(text)) for _ in range(2))
    kind = dice.randrange(5)
    if kind == 0:
        return text[:last]
    if kind == 1:
        return text[:first] + text[last:]
    if kind == 2:
        return text + text[first:last]
    if kind == 3:
        return text[:first] + dice.choice(ODD) + text[first + 1 :]
    place = dice.choice(list(re.finditer(r'\d+(\.\d+)?|"[^"]*"|\btrue\b|\[|\{|$', text)))
    return text[: place.start()] + dice.choice(VALUES) + text[place.end() :]


def document(kind):
    config = DocumentConfig(path="evidence", kind=kind)
    return lambda _: documents.read_document(config, (), NOW)


FILES = {
    "cobertura": (COBERTURA, lambda path: read_coverage("unit", path)),
    "lcov": (LCOV, lambda path: read_coverage("unit", path)),
    "junit": (JUNIT, read_junit),
    "sarif": (SARIF, read_sarif),
    "sarif of a pack": (PACK.replace("RESULT", '{"rule": {"id": "js/xss"}}'), read_sarif),
    "sarif with times": (RAN, read_sarif),
    "nginx": (nginx(1000) * 2, lambda path: read_log(path, "nginx-log", WINDOW, Wanted(), 0.05)),
    "envoy": (ENVOY * 2, lambda path: read_log(path, "envoy-log", WINDOW, Wanted("^/"), 0.05)),
    "avro": (AVRO, document("avro")),
    "json schema": (SCHEMA, document("json_schema")),
    "asyncapi": (ASYNC, document("asyncapi")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_garbled_file_is_read_to_its_end(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text, read = FILES[name]
    dice, path = random.Random(7), tmp_path / "evidence"
    for _ in range(TIMES):
        path.write_bytes(garbled(text, dice).encode())
        assert read("evidence") is not None


def test_a_garbled_record_of_figwatchs_own_is_read_to_its_end(tmp_path):
    append_approval(tmp_path, Approval("ann", 1, "m", "aa"))
    baseline = msgspec.json.encode(Baseline("reads", 1, SHARE, SHARE)).decode()
    kept = {
        tmp_path / "approvals.jsonl": ((tmp_path / "approvals.jsonl").read_text(), read_approvals),
        baseline_path(tmp_path, "reads"): (baseline, lambda at: read_baseline(at, "reads")),
        shadow_path(tmp_path): (
            msgspec.json.encode(ShadowResult(SHARE, 0, {})).decode(), read_shadow,
        ),
    }  # fmt: skip
    for path, (text, read) in kept.items():
        dice = random.Random(7)
        for _ in range(TIMES):
            path.write_bytes(garbled(text, dice).encode())
            assert read(tmp_path) is not None


SIDE = SimpleNamespace(schema_registry_user=None, schema_registry_password=None)
SERVER = Prometheus("http://x", 1.0)
LOOK = traffic.Window("", (NOW - 3600) * 1_000_000, NOW * 1_000_000)
EVENT = DocumentConfig(path="evidence", kind="avro", subject="s")
SERVERS = {
    "timely": (VECTOR, lambda: traffic.in_time(SERVER, "opentelemetry", LOOK, 0.05)),
    "errors": (VECTOR, lambda: traffic.without_error(SERVER, "envoy", LOOK)),
    "resource": (VECTOR, lambda: leftovers.resource(SERVER, "q", NOW)),
    "health": ('{"status": "UP", "a": [1]}', lambda: health.read_health("http://x", 1.0, NOW)),
    "connect": ('["a", "b"]', lambda: leftovers.connector_present("http://x", "a", 1.0, NOW)),
    "registry": (
        '{"is_compatible": true, "messages": ["a"], "error_code": 40401}',
        lambda: documents.ask_registry(EVENT, "http://x", SIDE, 1.0, NOW),
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_garbled_answer_is_read_to_its_end(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evidence").write_text(AVRO)
    text, ask = SERVERS[name]
    dice = random.Random(7)

    def answer(*_, **__):
        status = dice.choice([200, 200, 200, 404, 500, 204, 302])
        body = garbled(text, dice).encode()
        return httpx.Response(status, content=body, request=httpx.Request("GET", "http://x"))

    for holder in (httpx, httpx.Client):
        for method in ("get", "post"):
            monkeypatch.setattr(holder, method, answer)
    for _ in range(TIMES * 3):
        assert ask() is not None
