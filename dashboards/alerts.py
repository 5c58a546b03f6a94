"""The alerts: what must wake somebody, and what can wait for the morning.

A divergence is an invariant, not a budget: one is too many. Slow convergence is a budget, burnt
over several windows at once. Silence is neither: an idle or dead pipeline looks healthy by every
other measure, so freshness has alerts of its own. Each has a page in docs/runbooks/.
"""

from figwatch.dashboards.alert import Alert, Severity
from figwatch.dashboards.rules import outside
from figwatch.validators.canary import CANARY_PAIR

CONVERGENCE_SHARE = 0.99
"""Objective of the burn rates: the share of changes that converge in time (`gates.sync`)."""
REAL = f'pair!="{CANARY_PAIR}"'
"""Leaves out the self-test, which differs on purpose."""
HEARTBEAT_MAX_SECONDS = 60
VERIFIED_MAX_SECONDS = 300
STUCK_SECONDS = 60
CANARY_MAX_SECONDS = 900
CANARY_FOUND_SECONDS = 60
CAPTURE_MAX_SECONDS = 10
SWEEP_MAX_SECONDS = 26 * 3600
"""A nightly sweep may take its time."""
SLOT_MAX_BYTES = 10 << 30
READING_FAILURES_PER_SECOND = 0.5


def _burn(factors: tuple[tuple[float, str, str], ...]) -> str:
    """Both windows of a pair must burn: the long one is sure, the short one ends the alert soon."""
    budget = 1 - CONVERGENCE_SHARE
    parts = []
    for factor, short, long in factors:
        limit = f"{factor * budget:.4g}"
        both = [f"{outside(window)}{{{REAL}}} > {limit}" for window in (short, long)]
        parts.append(f"({both[0]}\n  and {both[1]})")
    return "\nor ".join(parts)


_KEYS = "job_pair_verdict:figwatch_keys:sum"
_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING

