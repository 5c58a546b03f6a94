"""Who approved which document, in a file that grows: one JSON object a line, chained by digest.

Each line holds the digest of the one before, so that a changed, removed or reordered line is
noticed. `figwatch approve` appends, stage `prepare` reads.
"""

import os
import pathlib

import msgspec

from figwatch.connectors.stage_evidence.documents import digest
from figwatch.connectors.stage_evidence.problems import Trouble
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.facts import Approval

APPROVALS_MAX = 100_000
FILE_BYTES_MAX = 64_000_000
FILE_NAME = "approvals.jsonl"


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    by: str
    at_us: int
    path: str
    sha256: str
    comment: str
    previous: str
    """SHA-256 of the line before, "" for the first."""


def read_approvals(folder: pathlib.Path) -> tuple[Approval, ...] | Trouble:
    """Every approval, oldest first; none where there is no file."""
    lines = _lines(folder)
    if isinstance(lines, Trouble):
        return lines
    found = []
    previous = ""
    for number, raw in enumerate(lines, 1):
        try:
            line = msgspec.json.decode(raw, type=_Line)
        except msgspec.DecodeError:
            line = None
        if line is None or line.previous != previous:
            cause = f"{folder / FILE_NAME}:{number} was changed, or a line before it is missing"
            return Trouble(cause, "restore the file from version control")
        found.append(Approval(line.by, line.at_us, line.path, line.sha256, line.comment))
        previous = digest(raw)
    return tuple(found)


def append_approval(folder: pathlib.Path, approval: Approval) -> None:
    """Add one, behind all others.

    Raises:
        FigwatchError: the file is damaged or cannot be written.
    """
    before = read_approvals(folder)
    if isinstance(before, Trouble):
        raise FigwatchError("approve.damaged", before.cause, fix=before.remedy)
    lines = _lines(folder)
    assert not isinstance(lines, Trouble)
    line = _Line(
        approval.by,
        approval.at_us,
        approval.path,
        approval.sha256,
        approval.comment,
        digest(lines[-1]) if lines else "",
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # One write in append mode: two people at once end in a broken chain, never in half a line.
        with (folder / FILE_NAME).open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(line) + b"\n")
            os.fsync(file.fileno())
    except OSError as error:
        raise FigwatchError(
            "approve.unwritable",
            f"{folder / FILE_NAME} cannot be written: {error.strerror}",
            fix="correct gates.state_dir, or its permissions",
        ) from error


def _lines(folder: pathlib.Path) -> list[bytes] | Trouble:
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        return Trouble(f"{path} cannot be read: {error.strerror}", "check its permissions")
    if len(data) > FILE_BYTES_MAX or data.count(b"\n") > APPROVALS_MAX:
        return Trouble(f"{path} is too large", "start a new file for a new migration")
    if data and not data.endswith(b"\n"):
        return Trouble(f"{path} is cut short", "restore the file from version control")
    return data.splitlines()
