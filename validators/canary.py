"""The self-test: a known divergence, planted in a table of its own, must have been found lately.

Pure. `figwatch.connectors.canary` plants it, the judges find it like any other, and their summaries
say when they last did and how long it took; the gate of stage `sync` asks `assess_canary`.
"""

import enum
from dataclasses import dataclass

from figwatch.validators.summary import Summary

CANARY_PAIR = "figwatch_canary"
"""Name of the pair that compares the canary's two tables."""


class CanaryState(enum.Enum):
    """What is known of the path from the databases to a finding."""

    PROVED = "proved"
    """The last canary was found in time, and lately."""
    SLOW = "slow"
    """The last one was found, but later than allowed."""
    OVERDUE = "overdue"
    """None was found lately: the path may be broken, or nobody plants."""


@dataclass(frozen=True)
class CanaryLimits:
    """Times in microseconds."""

    found_max_us: int
    """How long after its commit a canary must be found."""
    overdue_us: int
    """How old the last proof may be."""


@dataclass(frozen=True)
class CanaryHealth:
    """The answer, with its reason for people."""

    state: CanaryState
    reason: str


def assess_canary(merged: Summary, limits: CanaryLimits, now_us: int) -> CanaryHealth:
    """Hold the newest finding of the canary's pair against the limits. A finding from the future
    (clocks differ) is as fresh as one of now, but for one from further than a finding may be old.
    """
    pair = merged.pairs.get(CANARY_PAIR)
    if pair is None or not pair.detected_us:
        return CanaryHealth(CanaryState.OVERDUE, "no planted divergence has been found yet")
    age_us, took_us = now_us - pair.detected_us, pair.detection_us
    seen = f"a planted divergence was found {age_us / 1e6:.0f} s ago, after {took_us / 1e6:.1f} s"
    if age_us < -limits.overdue_us:
        ahead = f"the last planted divergence was found {-age_us / 1e6:.0f} s in the future"
        return CanaryHealth(CanaryState.OVERDUE, f"{ahead}: the workers' clocks differ from here")
    if age_us > limits.overdue_us:
        limit = f"one every {limits.overdue_us / 1e6:g} s is demanded"
        return CanaryHealth(CanaryState.OVERDUE, f"the last {seen[2:]}; {limit}")
    if took_us > limits.found_max_us:
        limit = f"{limits.found_max_us / 1e6:g} s is allowed"
        return CanaryHealth(CanaryState.SLOW, f"{seen}; {limit}")
    return CanaryHealth(CanaryState.PROVED, seen)
