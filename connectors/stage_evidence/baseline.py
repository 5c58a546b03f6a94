"""What was recorded of the monolith before the change: `figwatch baseline` writes, gates compare.

One JSON file a stage, replaced as a whole, so that a kill leaves the old one.
"""

import os
import pathlib

import msgspec

from figwatch.connectors.stage_evidence.catalogue import Counters
from figwatch.connectors.stage_evidence.problems import FileContent, Trouble, read_whole
from figwatch.validators.errors import FigwatchError
from figwatch.validators.stages.facts import Share

BASELINE_VERSION = 1
FILE_BYTES_MAX = 16_000_000


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that one stage compares with. Levels are by name."""

    stage: str
    recorded_us: int
    in_time: Share | None = None
    without_error: Share | None = None
    latency_seconds: float = 0.0
    tables: dict[str, Counters] = {}
    lines: int | None = None
    resources: dict[str, float] = {}
    version: int = BASELINE_VERSION


class ShadowResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last run of `figwatch shadow`. No answer is kept."""

    share: Share
    unanswered: int
    """Requests that one of the two did not answer with 2xx alone: they count as differing."""
    differing: dict[str, int]
    """Member to how often it differed; `status` where one had the item and the other did not."""
    version: int = 1


def baseline_path(folder: pathlib.Path, stage: str) -> pathlib.Path:
    return folder / f"baseline-{stage}.json"


def shadow_path(folder: pathlib.Path) -> pathlib.Path:
    return folder / "shadow.json"


def read_baseline(folder: pathlib.Path, stage: str) -> Baseline | Trouble | None:
    """The recorded one; None where nothing was recorded."""
    path = baseline_path(folder, stage)
    content = _content(path)
    if not isinstance(content, FileContent):
        return content
    try:
        baseline = msgspec.json.decode(content.data, type=Baseline)
    except msgspec.DecodeError:
        return _damaged(path, f"figwatch baseline --stage {stage}")
    return baseline if baseline.version == BASELINE_VERSION else _damaged(path, "figwatch baseline")


def read_shadow(folder: pathlib.Path) -> ShadowResult | Trouble | None:
    """The last run; None where there was none."""
    content = _content(shadow_path(folder))
    if not isinstance(content, FileContent):
        return content
    try:
        return msgspec.json.decode(content.data, type=ShadowResult)
    except msgspec.DecodeError:
        return _damaged(shadow_path(folder), "figwatch shadow")


def write_whole(path: pathlib.Path, data: bytes) -> None:
    """Replace a file as a whole.

    Raises:
        FigwatchError: the folder cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise FigwatchError(
            "gates.unwritable",
            f"{path} cannot be written: {error.strerror}",
            fix="correct gates.state_dir and gates.reports_dir, or their permissions",
        ) from error


def _content(path: pathlib.Path) -> FileContent | Trouble | None:
    return read_whole(str(path), "record", FILE_BYTES_MAX) if path.exists() else None


def _damaged(path: pathlib.Path, command: str) -> Trouble:
    return Trouble(f"{path} is damaged, or of another version of figwatch", f"`{command}`")
