"""What happened lately, out of counts that only grow: the difference of two looks at them.

Used by the console for the lag of the last seconds; the totals are since the beginning.
"""

from figwatch.validators.convergence import Quantiles


def recent(now: Quantiles, before: Quantiles | None) -> Quantiles:
    """The samples that came between two looks. Its extremes are unknown, so they are those of the
    later look. Where counts fell (a worker went back to older state) there is nothing to say.
    """
    if before is None:
        return Quantiles(buckets={})
    buckets = {
        bucket: count - before.buckets.get(bucket, 0)
        for bucket, count in now.buckets.items()
        if count > before.buckets.get(bucket, 0)
    }
    count = now.count - before.count
    if count <= 0 or sum(buckets.values()) != count:
        return Quantiles(buckets={})
    return Quantiles(
        buckets=buckets,
        count=count,
        within=max(0, now.within - before.within),
        min_us=now.min_us,
        max_us=now.max_us,
        sum_us=now.sum_us - before.sum_us,
    )
