"""Every metric of a worker by name: kind, labels, meaning. docs/metrics.md is made of it.

`figwatch.streams.metrics` fills those that a worker knows by itself, and
`figwatch.streams.fleet_metrics` those that the whole fleet's state is needed for. Run as a program
(`make docs`) it prints the page.
"""

import enum
import sys
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Origin(enum.Enum):
    """Who shows a metric."""

    WORKER = "every worker, of the partitions it holds"
    FLEET = "one worker for all: the one that holds internal partition 0"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric. `name` has no prefix and, for a counter, no `_total`."""

    name: str
    kind: type[Family]
    labels: tuple[str, ...]
    meaning: str
    origin: Origin = Origin.WORKER

    @property
    def full_name(self) -> str:
        """As Prometheus stores it (a histogram adds `_bucket`, `_sum`, `_count`)."""
        return f"figwatch_{self.name}" + "_total" * (self.kind is CounterMetricFamily)


COUNTER, GAUGE, HISTOGRAM = CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
_PAIR = ("pair",)

CATALOGUE: tuple[Described, ...] = (
    Described("changes", COUNTER, ("pair", "side", "op"),
              "row events applied (`c`, `u`, `d`, `r`, `tombstone`)"),
    Described("duplicates", COUNTER, ("pair", "side"),
              "row events that the connector emitted again"),
    Described("findings", COUNTER, ("pair", "kind"), "divergences found"),
    Described("transient", COUNTER, _PAIR,
              "values that the source never had and that healed within the objective"),
    Described("alarms", COUNTER, ("pair", "alarm"),
              "assumptions behind a proof that were found broken"),
    Described("malformed", COUNTER, ("side", "reason"),
              "records that could not be decoded (see the dead letters)"),
    Described("reading_failures", COUNTER, ("error",),
              "looks at the replicator's offsets that failed"),
    Described("converged_within_objective", COUNTER, _PAIR,
              "source changes that the target showed within the objective; "
              "`figwatch_convergence_seconds_count` has all that it showed"),
    Described("convergence_seconds", HISTOGRAM, _PAIR,
              "source commit to the target commit that shows it"),
    Described("capture_seconds", HISTOGRAM, ("pair", "side"), "commit to arrival in Kafka"),
    Described("keys", GAUGE, ("pair", "verdict"), "keys by verdict"),
    Described("open_findings", GAUGE, ("pair", "kind"), "open findings"),
    Described("unknown_keys", GAUGE, ("pair", "reason"), "unknown keys by reason"),
    Described("watermark_timestamp_seconds", GAUGE, ("pair", "side"),
              "everything committed before was applied; 0: not known"),
    Described("verified_through_timestamp_seconds", GAUGE, _PAIR,
              "instant up to which everything was judged; 0: not known"),
    Described("oldest_unshown_change_seconds", GAUGE, _PAIR,
              "age of the oldest source change not shown"),
    Described("unshown_changes", GAUGE, _PAIR,
              "source changes older than the objective that the target has not shown"),
    Described("fence_demoted", GAUGE, _PAIR,
              "1: the replicator's committed offsets are not believed any more"),
    Described("sweep_timestamp_seconds", GAUGE, _PAIR,
              "every row of both tables was compared since then, and was equal; 0: never"),
    Described("stream_gaps", GAUGE, ("topic",),
              "raw partitions with a stretch that was lost or could not be decoded"),
    Described("replicator_behind_records", GAUGE, ("topic",),
              "records between the replicator's committed offset and the end of the topic"),
    Described("heartbeat_timestamp_seconds", GAUGE, ("side",), "newest heartbeat"),
    Described("canary_timestamp_seconds", GAUGE, (),
              "when a planted divergence was last found"),
    Described("canary_seconds", GAUGE, (),
              "from its commit to its finding, the last planted divergence"),
    Described("saga", COUNTER, ("saga", "outcome"),
              "times that a saga reached an outcome; one that ends late reaches two"),
    Described("saga_events", COUNTER, ("saga", "problem"),
              "events of sagas that came twice, late, out of order, undeclared or unreadable"),
    Described("saga_seconds", HISTOGRAM, ("saga",),
              "start of a completed saga to the end of its last step"),
    Described("sagas", GAUGE, ("saga", "state"), "sagas by what they are now"),
    Described("saga_watermark_timestamp_seconds", GAUGE, ("saga",),
              "events of the saga from before were applied; 0: not known, nothing is called stuck"),
    Described("two_way_writes", COUNTER, ("pair", "what"),
              "writes of a pair judged both ways: from `outside`, an `arrival` (first copy), an "
              "`echo` (any further copy), one that `reverted` a newer write; keys that began to "
              "`loop`; `unfollowed` ones were too many"),
    Described("looping_keys", GAUGE, _PAIR,
              "keys whose value goes round between the sides now"),
    Described("conflicts", COUNTER, ("pair", "what"),
              "concurrent writes of both sides by who won (`source`, `target`, `later`, `none`); "
              "`lost` updates, `late` ones, `unjudged` keys"),
    Described("outbox_events", COUNTER, ("outbox", "outcome"),
              "changes that must publish an event, and events: `matched`; `gap` (no event), "
              "`ghost` (no change), `duplicate`, other `content`, `order` or `schema`; "
              "`late`, `redelivered`, `undeclared`, `unknown`, `dropped`"),
    Described("adjustment_seconds", HISTOGRAM, ("pair", "leg"),
              "legs of a change with its outbox event: `request` (it came, to commit), `read` "
              "(commit to the connector's reading), `record` (commit to its record in Kafka), "
              "`event` (commit to its event), `show` (record to the other side's commit), `total` "
              "(request to that commit); exemplars are the requests' traces"),
    Described("adjustment_problems", COUNTER, ("pair", "problem"),
              "changes whose legs are not all measured: `no_request` time, a `bad_request` time, "
              "a `bad_trace` context, `forgotten` because more waited than is kept"),
    Described("spans", COUNTER, ("outcome",),
              "figwatch's own OpenTelemetry spans: `sent`, `failed` (the collector did not take "
              "them), `dropped` (it is too slow); all 0 where none are wanted"),
    Described("objective_seconds", GAUGE, (), "the objective: `objective.convergence_seconds`"),
    Described("partitions_held", GAUGE, (), "internal partitions that this worker judges"),
    Described("build_info", GAUGE, ("version", "migration"), "always 1"),
    Described("partitions", GAUGE, ("state",),
              "internal partitions whose summary is `fresh`, `stale` or `missing`", Origin.FLEET),
    Described("divergent_columns", GAUGE, ("pair", "column"),
              "open findings in which a column differs", Origin.FLEET),
    Described("sweep_ranges", GAUGE, ("pair", "state"),
              "ranges of keys that the newest sweep found equal (`clean`), and the others (`open`)",
              Origin.FLEET),
    Described("sweep_range_timestamp_seconds", GAUGE, ("pair", "range"),
              "the rows of a range of keys were compared since then, and were equal; 0: not known; "
              "by number in the order of the keys, at most 64", Origin.FLEET),
    Described("sweep_differences", GAUGE, _PAIR,
              "differences that the newest sweep found", Origin.FLEET),
    Described("fallback", GAUGE, ("pair", "verdict"),
              "1 for whether the monolith could take the traffic again now: `pass`, `fail` or "
              "`inconclusive`", Origin.FLEET),
    Described("fallback_through_timestamp_seconds", GAUGE, _PAIR,
              "what was committed before is on the monolith; 0: not known", Origin.FLEET),
    Described("turn_timestamp_seconds", GAUGE, _PAIR,
              "instant at which authority last moved; absent: never", Origin.FLEET),
    Described("turn_keys", GAUGE, ("pair", "state"),
              "keys that were `owed` at the last turn, `lost` in it, or `undecided`", Origin.FLEET),
    Described("gate_verdict", GAUGE, ("stage", "verdict"),
              "1 for what the stage's gate says: `pass`, `fail` or `inconclusive`; "
              "all 0: it could not be evaluated", Origin.FLEET),
    Described("gate_criteria", GAUGE, ("stage", "verdict"),
              "exit criteria of a stage by what they say", Origin.FLEET),
    Described("connector_running", GAUGE, ("side",),
              "1: the side's connector and its tasks run; absent where `connect` is not set or "
              "does not answer", Origin.FLEET),
    Described("slot_retained_bytes", GAUGE, ("side", "slot"),
              "write-ahead log that a replication slot holds back; absent where `database` is "
              "not set or does not answer", Origin.FLEET),
)  # fmt: skip
"""In the order of the page."""

_BY_NAME = {each.name: each for each in CATALOGUE}


def family(name: str) -> Family:
    """An empty family for one collection.

    Raises:
        KeyError: the catalogue has no such metric.
    """
    described = _BY_NAME[name]
    meaning = described.meaning[:1].upper() + described.meaning[1:].replace("`", "") + "."
    return described.kind(f"figwatch_{name}", meaning, labels=described.labels)


HEAD = """\
# Metrics

