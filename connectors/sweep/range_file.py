"""The ranges of a pair on disk, written whole or not at all, so that a sweep that is stopped goes
on with what it has not looked at.

It names keys, so only its owner may read it. `figwatch.connectors.sweep.background` writes it.
"""

import pathlib

import msgspec

from figwatch.connectors.sweep.state_file import write_private
from figwatch.validators.sweep.ranges import Ranges


class RangeFile:
    """The file of one pair, with what it holds kept in memory."""

    def __init__(self, folder: pathlib.Path, migration: str, pair: str) -> None:
        self._path = folder / f"sweep-{migration}-{pair}-ranges.json"
        self._kept: Ranges | None = None

    def save(self, ranges: Ranges) -> None:
        """A disk that is full costs the memory of a restart only."""
        self._kept = ranges
        write_private(self._path, msgspec.json.encode(ranges))

    def load(self) -> Ranges | None:
        """What was written last; None where there is nothing that can be read."""
        if self._kept is None:
            try:
                self._kept = msgspec.json.decode(self._path.read_bytes(), type=Ranges)
            except (OSError, msgspec.MsgspecError):
                return None
        return self._kept
