"""What went wrong while reading evidence, as a value that ends in an inconclusive criterion."""

import pathlib
import re
from dataclasses import dataclass

import httpx

from figwatch.validators.stages.facts import Origin

FILE_BYTES_MAX = 64_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """Evidence that could not be had: why, and what to do."""

    cause: str
    remedy: str

    def origin(self, source: str, query: str = "", from_us: int = 0) -> Origin:
        """The origin of a fact that carries no values."""
        return Origin(source, query, from_us=from_us, problem=self.cause, remedy=self.remedy)


@dataclass(frozen=True, slots=True)
class FileContent:
    """A whole file and the time of its last change."""

    data: bytes
    changed_us: int


def read_whole(path: str, what: str, bytes_max: int = FILE_BYTES_MAX) -> FileContent | Trouble:
    """The bytes of a file of evidence; an empty one is no evidence."""
    file = pathlib.Path(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(bytes_max + 1)
        changed_us = file.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return Trouble(f"there is no {what} {path}", "make it, or correct its path in gates")
    except OSError as error:
        return Trouble(f"{path} cannot be read: {error.strerror}", "check path and permissions")
    if len(data) > bytes_max:
        return Trouble(
            f"{path} is larger than {bytes_max} bytes", "check that it is the right file"
        )
    if not data.strip():
        return Trouble(f"{path} is empty", f"make the {what} again")
    return FileContent(data, changed_us)


def http_reason(error: Exception) -> str:
    """Why a request failed, without the URL (it may hold a password)."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"it answered {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    if isinstance(error, ValueError):
        return "its answer is no JSON"
    return type(error).__name__


def without_user(url: str) -> str:
    """A URL that may be shown."""
    return re.sub(r"//[^/@]*@", "//", url)