Served on `worker.http_host:http_port` at `/metrics`, beside `/livez` (the event loop turns) and
`/readyz` (200 once partitions are assigned and their state is restored, 503 before and during a
rebalance). Scrape every worker: each shows the partitions it holds; add the gauges of keys, take
the minimum of timestamps. No label ever holds a key. This page is generated from the code by
`make docs`; the recording rules, alerts and dashboards in `dashboards/` use nothing else of
figwatch.
"""

TAIL = """
All histograms have the bounds 0.05 and 1.0. Counters count what this process saw since it
started: what another worker counted before a partition came here is not counted again. Counters of
what is rare are there, at 0, before it happens, so that an alert on their growth hears of the first
time. The pair `figwatch_canary`, where it is enabled, differs on purpose: leave it out of sums over
pairs.
"""

_TITLES = {
    Origin.WORKER: "Of every worker",
    Origin.FLEET: "Of the whole fleet",
}
_KINDS = {COUNTER: "counter", GAUGE: "gauge", HISTOGRAM: "histogram"}


def describe() -> str:
    """The page as Markdown."""
    lines = [HEAD]
    for origin in Origin:
        lines += [f"## {_TITLES[origin]}", "", f"Shown by {origin.value}.", ""]
        lines += ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{each.full_name}` | {_KINDS[each.kind]} | {', '.join(each.labels) or '-'} "
            f"| {each.meaning} |"
            for each in CATALOGUE
            if each.origin is origin
        ]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n" + TAIL


if __name__ == "__main__":
    sys.stdout.write(describe())
