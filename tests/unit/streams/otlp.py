"""A small OTLP collector over HTTP: keeps the spans that it is sent, or lets the sender wait."""

import gzip
import http.server
import threading

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """Listens while the block runs. `release` lets a collector that `hangs` answer."""

    def __init__(self, *, status=200, hangs=False):
        self.spans, self.resources = [], []
        self.release = threading.Event()
        self.asked = threading.Event()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.asked.set()
                if hangs:
                    collector.release.wait(60)
                if status == 200:
                    collector.take(self.path, ExportTraceServiceRequest.FromString(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path, request):
        assert path == "/v1/traces"
        for group in request.resource_spans:
            self.resources.append({a.key: a.value.string_value for a in group.resource.attributes})
            self.spans += [span for scope in group.scope_spans for span in scope.spans]

    def links(self, name):
        """Trace ids that spans of a name are linked to."""
        spans = [span for span in self.spans if span.name == name]
        return {link.trace_id.hex() for span in spans for link in span.links}

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
