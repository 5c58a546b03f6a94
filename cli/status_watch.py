"""`figwatch status --watch`: the migration at a glance in a terminal, over SSH.

`glance` draws one look; `watch` repeats it until Ctrl-C. Off a terminal every look is printed below
the one before, for logs.
"""

import time
from typing import TYPE_CHECKING, Any

from figwatch.cli.result_tables import VERDICTS, instant, key_text
from figwatch.validators.errors import ExitCode, FigwatchError
from figwatch.validators.headline import Headline, Tone, headline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console as RichConsole
    from rich.console import ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

    from figwatch.connectors.config.root import Config

FINDINGS_MAX = 8
"""Open findings that are shown, the newest."""
WIDTH_MAX = 1000
_SIGNS = {
    Tone.GOOD: ("✓", "green"),
    Tone.WAIT: ("…", "yellow"),
    Tone.BAD: ("✕", "red"),
    Tone.UNKNOWN: ("?", "magenta"),
}
_COLOURS = {"divergent": "bold red", "overdue": "yellow", "unknown": "magenta"}


def watch(config: "Config", seconds: float, looks: int | None = None) -> ExitCode:
    """Look every `seconds`, `looks` times or until Ctrl-C. What cannot be asked is shown and asked
    again: a broker that restarts must not end the watch.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console()
    code, taken = ExitCode.OK, 0
    live = Live(console=console, screen=console.is_terminal, auto_refresh=False, transient=False)
    try:
        with live:
            while looks is None or taken < looks:
                if taken:
                    time.sleep(seconds)
                picture, code = _look(config)
                taken += 1
                if console.is_terminal:
                    live.update(picture, refresh=True)
                else:
                    console.print(picture)
    except KeyboardInterrupt:
        return ExitCode.OK
    return code


def _look(config: "Config") -> "tuple[RenderableType, ExitCode]":
    from rich.text import Text

    from figwatch.cli.evidence_view import read_view, view_document
    from figwatch.connectors.stage_evidence.gate import check_stage
    from figwatch.connectors.stage_evidence.progress import progress_of

    try:
        view, findings = read_view(config, findings=True)
        still_open = [finding for finding in findings if finding.resolved_us is None]
        document = view_document(config, view, still_open)
        progress = progress_of(config)
        stage = progress.stage if progress.last_report else "sync"
        gate = check_stage(config, stage, view.now_us, view)
        said = headline(view, stage, gate)
    except FigwatchError as error:
        problem = error.problems[0]
        return Text(
            f"cannot be asked: {problem.cause}\n{problem.fix}", style="red"
        ), error.exit_code
    picture = glance(config.migration, said, document, stage)
    return picture, ExitCode.OK if view.complete else ExitCode.INCONCLUSIVE


def glance(
    migration: str, said: Headline, document: "Mapping[str, Any]", stage: str = ""
) -> "RenderableType":
    """One look. `document` is that of `status --json`, with the open findings only."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    sign, colour = _SIGNS[said.tone]
    lines = [Text(f"{sign} {said.title}", style=f"bold {colour}")]
    lines += [
        Text(text) for text in (said.detail, said.look_next and f"→ {said.look_next}") if text
    ]
    parts = (f"figwatch {migration}", stage and f"stage {stage}", instant(document["as_of_us"]))
    title = " · ".join(part for part in parts if part)
    banner = Panel(Group(*lines), title=title, title_align="left", border_style=colour)
    return Group(banner, _pairs(document), *_findings(document))


class Fitting:
    """A table where it has room; narrower terminals get its rows as lines, with nothing cut off."""

    def __init__(self, table: "Table", lines: "list[Text]") -> None:
        self._table, self._lines = table, lines

    def __rich_console__(
        self, console: "RichConsole", options: "ConsoleOptions"
    ) -> "Iterator[RenderableType]":
        """Rich asks here what to draw."""
        from rich.measure import Measurement

        wide = options.update(width=WIDTH_MAX)
        if Measurement.get(console, wide, self._table).maximum <= options.max_width:
            yield self._table
        else:
            yield from self._lines


def _pairs(document: "Mapping[str, Any]") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table, lines = Table(header_style="bold", expand=False), []
    table.add_column("pair")
    for name in (*VERDICTS, "in time", "p50 s", "p99 s", "verified"):
        table.add_column(name.replace("_", " "), justify="right")
    for name, pair in document["pairs"].items():
        counts = []
        for verdict in VERDICTS:
            number = pair["keys"].get(verdict, 0)
            counts.append(Text(str(number), style=_COLOURS.get(verdict, "") if number else ""))
        lag = pair["convergence"]
        share = f"{lag['within_objective'] / lag['count']:.2%}" if lag["count"] else "-"
        verified = _age(document["as_of_us"], pair["verified_through_us"])
        figures = (share, f"{lag['p50_seconds']:.3f}", f"{lag['p99_seconds']:.3f}", verified)
        table.add_row(Text(name), *counts, *figures)
        words = [
            Text.assemble(count, f" {verdict.replace('_', ' ')}")
            for verdict, count in zip(VERDICTS, counts, strict=True)
        ]
        words.append(Text(f"{share} in time, p50 {figures[1]} s, p99 {figures[2]} s"))
        lines += [
            Text(name, style="bold"),
            Text(" · ").join([*words, Text(f"verified {verified}")]),
        ]
    return Fitting(table, lines)


def _age(now_us: int, then_us: int) -> str:
    return f"{max(0, now_us - then_us) / 1e6:.1f} s ago" if then_us > 0 else "never"


def _findings(document: "Mapping[str, Any]") -> "list[RenderableType]":
    from rich.table import Table
    from rich.text import Text

    found = [
        (finding["detected_us"], name, finding)
        for name, pair in document["pairs"].items()
        for finding in pair["findings"]
    ]
    if not found:
        return [Text("no open findings", style="dim")]
    newest = sorted(found, key=lambda each: each[0], reverse=True)[:FINDINGS_MAX]
    title = "open findings, newest first"
    table = Table(header_style="bold", title=title, title_justify="left")
    lines = [Text(title, style="bold")]
    for name in ("pair", "key", "kind", "columns", "since", "evidence"):
        table.add_column(name, overflow="fold")
    for _, name, finding in newest:
        since, columns = instant(finding["since_us"]), " ".join(finding["columns"])
        named = (name, key_text(finding["key"]), finding["kind"])
        cells = (*named, columns, since, finding["evidence"])
        table.add_row(*(Text(cell) for cell in cells))
        lines.append(Text(" · ".join(cell for cell in cells if cell)))
    more = len(found) - len(newest)
    shown = Fitting(table, lines)
    return [shown, Text(f"... and {more} more: figwatch findings --open")] if more else [shown]
