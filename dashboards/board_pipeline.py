"""Connectors, capture, the replicator and figwatch's own workers."""

from figwatch.dashboards.board import Board
from figwatch.dashboards.panels import GREEN, RED, Panel, Shape
from figwatch.dashboards.queries import age, aggregate, increase, quantile, rate

PIPELINE = Board(
    "figwatch-pipeline",
    "figwatch / Pipeline",
    "Connectors, capture, the replicator and figwatch's own workers.",
    "figwatch_build_info",
    (
        (
            "Connectors",
            (
                Panel(
                    "Connectors",
                    "Whether each side's connector and its tasks run.",
                    "short",
                    ((aggregate("min", "side", "figwatch_connector_running"), "{{side}}"),),
                    Shape.STAT,
                    span=6,
                    steps=((None, RED), (1, GREEN)),
                    words={0: ("down", RED), 1: ("running", GREEN)},
                    runbook="FigwatchConnectorDown",
                ),
                Panel(
                    "Heartbeats",
                    "Age of the newest heartbeat, by side: proof that silence is idleness.",
                    "s",
                    ((age("max", "side", "figwatch_heartbeat_timestamp_seconds"), "{{side}}"),),
                    span=9,
                    runbook="FigwatchHeartbeatStale",
                ),
                Panel(
                    "Slots",
                    "Write-ahead log that each replication slot holds back.",
                    "bytes",
                    (
                        (
                            aggregate("max", "side, slot", "figwatch_slot_retained_bytes"),
                            "{{side}} {{slot}}",
                        ),
                    ),
                    span=9,
                    runbook="FigwatchSlotHoldsBack",
                ),
                Panel(
                    "Capture latency",
                    "Commit to arrival in Kafka, by side.",
                    "s",
                    (
                        (quantile("0.5", "side", "figwatch_capture_seconds"), "{{side}} p50"),
                        (quantile("0.99", "side", "figwatch_capture_seconds"), "{{side}} p99"),
                    ),
                    runbook="FigwatchCaptureSlow",
                ),
                Panel(
                    "Replicator behind",
                    "Records between the replicator's committed offset and the end of each topic.",
                    "short",
                    (
                        (
                            aggregate("max", "topic", "figwatch_replicator_behind_records"),
                            "{{topic}}",
                        ),
                    ),
                    runbook="FigwatchChangesNotShown",
                ),
            ),
        ),
        (
            "Workers",
            (
                Panel(
                    "Throughput",
                    "Row events applied, by worker.",
                    "wps",
                    ((rate("instance", "figwatch_changes_total"), "{{instance}}"),),
                ),
                Panel(
                    "Partitions held",
                    "Internal partitions that each worker judges.",
                    "short",
                    ((aggregate("max", "instance", "figwatch_partitions_held"), "{{instance}}"),),
                    Shape.STACK,
                    runbook="FigwatchWorkerDown",
                ),
                Panel(
                    "Partitions by freshness",
                    "Anything but fresh is a part of the keys that nobody judges.",
                    "short",
                    ((aggregate("sum", "state", "figwatch_partitions"), "{{state}}"),),
                    Shape.STACK,
                    runbook="FigwatchPartitionsUnjudged",
                ),
                Panel(
                    "Failed readings",
                    "Looks at the replicator's offsets that failed.",
                    "short",
                    ((increase("error", "figwatch_reading_failures_total"), "{{error}}"),),
                    needs="failed readings",
                    runbook="FigwatchReadingsFail",
                ),
            ),
        ),
        (
            "What was lost or repeated",
            (
                Panel(
                    "Dead letters",
                    "Records that could not be decoded, by reason.",
                    "short",
                    (
                        (
                            increase("side, reason", "figwatch_malformed_total"),
                            "{{side}} {{reason}}",
                        ),
                    ),
                    span=8,
                    needs="malformed",
                    runbook="FigwatchMalformedRecords",
                ),
                Panel(
                    "Gaps",
                    "Partitions of each topic with a stretch that was lost.",
                    "short",
                    ((aggregate("max", "topic", "figwatch_stream_gaps"), "{{topic}}"),),
                    span=8,
                    runbook="FigwatchStreamGap",
                ),
                Panel(
                    "Emitted again",
                    "Row events that a connector emitted twice, as after its restart.",
                    "short",
                    ((increase("side", "figwatch_duplicates_total"), "{{side}}"),),
                    span=8,
                    needs="duplicates",
                ),
            ),
        ),
    ),
)
