"""For each alert: series in which it fires, and series, as near as can be, in which it must not.

Series are promtool's: `a+bxn` is a, a+b, ... n steps further; a step is a minute. Time begins at 0,
so a timestamp metric that stays 0 grows older by a minute each step.
"""

from dataclasses import dataclass, field

JOB = 'job="figwatch-shop"'
WORKER = f'figwatch_build_info{{{JOB}, instance="w1"}}'


@dataclass(frozen=True)
class Case:
    """`fires` and `quiet` map series to values. `labels` are the firing alert's own, beside
    `severity`; `at` is when both are looked at.
    """

    fires: dict[str, str]
    quiet: dict[str, str]
    at: str = "20m"
    labels: dict[str, str] = field(default_factory=lambda: {"job": "figwatch-shop"})


def keys(verdict, count, pair="stock", instance="w1"):
    labels = f'{JOB}, instance="{instance}", pair="{pair}", verdict="{verdict}"'
    return {f"figwatch_keys{{{labels}}}": f"{count}x6000"}


def converged(within, shown):
    """Changes a minute that converged in time, and that converged at all."""
    labels = f'{{{JOB}, pair="stock"}}'
    return {
        f"figwatch_converged_within_objective_total{labels}": f"0+{within}x6000",
        f"figwatch_convergence_seconds_count{labels}": f"0+{shown}x6000",
    }


def gauge(name, value, **labels):
    text = ", ".join([JOB, *(f'{k}="{v}"' for k, v in labels.items())])
    return {f"figwatch_{name}{{{text}}}": value if "x" in str(value) else f"{value}x6000"}


def capture(fast, slow):
    """Changes a minute that reached Kafka within 10 s, and later."""
    series = {}
    for bound, count in (("10.0", fast), ("30.0", fast + slow), ("+Inf", fast + slow)):
        series |= gauge(
            "capture_seconds_bucket", f"0+{count}x6000", pair="stock", side="mono", le=bound
        )
    return series


PAIR = {"job": "figwatch-shop", "pair": "stock"}
SIDE = {"job": "figwatch-shop", "side": "mono"}
BEAT = "heartbeat_timestamp_seconds"
CANARY_WATCHED = gauge("verified_through_timestamp_seconds", "0+60x6000", pair="figwatch_canary")

