"""How the story sounds: rich on a terminal, plain lines elsewhere. Used by `run`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from figwatch.demo.story import WRONG

if TYPE_CHECKING:
    from figwatch.demo.comparison import Row
    from figwatch.demo.sandbox import Progress
    from figwatch.demo.story import Report


HEADINGS = ("fault", "pair", "item", "expected", "found", "after", "resolved", "")


class RichNarrator:
    """Speaks on stdout or, where stdout is for data, on stderr; each line with its time."""

    def __init__(self, *, stderr: bool) -> None:
        self._console = Console(stderr=stderr, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._stage = ""

    def chapter(self, title: str) -> None:
        self._console.print(f"\n{self._time()}  [bold]{title}[/bold]")

    def say(self, text: str) -> None:
        style = "red" if text.startswith(WRONG) else "default"
        self._console.print(f"{self._time()}    {text}", style=style, markup=False)

    def progress(self, progress: Progress) -> None:
        """The sandbox's start: one line a stage, and every tenth of a download."""
        tenth = progress.done * 10 // max(progress.total, 1)
        stage = f"{progress.stage} {tenth if progress.stage == 'download' else ''}".strip()
        if stage != self._stage:
            self._stage = stage
            self.say(f"sandbox: {progress.stage} {progress.done}/{progress.total}")

    def close(self, report: Report) -> None:
        """Planted and found side by side, and the verdict."""
        cells = [_cells(row) for row in report.planted.planted]
        self._console.print()
        if self._console.is_terminal:
            table = Table(*HEADINGS, title="planted and found")
            for row in cells:
                table.add_row(*row)
            self._console.print(table)
        else:
            widths = [max(len(row[i]) for row in [HEADINGS, *cells]) for i in range(len(HEADINGS))]
            for row in [HEADINGS, *cells]:
                line = "  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True))
                self._console.print(line.rstrip(), markup=False)
        for false in report.planted.false_findings:
            columns = "+".join(false.columns)
            self.say(f"{WRONG}: found {false.pair} {false.item_id} {false.kind} {columns}")
        for failure in report.failures:
            self.say(f"{WRONG}: {failure}")
        if report.passed:
            self.say(f"Passed: all {len(cells)} findings were planted, and all planted were found.")
        else:
            self.say("Failed.")

    def _time(self) -> str:
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.fault.replace("_", " "),
        row.pair,
        str(row.item_id),
        " ".join((row.kind, *row.columns)),
        " ".join((row.found_kind or "nothing", *(row.found_columns or ()))),
        "" if row.seconds is None else f"{row.seconds:.1f} s",
        "yes" if row.resolved else "no",
        "ok" if row.ok else "WRONG",
    )
