"""Exact binomial bounds (Clopper and Pearson, Biometrika 26, 1934), one-sided.

With `passed` of `samples`, the true share is at least `lower_bound` at the given confidence, and
at most `upper_bound`. Exact: the confidence is never overstated, whatever the share. Used by
`figwatch.validators.gate`.
"""

from scipy.special import betaincinv

SAMPLES_MAX = 1 << 40


def lower_bound(passed: int, samples: int, confidence: float) -> float:
    """The smallest share that is compatible with the sample."""
    if passed <= 0:
        return 0.0
    return float(betaincinv(passed, samples - passed + 1, 1 - confidence))


def upper_bound(passed: int, samples: int, confidence: float) -> float:
    """The largest share that is compatible with the sample."""
    if passed >= samples:
        return 1.0
    return float(betaincinv(passed + 1, samples - passed, confidence))


def samples_needed(failed: int, share: float, confidence: float) -> int:
    """How many samples show at least `share`, if no more than `failed` of them fail.

    Claiming 99.99 % at 95 % takes 29,956 with no failure, 47,437 with one.
    """
    low, high = failed, max(2 * failed, 1)
    while lower_bound(high - failed, high, confidence) < share:
        low, high = high, high * 2
        if high > SAMPLES_MAX:
            return SAMPLES_MAX
    while low + 1 < high:
        middle = (low + high) // 2
        if lower_bound(middle - failed, middle, confidence) < share:
            low = middle
        else:
            high = middle
    return high
