"""The settings of `figwatch sweep`: how it finds differences and how kind it is to the databases.

Part of `figwatch.connectors.config.root`; used by `figwatch.connectors.sweep`.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from figwatch.connectors.config.base import Section
from figwatch.connectors.config.secret import Secret


def _window(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("must be a time of day like 22:00-05:30")
    return text


Window = Annotated[str, AfterValidator(_window)]


class SweepConfig(Section):
    """How `figwatch sweep` works and how much it may use."""

    way: Literal["auto", "merge", "lookup"] = "auto"
    """How differing rows are found: `auto` lets the planner choose (see `--explain`), `merge`
    reads all rows, `lookup` looks each row's counterpart up."""

    every_minutes: float | None = Field(default=None, ge=0.01)
    """How often `figwatch run` compares all rows of each pair: one worker of the fleet does, range
    by range, those first that the streams saw change most. It never does when left out."""

    window: Window | None = None
    """Time of day (UTC) in which `figwatch run` may sweep: `22:00-05:30`. Any when left out."""

    rows_per_second_max: float | None = Field(default=None, gt=0)
    """Most rows a second that are read of either side, by waiting between ranges."""

    ranges: int = Field(default=64, ge=1, le=10_000)
    """Ranges of keys whose age and dirtiness `figwatch run` keeps, for each pair."""

    verdict_seconds: float = Field(default=180.0, gt=0, le=86_400)
    """How long the judges of `figwatch run` may take to settle a difference; longer than
    `objective.give_up_seconds` where there is no fence. Then the sweep is incomplete."""

    replicas: dict[str, Secret] = Field(default={}, max_length=2)
    """Data source name of a read replica, by side: rows are read there instead."""

    chunk_rows: int = Field(default=20_000, ge=10, le=1_000_000)
    """Rows of a range that are compared at a time; fewer where that takes longer than
    `chunk_seconds`. Checksums are made of five times as many, and of a table of up to 64 times as
    many in one go, unless `rows_per_second_max` is set."""

    chunk_seconds: float = Field(default=1.0, gt=0, le=600)
    """How long one range may take before the next ones are made smaller."""

    statement_timeout_seconds: float = Field(default=30.0, ge=0.1, le=3600)
    """Longest statement; a range that exceeds it is tried again in smaller parts."""

    lock_timeout_seconds: float = Field(default=5.0, ge=0.1, le=600)
    """Longest wait for a table that somebody locks."""

    retries_max: int = Field(default=5, ge=0, le=100)
    """Tries again of a range after a timeout, a lock or a lost connection, before giving up."""

    settle_seconds: float = Field(default=5.0, ge=0, le=3600)
    """How long both rows must have stood still, different, before they are called different:
    longer than the replicator may be behind. Without a replicator at work, 0 will do."""

    unconfirmed_seconds: float = Field(default=60.0, gt=0, le=86_400)
    """How long a difference that keeps changing is watched before it is reported as
    unconfirmed."""

    suspects_max: int = Field(default=50_000, ge=100, le=10_000_000)
    """Most differences that wait for their confirmation at a time; reading pauses at that many."""

    differences_listed_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Most differences that are listed; the count stays exact beyond it."""

    checkpoint_seconds: float = Field(default=2.0, gt=0, le=3600)
    """How often the state for `--resume` is written."""

    resume_max_age_hours: float = Field(default=24.0, gt=0)
    """How old a state may be from which `--resume` goes on."""

    lag_max_seconds: float = Field(default=30.0, gt=0)
    """Reading pauses while a replica is further behind than this."""

    active_sessions_max: int = Field(default=50, ge=1)
    """Reading pauses while a server has more active sessions than this."""

    pause_max_seconds: float = Field(default=600.0, gt=0)
    """Longest pause for lag or load; after it the sweep stops, incomplete."""
