"""Fetch a stage's evidence, then let `figwatch.validators.stages` judge it: one look at one gate.

Used by the command line and by whatever serves the gates over HTTP.
"""

import datetime as dt
import pathlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from figwatch.connectors.config.root import Config
from figwatch.connectors.config.stages import TrafficGateConfig
from figwatch.connectors.evidence import read_evidence
from figwatch.connectors.stage_evidence import (
    access_log,
    approvals,
    coverage,
    decommission,
    documents,
    health,
    test_results,
    traffic,
)
from figwatch.connectors.stage_evidence.baseline import Baseline, read_baseline, read_shadow
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.connectors.stage_evidence.prometheus import Prometheus
from figwatch.validators.canary import CANARY_PAIR, CanaryLimits
from figwatch.validators.overview import Overview, overview
from figwatch.validators.stages.build import BuildCriteria, BuildFacts, build_gate
from figwatch.validators.stages.criterion import GateResult
from figwatch.validators.stages.decommission import DecommissionCriteria, decommission_gate
from figwatch.validators.stages.facts import Share
from figwatch.validators.stages.prepare import PrepareCriteria, prepare_gate
from figwatch.validators.stages.reads import TrafficCriteria, TrafficFacts, reads_gate, writes_gate
from figwatch.validators.stages.sync import sync_gate
from figwatch.validators.stages.sync_criteria import SyncCriteria
from figwatch.validators.stages.writes import WritesCriteria, WritesFacts
from figwatch.validators.statistics.windows import Beginning, beginning, single

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("prepare", "build", "sync", "reads", "writes", "decommission")
BASELINE_LATENCY = "the baseline was recorded for another latency"


def check_stage(
    config: Config, stage: str, now_us: int, view: Overview | None = None
) -> GateResult:
    """Evaluate a stage at `now_us`. `view` is what the streams say, where it was read already.

    Raises:
        FigwatchError: the change streams' summaries cannot be read (sync, reads, writes).
    """
    gates: dict[str, Callable[[], GateResult]] = {
        "prepare": lambda: _prepare(config, now_us),
        "build": lambda: _build(config, now_us),
        "sync": lambda: _sync(config, view),
        "reads": lambda: _traffic(config, "reads", now_us, view),
        "writes": lambda: _traffic(config, "writes", now_us, view),
        "decommission": lambda: _decommission(config, now_us),
    }
    return gates[stage]()


def state_folder(config: Config) -> pathlib.Path:
    """Where approvals, baselines and shadow results of this migration are."""
    return pathlib.Path(config.gates.state_dir) / config.migration


def prometheus(config: Config) -> Prometheus | None:
    """The configured server."""
    gates = config.gates
    if gates.prometheus is None:
        return None
    return Prometheus(gates.prometheus, config.limits.http_timeout_seconds, gates.prometheus_token)


def sync_view(config: Config) -> Overview:
    """What the workers have published, merged."""
    evidence = read_evidence(config, findings=False)
    return overview(
        evidence.summaries,
        evidence.partitions,
        time.time_ns() // 1000,
        round(config.worker.summary_fresh_seconds * 1e6),
        evidence.unreadable,
    )


def sync_criteria(config: Config) -> SyncCriteria:
    """The thresholds of stage `sync` out of the configuration."""
    sync, canary = config.gates.sync, config.canary
    limits = CanaryLimits(_us(canary.found_max_seconds), _us(canary.overdue_seconds))
    return SyncCriteria(
        # The canary's pair differs on purpose, and has a criterion of its own.
        pairs=tuple(pair.name for pair in config.pairs if pair.name != CANARY_PAIR),
        convergence_share=sync.convergence_share,
        confidence=sync.confidence,
        changes_min=sync.changes_min,
        window_us=None if sync.window_minutes is None else _us(sync.window_minutes * 60),
        verified_age_max_us=_us(sync.verified_age_max_seconds),
        overdue_share_max=sync.overdue_share_max,
        sweep_required=_sweep_required(config),
        sweep_age_max_us=round(sync.sweep_age_max_hours * 3.6e9),
        canary=limits if canary.enabled else None,
    )


def _sweep_required(config: Config) -> bool:
    """Streams have blind spots: where a sweep is possible, the gate wants one."""
    chosen = config.gates.sync.sweep_required
    possible = all(side.database is not None for side in config.sides.values())
    return possible if chosen is None else chosen


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


def _prepare(config: Config, now_us: int) -> GateResult:
    settings = config.gates.prepare
    side = config.sides[config.target_side]
    approved = approvals.read_approvals(state_folder(config))
    found = [documents.read_document(each, approved, now_us) for each in settings.documents]
    url = settings.registry or side.schema_registry
    timeout_seconds = config.limits.http_timeout_seconds
    schemas = [
        documents.ask_registry(each, url, side, timeout_seconds, now_us)
        for each in settings.documents
        if each.subject is not None and url is not None
    ]
    return prepare_gate(found, schemas, PrepareCriteria(settings.approvals_min), now_us)


def _build(config: Config, now_us: int) -> GateResult:
    settings = config.gates.build
    timeout_seconds = config.limits.http_timeout_seconds
    facts = BuildFacts(
        [coverage.read_coverage(name, path) for name, path in settings.coverage.items()],
        [test_results.read_junit(path) for path in settings.junit],
        [test_results.read_sarif(path) for path in settings.sarif],
        [health.read_health(settings.health, timeout_seconds, now_us)] if settings.health else [],
    )
    criteria = BuildCriteria(
        settings.coverage_min,
        settings.skipped_share_max,
        settings.errors_max,
        settings.warnings_max,
        round(settings.age_max_hours * 3.6e9),
    )
    return build_gate(facts, criteria, now_us)


