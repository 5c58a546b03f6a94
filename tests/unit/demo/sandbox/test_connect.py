"""Kafka Connect's answers, given by a small server of our own."""

import http.server
import json
import threading

import pytest

from figwatch.demo.sandbox import connect
from figwatch.demo.sandbox.model import SandboxError

TRACE = "ConnectException: task failed\n\tat Foo\nCaused by: PSQLException: FATAL: no such user\n"


@pytest.fixture
def worker(monkeypatch):
    """Serves the answers put in the list, in order; the last one again and again."""
    monkeypatch.setattr(connect, "POLL_SECONDS", 0.001)
    answers = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            code, body = answers.pop(0) if len(answers) > 1 else answers[0]
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_PUT = do_DELETE = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


def state(connector, *tasks, trace=""):
    return {
        "connector": {"state": connector},
        "tasks": [{"state": task, "trace": trace} for task in tasks],
    }


def test_a_request_is_repeated_while_the_worker_rebalances(worker):
    url, answers = worker
    answers += [(409, {}), (503, {}), (200, ["b", "a"])]

    assert connect.names(url) == ("a", "b")


def test_a_worker_that_rebalances_for_ever_is_given_up(worker, monkeypatch):
    url, answers = worker
    answers += [(409, {"message": "rebalance"})]
    monkeypatch.setattr(connect, "RETRY_SECONDS", 0.01)

    with pytest.raises(SandboxError, match="rebalance"):
        connect.names(url)


def test_a_connector_that_starts_is_waited_for(worker):
    url, answers = worker
    answers += [
        (404, {}),
        (200, state("RUNNING")),
        (200, state("RUNNING", "UNASSIGNED")),
        (200, state("RUNNING", "RUNNING")),
    ]

    assert connect.wait_running(url, "c").running


def test_a_failed_task_is_reported_with_the_innermost_cause(worker):
    url, answers = worker
    answers += [(200, state("RUNNING", "FAILED", trace=TRACE))]

    with pytest.raises(SandboxError) as raised:
        connect.wait_running(url, "c")

    assert raised.value.code == "sandbox.connect-refused"
    assert "PSQLException: FATAL: no such user" in raised.value.cause


def test_a_connector_that_never_runs_is_given_up(worker, monkeypatch):
    url, answers = worker
    answers += [(200, state("RUNNING", "UNASSIGNED"))]
    monkeypatch.setattr(connect, "RUNNING_SECONDS", 0.01)

    with pytest.raises(SandboxError, match="does not run"):
        connect.wait_running(url, "c")


def test_settings_that_connect_refuses_are_reported_with_its_reason(worker):
    url, answers = worker
    answers += [(400, {"message": "slot.name is invalid"})]

    with pytest.raises(SandboxError, match=r"slot\.name is invalid"):
        connect.register(url, connect.ConnectorSpec("c", {"a": "b"}))


def test_a_connector_that_does_not_exist_has_no_status_and_may_be_deleted(worker):
    url, answers = worker
    answers += [(404, {"message": "not found"})]

    assert connect.status(url, "c") is None
    connect.delete(url, "c")


def test_an_absent_worker_is_an_error_with_a_code_not_a_traceback():
    with pytest.raises(SandboxError) as raised:
        connect.names("http://127.0.0.1:9")

    assert raised.value.code == "sandbox.connect-refused"
