"""The state of a sweep on disk, written whole or not at all, so that a killed one can go on.

What it holds: `figwatch.validators.sweep.progress`. It names keys, so only its owner may read it.
"""

import contextlib
import hashlib
import os
import pathlib
import tempfile
import time

import msgspec

from figwatch.validators.mapping.rules import PairRule
from figwatch.validators.sweep.facts import TableFacts
from figwatch.validators.sweep.plan import SweepPlan
from figwatch.validators.sweep.progress import Totals

STATE_VERSION = 2


class Kept(msgspec.Struct, frozen=True):
    """A sweep that was cut short. `digest` stands for mapping, tables and way: a state of anything
    else is of no use.
    """

    version: int
    digest: str
    saved_at: float
    """Seconds since the epoch."""
    phase: int
    after: tuple[str, ...] | None
    totals: Totals
    seconds: float
    began_us: int
    """When its first look began, wall clock."""


def write_private(path: pathlib.Path, data: bytes) -> None:
    """Write a file for its owner alone: beside its place, and moved in. What fails, fails
    silently: it is memory, no result.
    """
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with open(handle, "wb") as file:  # noqa: PTH123  # a descriptor, private by mkstemp
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        pathlib.Path(draft).replace(path)


def digest(rule: PairRule, plan: SweepPlan, tables: tuple[TableFacts, TableFacts]) -> str:
    """What a state belongs to."""
    text = repr((rule, plan.way, plan.order, [table.shape for table in tables]))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class StateFile:
    """The state of one pair."""

    def __init__(self, folder: pathlib.Path, migration: str, pair: str) -> None:
        self._path = folder / f"sweep-{migration}-{pair}.json"

    def save(self, kept: Kept) -> None:
        """A disk that is full costs the resume only."""
        write_private(self._path, msgspec.json.encode(kept))

    def load(self, expected: str, age_max_seconds: float) -> tuple[Kept | None, str]:
        """The state to go on from; without one, why."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return None, "there is no state to resume from: started anew"
        except (OSError, msgspec.MsgspecError):
            return None, "the state to resume from cannot be read: started anew"
        if kept.version != STATE_VERSION or kept.digest != expected:
            return None, "the mapping or a table has changed since: started anew"
        if time.time() - kept.saved_at > age_max_seconds:
            return None, "the state to resume from is too old: started anew"
        return kept, ""

    def forget(self) -> None:
        """The sweep is over."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def kept_of(
    expected: str, position: tuple[int, tuple[str, ...] | None], totals: Totals, seconds: float,
    began_us: int,
) -> Kept:  # fmt: skip
    """What to write down of a sweep that goes on at `position`."""
    now = time.time()
    return Kept(STATE_VERSION, expected, now, *position, totals, seconds, began_us)
