"""Where traces are looked at. Part of `figwatch.connectors.config.root`."""

from string import Formatter
from typing import Annotated

from pydantic import AfterValidator

from figwatch.connectors.config.base import Section

PLACES = frozenset({"trace_id", "span_id"})


def _template(text: str) -> str:
    try:
        named = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError as error:
        raise ValueError(f"is no template: {error}") from None
    if "trace_id" not in named or not named <= PLACES:
        raise ValueError("must hold {trace_id}, may hold {span_id}, and nothing else in braces")
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return text


class TracingConfig(Section):
    """Traces of the requests that led to changes: see `outboxes.trace`."""

    url: Annotated[str, AfterValidator(_template)] | None = None
    """Address of a trace, with `{trace_id}` in it: `http://localhost:16686/trace/{trace_id}`
    (Jaeger), `http://localhost:9411/zipkin/traces/{trace_id}` (Zipkin). `figwatch explain` links to
    it."""

    def link(self, trace: str) -> str | None:
        """Address of a trace, given as trace id and span id joined by `-`."""
        if self.url is None or not trace:
            return None
        trace_id, _, span_id = trace.partition("-")
        return self.url.format(trace_id=trace_id, span_id=span_id)
