"""One judge per internal partition: applies what the decoder says, keeps each key's state, calls
the rules, reports findings. Pure: `now_us` comes in with every call. (Interface agreed; body next.)
"""

from collections.abc import Iterable, Iterator

from figwatch.validators.change import Reading, Record


class Judge:
    """State of one partition of `<app>-changes`."""

    def __init__(self, pairs: "tuple[PairRules, ...]", partition: int = 0) -> None: ...

    def apply(self, record: Record, now_us: int) -> None:
        """Apply one record; a record already applied (raw offset not beyond) changes nothing."""

    def read(self, reading: Reading) -> None:
        """Take one reading of the replicator (live: broadcast to every judge of the worker)."""

    def evaluate(self, now_us: int) -> None:
        """Judge every pending key again: call after marks, barriers and readings, a few times a second."""

    def take_findings(self) -> "list[Finding]":
        """Findings opened, changed or resolved since the last call."""

    def take_dirty(self) -> "Iterator[tuple[bytes, bytes | None]]":
        """Packed state changed since the last call, for the changelog; None deletes."""

    def load(self, items: "Iterable[tuple[bytes, bytes]]", now_us: int) -> None:
        """Restore from changelog records; every reading condition starts afresh."""

    def summary(self, now_us: int) -> "Summary":
        """Mergeable counts, watermarks, convergence sketch of this partition."""
