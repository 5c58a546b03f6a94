"""The registry's client against a real HTTP server on loopback: paths, retries, cache, refusals."""

import base64
import http.server
import json
import threading

import pytest

from figwatch.connectors.config.root import SideConfig
from figwatch.connectors.debezium.avro import UnknownSchemaError
from figwatch.connectors.debezium.framing import RefKind, SchemaRef
from figwatch.connectors.registry import ATTEMPTS, Registry, RegistryUnavailable
from figwatch.validators.errors import ConfigurationError
from tests.unit.debezium.support import Stream, decoder

SCHEMA = '{"type":"record","name":"Key","fields":[{"name":"id","type":"int"}]}'
ID = SchemaRef(RefKind.ID, "7")


class Server:
    """Answers by path: (status, body) or a list of them, one a request."""

    def __init__(self):
        self.answers, self.asked, self.headers = {}, [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.headers.append(dict(self.headers))
                answer = outer.answers.get(self.path, (404, "{}"))
                status, body = answer.pop(0) if isinstance(answer, list) else answer
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def server():
    made = Server()
    yield made
    made.server.shutdown()
    made.server.server_close()


def client(url, **options):
    return Registry(url, sleep=lambda _seconds: None, **options)


def wrapped(text=SCHEMA, **more):
    return (200, json.dumps({"schema": text} | more))


@pytest.mark.parametrize(
    ("root", "path", "ref", "answer"),
    [
        ("", "/schemas/ids/7", ID, wrapped()),
        ("/apis/ccompat/v7", "/apis/ccompat/v7/schemas/ids/7", ID, wrapped()),
        ("", "/schemas/guids/ab-cd", SchemaRef(RefKind.GUID, "ab-cd"), wrapped()),
        ("", "/apis/registry/v3/ids/contentIds/7", ID, (200, SCHEMA)),
        ("/apis/registry/v2", "/apis/registry/v2/ids/globalIds/7",
         SchemaRef(RefKind.GLOBAL_ID, "7"), (200, SCHEMA)),
        ("/apis/registry/v2", "/apis/registry/v2/ids/contentIds/7",
         SchemaRef(RefKind.CONTENT_ID, "7"), (200, SCHEMA)),
    ],
)  # fmt: skip
def test_a_schema_is_found_in_either_interface_and_asked_for_once(server, root, path, ref, answer):
    server.answers[path] = answer
    registry = client(server.url + root)
    assert SCHEMA == registry.schema(ref).text
    asked = len(server.asked)
    assert SCHEMA == registry.schema(ref).text
    assert asked == len(server.asked)


def test_referenced_schemas_come_with_it(server):
    references = [{"name": "x", "subject": "a/b", "version": 2}]
    server.answers["/schemas/ids/7"] = wrapped(references=references)
    server.answers["/subjects/a%2Fb/versions/2"] = wrapped('"int"')
    assert ('"int"',) == client(server.url).schema(ID).references


def test_a_passing_fault_is_tried_again(server):
    server.answers["/schemas/ids/7"] = [(503, ""), (500, ""), wrapped()]
    assert SCHEMA == client(server.url).schema(ID).text


def test_a_lasting_fault_is_a_registry_that_is_away(server):
    server.answers["/schemas/ids/7"] = (503, "")
    with pytest.raises(RegistryUnavailable, match="503"):
        client(server.url).schema(ID)
    assert ATTEMPTS == len(server.asked)


def test_an_unreachable_registry_is_away_and_the_error_names_no_password():
    with pytest.raises(RegistryUnavailable) as caught:
        client("http://me:secret@127.0.0.1:1").schema(ID)
    assert "127.0.0.1:1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_not_a_missing_schema(server, status):
    server.answers["/schemas/ids/7"] = (status, "")
    with pytest.raises(RegistryUnavailable, match="schema_registry_user"):
        client(server.url).schema(ID)
    assert 1 == len(server.asked)


def test_an_unknown_schema_is_believed_for_a_while_only(server):
    now = [0.0]
    registry = client(server.url, clock=lambda: now[0])
    for _ in range(2):
        with pytest.raises(UnknownSchemaError):
            registry.schema(ID)
    asked = len(server.asked)
    now[0] = 60.0
    server.answers["/schemas/ids/7"] = wrapped()
    assert SCHEMA == registry.schema(ID).text
    assert asked + 1 == len(server.asked)


@pytest.mark.parametrize(
    ("user", "expected"),
    [("me", "Basic " + base64.b64encode(b"me:pass").decode()), (None, "Bearer pass")],
)
def test_credentials_of_the_side_are_sent(server, monkeypatch, user, expected):
    monkeypatch.setenv("REGISTRY_PASSWORD", "pass")
    server.answers["/schemas/ids/7"] = wrapped()
    side = {"topic_prefix": "m", "schema_registry": server.url, "schema_registry_user": user,
            "schema_registry_password": "env:REGISTRY_PASSWORD"}  # fmt: skip
    Registry.of(SideConfig.model_validate(side)).schema(ID)
    assert expected == server.headers[0]["Authorization"]
    assert Registry.of(SideConfig(topic_prefix="m")) is None


def test_a_decoder_that_meets_no_avro_needs_no_password(server):
    side = {"schema_registry": server.url, "schema_registry_password": "env:NOT_SET_ANYWHERE"}
    stream = Stream(decoder(sides={"monolith": side}))
    assert stream.one("c", {"id": 1, "v": 5}).fingerprint is not None
    with pytest.raises(ConfigurationError, match="NOT_SET_ANYWHERE"):
        stream.raw(b"\0\0\0\0\x07\x02", None)
