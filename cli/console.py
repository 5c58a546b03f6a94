"""Where output goes: data on stdout, everything else on stderr.

On a terminal tables are drawn by rich; anywhere else they are plain aligned text, which other
programs can cut. `NO_COLOR` is honoured (rich does). Commands call this, errors go through
`figwatch.cli.boundary`.
"""

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from figwatch.validators.errors import Problem


def print_json(document: Any) -> None:
    """One JSON document. Decimals, UUIDs, bytes and times are written as msgspec does."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    sys.stdout.write(text + "\n")


def print_text(text: str = "") -> None:
    """A line of the answer."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line beside the answer: progress, a hint."""
    sys.stderr.write(text + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table of the answer; numbers are aligned to the right."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    right = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(columns))]
    if sys.stdout.isatty():
        _draw(title, columns, cells, right)
        return
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    if title:
        print_text(title)
    for row in [list(columns), *cells]:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        print_text("  ".join(padded).rstrip())


def print_problem(problem: Problem, kind: str) -> None:
    """A problem on stderr, as `kind` ("error", "warning"): cause, place and fix."""
    bold, red, yellow, plain = _styles()
    colour = red if kind == "error" else yellow
    note(f"{colour}{kind}{plain} {bold}{problem.cause}{plain} [{problem.code}]")
    if problem.where:
        note(f"  at:  {problem.where}")
    if problem.fix:
        note(f"  fix: {problem.fix}")


def _draw(
    title: str, columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name, to_right in zip(columns, right, strict=True):
        table.add_column(name, justify="right" if to_right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _is_number(cell: str) -> bool:
    return not cell or cell.replace(".", "", 1).removeprefix("-").isdigit()


def _styles() -> tuple[str, str, str, str]:
    import os

    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return "", "", "", ""
    return "\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[0m"