ALERTS: tuple[Alert, ...] = (
    Alert(
        "FigwatchDivergence",
        _CRITICAL,
        f'{_KEYS}{{verdict="divergent", {REAL}}} > 0',
        "0m",
        "{{ $value }} keys of {{ $labels.pair }} are divergent",
        "It is proved that the target does not hold what the source holds. Take no further stage; "
        "`figwatch findings --open --pair {{ $labels.pair }}` lists the keys.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchConvergenceBurnsFast",
        _CRITICAL,
        _burn(((14.4, "5m", "1h"), (6, "30m", "6h"))),
        "0m",
        "{{ $value | humanizePercentage }} of the changes of {{ $labels.pair }} arrive too late",
        "At this rate the month's budget for late changes is used up within days. The target "
        "follows, but too slowly for the objective.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchConvergenceBurnsSlowly",
        _WARNING,
        _burn(((3, "2h", "1d"), (1, "6h", "3d"))),
        "0m",
        "{{ $value | humanizePercentage }} of the changes of {{ $labels.pair }} arrive too late",
        "The budget for late changes will not last the month.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchChangesNotShown",
        _CRITICAL,
        f"max by (job, pair) (figwatch_oldest_unshown_change_seconds{{{REAL}}}) > {STUCK_SECONDS}",
        "2m",
        "A change of {{ $labels.pair }} has waited for {{ $value | humanizeDuration }}",
        "The target has not shown a change of the source for far longer than the objective: the "
        "replicator stands still or has skipped it, and nothing is proved yet.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchUnknownKeys",
        _WARNING,
        f'{_KEYS}{{verdict="unknown", {REAL}}} > 0',
        "30m",
        "Nothing can be said of {{ $value }} keys of {{ $labels.pair }}",
        "Neither equal nor different is proved of these keys, so the gate cannot pass. "
        "`figwatch status` names the reasons.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchVerifiedThroughStale",
        _CRITICAL,
        f"time() - job_pair:figwatch_verified_through_timestamp_seconds:min{{{REAL}}}"
        f" > {VERIFIED_MAX_SECONDS}",
        "5m",
        "{{ $labels.pair }} is not verified up to now",
        "Everything was judged up to {{ $value | humanizeDuration }} ago and no further; what came "
        "later may differ unseen. (Decades: nothing was ever verified as a whole.)",
    ),
    Alert(
        "FigwatchPartitionsUnjudged",
        _CRITICAL,
        'sum by (job) (figwatch_partitions{state!="fresh"}) > 0\n'
        "or count by (job) (figwatch_build_info) unless on (job) figwatch_partitions",
        "2m",
        "Some keys of {{ $labels.job }} are watched by nobody",
        "Internal partitions have no fresh summary: no worker judges them, so a divergence there "
        "would not be seen.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchWorkersAbsent",
        _CRITICAL,
        "absent(figwatch_build_info)",
        "2m",
        "No figwatch worker is running",
        "Prometheus sees no worker at all. Nothing is being verified, and every other alert of "
        "figwatch is silent.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchWorkerDown",
        _WARNING,
        'up{job=~"figwatch.*"} == 0',
        "5m",
        "The worker {{ $labels.instance }} does not answer",
        "Its partitions go to the others; with too few left they fall behind.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchHeartbeatStale",
        _CRITICAL,
        "time() - max by (job, side) (figwatch_heartbeat_timestamp_seconds)"
        f" > {HEARTBEAT_MAX_SECONDS}",
        "1m",
        "No heartbeat of {{ $labels.side }} for {{ $value | humanizeDuration }}",
        "The connector of this side stands still, or its heartbeats do not reach Kafka. Its "
        "stream looks idle, and no divergence can be proved meanwhile.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchHeartbeatMissing",
        _WARNING,
        "count by (job) (figwatch_build_info)\n"
        "  unless on (job) (count by (job)"
        " (count by (job, side) (figwatch_heartbeat_timestamp_seconds)) >= 2)",
        "10m",
        "{{ $labels.job }} has no heartbeat of one side",
        "Without heartbeats an idle side proves nothing: keys stay in flight or unknown.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchConnectorDown",
        _CRITICAL,
        "min by (job, side) (figwatch_connector_running) == 0",
        "1m",
        "The connector of {{ $labels.side }} does not run",
        "Kafka Connect says that the connector or one of its tasks is not RUNNING: changes of "
        "this side no longer reach Kafka, and write-ahead log piles up.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchSlotHoldsBack",
        _WARNING,
        f"max by (job, side, slot) (figwatch_slot_retained_bytes) > {SLOT_MAX_BYTES}",
        "10m",
        "The slot {{ $labels.slot }} holds back {{ $value | humanize1024 }}B",
        "Write-ahead log waits for this replication slot; it can fill the database's disk.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchCaptureSlow",
        _WARNING,
        f"job_side:figwatch_capture_seconds:p99_5m > {CAPTURE_MAX_SECONDS}",
        "10m",
        "Changes of {{ $labels.side }} take {{ $value | humanizeDuration }} to reach Kafka",
        "The connector is behind its database. Verdicts come late, and convergence suffers.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchStreamGap",
        _WARNING,
        "max by (job, topic) (figwatch_stream_gaps) > 0",
        "1m",
        "A stretch of {{ $labels.topic }} was lost",
        "Records of {{ $value }} partitions were gone, or not even their keys could be read. Keys "
        "in it are unknown until they change again, a snapshot shows them, or a sweep.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchMalformedRecords",
        _WARNING,
        "sum by (job, side, reason) (increase(figwatch_malformed_total[10m])) > 0",
        "0m",
        "Records of {{ $labels.side }} cannot be decoded ({{ $labels.reason }})",
        "Their keys are unknown until their next good event; the records are in the dead letters.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchFenceDemoted",
        _WARNING,
        "max by (job, pair) (figwatch_fence_demoted) > 0",
        "0m",
        "The replicator's offsets for {{ $labels.pair }} are not believed any more",
        "It was seen to commit an offset before its write. Divergence of old versions is no "
        "longer proved for this pair, and the gate cannot pass.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchAssumptionBroken",
        _WARNING,
        "sum by (job, pair, alarm) (increase(figwatch_alarms_total[15m])) > 0",
        "0m",
        "{{ $labels.pair }}: an assumption behind the proofs was broken ({{ $labels.alarm }})",
        "figwatch withdrew what rested on it and goes on; its proofs are as good as this is rare.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchReadingsFail",
        _WARNING,
        f"sum by (job) (rate(figwatch_reading_failures_total[5m])) > {READING_FAILURES_PER_SECOND}",
        "5m",
        "The replicator's offsets cannot be read",
        "Looks at its committed offsets fail: nothing stale can be proved meanwhile.",
        "figwatch-pipeline",
    ),
    Alert(
        "FigwatchCanaryOverdue",
        _CRITICAL,
        f"time() - max by (job) (figwatch_canary_timestamp_seconds) > {CANARY_MAX_SECONDS}\n"
        f'or count by (job) (figwatch_verified_through_timestamp_seconds{{pair="{CANARY_PAIR}"}})\n'
        "  unless on (job) figwatch_canary_timestamp_seconds",
        "5m",
        "No planted divergence was found lately",
        "The self-test is enabled, and figwatch has not found its canary: it may be blind, or "
        "`figwatch canary` does not run.",
    ),
    Alert(
        "FigwatchCanarySlow",
        _WARNING,
        f"max by (job) (figwatch_canary_seconds) > {CANARY_FOUND_SECONDS}",
        "10m",
        "A planted divergence took {{ $value | humanizeDuration }} to be found",
        "A real one would take as long. Something between database and finding is slow.",
    ),
    Alert(
        "FigwatchSweepOverdue",
        _WARNING,
        f"time() - (max by (job, pair) (figwatch_sweep_timestamp_seconds{{{REAL}}}) > 0)"
        f" > {SWEEP_MAX_SECONDS}",
        "10m",
        "The tables of {{ $labels.pair }} were last found equal {{ $value | humanizeDuration }} "
        "ago",
        "A sweep compares the tables themselves and sees what no change stream can. The last "
        "clean one is older than a day.",
        "figwatch-pair",
    ),
    Alert(
        "FigwatchSagasStuck",
        _WARNING,
        'sum by (job, saga) (figwatch_sagas{state="stuck"}) > 0',
        "5m",
        "{{ $value }} sagas {{ $labels.saga }} are stuck",
        "They have neither completed nor been compensated within their time, and nothing of them "
        "is on its way.",
        "figwatch-writes",
    ),
    Alert(
        "FigwatchReplicationLoop",
        Severity.CRITICAL,
        "sum by (job, pair) (figwatch_looping_keys) > 0",
        "1m",
        "{{ $value }} keys of {{ $labels.pair }} go round between the two sides",
        "Each replicator copies what the other one wrote. The load grows with every write, and "
        "an older value may replace a newer one. `figwatch status --json` names keys and "
        "connectors.",
        "figwatch-writes",
    ),
    Alert(
        "FigwatchUpdatesLost",
        Severity.CRITICAL,
        'sum by (job, pair) (increase(figwatch_conflicts_total{what="lost"}[15m]) > 0 or '
        'increase(figwatch_two_way_writes_total{what="reverted"}[15m]) > 0) > 0',
        "0s",
        "Writes of {{ $labels.pair }} were overwritten unseen",
        "Both sides wrote the same row before either had the other's version, or an old version "
        "came back over a newer one. What lost is on one side only, or on none.",
        "figwatch-writes",
    ),
    Alert(
        "FigwatchWriteConflicts",
        _WARNING,
        'sum by (job, pair) (increase(figwatch_conflicts_total{what=~"source|target|later|none"}'
        "[15m])) > 0",
        "0s",
        "Both sides write the same rows of {{ $labels.pair }} at once",
        "Two versions within one convergence window, each before the other had come over. Only one "
        "can win.",
        "figwatch-writes",
    ),
    Alert(
        "FigwatchOutboxFaults",
        Severity.CRITICAL,
        "sum by (job, outbox) (increase(figwatch_outbox_events_total{outcome=~"
        '"gap|ghost|duplicate|content|order|schema"}[15m])) > 0',
        "0s",
        "Events of outbox {{ $labels.outbox }} do not tell what was committed",
        "A change published no event, or an event tells of no change, twice, otherwise, in another "
        "order or against its schema. Whoever lives by these events is wrong now.",
        "figwatch-writes",
    ),
    Alert(
        "FigwatchWayBackClosed",
        _WARNING,
        f'max by (job, pair) (figwatch_fallback{{verdict="fail", {REAL}}}) > 0',
        "5m",
        "The monolith could not take the traffic of {{ $labels.pair }} again",
        "Something the service has is not on the monolith: going back would lose it.",
    ),
    Alert(
        "FigwatchGateNotEvaluated",
        _WARNING,
        'sum by (job, stage) (figwatch_gate_verdict{stage="sync"}) == 0',
        "10m",
        "The gate of stage {{ $labels.stage }} cannot be evaluated",
        "`figwatch gate check --stage {{ $labels.stage }}` says why.",
    ),
)
"""In the order in which a person should worry."""