def _sync(config: Config, view: Overview | None) -> GateResult:
    return sync_gate(view or sync_view(config), sync_criteria(config))


def _traffic(config: Config, stage: str, now_us: int, view: Overview | None) -> GateResult:
    settings = config.gates.reads if stage == "reads" else config.gates.writes
    recorded = read_baseline(state_folder(config), stage)
    begun = beginning_of(settings, recorded, now_us)
    selector = settings.traffic.selector if settings.traffic else ""
    in_time, without_error = read_traffic(
        config, settings, traffic.Window(selector, begun.at, now_us), baseline=False
    )
    old_in_time, old_without_error = _baseline(stage, settings, recorded)
    facts = TrafficFacts(
        in_time, without_error, old_in_time, old_without_error, _shadow(config, settings)
    )
    criteria = TrafficCriteria(
        settings.latency_share,
        settings.error_share_max,
        settings.latency_margin,
        settings.error_margin,
        settings.mismatch_share_max,
        settings.confidence,
        settings.samples_min,
        round(settings.age_max_seconds * 1e6),
        round(settings.shadow_age_max_hours * 3.6e9),
        begun,
    )
    seen = view or sync_view(config)
    sync, writes = _sync(config, seen), _writes(config, settings, seen)
    if stage == "reads":
        result = reads_gate(facts, sync, criteria, now_us, writes)
    else:
        without = config.gates.writes.without
        result = writes_gate(facts, sync, criteria, now_us, without, writes)
    return result


def _writes(config: Config, settings: TrafficGateConfig, view: Overview) -> WritesFacts:
    """What the streams say of sagas and of the way back."""
    return WritesFacts(
        view,
        tuple(saga.name for saga in config.sagas),
        tuple(pair.name for pair in config.pairs if pair.name != CANARY_PAIR),
        tuple(outbox.name for outbox in config.outboxes),
        frozenset(pair.name for pair in config.pairs if pair.two_way),
        WritesCriteria(
            settings.saga_success_min,
            _us(settings.fallback_age_max_seconds),
            config.gates.writes.adjustment_share,
        ),
        tuple(outbox.name for outbox in config.outboxes if outbox.request is not None),
    )


def beginning_of(
    settings: TrafficGateConfig, recorded: Baseline | Trouble | None, now_us: int
) -> Beginning:
    """From when on requests count: since the stage began or, where nobody said when, for one window
    to two, since beginnings that the baseline's time fixes. Without a baseline the gate cannot pass
    anyway, so that a window that slides does no harm.
    """
    if settings.since is not None:
        return single(round(dt.datetime.fromisoformat(settings.since).timestamp() * 1e6))
    window_us = round(settings.window_hours * 3.6e9)
    if not isinstance(recorded, Baseline) or recorded.recorded_us > now_us:
        return single(now_us - window_us)
    return beginning(recorded.recorded_us - window_us, 2 * window_us, now_us)


def read_traffic(
    config: Config, settings: TrafficGateConfig, window: traffic.Window, *, baseline: bool
) -> tuple[Share | None, Share | None]:
    """Timely and good answers of the service or, for the baseline, of the monolith."""
    chosen = settings.traffic
    if chosen is None:
        return None, None
    if baseline:
        window = replace(window, selector=chosen.baseline_selector)
    if chosen.facade in {"nginx-log", "envoy-log"}:
        path = chosen.baseline_log if baseline else chosen.log
        if path is None:
            return None, None
        wanted = access_log.Wanted(chosen.path_pattern, tuple(chosen.methods))
        return access_log.read_log(path, chosen.facade, window, wanted, settings.latency_seconds)
    server = prometheus(config)
    if server is None:
        return None, None
    return (
        traffic.in_time(server, chosen.facade, window, settings.latency_seconds),
        traffic.without_error(server, chosen.facade, window),
    )


def _baseline(
    stage: str, settings: TrafficGateConfig, recorded: Baseline | Trouble | None
) -> tuple[Share | None, Share | None]:
    if recorded is None:
        return None, None
    if not isinstance(recorded, Trouble) and recorded.latency_seconds != settings.latency_seconds:
        recorded = Trouble(BASELINE_LATENCY, f"`figwatch baseline --stage {stage}`")
    if isinstance(recorded, Trouble):
        origin = recorded.origin("baseline")
        return Share("in_time, before", origin), Share("without_error, before", origin)
    return _before(recorded.in_time), _before(recorded.without_error)


def _before(share: Share | None) -> Share | None:
    """Reports and charts show both: which is which stands in the name."""
    return replace(share, name=f"{share.name}, before") if share else None


def _shadow(config: Config, settings: TrafficGateConfig) -> Share | None:
    if settings.shadow is None:
        return None
    result = read_shadow(state_folder(config))
    if isinstance(result, Trouble):
        return Share("shadow_reads", result.origin("shadow"))
    return result.share if result else None


def _decommission(config: Config, now_us: int) -> GateResult:
    settings = config.gates.decommission
    recorded = read_baseline(state_folder(config), "decommission")
    facts = decommission.read_facts(config, recorded, prometheus(config), now_us)
    criteria = DecommissionCriteria(
        quiet_us=round(settings.quiet_hours * 3.6e9),
        reads_max=settings.reads_max,
        resource_ratio_max=settings.resource_ratio_max,
    )
    # Facts of the database are made while this look is under way, after its time was taken.
    return decommission_gate(facts, criteria, max(now_us, time.time_ns() // 1000))
