"""Kafka Connect's REST interface, answered by a small server of our own."""

import http.server
import json
import threading

import pytest

from figwatch.connectors.connect_rest import read_connector
from figwatch.validators.doctor.facts import ConnectorFacts, CouldNot


def listed(**prefixes):
    return {
        name: {
            "info": {"config": {"topic.prefix": prefix, "database.password": "hunter2"}},
            "status": {"connector": {"state": "RUNNING"}, "tasks": [{"state": "FAILED"}]},
        }
        for name, prefix in prefixes.items()
    }


@pytest.fixture
def serve():
    servers = []

    def start(body: bytes, status: int = 200) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_connector_is_found_by_its_name_or_by_its_prefix_without_its_secrets(serve):
    url = serve(json.dumps(listed(a="mono", b="inv")).encode())
    named, by_prefix = read_connector(url, "b", "x", 5), read_connector(url, None, "inv", 5)
    assert named == by_prefix
    assert isinstance(named, ConnectorFacts)
    assert ("b", "RUNNING", ("FAILED",)) == (named.name, named.state, named.tasks)
    assert {"topic.prefix": "inv"} == dict(named.config)


@pytest.mark.parametrize(
    ("body", "status", "name", "cause"),
    [
        (json.dumps(listed(a="mono")).encode(), 200, "z", "no connector z"),
        (json.dumps(listed(a="mono")).encode(), 200, None, "0 connectors have the topic.prefix"),
        (json.dumps(listed(a="inv", b="inv")).encode(), 200, None, "2 connectors have"),
        (b"[]", 200, None, "does not answer as Kafka Connect does"),
        (b"<html>", 200, None, "cannot be asked"),
        (b"", 503, None, "it answered 503"),
    ],
)
def test_what_is_not_found_could_not_be_checked(serve, body, status, name, cause):
    facts = read_connector(serve(body, status), name, "inv", 5)
    assert isinstance(facts, CouldNot)
    assert cause in facts.reason


@pytest.mark.parametrize("url", ["http://user:hunter2@127.0.0.1:1", "http://[", "nonsense"])
def test_an_address_that_does_not_answer_is_told_without_its_password(url):
    facts = read_connector(url, None, "inv", 0.5)
    assert isinstance(facts, CouldNot)
    assert "hunter2" not in facts.reason
