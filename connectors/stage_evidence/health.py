"""The health endpoint of a deployed service."""

import httpx
import msgspec

from figwatch.connectors.stage_evidence.problems import Trouble, http_reason, without_user
from figwatch.validators.stages.facts import Health, Origin

SICK = {"down", "out_of_service", "unhealthy", "fail", "failing", "error", "unknown"}


def read_health(url: str, timeout_seconds: float, now_us: int) -> Health:
    """2xx is healthy, unless a JSON body says otherwise (`status`: Spring, MicroProfile and the
    draft for application/health+json say up or down there).
    """
    name = without_user(url)
    try:
        response = httpx.get(url, timeout=timeout_seconds)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        trouble = Trouble(f"{name} cannot be asked: {http_reason(error)}", "deploy the service")
        return Health(name, trouble.origin("http", name))
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    said = str(body.get("status", "")).lower() if isinstance(body, dict) else ""
    healthy = response.is_success and said not in SICK
    return Health(name, Origin("http", name, now_us, samples=1), healthy, response.status_code)
