"""The partitions' summaries as one: is every partition there, and fresh?

Pure. `figwatch.connectors.evidence` reads the summaries; status, gate and findings ask here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from figwatch.validators.summary import Summary, merge


@dataclass(frozen=True)
class Overview:
    """All partitions at `now_us`. `merged` has everything that is known, however old; it counts
    as the whole only where `complete`.
    """

    merged: Summary | None
    partitions: int
    missing: tuple[int, ...]
    """Internal partitions that have never been summarised."""
    stale: tuple[int, ...]
    """Internal partitions whose summary is older than allowed."""
    unreadable: int
    """Records that this version of figwatch cannot read."""
    now_us: int

    @property
    def complete(self) -> bool:
        """Every partition has a fresh summary."""
        return not (self.missing or self.stale or self.unreadable) and self.merged is not None

    @property
    def reason(self) -> str:
        """Why it is not complete, for people; empty where it is."""
        if self.complete:
            return ""
        if self.merged is None and not self.unreadable:
            return "no worker has reported yet"
        parts = []
        if self.missing:
            parts.append(f"no summary of partition {_listed(self.missing)}")
        if self.stale:
            parts.append(f"an old summary of partition {_listed(self.stale)}")
        if self.unreadable:
            parts.append(f"{self.unreadable} records of another version of figwatch")
        return ", ".join(parts) + f" (of {self.partitions} partitions)"


def overview(
    summaries: Mapping[int, Summary],
    partitions: int,
    now_us: int,
    fresh_us: int,
    unreadable: int = 0,
) -> Overview:
    """Merge the summaries of `partitions` partitions; older than `fresh_us` is stale.

    A summary from the future is fresh: clocks differ, and it is no older for that.
    """
    missing = tuple(n for n in range(partitions) if n not in summaries)
    known = {n: summary for n, summary in summaries.items() if n < partitions}
    stale = tuple(n for n, summary in sorted(known.items()) if now_us - summary.as_of_us > fresh_us)
    merged = merge(known[n] for n in sorted(known))
    return Overview(merged, partitions, missing, stale, unreadable, now_us)


LISTED_MAX = 8


def _listed(numbers: tuple[int, ...]) -> str:
    text = ", ".join(map(str, numbers[:LISTED_MAX]))
    return text + (f" and {len(numbers) - LISTED_MAX} more" if len(numbers) > LISTED_MAX else "")
