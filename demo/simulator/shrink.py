"""Make a failing seed small: the fewest features of the weather under which it still fails.

`figwatch.demo.simulator.command` prints what is left.
"""

import dataclasses
from collections.abc import Iterator

from figwatch.demo.simulator.check import Outcome, simulate
from figwatch.demo.simulator.scenario import Scenario
from figwatch.demo.simulator.weather import CALM, Weather

MAX_TRIES = 120
"""Simulations spent on one seed."""


def shrink(seed: int) -> Outcome:
    """Return the outcome of the smallest failing weather found for a seed."""
    best = simulate(seed, Scenario(seed).weather)
    tries = 0
    smaller = True
    while smaller and not best.good:
        smaller = False
        for weather in _smaller(best.weather):
            tries += 1
            if tries > MAX_TRIES:
                return best
            outcome = simulate(seed, weather)
            if not outcome.good:
                best, smaller = outcome, True
                break
    return best


def _smaller(weather: Weather) -> Iterator[Weather]:
    """Weathers with one feature less, or with half of one."""
    for name in weather.features():
        yield dataclasses.replace(weather, **{name: getattr(CALM, name)})
    if weather.seconds > 1:
        yield dataclasses.replace(weather, seconds=weather.seconds / 2)
    if weather.writes_per_second > 1:
        yield dataclasses.replace(weather, writes_per_second=weather.writes_per_second / 2)
