"""Convergence time of every source change, lost ones included (design section 5).

`Quantiles` is a mergeable sketch: counts in buckets whose bounds grow by 1 %, so that a quantile is
within 0.5 % of the true sample (DDSketch, Masson et al., VLDB 2019), with exact count, maximum and
share within the objective. `show` finds the source versions that a target version proves shown.
"""

import math

import msgspec

from figwatch.validators.state import Entry, Source, Target
from figwatch.validators.versions import prefix

MAX_AHEAD = 8
"""Target versions remembered for measuring while the source's events are still unread."""
_GROWTH = 1.01
_LOG_GROWTH = math.log(_GROWTH)
_SMALLEST_US = 100


class Quantiles(msgspec.Struct, array_like=True, gc=False):
    """Samples in microseconds. Bucket 0 holds everything up to 100 us, negative samples too."""

    count: int = 0
    within: int = 0
    negative: int = 0
    """Samples below zero: evidence of clock skew, not zeros."""
    min_us: int = 0
    max_us: int = 0
    sum_us: int = 0
    buckets: dict[int, int] = {}

    def add(self, sample_us: int, objective_us: int) -> None:
        """Count one sample; the number of buckets is bounded by the logarithm of a sample."""
        self.min_us = sample_us if not self.count else min(self.min_us, sample_us)
        self.max_us = sample_us if not self.count else max(self.max_us, sample_us)
        self.count += 1
        self.sum_us += sample_us
        self.within += sample_us <= objective_us
        self.negative += sample_us < 0
        bucket = 0
        if sample_us > _SMALLEST_US:
            bucket = math.ceil(math.log(sample_us / _SMALLEST_US) / _LOG_GROWTH)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1

    def merge(self, other: "Quantiles") -> None:
        """Add the samples of another sketch."""
        if not other.count:
            return
        self.min_us = min(self.min_us, other.min_us) if self.count else other.min_us
        self.max_us = max(self.max_us, other.max_us) if self.count else other.max_us
        self.count += other.count
        self.within += other.within
        self.negative += other.negative
        self.sum_us += other.sum_us
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def quantile_seconds(self, q: float) -> float:
        """Smallest sample not below a share `q` of all (nearest rank), in seconds; 0.0: none."""
        rank = max(1, math.ceil(q * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                if bucket == 0:
                    return min(self.max_us, max(self.min_us, 0)) / 1e6
                middle = _SMALLEST_US * math.exp(bucket * _LOG_GROWTH) * 2 / (1 + _GROWTH)
                return min(max(middle, self.min_us), self.max_us) / 1e6
        return 0.0


def bucket_seconds(bucket: int) -> float:
    """Upper bound of a bucket of `Quantiles`."""
    return _SMALLEST_US * math.exp(bucket * _LOG_GROWTH) / 1e6


def show(
    source: Source, fingerprint: bytes | None, commit_us: int, *, timed: bool, clocks_us: int = 0
) -> list[int] | None:
    """Say that the target showed a version at `commit_us`; None when it is none of the ring's.

    Where values repeat it is the next equal version after the one shown before, if that was
    committed by then (within `clocks_us`), else an older one, which shows nothing new. Returns
    the samples in microseconds, for the versions skipped on the way too. `timed` is False where
    the target's time is no commit time (a snapshot row).
    """
    ring = source.ring
    older = any(e.fingerprint == fingerprint for e in ring[: source.shown + 1])
    older = older or (source.born and fingerprint is None)
    for n, (prefixed, _) in enumerate(source.dropped, 1):
        if prefixed == prefix(fingerprint):
            passed, source.dropped = source.dropped[:n], source.dropped[n:]
            _take_back(source, Entry(fingerprint, passed[-1][1], None, -1, -1, sample=False))
            return [commit_us - t for _, t in passed] if timed else []
    for i in range(source.shown + 1, len(ring)):
        if ring[i].fingerprint == fingerprint and not ring[i].unknown:
            if older and ring[i].commit_us > commit_us + clocks_us:
                break
            newly = [t for _, t in source.dropped]
            newly += [e.commit_us for e in ring[source.shown + 1 : i + 1] if e.sample]
            source.shown, source.dropped = i, []
            return [commit_us - t for t in newly] if timed else []
    return [] if older else None


def _take_back(source: Source, shown: Entry) -> None:
    """A version that the ring had no room for is shown: it stands in front of the hole."""
    source.ring[: source.cut] = [shown]
    source.shown, source.cut, source.born = 0, 1, False


def target_shows(
    source: Source | None, target: Target, commit_us: int, *, timed: bool, new: bool, clocks_us: int
) -> list[int]:
    """Match what the target shows since `commit_us`, or remember it until the source's event is
    read. `new` is False where the value did not change.
    """
    fingerprint = target.fingerprint
    if source is not None and not (target.ahead and timed):
        shown = show(source, fingerprint, commit_us, timed=timed, clocks_us=clocks_us)
        if shown is not None:
            return shown
    if timed and new:
        if len(target.ahead) >= MAX_AHEAD:
            del target.ahead[0]
        target.ahead.append((fingerprint, commit_us))
    return source_explains(source, target, clocks_us) if source is not None else []


def source_explains(source: Source, target: Target | None, clocks_us: int) -> list[int]:
    """Match target versions that were read before the source's events which explain them.

    One that shows nothing new (written again, or foreign) is passed over once a later one does.
    """
    samples: list[int] = []
    i = 0
    while target is not None and i < len(target.ahead):
        fingerprint, commit_us = target.ahead[i]
        before = source.shown
        found = show(source, fingerprint, commit_us, timed=True, clocks_us=clocks_us)
        i += 1
        if found or source.shown > before:
            samples += found or []
            del target.ahead[:i]
            i = 0
    return samples


def rest(source: Source, target: Target) -> None:
    """Drop target versions that no source event still to be read can explain: those from before
    the newest source event. Asked when the sides are equal.
    """
    newest_us = source.ring[-1].commit_us
    target.ahead = [(f, t) for f, t in target.ahead if t > newest_us]


def forget_coalesced(source: Source) -> None:
    """Versions that the target skipped without a trace (inserted and deleted at once, say) give
    no sample; asked once the replicator is known to be done with them.
    """
    source.shown, source.dropped = len(source.ring) - 1, []
