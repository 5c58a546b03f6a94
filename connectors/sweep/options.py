"""What one run of a sweep is asked for, and what it tells of its progress.

`figwatch.connectors.sweep.runner` is run with them.
"""

import dataclasses
from collections.abc import Callable

from figwatch.connectors.sweep.judges import Judges
from figwatch.connectors.sweep.one_side import Range
from figwatch.connectors.sweep.outcomes import Hearer


@dataclasses.dataclass(frozen=True)
class Options:
    """What one run is asked for."""

    resume: bool = False
    differences_max: int | None = None
    seconds_max: float | None = None
    on_progress: Callable[["Report"], None] | None = None
    on_outcome: tuple[Hearer, ...] = ()
    judges: Judges | None = None
    """Settle differences against the streams."""
    bounds: Range = (None, None)
    """Only the rows behind the first key, up to and with the second; not for look-ups."""
    stop: Callable[[], str] = lambda: ""
    """Asked between ranges: why to stop (empty: go on)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """Where a sweep stands. `share` is an estimate from the catalogue's row count."""

    pair: str
    rows: int
    rows_per_second: float
    share: float
    seconds_left: float
    differences: int
    waiting: int
