"""What the façade answers: reads, and writes. Its metrics are OpenTelemetry's of an HTTP server."""

from figwatch.dashboards.board import Board
from figwatch.dashboards.panels import Panel, Shape
from figwatch.dashboards.queries import aggregate, increase, quantile, rate

_HTTP = "http_server_request_duration_seconds"


def _traffic(method: str, word: str) -> tuple[Panel, ...]:
    which = f'http_request_method="{method}"'
    count = rate("upstream", f"{_HTTP}_count", which)
    failed = rate("upstream", f"{_HTTP}_count", which + ', http_response_status_code=~"5.."')
    fast = rate("upstream", f"{_HTTP}_bucket", which + ', le="0.05"')
    return (
        Panel(
            f"{word} within 50 ms",
            "Share of the answers that took at most 50 ms, by the system that gave them. The gate "
            "asks for 99 %.",
            "percentunit",
            ((f"{fast} / {count}", "{{upstream}}"),),
            largest=1,
        ),
        Panel(
            f"{word} latency",
            "Quantiles of the façade's answers, service against monolith.",
            "s",
            (
                (quantile("0.5", "upstream", _HTTP, which), "{{upstream}} p50"),
                (quantile("0.99", "upstream", _HTTP, which), "{{upstream}} p99"),
            ),
        ),
        Panel(
            f"{word} failed",
            "Share of the answers with a 5xx status. The gate asks for less than 0.01 %.",
            "percentunit",
            ((f"({failed} or {count} * 0) / {count}", "{{upstream}}"),),
        ),
        Panel(
            f"{word} per second",
            "Where the façade sends the traffic.",
            "reqps",
            ((count, "{{upstream}}"),),
            Shape.STACK,
        ),
    )


READS = Board(
    "figwatch-reads",
    "figwatch / Reads",
    "The façade's reads: is the service as quick and as sound as the monolith? The job is the "
    "façade's; its metrics are OpenTelemetry's HTTP server metrics with the label `upstream`.",
    f"{_HTTP}_count",
    (
        ("Reads", _traffic("GET", "Reads")),
        (
            "Distribution",
            (
                Panel(
                    "Latency of reads",
                    "How many answers took how long.",
                    "short",
                    ((increase("le", f"{_HTTP}_bucket", 'http_request_method="GET"'), "{{le}}"),),
                    Shape.HEAT,
                    span=24,
                ),
            ),
        ),
    ),
)

_SAGAS = (
    Panel(
        "Sagas now",
        "By what they are: open ones come and go, stuck ones stay.",
        "short",
        ((aggregate("sum", "saga, state", "figwatch_sagas"), "{{saga}} {{state}}"),),
        Shape.STACK,
        needs="sagas",
        runbook="FigwatchSagasStuck",
    ),
    Panel(
        "Sagas ended",
        "By outcome.",
        "short",
        ((increase("saga, outcome", "figwatch_saga_total"), "{{saga}} {{outcome}}"),),
        needs="sagas",
        runbook="FigwatchSagasStuck",
    ),
    Panel(
        "Time of a saga",
        "Start to the end of its last step.",
        "s",
        ((quantile("0.99", "saga", "figwatch_saga_seconds"), "{{saga}} p99"),),
        needs="sagas",
    ),
    Panel(
        "Oddities",
        "Events of sagas that came twice, late, out of order, undeclared or unreadable.",
        "short",
        ((increase("saga, problem", "figwatch_saga_events_total"), "{{saga}} {{problem}}"),),
        needs="sagas",
    ),
)

_OUTBOX = (
    Panel(
        "Outbox events",
        "Changes and the events that must tell of them, by outcome; all but `matched` and "
        "`redelivered` want a look.",
        "short",
        ((increase("outbox, outcome", "figwatch_outbox_events_total"), "{{outbox}} {{outcome}}"),),
        needs="outbox",
        runbook="FigwatchOutboxFaults",
    ),
    Panel(
        "Time of an adjustment",
        "From the request until the other side shows it, by leg: `request` to the commit, the "
        "connector's `read`, its `record` and `event` in Kafka, `show` on the other side; `total` "
        "is `request`, `record` and `show`. Points are traces.",
        "s",
        ((quantile("0.99", "pair, leg", "figwatch_adjustment_seconds"), "{{pair}} {{leg}} p99"),),
        needs="adjustments",
    ),
    Panel(
        "Adjustments not measured",
        "Their events have no time of a request, or no usable trace context; or more wait than is "
        "kept.",
        "short",
        (
            (
                increase("pair, problem", "figwatch_adjustment_problems_total"),
                "{{pair}} {{problem}}",
            ),
        ),
        needs="adjustments",
    ),
)

_BOTH_WAYS = (
    Panel(
        "Keys that loop",
        "Their value goes round between the two sides without a write from outside. Must be 0.",
        "short",
        ((aggregate("sum", "pair", "figwatch_looping_keys"), "{{pair}}"),),
        needs="both ways",
        runbook="FigwatchReplicationLoop",
    ),
    Panel(
        "How writes came about",
        "`arrival` is the copy that should come; an `echo` brings back to a side what it wrote "
        "itself; one that `reverted` replaced a newer write.",
        "short",
        ((increase("pair, what", "figwatch_two_way_writes_total"), "{{pair}} {{what}}"),),
        needs="both ways",
        runbook="FigwatchUpdatesLost",
    ),
    Panel(
        "Conflicts",
        "Rows that both sides wrote at once, by who won; `lost` ones never came over.",
        "short",
        ((increase("pair, what", "figwatch_conflicts_total"), "{{pair}} {{what}}"),),
        needs="both ways",
        runbook="FigwatchWriteConflicts",
    ),
    Panel(
        "The way back",
        "Could the monolith take the traffic again now?",
        "short",
        (
            (
                aggregate("max", "pair, verdict", "figwatch_fallback"),
                "{{pair}} {{verdict}}",
            ),
        ),
        runbook="FigwatchWayBackClosed",
    ),
)

WRITES = Board(
    "figwatch-writes",
    "figwatch / Writes and sagas",
    "The façade's writes, and the sagas that figwatch follows: two jobs, choose both or all.",
    f"{_HTTP}_count|figwatch_build_info",
    (
        ("Writes", _traffic("POST", "Writes")),
        ("Outbox", _OUTBOX),
        ("Both ways", _BOTH_WAYS),
        ("Sagas", _SAGAS),
    ),
)
