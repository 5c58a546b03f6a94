"""As much of an Apicurio registry as its converter needs to write and figwatch to read: Apicurio's
own interface (v2), and Confluent's, which it offers too, on loopback.

The real registry is no package of any registry we reach; the converter is. It posts a schema and
gets a number. `record.py` keeps the schemas beside the captures, the tests serve them from there.
"""

import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

ROOT = "/apis/registry/v2"


class Shelf:
    """Schemas by number, in the order in which they came."""

    def __init__(self, schemas: Sequence[str] = ()) -> None:
        self.schemas = list(schemas)
        self._lock = threading.Lock()

    def number(self, text: str) -> int:
        with self._lock:
            if text not in self.schemas:
                self.schemas.append(text)
            return self.schemas.index(text) + 1


@contextmanager
def running(schemas: Sequence[str] = ()) -> Iterator[tuple[str, Shelf]]:
    """The registry's address and its shelf."""
    shelf = Shelf(schemas)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            number = shelf.number(text)
            name = self.headers.get("X-Registry-ArtifactId", f"schema-{number}")
            self._answer(
                {
                    "id": name, "name": name, "groupId": "default", "type": "AVRO", "version": "1",
                    "state": "ENABLED", "globalId": number, "contentId": number,
                    "createdBy": "", "createdOn": "2024-01-01T00:00:00+0000",
                    "modifiedBy": "", "modifiedOn": "2024-01-01T00:00:00+0000",
                }
            )  # fmt: skip

        def do_GET(self) -> None:
            place, _, number = self.path.partition("?")[0].rpartition("/")
            known = number.isdigit() and 1 <= int(number) <= len(shelf.schemas)
            schema = shelf.schemas[int(number) - 1] if known else None
            if schema is not None and place == "/schemas/ids":
                self._answer({"schema": schema})
            elif schema is not None and place == f"{ROOT}/ids/globalIds":
                self._answer(json.loads(schema))
            else:
                self.send_error(404)

        def _answer(self, document: object) -> None:
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", shelf
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
