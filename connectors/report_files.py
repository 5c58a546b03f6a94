"""Reports on disk: one folder each, numbered, below `reports_dir`/migration.

    figwatch-reports/inventory/0001-prepare/{report.json, report.md, report.html, junit.xml,
                                             statement.json, statement.dsse.json}

A folder appears whole or not at all. The contents are `figwatch.validators.report.document`'s.
"""

import os
import pathlib
import re
import shutil
from collections.abc import Mapping

from figwatch.validators.errors import FigwatchError
from figwatch.validators.report.document import Previous
from figwatch.validators.report.statement import ENVELOPE, FILES, STATEMENT, sha256

FOLDER = re.compile(r"^(\d{4,9})-[a-z]+$")
FILE_BYTES_MAX = 64_000_000
REPORTS_MAX = 100_000


def report_folders(root: pathlib.Path) -> list[pathlib.Path]:
    """The reports of a migration, oldest first.

    Raises:
        FigwatchError: the folder cannot be read.
    """
    if not root.exists():
        return []
    try:
        found = [path for path in root.iterdir() if FOLDER.match(path.name)]
    except OSError as error:
        raise _unreadable(root, error) from error
    return sorted(found, key=number)[-REPORTS_MAX:]


def number(folder: pathlib.Path) -> int:
    """A report's place in the chain, from 1; 0 for a folder that is called otherwise."""
    match = FOLDER.match(folder.name)
    return int(match.group(1)) if match else 0


def newest(root: pathlib.Path) -> tuple[int, Previous | None]:
    """Number of the next report, and the one before it.

    Raises:
        FigwatchError: the newest report has no statement to chain to.
    """
    folders = report_folders(root)
    if not folders:
        return 1, None
    last = folders[-1]
    files = read_report(last)
    if STATEMENT not in files:
        raise FigwatchError(
            "report.chain",
            f"the newest report {last} has no {STATEMENT}: nothing can be chained to it",
            fix="restore it, or move the damaged folder away",
        )
    return number(last) + 1, Previous(last.name, sha256(files[STATEMENT]))


def read_report(folder: pathlib.Path) -> dict[str, bytes]:
    """Those files of a report that are there.

    Raises:
        FigwatchError: there is no such folder, or a file cannot be read.
    """
    if not folder.is_dir():
        raise FigwatchError(
            "report.not-found", f"there is no report {folder}", fix="name the folder of a report"
        )
    found = {}
    for name in (*FILES, STATEMENT, ENVELOPE):
        path = folder / name
        try:
            with path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(path, error) from error
        if len(data) > FILE_BYTES_MAX:
            raise FigwatchError("report.too-large", f"{path} is larger than {FILE_BYTES_MAX} bytes")
        found[name] = data
    return found


def write_report(folder: pathlib.Path, files: Mapping[str, bytes]) -> None:
    """Write all files of a report, or none.

    Raises:
        FigwatchError: the folder exists (somebody else has just written this number), or cannot be
            written.
    """
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        for name, data in files.items():
            with (part / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        # Fails on a folder that is there already: none of its files is ever replaced.
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise FigwatchError(
            "report.unwritable",
            f"the report {folder} cannot be written: {error.strerror}",
            fix="run the command again; or correct gates.reports_dir, or its permissions",
        ) from error


def _unreadable(path: pathlib.Path, error: OSError) -> FigwatchError:
    return FigwatchError(
        "report.unreadable", f"{path} cannot be read: {error.strerror}", fix="check its permissions"
    )