CASES: dict[str, Case] = {
    "FigwatchDivergence": Case(
        keys("divergent", 1, instance="w2") | keys("divergent", 0),
        keys("divergent", 0) | keys("divergent", 1, pair="figwatch_canary"),
        labels=PAIR | {"verdict": "divergent"},
    ),
    "FigwatchConvergenceBurnsFast": Case(
        converged(85, 100), converged(95, 100), at="70m", labels=PAIR
    ),
    "FigwatchConvergenceBurnsSlowly": Case(
        converged(95, 100), converged(995, 1000), at="1500m", labels=PAIR
    ),
    "FigwatchChangesNotShown": Case(
        gauge("oldest_unshown_change_seconds", 61, pair="stock"),
        gauge("oldest_unshown_change_seconds", 59, pair="stock"),
        labels=PAIR,
    ),
    "FigwatchUnknownKeys": Case(
        keys("unknown", 3),
        # Gone before half an hour is over.
        {next(iter(keys("unknown", 1))): "1x20 0x6000"},
        at="40m",
        labels=PAIR | {"verdict": "unknown"},
    ),
    "FigwatchVerifiedThroughStale": Case(
        gauge("verified_through_timestamp_seconds", 0, pair="stock"),
        gauge("verified_through_timestamp_seconds", "0+60x6000", pair="stock"),
        labels=PAIR,
    ),
    "FigwatchPartitionsUnjudged": Case(
        gauge("partitions", 1, state="stale") | gauge("partitions", 7, state="fresh"),
        gauge("partitions", 0, state="stale")
        | gauge("partitions", 8, state="fresh")
        | {WORKER: "1x6000"},
    ),
    "FigwatchWorkersAbsent": Case({}, {WORKER: "1x6000"}, labels={}),
    "FigwatchWorkerDown": Case(
        {f'up{{{JOB}, instance="w1"}}': "0x6000"},
        {f'up{{{JOB}, instance="w1"}}': "1x6000", 'up{job="other"}': "0x6000"},
        labels={"job": "figwatch-shop", "instance": "w1"},
    ),
    "FigwatchHeartbeatStale": Case(
        gauge(BEAT, 1000, side="mono"),
        # Another worker heard it before the partition moved.
        gauge(BEAT, "0+60x6000", side="mono", instance="w1")
        | gauge(BEAT, 0, side="mono", instance="w2"),
        at="30m",
        labels=SIDE,
    ),
    "FigwatchHeartbeatMissing": Case(
        {WORKER: "1x6000"} | gauge(BEAT, "0+60x6000", side="mono"),
        {WORKER: "1x6000"}
        | gauge(BEAT, "0+60x6000", side="mono")
        | gauge(BEAT, "0+60x6000", side="service"),
    ),
    "FigwatchConnectorDown": Case(
        gauge("connector_running", 0, side="mono"),
        gauge("connector_running", 1, side="mono"),
        labels=SIDE,
    ),
    "FigwatchSlotHoldsBack": Case(
        gauge("slot_retained_bytes", 11 << 30, side="mono", slot="s"),
        gauge("slot_retained_bytes", 9 << 30, side="mono", slot="s"),
        labels=SIDE | {"slot": "s"},
    ),
    "FigwatchCaptureSlow": Case(capture(90, 10), capture(100, 0), labels=SIDE),
    "FigwatchStreamGap": Case(
        gauge("stream_gaps", 1, topic="t"),
        gauge("stream_gaps", 0, topic="t"),
        labels={"job": "figwatch-shop", "topic": "t"},
    ),
    "FigwatchMalformedRecords": Case(
        gauge("malformed_total", "0+1x6000", side="mono", reason="no_json"),
        gauge("malformed_total", 5, side="mono", reason="no_json"),
        labels=SIDE | {"reason": "no_json"},
    ),
    "FigwatchFenceDemoted": Case(
        gauge("fence_demoted", 1, pair="stock"),
        gauge("fence_demoted", 0, pair="stock"),
        labels=PAIR,
    ),
    "FigwatchAssumptionBroken": Case(
        gauge("alarms_total", "0+1x6000", pair="stock", alarm="late_target"),
        gauge("alarms_total", 2, pair="stock", alarm="late_target"),
        labels=PAIR | {"alarm": "late_target"},
    ),
    "FigwatchReadingsFail": Case(
        gauge("reading_failures_total", "0+60x6000", error="KafkaError"),
        gauge("reading_failures_total", "0+6x6000", error="KafkaError"),
    ),
    "FigwatchCanaryOverdue": Case(
        CANARY_WATCHED,
        CANARY_WATCHED | gauge("canary_timestamp_seconds", "0+60x6000"),
    ),
    "FigwatchCanarySlow": Case(gauge("canary_seconds", 61), gauge("canary_seconds", 59)),
    "FigwatchSweepOverdue": Case(
        gauge("sweep_timestamp_seconds", 1, pair="stock"),
        gauge("sweep_timestamp_seconds", 0, pair="stock"),  # never swept: nobody wants to
        at="1600m",
        labels=PAIR,
    ),
    "FigwatchSagasStuck": Case(
        gauge("sagas", 2, saga="order", state="stuck"),
        gauge("sagas", 0, saga="order", state="stuck")
        | gauge("sagas", 9, saga="order", state="open"),
        labels={"job": "figwatch-shop", "saga": "order"},
    ),
    "FigwatchReplicationLoop": Case(
        gauge("looping_keys", 3, pair="stock"),
        gauge("looping_keys", 0, pair="stock"),
        labels=PAIR,
    ),
    "FigwatchUpdatesLost": Case(
        gauge("conflicts_total", "0+1x6000", pair="stock", what="lost"),
        gauge("conflicts_total", 5, pair="stock", what="lost")
        | gauge("conflicts_total", "0+1x6000", pair="stock", what="late")
        | gauge("two_way_writes_total", "0+9x6000", pair="stock", what="echo"),
        labels=PAIR,
    ),
    "FigwatchWriteConflicts": Case(
        gauge("conflicts_total", "0+1x6000", pair="stock", what="source"),
        gauge("conflicts_total", 5, pair="stock", what="source")
        | gauge("conflicts_total", "0+1x6000", pair="stock", what="unjudged"),
        labels=PAIR,
    ),
    "FigwatchOutboxFaults": Case(
        gauge("outbox_events_total", "0+1x6000", outbox="stock", outcome="gap"),
        gauge("outbox_events_total", 3, outbox="stock", outcome="gap")
        | gauge("outbox_events_total", "0+9x6000", outbox="stock", outcome="matched"),
        labels={"job": "figwatch-shop", "outbox": "stock"},
    ),
    "FigwatchWayBackClosed": Case(
        gauge("fallback", 1, pair="stock", verdict="fail"),
        gauge("fallback", 0, pair="stock", verdict="fail")
        | gauge("fallback", 1, pair="stock", verdict="inconclusive"),
        labels=PAIR,
    ),
    "FigwatchGateNotEvaluated": Case(
        gauge("gate_verdict", 0, stage="sync", verdict="pass")
        | gauge("gate_verdict", 0, stage="sync", verdict="fail"),
        gauge("gate_verdict", 0, stage="sync", verdict="pass")
        | gauge("gate_verdict", 1, stage="sync", verdict="fail"),
        labels={"job": "figwatch-shop", "stage": "sync"},
    ),
}
