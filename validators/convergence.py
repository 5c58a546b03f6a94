"""Convergence time of every source change, lost ones included (design section 5).

`Quantiles` is a mergeable sketch: counts in buckets whose bounds grow by 1 %, so that a quantile is
within 0.5 % of the true sample (DDSketch, Masson et al., VLDB 2019), with exact count, maximum and
share within the objective. `show` finds the source versions that a target version proves shown.
"""

import math

import msgspec

from figwatch.validators.history import MAX_AHEAD
from figwatch.validators.state import Source, Target

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
        """The smallest sample not below a share `q` of all (nearest rank), in seconds; 0.0: none."""
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


def show(
    source: Source, fingerprint: bytes | None, commit_us: int, *, timed: bool
) -> list[int] | None:
    """Say that the target showed a version at `commit_us`; None when it is none of the ring's.

    Where values repeat it is the next equal version after the one shown before, else an older one,
    which shows nothing new. Returns the samples in microseconds, for the versions skipped on the
    way too. `timed` is False where the target's time is no commit time (a snapshot row).
    """
    ring = source.ring
    for i in range(source.shown + 1, len(ring)):
        if ring[i].fingerprint == fingerprint and not ring[i].unknown:
            newly = ring[source.shown + 1 : i + 1]
            source.shown = i
            return [commit_us - e.commit_us for e in newly if e.sample and timed]
    older = any(e.fingerprint == fingerprint for e in ring[: source.shown + 1])
    if older or (source.born and fingerprint is None):
        return []
    return None


def target_shows(source: Source | None, target: Target, *, timed: bool) -> list[int]:
    """Match the target's newest version, or remember it until the source's event is read."""
    shown = show(source, target.fingerprint, target.commit_us, timed=timed) if source else None
    if shown is not None:
        target.ahead.clear()
        return shown
    if timed:
        if len(target.ahead) >= MAX_AHEAD:
            del target.ahead[0]
        target.ahead.append((target.fingerprint, target.commit_us))
    return []


def source_explains(source: Source, target: Target | None) -> list[int]:
    """Match target versions that were read before the source's events which explain them."""
    samples: list[int] = []
    while target is not None and target.ahead:
        fingerprint, commit_us = target.ahead[0]
        before = source.shown
        found = show(source, fingerprint, commit_us, timed=True)
        if found is None or source.shown == before:
            break
        samples += found
        del target.ahead[0]
    return samples
