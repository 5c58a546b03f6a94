"""The public result document (`figwatch.validators.result`) as tables for people."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from figwatch.cli.console import print_table, print_text

OUTCOMES = (
    "completed",
    "compensated",
    "incompletely_compensated",
    "stuck",
    "unknown_start",
    "unknown",
)
VERDICTS = ("consistent", "in_flight", "overdue", "divergent", "unknown")
KEY_CHARS_MAX = 60


def print_result(document: Mapping[str, Any], findings_max: int) -> None:
    """Counts by pair, then the findings; `findings_max` bounds the list, and it says so."""
    print_pairs(document)
    print_sagas(document)
    print_findings(document, findings_max)


def print_pairs(document: Mapping[str, Any]) -> None:
    """One line a pair: keys by verdict, convergence, how far it is verified."""
    as_of = instant(document["as_of_us"])
    rows = []
    for name, pair in document["pairs"].items():
        convergence = pair["convergence"]
        rows.append(
            (
                name,
                *(pair["keys"].get(verdict, 0) for verdict in VERDICTS),
                f"{convergence['within_objective']}/{convergence['count']}",
                f"{convergence['p99_seconds']:.3f}",
                instant(pair["verified_through_us"]),
            )
        )
    columns = ("pair", *VERDICTS, "within objective", "p99 s", "verified through")
    print_table(f"as of {as_of}", columns, rows)
    for name, pair in document["pairs"].items():
        for reason, count in pair.get("unknown", {}).items():
            if count:
                print_text(f"{name}: {count} unknown: {reason}")
    for name, pair in document["pairs"].items():
        if turn := pair.get("turn"):
            told = "" if turn["decided"] else ", not yet known on both sides"
            print_text(f"{name}: {turn['leads']} leads since {instant(turn['at_us'])}{told}")
        fallback = pair.get("fallback", {"verdict": "pass"})
        if fallback["verdict"] != "pass":
            print_text(f"{name}: way back {fallback['verdict']}: {fallback['reason']}")
    print_text(f"malformed {document['malformed']}, duplicates {document['duplicates']}")


def print_sagas(document: Mapping[str, Any]) -> None:
    """One line a saga, and those that went wrong."""
    sagas = document.get("sagas", {})
    if not sagas:
        return
    rows, wrong = [], []
    for name, saga in sagas.items():
        counts = (saga["outcomes"].get(outcome, 0) for outcome in OUTCOMES)
        share = f"{saga['success']}/{saga['samples']}"
        p99 = f"{saga['seconds']['p99']:.3f}"
        rows.append((name, saga["open"], *counts, share, p99, instant(saga["watermark_us"])))
        for case in saga["cases"]:
            what = " ".join([case["outcome"], *case["problems"]])
            steps = " ".join(case["steps"])
            wrong.append((name, case["instance"], what, steps, instant(case["since_us"])))
    titles = ("saga", "open", *OUTCOMES, "success", "p99 s", "known through")
    print_table("", tuple(title.replace("_", " ") for title in titles), rows)
    if wrong:
        print_table("", ("saga", "id", "what", "steps", "since"), wrong)


def print_findings(document: Mapping[str, Any], findings_max: int) -> None:
    """The findings of every pair, at most `findings_max`."""
    print_unlisted(document)
    listed = [
        (name, finding) for name, pair in document["pairs"].items() for finding in pair["findings"]
    ]
    if not listed:
        print_text("no findings")
        return
    rows = [
        (
            name,
            key_text(finding["key"]),
            finding["kind"],
            " ".join(finding["columns"]),
            instant(finding["since_us"]),
            "open" if finding["resolved_us"] is None else instant(finding["resolved_us"]),
            finding["evidence"]
            + (" (history incomplete)" if "incomplete_history" in finding else ""),
        )
        for name, finding in listed[:findings_max]
    ]
    columns = ("pair", "key", "kind", "columns", "since", "resolved", "evidence")
    print_table("", columns, rows)
    left_out = (
        len(listed) - len(rows) + sum(p.get("left_out", 0) for p in document["pairs"].values())
    )
    if left_out:
        print_text(f"... and {left_out} more (limits.findings_printed_max)")


def print_unlisted(document: Mapping[str, Any]) -> None:
    """Say where findings are counted that no list holds."""
    for name, pair in document["pairs"].items():
        if pair.get("findings_unlisted"):
            print_text(
                f"{name}: {pair['findings_unlisted']} more open findings are counted but not "
                "listed (limits.findings_listed_max)"
            )


def _evidence(finding: Mapping[str, Any]) -> str:
    evidence = str(finding["evidence"])
    return f"{evidence}, history incomplete" if "incomplete_history" in finding else evidence


def key_text(key: Mapping[str, Any]) -> str:
    """`item_id=7`, cut to `KEY_CHARS_MAX`."""
    text = ", ".join(f"{name}={value}" for name, value in key.items())
    return text if len(text) <= KEY_CHARS_MAX else text[: KEY_CHARS_MAX - 1] + "…"


def instant(at_us: int) -> str:
    """Microseconds since the epoch as UTC; "-" for none."""
    if at_us <= 0:
        return "-"
    try:
        at = dt.datetime.fromtimestamp(at_us / 1e6, tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return str(at_us)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
