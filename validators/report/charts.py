"""The charts of the HTML report, as SVG text: keys by verdict, convergence, shares with bounds."""

import math
from collections.abc import Iterable
from html import escape

from figwatch.validators.report.document import PairFigures, Report
from figwatch.validators.stages.document import EvidenceDocument
from figwatch.validators.statistics.shares import lower_sequence, upper_sequence

WIDTH, LEFT, RIGHT, ROW = 900, 190, 90, 34
CHART_ROWS_MAX = 30
COLOURS = {
    "consistent": "var(--pass)",
    "in_flight": "var(--blue)",
    "overdue": "#bf8700",
    "divergent": "var(--fail)",
    "unknown": "var(--soft)",
}
LINES = ("var(--blue)", "var(--pass)", "#8250df", "#bf8700", "var(--fail)")
RATE_MIN = 1e-6
CONFIDENCE = 0.95


def keys_chart(report: Report) -> str:
    """A bar for each pair, divided by verdict."""
    rows = [(name, pair) for name, pair in report.pairs.items() if sum(pair.keys.values())]
    parts = []
    for row, (name, pair) in enumerate(rows[:CHART_ROWS_MAX]):
        y = 30 + row * ROW
        parts.append(_text(LEFT - 10, y + 16, name, "end"))
        parts += _stacked(pair, y)
        parts.append(_text(WIDTH - RIGHT + 8, y + 16, f"{sum(pair.keys.values()):,}"))
    x = LEFT
    for verdict, colour in COLOURS.items():
        parts.append(f'<rect x="{x}" y="6" width="12" height="12" fill="{colour}"/>')
        parts.append(_text(x + 17, 16, verdict))
        x += 110
    return _svg(40 + len(rows[:CHART_ROWS_MAX]) * ROW, parts, "Keys by verdict") if rows else ""


def _stacked(pair: PairFigures, y: float) -> Iterable[str]:
    total, x = sum(pair.keys.values()), float(LEFT)
    for verdict, colour in COLOURS.items():
        count = pair.keys.get(verdict, 0)
        if not count:
            continue
        # A single divergent key among millions must still be seen.
        width = max(2.0, (WIDTH - LEFT - RIGHT) * count / total)
        width = min(width, WIDTH - RIGHT - x) if x < WIDTH - RIGHT - 2 else 2.0
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{colour}">'
            f"<title>{count} {verdict}</title></rect>"
        )
        x += width


def convergence_chart(report: Report) -> str:
    """The distribution of convergence times of each pair, on a logarithmic axis."""
    curves = {name: pair.convergence.curve for name, pair in report.pairs.items()}
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        return ""
    height, top, bottom = 300, 20, 260
    times = [max(x, 1e-4) for curve in curves.values() for x, _ in curve]
    low = math.log10(min(*times, report.objective_seconds)) - 0.1
    high = math.log10(max(*times, report.objective_seconds)) + 0.1

    def x_of(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(max(seconds, 1e-4)) - low) / (high - low)

    def y_of(share: float) -> float:
        return bottom - (bottom - top) * share

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line(LEFT, y_of(share), WIDTH - RIGHT, y_of(share)))
        parts.append(_text(LEFT - 8, y_of(share) + 4, f"{share:.0%}", "end"))
    for power in range(math.ceil(low), math.floor(high) + 1):
        parts.append(_line(x_of(10**power), top, x_of(10**power), bottom))
        parts.append(_text(x_of(10**power), bottom + 18, f"{10.0**power:g} s", "middle"))
    at = x_of(report.objective_seconds)
    parts.append(_line(at, top, at, bottom, "var(--fail)"))
    for index, (name, curve) in enumerate(list(curves.items())[:CHART_ROWS_MAX]):
        colour = LINES[index % len(LINES)]
        points = " ".join(f"{x_of(x):.1f},{y_of(share):.1f}" for x, share in curve)
        start = f"{x_of(curve[0][0]):.1f},{y_of(0):.1f}"
        parts.append(f'<polyline points="{start} {points}" fill="none" stroke="{colour}"'
                     ' stroke-width="2"/>')  # fmt: skip
        parts.append(f'<rect x="{10}" y="{22 + 20 * index}" width="12" height="12"'
                     f' fill="{colour}"/>')  # fmt: skip
        parts.append(_text(27, 32 + 20 * index, name))
    return _svg(max(height, 40 + 20 * len(curves)), parts, "Convergence times")


def shares_chart(report: Report) -> str:
    """Observed share of bad samples with its bounds, on a logarithmic axis."""
    shares = [e for c in report.gate.criteria for e in c.evidence if _is_share(e)]
    rows = list({(e.name, e.query, e.window_from_us): e for e in shares}.values())[:CHART_ROWS_MAX]
    confidence = report.settings.get("confidence", CONFIDENCE)

    def x_of(rate: float) -> float:
        low = math.log10(RATE_MIN)
        return LEFT + (WIDTH - LEFT - RIGHT) * (1 - math.log10(max(rate, RATE_MIN)) / low)

    height = 40 + len(rows) * ROW
    parts = []
    for power in range(round(math.log10(RATE_MIN)), 1):
        parts.append(_line(x_of(10**power), 10, x_of(10**power), height - 26))
        parts.append(_text(x_of(10**power), height - 10, f"{10.0**power * 100:g} %", "middle"))
    for row, evidence in enumerate(rows):
        passed, total = int(evidence.figures["passed"]), int(evidence.figures["total"])
        best = 1 - upper_sequence(passed, total, confidence)
        worst = 1 - lower_sequence(passed, total, confidence)
        y = 24 + row * ROW
        label = evidence.name + (" (before)" if evidence.source == "baseline" else "")
        parts.append(_text(LEFT - 10, y + 4, label, "end"))
        parts.append(_line(x_of(best), y, x_of(worst), y, "var(--blue)", 4))
        parts.append(f'<circle cx="{x_of(1 - passed / total):.1f}" cy="{y}" r="5"'
                     ' fill="var(--blue)"/>')  # fmt: skip
        parts.append(_text(WIDTH - RIGHT + 8, y + 4, f"of {total:,}"))
    return _svg(height, parts, "Shares of bad samples") if rows else ""


def _is_share(evidence: EvidenceDocument) -> bool:
    figures = evidence.figures
    passed, total = figures.get("passed"), figures.get("total")
    return isinstance(passed, int) and isinstance(total, int) and 0 <= passed <= total > 0


def _svg(height: float, parts: Iterable[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img"'
        f' aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(  # two points, a colour, a width
    x1: float, y1: float, x2: float, y2: float, colour: str = "var(--line)", width: float = 1
) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f' stroke-width="{width}"/>'
    )
