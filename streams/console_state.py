"""What the console shows, as one JSON document: built from the fleet's state and the gates.

Holds no row values, and of keys only those of the newest findings. `figwatch.streams.console`
sends it to browsers, `console_page/console.js` draws it.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from figwatch.connectors.config.root import Config
from figwatch.streams.console_history import History
from figwatch.streams.fleet import Fleet
from figwatch.streams.gate_watch import GateWatch
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.convergence import Quantiles
from figwatch.validators.finding import Finding
from figwatch.validators.headline import headline
from figwatch.validators.overview import Overview
from figwatch.validators.result import finding_json
from figwatch.validators.stages.criterion import Answer, GateResult
from figwatch.validators.stages.progress import STAGES
from figwatch.validators.summary import PairSummary, StreamSummary, Summary

FINDINGS_MAX = 50
STREAMS_MAX = 300
"""Raw partitions that are drawn; the rest is counted."""
PAIRS_MAX = 200
_US = 1_000_000

KeyNames: TypeAlias = Callable[[str, bytes], Mapping[str, Any]]


def document(
    config: Config,
    fleet: Fleet,
    gates: GateWatch,
    history: History,
    view: Overview,
    key_names: KeyNames,
) -> dict[str, Any]:
    """The state at `view.now_us`. Ages in seconds, times in seconds since the epoch."""
    # Without any report nobody says where the migration is: then it is about the streams.
    stage = gates.outside.stage if gates.outside.reports else "sync"
    said = headline(view, stage, gates.results.get(stage), gates.troubles.get(stage, ""))
    merged = view.merged
    return {
        "at": view.now_us / _US,
        "migration": config.migration,
        "sides": {"source": config.source_side, "target": config.target_side},
        "objective_seconds": config.objective.convergence_seconds,
        "current": fleet.current,
        "headline": {
            "tone": said.tone.value,
            "title": said.title,
            "detail": said.detail,
            "look_next": said.look_next,
        },
        "stage": stage,
        "stages": [_stage(name, gates) for name in STAGES],
        "pairs": _pairs(merged, history, view.now_us),
        "findings": _findings(fleet, key_names),
        "findings_open": sum(f.pair != CANARY_PAIR for f in fleet.open.values()),
        "partitions": _partitions(fleet, view),
        **_streams(merged, view.now_us),
        "workers": sorted(
            {s.worker for s in fleet.summaries.values() if s.worker} - {*view.silent}
        ),
        "silent": list(view.silent),
        "report": gates.outside.reports,
        "explain_values": config.console.values,
    }


def _stage(name: str, gates: GateWatch) -> dict[str, Any]:
    result = gates.results.get(name)
    return {
        "name": name,
        "verdict": result.answer.value if result else None,
        "trouble": gates.troubles.get(name, ""),
        "criteria": _criteria(result) if result else [],
        "not_checked": list(result.not_checked) if result else [],
    }


def _criteria(result: GateResult) -> list[dict[str, str]]:
    """What does not pass comes first."""
    order = {Answer.FAIL: 0, Answer.INCONCLUSIVE: 1, Answer.PASS: 2}
    return [
        {
            "name": c.name,
            "of": c.pair or c.subject,
            "verdict": c.answer.value,
            "reason": c.reason,
            "missing": c.missing,
        }
        for c in sorted(result.criteria, key=lambda c: order[c.answer])
    ]


def _pairs(merged: Summary | None, history: History, now_us: int) -> list[dict[str, Any]]:
    if merged is None:
        return []
    named = sorted(merged.pairs.items())[:PAIRS_MAX]
    return [_pair(name, pair, history.lately.get(name), now_us) for name, pair in named]


def _pair(name: str, pair: PairSummary, lately: Quantiles | None, now_us: int) -> dict[str, Any]:
    through_us = pair.verified_through_us
    known = lately is not None and lately.count
    return {
        "name": name,
        "canary": name == CANARY_PAIR,
        "keys": pair.keys,
        "unknown": pair.unknown,
        "open": pair.open_findings,
        "p50": lately.quantile_seconds(0.5) if lately and known else None,
        "p99": lately.quantile_seconds(0.99) if lately and known else None,
        "within": pair.convergence.within,
        "converged": pair.convergence.count,
        "unshown": pair.unshown,
        "verified_age": (now_us - through_us) / _US if through_us > 0 else None,
        "watermark_ages": [
            (now_us - at_us) / _US if at_us > 0 else None
            for at_us in (pair.source_watermark_us, pair.target_watermark_us)
        ],
        "demoted": pair.demoted,
    }


def _findings(fleet: Fleet, key_names: KeyNames) -> list[dict[str, Any]]:
    """Open ones first, each the newest first. There may be many open, hence no sorting of all."""
    real = (f for f in fleet.open.values() if f.pair != CANARY_PAIR)
    newest = heapq.nlargest(FINDINGS_MAX, real, key=_detected)
    rest = (f for f in fleet.resolved.values() if f.pair != CANARY_PAIR)
    newest += heapq.nlargest(FINDINGS_MAX - len(newest), rest, key=_resolved)
    return [finding_json(f, key_names) | {"pair": f.pair, "void": f.void} for f in newest]


def _detected(finding: Finding) -> int:
    return finding.detected_us


def _resolved(finding: Finding) -> int:
    return finding.resolved_us or 0


def _partitions(fleet: Fleet, view: Overview) -> list[dict[str, Any]]:
    """One for each range of key hashes: who judges it, how fresh, and its worst verdict."""
    states = dict.fromkeys(view.missing, "missing") | dict.fromkeys(view.stale, "stale")
    return [
        {"state": states.get(number, "fresh"), **_held(fleet.summaries.get(number), view.now_us)}
        for number in range(view.partitions)
    ]


def _held(summary: Summary | None, now_us: int) -> dict[str, Any]:
    if summary is None:
        return {"worker": "", "age": None, "keys": {}}
    keys: dict[str, int] = {}
    for name, pair in summary.pairs.items():
        if name != CANARY_PAIR:
            for verdict, count in pair.keys.items():
                keys[verdict] = keys.get(verdict, 0) + count
    return {
        "worker": summary.worker,
        "age": (now_us - summary.as_of_us) / _US,
        "keys": {verdict: count for verdict, count in keys.items() if count},
    }


def _streams(merged: Summary | None, now_us: int) -> dict[str, Any]:
    streams: Iterable[StreamSummary] = merged.streams if merged is not None else ()
    listed = [_stream(stream, now_us) for stream in streams]
    return {"streams": listed[:STREAMS_MAX], "streams_left_out": max(0, len(listed) - STREAMS_MAX)}


def _stream(stream: StreamSummary, now_us: int) -> dict[str, Any]:
    behind = None
    if stream.committed is not None and stream.end_offset is not None:
        behind = max(0, stream.end_offset - stream.committed)
    return {
        "topic": stream.topic,
        "partition": stream.partition,
        "age": (now_us - stream.watermark_us) / _US if stream.watermark_us > 0 else None,
        "gap": stream.gap_reason,
        "behind": behind,
    }
