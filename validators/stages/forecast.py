"""When will there be enough? At the rate at which samples came so far. Used by the gates' rules.

Next: `figwatch.validators.stages.rules`.
"""

from figwatch.validators.stages.facts import Origin

NO_WAIT = "at the present rate it never will"
DURATIONS = ((86_400, "d"), (3600, "h"), (60, "min"))


def wait_seconds(origin: Origin, samples: int, needed: int | None) -> float | None:
    """Time until there are as many samples as needed, if they keep coming as they did; None where
    that cannot be told.
    """
    window_us = origin.observed_us - origin.from_us
    if needed is None or not samples or not origin.from_us or window_us <= 0:
        return None
    return max(0.0, (needed - samples) * window_us / samples / 1e6)


def duration(time_us: float) -> str:
    """A time for people: 90 s, 5 min, 2.5 h."""
    seconds = time_us / 1e6
    for unit_seconds, unit in DURATIONS:
        if seconds >= 2 * unit_seconds:
            return f"{seconds / unit_seconds:.3g} {unit}"
    return f"{seconds:.3g} s"
