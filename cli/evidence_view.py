"""The state of the migration for status, findings and gate: read once, looked at by the clock."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from figwatch.connectors.config.root import Config
    from figwatch.validators.finding import Finding
    from figwatch.validators.overview import Overview
    from figwatch.validators.result import KeyNames
    from figwatch.validators.summary import PairSummary


def read_view(config: "Config", *, findings: bool) -> "tuple[Overview, tuple[Finding, ...]]":
    """What the workers have published, merged, with the findings where wanted.

    Raises:
        FigwatchError: Kafka does not answer.
    """
    from figwatch.connectors.evidence import read_evidence
    from figwatch.validators.overview import overview

    evidence = read_evidence(config, findings=findings)
    view = overview(
        evidence.summaries,
        evidence.partitions,
        time.time_ns() // 1000,
        round(config.worker.summary_fresh_seconds * 1e6),
        evidence.unreadable,
    )
    return view, evidence.findings


def view_document(
    config: "Config", view: "Overview", findings: "Iterable[Finding]"
) -> dict[str, Any]:
    """The public document, with at most `limits.findings_printed_max` findings a pair.

    `complete` and `reason` say whether it speaks for all partitions; `left_out` counts findings
    beyond the limit.
    """
    from figwatch.connectors.debezium.decoder import Decoder
    from figwatch.validators.result import RESULT_VERSION, result

    kept: list[Finding] = []
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.pair] = counts.get(finding.pair, 0) + 1
        if counts[finding.pair] <= config.limits.findings_printed_max:
            kept.append(finding)
    document: dict[str, Any]
    decode_key = Decoder(config).decode_key
    if view.merged is None:
        document = {"schema_version": RESULT_VERSION, "as_of_us": 0, "malformed": 0}
        document |= {"duplicates": 0, "pairs": {}}
    else:
        sides = {"source": config.source_side, "target": config.target_side}
        document = result(view.merged, kept, sides, decode_key)
    for name, pair in document["pairs"].items():
        if view.merged is not None:
            pair.update(writes_of(config, name, view, decode_key))
        pair["left_out"] = max(0, counts.get(name, 0) - config.limits.findings_printed_max)
    return document | {"complete": view.complete, "reason": view.reason}


def writes_of(
    config: "Config", name: str, view: "Overview", decode_key: "KeyNames"
) -> dict[str, Any]:
    """The newest turn of a pair, and whether the monolith could take its traffic again."""
    from figwatch.validators.writes.fallback import FALLBACK_AGE_US, assess_fallback

    summary = view.merged.pairs.get(name) if view.merged is not None else None
    known = config.pair(name)
    if summary is None or known is None:
        return {}
    found = assess_fallback(
        summary, two_way=known.two_way, now_us=view.now_us, age_max_us=FALLBACK_AGE_US
    )
    document: dict[str, Any] = {
        "fallback": {
            "verdict": found.answer.value,
            "reason": found.reason,
            "up_to_us": found.up_to_us,
            "missing": found.missing,
        }
    }
    document |= two_way_of(config, name, summary, decode_key)
    if (turn := summary.turn) is not None:
        leader = config.source_side if turn.lead == 0 else config.target_side
        document["turn"] = {
            "at_us": turn.at_us,
            "leads": leader,
            "decided": turn.decided,
            "owed": turn.owed,
            "owed_total": turn.owed_total,
            "lost": turn.lost,
            "undecided": turn.undecided,
        }
    return document


def two_way_of(
    config: "Config", name: str, summary: "PairSummary", decode_key: "KeyNames"
) -> dict[str, Any]:
    """Conflicts, echoes and loops of a pair that is judged both ways; empty for any other."""
    echoes = summary.echoes
    if echoes is None:
        return {}
    return {
        "conflicts": summary.conflicts,
        "conflicts_listed": [
            {
                "key": dict(decode_key(name, each.key)),
                "source_us": each.source_us,
                "target_us": each.target_us,
                "winner": each.winner,
                "lost": each.lost,
                "late": each.late,
            }
            for each in summary.conflicts_listed
        ],
        "echoes": {
            "writes": echoes.counts,
            "looping": echoes.looping,
            "newest_loop_us": echoes.newest_loop_us,
            "known_us": echoes.known_us,
            "loops": [
                {
                    "key": dict(decode_key(name, loop.key)),
                    "hops": loop.hops,
                    "since_us": loop.since_us,
                    "last_us": loop.last_us,
                    "evidence": loop.evidence,
                    "connectors": _connectors(config),
                }
                for loop in reversed(echoes.loops)
            ],
        },
    }


def _connectors(config: "Config") -> list[str]:
    """What carries a value round, each way: the connector that captures it and the replicator that
    applies it.
    """
    ways = ((config.source_side, config.target_side), (config.target_side, config.source_side))
    return [
        f"{config.sides[here].connector or config.sides[here].topic_prefix} -> "
        f"{config.sides[there].consumer_group or f'the replicator into {there}'}"
        for here, there in ways
    ]
