"""A report as Markdown, small enough for a comment on a pull request (GitHub takes 65,536)."""

import datetime as dt
from collections.abc import Sequence

from figwatch.validators.report.document import Report
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.stages.document import CriterionDocument, EvidenceDocument

BYTES_MAX = 60_000
CELL_CHARS_MAX = 300
MARKS = {"pass": "✅ pass", "fail": "❌ fail", "inconclusive": "❔ inconclusive"}
CUT = "\n\n… and more: report.json has it all.\n"


def markdown(report: Report) -> str:
    """The answer first, then what is missing, then figures and evidence, at most 60 kB."""
    gate = report.gate
    parts = [
        f"# {report.migration}: stage `{report.stage}`: {MARKS[gate.verdict]}\n",
        (
            f"Report {report.sequence} of {instant(report.created_us)}, evidence as of "
            f"{instant(gate.as_of_us)}, figwatch {report.figwatch_version}.\n"
        ),
        _criteria(gate.criteria),
        *(f"- not checked: {_cell(text)}\n" for text in gate.not_checked),
        _pairs(report),
        _evidence(report),
        _streams(report),
        _chain(report),
    ]
    text = "\n".join(part for part in parts if part)
    data = text.encode()
    if len(data) < BYTES_MAX:
        return text
    room = BYTES_MAX - len(CUT.encode()) - 1
    return data[:room].decode(errors="ignore").rpartition("\n")[0] + CUT


def instant(at_us: int) -> str:
    """Microseconds since the epoch as UTC; "-" for none."""
    if at_us <= 0:
        return "-"
    try:
        at = dt.datetime.fromtimestamp(at_us / 1e6, tz=dt.UTC)
    except (ValueError, OverflowError, OSError):
        return str(at_us)
    return at.strftime("%Y-%m-%d %H:%M:%SZ")


def _criteria(criteria: list[CriterionDocument]) -> str:
    rows = [
        (c.name, c.pair or c.subject or "", MARKS[c.verdict], c.reason, c.missing or "")
        for c in criteria
    ]
    return _table(("criterion", "of", "verdict", "because", "missing"), rows)


def _pairs(report: Report) -> str:
    if not report.pairs:
        return ""
    rows = [
        (
            name,
            ", ".join(f"{count} {verdict}" for verdict, count in pair.keys.items() if count),
            (
                f"{pair.convergence.within_objective} of "
                f"{pair.convergence.count + pair.convergence.unshown}"
            ),
            f"{pair.convergence.p99_seconds:.3f} s",
            instant(pair.verified_through_us),
        )
        for name, pair in report.pairs.items()
    ]
    title = f"within {report.objective_seconds:g} s"
    return "## Pairs\n\n" + _table(("pair", "keys", title, "p99", "verified through"), rows)


def _evidence(report: Report) -> str:
    rows = [(c.name, e.name, e.source, e.query, span(e), str(e.samples), said(e))
            for c in report.gate.criteria for e in c.evidence]  # fmt: skip
    columns = ("criterion", "of", "source", "asked", "time", "samples", "figures")
    parts = [_table(columns, rows)] if rows else []
    parts += [f"{text}\n"] if (text := by_streams(report)) else []
    return "\n".join(["## Evidence\n", *parts]) if parts else ""


def span(evidence: EvidenceDocument) -> str:
    """The time that a piece of evidence covers."""
    if not evidence.window_from_us:
        return instant(evidence.observed_us)
    return f"{instant(evidence.window_from_us)} to {instant(evidence.observed_us)}"


def said(evidence: EvidenceDocument) -> str:
    """What it says, or why it says nothing."""
    if evidence.problem:
        return evidence.problem
    figures = [f"{name} {value}" for name, value in evidence.figures.items()]
    return ", ".join([*figures, *evidence.notes])


def by_streams(report: Report) -> str:
    """What decided criteria rest on that have no piece of evidence of their own; empty for none."""
    decided = (c for c in report.gate.criteria if c.verdict != Answer.INCONCLUSIVE.value)
    names = dict.fromkeys(c.name for c in decided if not c.evidence)
    if not (names and report.streams):
        return ""
    return f"By the change streams, at the positions below: {', '.join(names)}."


def _streams(report: Report) -> str:
    rows = [
        (s.topic, str(s.partition), str(s.next_offset), instant(s.watermark_us), s.gap)
        for s in report.streams
    ]
    if not rows:
        return ""
    columns = ("topic", "partition", "next offset", "watermark", "gap")
    return "## Positions in the change streams\n\n" + _table(columns, rows)


def _chain(report: Report) -> str:
    before = report.previous
    chain = f"after `{before.folder}` (sha256 `{before.sha256}`)" if before else "the first one"
    signed = f", signed by key `{report.signed_by}`" if report.signed_by else ", not signed"
    return f"Report {report.sequence}, {chain}{signed}. `figwatch report verify` checks it.\n"


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """One line, without what would end the cell or begin HTML."""
    line = " ".join(text.split())
    if len(line) > CELL_CHARS_MAX:
        line = line[: CELL_CHARS_MAX - 1] + "…"
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
