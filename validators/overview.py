"""The partitions' summaries as one: is every partition there, and fresh?

Pure. `figwatch.connectors.evidence` reads the summaries; status, gate and findings ask here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from figwatch.validators.summary import Summary, merge

AHEAD_MAX_US = 60_000_000
"""By how much the clocks of workers and readers may differ."""
LISTED_MAX = 8
"""Partitions and workers that a reason names."""


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
    """Internal partitions whose summary is older than allowed, or from too far in the future."""
    unreadable: int
    """Records that this version of figwatch cannot read."""
    now_us: int
    ahead: tuple[int, ...] = ()
    """Of these, the latter."""
    silent: tuple[str, ...] = ()
    """Workers that wrote the old ones and no fresh one: at most `LISTED_MAX`."""

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
        if old := tuple(n for n in self.stale if n not in self.ahead):
            by = f", last by {', '.join(self.silent)}" if self.silent else ""
            parts.append(f"an old summary of partition {_listed(old)}{by}")
        if self.ahead:
            far = f"a summary from the future of partition {_listed(self.ahead)}"
            parts.append(f"{far}: the workers' clocks and this machine's differ")
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

    A summary from the future is fresh, since clocks differ; but not one from further than
    `AHEAD_MAX_US`: it would be called fresh for as long after its worker had died.
    """
    missing = tuple(n for n in range(partitions) if n not in summaries)
    known = {n: summary for n, summary in summaries.items() if n < partitions}
    old = {n for n, summary in known.items() if now_us - summary.as_of_us > fresh_us}
    ahead = tuple(n for n, one in sorted(known.items()) if one.as_of_us - now_us > AHEAD_MAX_US)
    heard = {one.worker for n, one in known.items() if n not in old}
    silent = tuple(sorted({known[n].worker for n in old} - heard - {""})[:LISTED_MAX])
    merged = merge(known[n] for n in sorted(known))
    stale = tuple(sorted(old.union(ahead)))
    return Overview(merged, partitions, missing, stale, unreadable, now_us, ahead, silent)


def _listed(numbers: tuple[int, ...]) -> str:
    text = ", ".join(map(str, numbers[:LISTED_MAX]))
    return text + (f" and {len(numbers) - LISTED_MAX} more" if len(numbers) > LISTED_MAX else "")
