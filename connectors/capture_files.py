"""Opens a capture file as it comes: plain, gzip or Zstandard by its first bytes, `-` for stdin.

A capture is read more than once, so that what cannot be read again is kept in a temporary file.
`figwatch.connectors.capture` parses the lines.
"""

import contextlib
import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import cramjam

from figwatch.validators.errors import FigwatchError

STDIN = Path("-")
_GZIP, _ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_DAMAGED = (EOFError, zlib.error, cramjam.DecompressionError, gzip.BadGzipFile)


class CaptureFile:
    """One capture; `lines` may be asked for again and again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stdin: IO[bytes] | None = None
        self._plain: IO[bytes] | None = None

    def lines(self, line_bytes_max: int) -> Iterator[bytes]:
        """The lines that are not empty; one longer than the bound is cut there.

        Raises:
            FigwatchError: the file cannot be read, or decompressed.
        """
        try:
            with self._open() as file:
                first = True
                while text := file.readline(line_bytes_max):
                    yield text.removeprefix(_BOM) if first else text
                    first = False
        except OSError as error:
            if isinstance(error, gzip.BadGzipFile):
                raise self._unreadable("the compressed file is damaged") from error
            raise self._unreadable(error.strerror or type(error).__name__) from error
        except _DAMAGED as error:
            raise self._unreadable("the compressed file is damaged or cut short") from error

    @contextlib.contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        path = self.path
        if path == STDIN:
            path = self._kept_stdin()
        with path.open("rb") as file:
            magic = file.read(len(_ZSTANDARD))
        if magic.startswith(_GZIP):
            with gzip.open(path) as unpacked:
                yield cast("IO[bytes]", unpacked)
            return
        if magic == _ZSTANDARD:
            path = self._unpacked(path)
        with path.open("rb") as file:
            yield file

    def _kept_stdin(self) -> Path:
        if self._stdin is None:
            self._stdin = _temporary()
            shutil.copyfileobj(sys.stdin.buffer, self._stdin)
            self._stdin.flush()
        return Path(self._stdin.name)

    def _unpacked(self, path: Path) -> Path:
        if self._plain is None:
            self._plain = _temporary()
            cramjam.zstd.decompress_into(path.read_bytes(), cramjam.File(self._plain.name))
        return Path(self._plain.name)

    def _unreadable(self, cause: str) -> FigwatchError:
        return FigwatchError(
            "replay.unreadable", f"{self.path}: {cause}", fix="name a readable capture file"
        )


def _temporary() -> IO[bytes]:
    """A file that is gone when its owner is."""
    return tempfile.NamedTemporaryFile(prefix="figwatch-")
