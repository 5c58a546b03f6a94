"""`figwatch gate serve`: the gates over HTTP, for Argo Rollouts and Flagger.

What is answered is `figwatch.validators.stages.http`. One request at a time: a controller asks
seldom, and answers are kept for some seconds.
"""

import http.server
import time
from typing import TYPE_CHECKING, Annotated

import typer

from figwatch.cli.console import note
from figwatch.cli.options import DEFAULT_CONFIG, ConfigPath, load
from figwatch.validators.errors import FigwatchError

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config
    from figwatch.validators.stages.http import GateHandler

BODY_BYTES_MAX = 1_000_000
REQUEST_SECONDS_MAX = 10


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 6067,
) -> None:
    """Answer GET /gate/STAGE (Argo Rollouts) and POST /gate/STAGE (Flagger) until stopped."""
    settings = load(config)
    server = gate_server(settings, host, port)
    note(f"gates of {settings.migration}: http://{host}:{server.server_port}/gate/STAGE")
    with server:
        server.serve_forever()


def gate_server(config: "Config", host: str, port: int) -> http.server.HTTPServer:
    """A server that is bound, and serves once it is told to.

    Raises:
        FigwatchError: the port is taken.
    """
    from figwatch.connectors.stage_evidence.gate import STAGES, check_stage
    from figwatch.validators.stages.document import GateDocument, gate_document
    from figwatch.validators.stages.http import GateHandler

    def evaluate(stage: str) -> GateDocument:
        now_us = time.time_ns() // 1000
        return gate_document(config.migration, check_stage(config, stage, now_us))

    handler = request_handler(GateHandler(evaluate, STAGES))
    try:
        return http.server.HTTPServer((host, port), handler)
    except OSError as error:
        raise FigwatchError(
            "gate.port-taken",
            f"cannot listen on {host}:{port}: {error.strerror}",
            "--host, --port",
            "choose another port, or 0 for a free one",
        ) from error


def request_handler(gates: "GateHandler") -> type[http.server.BaseHTTPRequestHandler]:
    """The requests of `gates`, as the standard library's server wants them."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS_MAX

        def _answer(self) -> None:
            length = self.headers.get("Content-Length", "0")
            self.rfile.read(min(int(length), BODY_BYTES_MAX) if length.isdecimal() else 0)
            path = self.path.partition("?")[0]
            answer = gates.handle(self.command, path, time.time_ns() // 1000)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_POST = do_HEAD = _answer  # noqa: N815  # the library's names

        def log_message(self, *_: object) -> None:
            """No line for each request."""

    return Handler
