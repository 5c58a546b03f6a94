"""No worse than the baseline: shown, refuted, or neither."""

import numpy as np

from figwatch.validators.statistics.compare import Counted, worse_by


def test_a_much_better_system_is_within_the_margin():
    assert worse_by(Counted(98_000, 100_000), Counted(99_900, 100_000), 0.95).within(0.001)


def test_an_equal_system_is_within_a_margin_that_the_samples_can_resolve():
    bounds = worse_by(Counted(99_900, 100_000), Counted(99_900, 100_000), 0.95)
    assert bounds.within(0.001)
    assert not bounds.beyond(0.0)


def test_twin_a_worse_system_is_beyond_the_margin():
    bounds = worse_by(Counted(99_900, 100_000), Counted(98_000, 100_000), 0.95)
    assert bounds.beyond(0.01)
    assert not bounds.within(0.01)


def test_few_samples_show_neither():
    bounds = worse_by(Counted(99_900, 100_000), Counted(20, 20), 0.95)
    assert not bounds.within(0.01)
    assert not bounds.beyond(0.01)


def test_no_samples_on_either_side_show_neither():
    for old, new in ((Counted(0, 0), Counted(99, 100)), (Counted(99, 100), Counted(0, 0))):
        bounds = worse_by(old, new, 0.95)
        assert not bounds.within(0.05)
        assert not bounds.beyond(0.05)


def test_systems_worse_by_exactly_the_margin_rarely_pass_however_often_looked_at():
    random = np.random.default_rng(11)
    looks = [200, 400, 800, 1600, 3200]
    passes = 0
    for _ in range(300):
        old = Counted(int(random.binomial(2000, 0.97)), 2000)
        good = (random.random(looks[-1]) < 0.95).cumsum()
        passes += any(worse_by(old, Counted(int(good[n - 1]), n), 0.95).within(0.02) for n in looks)
    assert passes / 300 <= 0.05
