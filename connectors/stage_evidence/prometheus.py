"""Prometheus' HTTP API, as far as the gates ask it: instant queries, with every doubt kept.

https://prometheus.io/docs/prometheus/latest/querying/api/. `traffic` and `levels` ask here. An
empty result is no data, not zero: it is returned empty, and the caller decides what that means.
"""

import math
from dataclasses import dataclass
from typing import Any

import httpx

from figwatch.connectors.config.secret import Secret
from figwatch.connectors.stage_evidence.problems import Trouble, http_reason, without_user

SERIES_MAX = 10_000
REMEDY = "start Prometheus, or correct gates.prometheus"


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' value at the time of the query."""

    labels: dict[str, str]
    value: float


class Prometheus:
    """Asks one server. Every answer is a list of samples, or what is wrong."""

    def __init__(self, url: str, timeout_seconds: float, token: Secret | None = None) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._client = httpx.Client(timeout=timeout_seconds)
        self._token = token

    def vector(self, query: str, at_us: int) -> list[Sample] | Trouble:
        """The series of an instant query."""
        headers = {"Authorization": f"Bearer {self._token.reveal()}"} if self._token else {}
        where = without_user(self._url)
        try:
            response = self._client.post(
                self._url,
                data={"query": query, "time": f"{at_us / 1e6:.3f}"},
                headers=headers,
            )
            body = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            return Trouble(f"Prometheus at {where} cannot be asked: {http_reason(error)}", REMEDY)
        if not isinstance(body, dict) or body.get("status") != "success":
            said = body.get("error", "") if isinstance(body, dict) else ""
            cause = f"Prometheus refuses the query ({response.status_code}): {str(said)[:200]}"
            return Trouble(cause, "correct the selector in gates, or gates.prometheus")
        if body.get("warnings"):
            said = str(body["warnings"][0])[:200]
            return Trouble(f"Prometheus' answer is partial: {said}", "mend the part that is away")
        return _samples(body.get("data"))

    def number(self, query: str, at_us: int) -> float | Trouble | None:
        """The one value of a query; None for an empty result."""
        found = self.vector(query, at_us)
        if isinstance(found, Trouble):
            return found
        if not found:
            return None
        if len(found) > 1:
            cause = f"the query gives {len(found)} series, not one: {query[:200]}"
            return Trouble(cause, "aggregate it: sum(...), max(...)")
        value = found[0].value
        if not math.isfinite(value):
            return Trouble(f"the query gives {value}: {query[:200]}", "look at the metric")
        return value


def _samples(data: Any) -> list[Sample] | Trouble:
    garbled = Trouble("this does not answer as Prometheus does", "correct gates.prometheus")
    try:
        kind, result = data["resultType"], data["result"]
        if kind == "scalar":
            return [Sample({}, float(result[1]))]
        if kind != "vector":
            return Trouble(f"the query gives a {kind}, not values at an instant", "correct it")
        if len(result) > SERIES_MAX:
            return Trouble(f"the query gives more than {SERIES_MAX} series", "aggregate it: sum")
        return [Sample(dict(each["metric"]), float(each["value"][1])) for each in result]
    except (TypeError, KeyError, IndexError, ValueError, OverflowError):
        return garbled
