"""Bounds that are valid at all looks: against independent integration, and by simulation."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from figwatch.validators.statistics.binomial import lower_bound, upper_bound
from figwatch.validators.statistics.shares import (
    SAMPLES_MAX,
    log_evidence,
    lower_sequence,
    samples_needed_sequence,
    shown,
    upper_sequence,
)

PATHS = 20_000
FAILURES_MAX = 60


@pytest.mark.parametrize(
    ("passed", "samples", "low", "high"),
    [
        # Brown, Cai and DasGupta (Statist. Sci. 16, 2001) and the usual tables of two-sided
        # 95 % Clopper-Pearson intervals; one-sided 97.5 % each.
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (2, 20, 0.0123, 0.3170),
    ],
)
def test_binomial_bounds_are_those_of_the_published_tables(passed, samples, low, high):
    assert low == pytest.approx(lower_bound(passed, samples, 0.975), abs=5e-5)
    assert high == pytest.approx(upper_bound(passed, samples, 0.975), abs=5e-5)


@pytest.mark.parametrize(
    ("passed", "failed", "share"),
    [(10, 0, 0.9), (50, 3, 0.8), (400, 7, 0.99), (3, 5, 0.5), (2000, 1, 0.999)],
)
def test_evidence_is_the_average_likelihood_ratio(passed, failed, share):
    def ratio(u):
        return (1 + u * (1 - share) / share) ** passed * (1 - u) ** failed

    average, _ = quad(ratio, 0, 1)
    assert math.log(average) == pytest.approx(log_evidence(passed, failed, share), rel=1e-6)


def test_without_failures_the_evidence_has_a_simple_form():
    """M = (e^x - 1) / x with x = n (1 - share), for shares close to 1: 20 is reached at 4.5137."""
    assert samples_needed_sequence(0, 0.9999, 0.95) == pytest.approx(45_137, abs=1)


@pytest.mark.parametrize("failed", [0, 1, 4, 30])
def test_the_bound_reaches_the_share_with_the_samples_needed_and_not_with_one_less(failed):
    needed = samples_needed_sequence(failed, 0.99, 0.95)
    assert shown(needed - failed, needed, 0.99, 0.95)
    assert not shown(needed - 1 - failed, needed - 1, 0.99, 0.95)
    assert lower_sequence(needed - failed, needed, 0.95) >= 0.99
    assert lower_sequence(needed - 1 - failed, needed - 1, 0.95) < 0.99


def test_bounds_enclose_the_observed_share_and_are_wider_than_with_one_look():
    low, high = lower_sequence(960, 1000, 0.95), upper_sequence(960, 1000, 0.95)
    assert low < lower_bound(960, 1000, 0.95) < 0.96 < upper_bound(960, 1000, 0.95) < high


@pytest.mark.parametrize(("passed", "samples"), [(0, 0), (0, 5), (-1, 5), (6, 5)])
def test_nothing_passed_or_impossible_counts_show_nothing(passed, samples):
    assert lower_sequence(passed, samples, 0.95) == 0.0


def test_a_billion_samples_are_no_trouble():
    low = lower_sequence(10**9 - 10, 10**9, 0.95)
    assert 1 - 3e-8 < low < 1 - 1e-8


def test_a_share_that_cannot_be_shown_says_so_and_ends():
    assert samples_needed_sequence(0, 1.0, 0.95) == SAMPLES_MAX


def ever_passes(needed: list[int], share: float, samples: int) -> float:
    """How many of the paths with a true share of exactly `share`, looked at after every sample,
    pass at some time. Between two failures the best look is the last one.
    """
    gaps = np.random.default_rng(7).geometric(1 - share, size=(PATHS, len(needed)))
    last_good = np.minimum(gaps.cumsum(axis=1) - 1, samples)
    # The next failure beyond the table is beyond the samples, or the path cannot pass.
    return float((last_good >= np.array(needed)).any(axis=1).mean())


def test_at_most_the_stated_share_of_bad_systems_passes_under_continuous_looking():
    needed = [samples_needed_sequence(f, 0.99, 0.95) for f in range(FAILURES_MAX)]
    rate = ever_passes(needed, 0.99, samples=5000)
    assert 0.01 < rate <= 0.05


def test_twin_bounds_for_one_look_let_many_bad_systems_pass_when_looked_at_continuously():
    needed, samples = [], 1
    for failed in range(FAILURES_MAX):
        while lower_bound(samples - failed, samples, 0.95) < 0.99:
            samples += 1
        needed.append(samples)
    assert needed[0] == 299
    assert ever_passes(needed, 0.99, samples=5000) > 0.10
