"""W3C trace context as records carry it: the header `traceparent`, parsed strictly.

Format: https://www.w3.org/TR/trace-context/#traceparent-header. What is not exactly of it is no
trace context; it is counted and never trusted. Used by `figwatch.connectors.outbox_decoder`.
"""

import re
from typing import Any

from figwatch.connectors.record_fields import time_us

TRACEPARENT_HEADER = "traceparent"
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}"
)
"""Version, trace id, span id (neither all zero), flags; lower case. `ff` is no version."""
HEAD_CHARS = 55
"""Of a later version only this much is known, and a `-` must follow."""


def trace_of(value: Any) -> str | None:
    """Trace id and span id, joined by `-`; "" for absent, None where it is no trace context."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return None
    head, rest = value[:HEAD_CHARS], value[HEAD_CHARS:]
    found = TRACEPARENT.fullmatch(head)
    if found is None or (rest and (head.startswith("00") or not rest.startswith("-"))):
        return None
    return f"{found[1]}-{found[2]}"


def request_us(value: Any) -> int | None:
    """When a request came, in microseconds; 0 for absent, None where it is no time."""
    if value is None or value == "":
        return 0
    found = time_us(value)
    return found if found is not None and found > 0 else None
