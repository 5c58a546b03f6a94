"""Exact binomial bounds against published values and against scipy's own interval."""

import pytest
from scipy.stats import binomtest

from figwatch.validators.statistics.binomial import lower_bound, upper_bound


@pytest.mark.parametrize(
    ("failed", "share", "samples"),
    [
        pytest.param(0, 0.9999, 29_956, id="99.99 % at 95 % with no failure"),
        pytest.param(1, 0.9999, 47_437, id="and with one"),
        pytest.param(2, 0.9999, 62_956, id="and with two"),
        pytest.param(0, 0.99, 299, id="the rule of three, exactly"),
        pytest.param(0, 0.95, 59, id="the classical 59"),
    ],
)
def test_the_samples_that_a_claim_needs_are_those_published(failed, share, samples):
    assert lower_bound(samples - failed, samples, 0.95) >= share
    assert lower_bound(samples - 1 - failed, samples - 1, 0.95) < share


@pytest.mark.parametrize(("passed", "samples"), [(0, 10), (1, 10), (290, 300), (299, 300), (7, 7)])
def test_the_bounds_are_those_of_clopper_and_pearson(passed, samples):
    greater = binomtest(passed, samples, alternative="greater").proportion_ci(0.95, "exact")
    less = binomtest(passed, samples, alternative="less").proportion_ci(0.95, "exact")
    assert pytest.approx(greater.low) == lower_bound(passed, samples, 0.95)
    assert pytest.approx(less.high) == upper_bound(passed, samples, 0.95)


def test_nothing_is_shown_by_no_sample():
    assert 0.0 == lower_bound(0, 0, 0.95)
    assert 1.0 == upper_bound(0, 0, 0.95)
