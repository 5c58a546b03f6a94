"""Kafka Connect's REST interface, as far as the doctor asks it: connectors and their settings.

Only reads (GET). Settings that may hold secrets are dropped here, before anything else sees them.
"""

import re
from typing import Any

import httpx

from figwatch.validators.doctor.facts import ConnectorFacts, CouldNot

CONNECTORS_MAX = 2000
SECRET = re.compile(
    r"password|secret|credential|token|sasl\.jaas|private|passphrase", re.IGNORECASE
)


def read_connector(
    url: str, name: str | None, topic_prefix: str, timeout_seconds: float
) -> ConnectorFacts | CouldNot:
    """The connector of that name or, without one, the one with this topic.prefix."""
    try:
        response = httpx.get(
            f"{url.rstrip('/')}/connectors",
            params=[("expand", "info"), ("expand", "status")],
            timeout=timeout_seconds,
        )
        response.raise_for_status()
        listed = response.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return CouldNot(
            f"Kafka Connect at {_without_user(url)} cannot be asked: {_reason(error)}",
            "start it, or correct the side's `connect` URL",
        )
    if not isinstance(listed, dict) or len(listed) > CONNECTORS_MAX:
        return CouldNot(
            f"{_without_user(url)} does not answer as Kafka Connect does",
            "correct the side's `connect` URL",
        )
    return _chosen(listed, name, topic_prefix)


def _chosen(
    listed: dict[str, Any], name: str | None, topic_prefix: str
) -> ConnectorFacts | CouldNot:
    known = {each: _facts(each, body) for each, body in listed.items() if isinstance(body, dict)}
    names = ", ".join(sorted(known)) or "none"
    if name is not None:
        if name in known:
            return known[name]
        return CouldNot(
            f"Kafka Connect has no connector {name}", f"name one of its connectors: {names}"
        )
    matching = [each for each in known.values() if each.config.get("topic.prefix") == topic_prefix]
    if len(matching) == 1:
        return matching[0]
    return CouldNot(
        f"{len(matching)} connectors have the topic.prefix {topic_prefix}",
        f"name the side's `connector`: {names}",
    )


def _facts(name: str, body: dict[str, Any]) -> ConnectorFacts:
    info, status = body.get("info") or {}, body.get("status") or {}
    config = {
        key: str(value)
        for key, value in (info.get("config") or {}).items()
        if not SECRET.search(key)
    }
    tasks = tuple(str(task.get("state", "?")) for task in status.get("tasks") or ())
    state = str((status.get("connector") or {}).get("state", "?"))
    return ConnectorFacts(name, state, tasks, config)


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return type(error).__name__


def _without_user(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)
