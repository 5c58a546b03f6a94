"""The command line and a web server, both in this process."""

import http.server
import json
import threading
import urllib.parse

import pytest

from tests.unit.cli.conftest import figwatch

__all__ = ["figwatch"]


class Web:
    """Answers by path: a value for GET, a function of the body for POST. Counts what was asked."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self):
                path = urllib.parse.urlsplit(self.path).path
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                web.asked.append((self.command, path))
                given = web.answers.get(path, (404, {"error_code": 0}))
                status, answer = given(body) if callable(given) else given
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer  # noqa: N815  # the library's names

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def web():
    found = Web()
    yield found
    found.server.shutdown()
    found.server.server_close()
