"""Exact binomial bounds (Clopper and Pearson, Biometrika 26, 1934), one-sided.

With `passed` of `samples`, the true share is at least `lower_bound` at the given confidence, and
at most `upper_bound`. Exact: the confidence is never overstated, whatever the share. Used by
`figwatch.validators.statistics.compare`, for what is looked at once.
"""

from scipy.special import betaincinv


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
