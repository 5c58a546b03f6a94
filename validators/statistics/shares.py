"""Shares from samples: bounds that stay valid however often the gate is asked.

A gate that is asked every minute until it passes looks at its data thousands of times. An exact
binomial bound (`figwatch.validators.statistics.binomial`) is meant for one look and then passes too
easily; the bounds here hold at all looks together. Pure. `figwatch.validators.statistics.compare`
compares two systems with them, `figwatch.validators.stages` decides.

Derivation. Let each sample pass with a probability of at most p0, given all samples before it.
For any fixed q > p0 the likelihood ratio (q/p0)^k ((1-q)/(1-p0))^f of k passed and f failed is then
a supermartingale that starts at 1, and so is its average over q uniform on [p0, 1]:

    M = B(k+1, f+1) (1 - I_p0(k+1, f+1)) / (p0^k (1-p0)^(f+1)),

I being the regularised incomplete beta function. By Ville's inequality M ever reaches 1/alpha with
a probability of at most alpha: p0 may be rejected as soon as it does. This is the one-sided
beta-binomial mixture of Robbins (Ann. Math. Statist. 41, 1970) and Howard, Ramdas, McAuliffe and
Sekhon (Ann. Statist. 49, 2021, "Time-uniform, nonparametric, nonasymptotic confidence sequences").
With q = p0 + (1-p0) u it reads: the integral of (1 + u (1-p0)/p0)^k (1-u)^f over u in [0, 1], which
falls as p0 grows, so that the rejected values are those below one bound.

What it rests on: counts begin at a fixed instant and only grow. Samples need not be independent,
but the chance of each must not exceed p0 given the past.
"""

import math

from scipy.special import betaincc, betaln

SAMPLES_MAX = 1 << 40
_STEPS = 100
_RATE_MIN = 1e-15


def lower_sequence(passed: int, samples: int, confidence: float) -> float:
    """The smallest share that none of the looks so far has rejected, 0..1."""
    failed = samples - passed
    if passed <= 0 or failed < 0:
        return 0.0
    # In failure rates, by their logarithm: shares of interest are close to 1.
    low, high = math.log(max(failed / samples, _RATE_MIN)), 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if shown(passed, samples, 1 - math.exp(middle), confidence):
            high = middle
        else:
            low = middle
    return max(0.0, 1 - math.exp(high))


def upper_sequence(passed: int, samples: int, confidence: float) -> float:
    """The largest share that none of the looks so far has rejected, 0..1."""
    return 1 - lower_sequence(samples - passed, samples, confidence)


def shown(passed: int, samples: int, share: float, confidence: float) -> bool:
    """Whether a true share of at most `share` is rejected."""
    return log_evidence(passed, samples - passed, share) >= -math.log(1 - confidence)


def log_evidence(passed: int, failed: int, share: float) -> float:
    """Logarithm of M above, against a true share of at most `share`."""
    if share <= 0:
        return math.inf if passed else 0.0
    if share >= 1:
        return -math.inf
    tail = float(betaincc(passed + 1, failed + 1, share))
    if tail <= 0:
        return -math.inf
    return (
        float(betaln(passed + 1, failed + 1))
        + math.log(tail)
        - passed * math.log(share)
        - (failed + 1) * math.log1p(-share)
    )


def samples_needed_sequence(failed: int, share: float, confidence: float) -> int:
    """How many samples show more than `share`, if no more than `failed` of them fail.

    Claiming 99.99 % at 95 % takes 45,137 with no failure: half as many again as with one look.
    Returns `SAMPLES_MAX` where that many would not do.
    """
    low, high = failed, max(2 * failed, 1)
    while not shown(high - failed, high, share, confidence):
        low, high = high, high * 2
        if high > SAMPLES_MAX:
            return SAMPLES_MAX
    while low + 1 < high:
        middle = (low + high) // 2
        if shown(middle - failed, middle, share, confidence):
            high = middle
        else:
            low = middle
    return high


def samples_at_rate(failed: int, samples: int, share: float, confidence: float) -> int | None:
    """How many samples show more than `share` if failures go on at their present rate.

    None where they never will: the observed share is not above the one to show.
    """
    if not samples or 1 - failed / samples <= share:
        return None
    rate = failed / samples
    low, high = samples, 2 * samples
    while not shown(high - round(rate * high), high, share, confidence):
        low, high = high, high * 2
        if high > SAMPLES_MAX:
            return None
    while low + 1 < high:
        middle = (low + high) // 2
        if shown(middle - round(rate * middle), middle, share, confidence):
            high = middle
        else:
            low = middle
    return high
