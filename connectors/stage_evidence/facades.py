"""The metrics of the usual façades, and the PromQL that counts good requests of a time window.

Counters are summed over a window that may be a whole stage long, in which servers come and go:
- a series that was there at the start counts by `increase`;
- one that was born in the window counts from zero. `increase` alone would miss its first value, and
  so the first, perhaps only, error with a status that was never seen before;
- one that paused for less than an hour around the start is not taken for newborn.
Next: `figwatch.connectors.stage_evidence.traffic`.
"""

from dataclasses import dataclass

STEPS_MAX = 1000
STEP_SECONDS_MIN = 60


@dataclass(frozen=True, slots=True)
class Facade:
    """Names of a façade's metrics. `per_second`: histogram units in a second."""

    histogram: str
    per_second: int
    requests: str
    code_label: str
    error_codes: str
    remedy: str
    """What to do when the histogram lacks the boundary."""


_OTEL = "give the histogram a bucket at that boundary (a view with explicit bucket boundaries)"
_ENVOY = "set histogram_bucket_settings for http.*.downstream_rq_time, with that boundary"
_NGINX = "add the boundary to --time-buckets of the controller"
_KONG = "choose one of Kong's boundaries, or read the access log"
_TRAEFIK = "add it to metrics.prometheus.buckets of Traefik: 0.05 is not among its defaults"

FACADES = {
    "opentelemetry": Facade(
        "http_server_request_duration_seconds",
        1,
        "http_server_request_duration_seconds_count",
        "http_response_status_code",
        "5..",
        _OTEL,
    ),
    "ingress-nginx": Facade(
        "nginx_ingress_controller_request_duration_seconds",
        1,
        "nginx_ingress_controller_requests",
        "status",
        "5..",
        _NGINX,
    ),
    "envoy": Facade(
        # Downstream: what users see. Upstream counts each retry.
        "envoy_http_downstream_rq_time",
        1000,
        "envoy_http_downstream_rq_xx",
        "envoy_response_code_class",
        "5",
        _ENVOY,
    ),
    "kong": Facade(
        "kong_request_latency_ms", 1000, "kong_http_requests_total", "code", "5..", _KONG
    ),
    "traefik": Facade(
        "traefik_service_request_duration_seconds",
        1,
        "traefik_service_requests_total",
        "code",
        "5..",
        _TRAEFIK,
    ),
}


def labelled(metric: str, *matchers: str) -> str:
    """A selector; empty matchers fall away."""
    return f"{metric}{{{','.join(matcher for matcher in matchers if matcher)}}}"


def boundary(facade: Facade, seconds: float) -> str:
    """The matcher of a bucket: `le` as servers and versions write it, 50 or 50.0."""
    bound = f"{seconds * facade.per_second:.10g}"
    spelled = bound.replace(".", "[.]")
    return f'le=~"{spelled}"' if "." in bound else f'le=~"{spelled}([.]0+)?"'


def grown(selector: str, window_seconds: int) -> str:
    """How much the counters of a selector grew in the window before the query's time."""
    window = f"{selector}[{window_seconds}s]"
    before = f"last_over_time({selector}[1h] offset {window_seconds}s)"
    newborn = (
        f"((max_over_time({window}) unless (resets({window}) > 0))"
        f" or (min_over_time({window}) + increase({window})))"
    )
    return f"sum((increase({window}) and {before}) or ({newborn} unless {before}))"


def looks(selector: str, window_seconds: int) -> str:
    """In how many of `steps_of` looks at the window there were any series."""
    step = step_seconds(window_seconds)
    return f"count_over_time((count({selector}))[{window_seconds}s:{step}s])"


def step_seconds(window_seconds: int) -> int:
    """Time between two looks."""
    return max(STEP_SECONDS_MIN, -(-window_seconds // STEPS_MAX))


def newest(selector: str) -> str:
    """Time of the newest sample, in seconds since the epoch."""
    return f"max(timestamp({selector}))"


def scrapes(selector: str, window_seconds: int) -> str:
    """Samples of the best series in the window: how finely the counters are known."""
    return f"max(count_over_time({selector}[{window_seconds}s]))"


def without_label(selector: str, unlabelled: str) -> str:
    """The requests whose series lack the label that tells errors."""
    return f"count({selector} unless {unlabelled})"
