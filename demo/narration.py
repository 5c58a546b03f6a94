"""How the story sounds: rich on a terminal, plain lines elsewhere. Used by `run`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from figwatch.demo.sandbox import Progress
    from figwatch.demo.story import Report


class RichNarrator:
    """Speaks on stdout or, where stdout is for data, on stderr; each line with its time."""

    def __init__(self, *, stderr: bool) -> None:
        self._console = Console(stderr=stderr, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._stage = ""

    def chapter(self, title: str) -> None:
        self._console.print(f"\n{self._time()}  [bold]{title}[/bold]")

    def say(self, text: str) -> None:
        style = "red" if text.startswith("NOT AS IT MUST BE") else "default"
        self._console.print(f"{self._time()}    {text}", style=style, markup=False)

    def progress(self, progress: Progress) -> None:
        """The sandbox's start: one line a stage, and every tenth of a download."""
        tenth = progress.done * 10 // max(progress.total, 1)
        stage = f"{progress.stage} {tenth if progress.stage == 'download' else ''}".strip()
        if stage != self._stage:
            self._stage = stage
            self.say(f"sandbox: {progress.stage} {progress.done}/{progress.total}")

    def close(self, report: Report) -> None:
        """The table of planted and found, and the verdict."""
        table = Table(title="planted and found")
        for heading in ("fault", "pair", "item", "expected", "found", "after", "resolved", ""):
            table.add_column(heading)
        for row in report.planted.planted:
            table.add_row(
                row.fault.replace("_", " "),
                row.pair,
                str(row.item_id),
                f"{row.kind} {' '.join(row.columns)}",
                f"{row.found_kind or 'nothing'} {' '.join(row.found_columns or ())}",
                "" if row.seconds is None else f"{row.seconds:.1f} s",
                "yes" if row.resolved else "no",
                "ok" if row.ok else "WRONG",
            )
        self._console.print()
        self._console.print(table)
        for false in report.planted.false_findings:
            self.say(f"NOT AS IT MUST BE: a false finding: {false}")
        for failure in report.failures:
            self.say(f"NOT AS IT MUST BE: {failure}")
        count = len(report.planted.planted)
        if report.passed:
            self.say(f"Passed: all {count} findings that were planted were found, and no other.")
        else:
            self.say("Failed.")

    def _time(self) -> str:
        seconds = int(time.monotonic() - self._began)
        return f"{seconds // 60:02d}:{seconds % 60:02d}"
