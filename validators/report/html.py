"""A report as one HTML file that needs nothing else: no script, no font, no image from anywhere.

The charts are `figwatch.validators.report.charts`.
"""

from collections.abc import Sequence
from html import escape

from figwatch.validators.report.charts import convergence_chart, keys_chart, shares_chart
from figwatch.validators.report.document import Report
from figwatch.validators.report.markdown import by_streams, instant, said, span
from figwatch.validators.stages.document import CriterionDocument

ROWS_MAX = 2000
"""Rows of one table; report.json has the rest, and it says so."""

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #fff; --line: #d0d7de;
  --pass: #1a7f37; --fail: #cf222e; --inconclusive: #9a6700; --blue: #0969da; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117;
  --line: #3d444d; --pass: #3fb950; --fail: #f85149; --inconclusive: #d29922; --blue: #4493f8; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td code { overflow-wrap: anywhere; }
td.verdict { white-space: nowrap; font-weight: 600; }
.pass { color: var(--pass); } .fail { color: var(--fail); }
.inconclusive { color: var(--inconclusive); }
.soft { color: var(--soft); } code { font-size: 12px; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui; }
figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; } p { overflow-wrap: anywhere; }
@media (max-width: 700px) { table { min-width: 44rem; } }
"""
MARKS = {"pass": "✓ pass", "fail": "✗ fail", "inconclusive": "? inconclusive"}


def html(report: Report) -> str:
    """The page."""
    gate = report.gate
    title = f"{report.migration}: stage {report.stage}"
    verdict = f'<span class="{gate.verdict}">{MARKS[gate.verdict]}</span>'
    body = [
        f"<h1>{escape(title)}: {verdict}</h1>",
        (
            f'<p class="soft">Report {report.sequence} of {instant(report.created_us)}, '
            f"evidence as of {instant(gate.as_of_us)}, "
            f"figwatch {escape(report.figwatch_version)}</p>"
        ),
        "<h2>Criteria</h2>",
        _criteria(gate.criteria),
        *(f'<p class="soft">Not checked: {escape(text)}</p>' for text in gate.not_checked),
        *_charts(report),
        "<h2>Evidence</h2>",
        _evidence(report),
        _streams(report),
        _findings(report),
        _chain(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}: {gate.verdict}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _charts(report: Report) -> list[str]:
    found = []
    for caption, chart in (
        ("Keys by verdict", keys_chart(report)),
        (
            "Share of changes that converged within a time (the line: the objective)",
            convergence_chart(report),
        ),
        (
            (
                "Share of bad samples: observed, and its bounds at the stage's confidence however "
                "often one looks"
            ),
            shares_chart(report),
        ),
    ):
        if chart:
            found.append(f"<figure>{chart}<figcaption>{escape(caption)}</figcaption></figure>")
    return ["<h2>Figures</h2>", *found] if found else []


def _criteria(criteria: Sequence[CriterionDocument]) -> str:
    rows = [
        f"<tr><td>{escape(c.name)}</td><td>{escape(c.pair or c.subject or '')}</td>"
        f'<td class="verdict {c.verdict}">{MARKS[c.verdict]}</td>'
        f"<td>{escape(c.reason)}</td><td>{escape(c.missing or '')}</td></tr>"
        for c in criteria
    ]
    return _table(("criterion", "of", "verdict", "because", "missing"), rows)


def _evidence(report: Report) -> str:
    rows = [
        f"<tr><td>{escape(c.name)}</td><td>{escape(e.name)}</td><td>{escape(e.source)}</td>"
        f"<td><code>{escape(e.query)}</code></td><td>{span(e)}</td><td>{e.samples}</td>"
        f"<td>{escape(said(e))}</td></tr>"
        for c in report.gate.criteria
        for e in c.evidence
    ]
    columns = ("criterion", "of", "source", "asked", "time", "samples", "figures")
    streams = by_streams(report)
    rest = f"<p>{escape(streams)}</p>" if streams else ""
    return (_table(columns, rows) if rows else "") + rest


def _streams(report: Report) -> str:
    rows = [
        f"<tr><td>{escape(s.topic)}</td><td>{s.partition}</td><td>{s.next_offset}</td>"
        f"<td>{instant(s.watermark_us)}</td><td>{escape(s.gap)}</td></tr>"
        for s in report.streams
    ]
    columns = ("topic", "partition", "next offset", "watermark", "gap")
    return "<h2>Positions in the change streams</h2>" + _table(columns, rows) if rows else ""


def _findings(report: Report) -> str:
    if report.findings is None:
        return ""
    rows = [
        f"<tr><td>{escape(f.pair)}</td><td>{escape(str(f.key))}</td><td>{escape(f.kind)}</td>"
        f"<td>{escape(' '.join(f.columns))}</td><td>{instant(f.since_us)}</td>"
        f"<td>{instant(f.resolved_us) if f.resolved_us else 'open'}</td></tr>"
        for f in report.findings
    ]
    columns = ("pair", "key", "kind", "columns", "since", "resolved")
    return "<h2>Findings</h2>" + _table(columns, rows)


def _chain(report: Report) -> str:
    before = report.previous
    text = f"after {before.folder}, sha256 {before.sha256}" if before else "the first one"
    signed = f"signed by key {report.signed_by}" if report.signed_by else "not signed"
    return (
        f'<p class="soft">Report {report.sequence}, {escape(text)}; {escape(signed)}. '
        "<code>figwatch report verify</code> checks it.</p>"
    )


def _table(columns: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    more = len(rows) - ROWS_MAX
    left_out = f'<p class="soft">… and {more} more in report.json</p>' if more > 0 else ""
    body = "".join(rows[:ROWS_MAX])
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        f"</div>{left_out}"
    )
