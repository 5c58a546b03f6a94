"""Windows with fixed beginnings: together they keep the stated error, sliding ones do not."""

import numpy as np
import pytest

from figwatch.validators.statistics.shares import samples_needed_sequence
from figwatch.validators.statistics.windows import beginning, described, single

SHARE, CONFIDENCE = 0.99, 0.95
PATHS = 2_000
HALF = 400
"""Samples in half a window."""
HALVES = 12
FAILURES_MAX = 30


def needed(confidence):
    return np.array([samples_needed_sequence(f, SHARE, confidence) for f in range(FAILURES_MAX)])


def failures():
    """By path and sample: whether it fails. The true share is exactly the limit."""
    dice = np.random.default_rng(11)
    return dice.random((PATHS, HALF * HALVES), dtype=np.float32) < 1 - SHARE


def passes(failed, begins, looks, enough):
    """Whether a path passes at any look after the samples `looks`, counted from `begins` on.
    `enough[f]` samples are needed with f failures among them.
    """
    bad = failed[:, begins : looks.stop].cumsum(axis=1, dtype=np.int32)[:, looks.start - begins :]
    samples = np.arange(looks.start, looks.stop) - begins + 1
    return (samples >= enough[np.minimum(bad, FAILURES_MAX - 1)]).any(axis=1)


def test_at_most_the_stated_share_of_bad_systems_ever_passes_through_all_windows():
    failed, ever = failures(), np.zeros(PATHS, bool)
    for half in range(HALVES):
        begun = beginning(0, 2 * HALF, half * HALF)
        looks = range(half * HALF, (half + 1) * HALF)
        assert begun.at <= looks.start < looks.stop <= begun.until
        ever |= passes(failed, begun.at, looks, needed(begun.confidence(CONFIDENCE)))
    assert 0.005 < ever.mean() <= 1 - CONFIDENCE


def test_twin_without_sharing_out_the_error_many_bad_systems_pass():
    failed, ever, enough = failures(), np.zeros(PATHS, bool), needed(CONFIDENCE)
    for half in range(HALVES):
        begun = beginning(0, 2 * HALF, half * HALF)
        looks = range(half * HALF, (half + 1) * HALF)
        ever |= passes(failed, begun.at, looks, enough)
    assert ever.mean() > 0.10


@pytest.mark.parametrize("origin", [0, 17])
@pytest.mark.parametrize("window", [2, 3, 7, 24])
def test_a_look_counts_half_a_window_to_a_whole_one(origin, window):
    half = window // 2
    for now in range(origin, origin + 5 * window):
        begun = beginning(origin, window, now)
        assert origin + begun.number * half == begun.at <= now < begun.until
        assert now - begun.at < window
        assert now - begun.at >= half or begun.number == 0


def test_the_errors_of_all_beginnings_add_up_to_the_stated_one():
    spent = sum(1 - beginning(0, 2, n + 1).confidence(CONFIDENCE) for n in range(20_000))
    assert 0.9999 * 0.05 < spent <= 0.05 + 1e-12


def test_a_single_beginning_has_it_all_and_nothing_to_explain():
    assert (0.95, ()) == (single(5).confidence(0.95), described(single(5), 0.95))
    assert "0.96 for it alone" in described(beginning(0, 2, 0), 0.95)[0]
