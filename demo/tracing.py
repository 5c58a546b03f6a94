"""Which request the demo's programs are at work for: when it came, and its W3C trace context.

The façade takes a client's `traceparent` on or begins a trace, and says when the request came in
(`X-Request-Start`, as proxies do); `AsksFor` makes both known while a program answers, and the
service writes them into its outbox. Used by `facade`, `api` and `service`.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

TRACEPARENT = "traceparent"
REQUEST_START = "x-request-start"
_TRACE = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_START = re.compile(r"t=(\d{1,17})")


@dataclass(frozen=True, slots=True)
class Asked:
    """`at` is when the façade took the request; both are None outside of one."""

    traceparent: str | None = None
    at: dt.datetime | None = None


ASKED: ContextVar[Asked] = ContextVar("asked", default=Asked())  # noqa: B039 - it is frozen


def onward(headers: Mapping[str, str]) -> dict[str, str]:
    """What a proxy sends on with a request: the client's trace with a span of its own, or a new
    trace, and the time in microseconds.
    """
    known = _TRACE.fullmatch(headers.get(TRACEPARENT, ""))
    trace, flags = (known[1], known[3]) if known is not None else (secrets.token_hex(16), "01")
    return {
        TRACEPARENT: f"00-{trace}-{secrets.token_hex(8)}-{flags}",
        REQUEST_START: f"t={time.time_ns() // 1000}",
    }


def asked(headers: Mapping[str, str]) -> Asked:
    """What came with a request."""
    known = _TRACE.fullmatch(headers.get(TRACEPARENT, ""))
    start = _START.fullmatch(headers.get(REQUEST_START, ""))
    at = dt.datetime.fromtimestamp(int(start[1]) / 1e6, dt.UTC) if start is not None else None
    return Asked(known[0] if known is not None else None, at)


class AsksFor:
    """ASGI middleware: `ASKED` is the request's while it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the application inside."""
        pairs = scope.get("headers", ())
        token = ASKED.set(asked({n.decode("latin-1"): v.decode("latin-1") for n, v in pairs}))
        try:
            await self._app(scope, receive, send)
        finally:
            ASKED.reset(token)
