"""The settings of `figwatch canary`, and the pair that compares its two tables.

Part of `figwatch.connectors.config.root`; used by `figwatch.connectors.canary`.
"""

from typing import Any

from pydantic import Field

from figwatch.connectors.config.base import Section
from figwatch.validators.canary import CANARY_PAIR

DEFAULT_TABLE = "public.figwatch_canary"


class CanaryConfig(Section):
    """The self-test: known divergences planted in a table of their own, on both sides."""

    enabled: bool = False
    """Whether the canary's table is watched, and the gate of stage `sync` demands that planted
    divergences are found. Then `figwatch canary` has to run."""

    table: str = Field(default=DEFAULT_TABLE, pattern=r"^[^.\s]+\.[^.\s]+$")
    """The table, with its schema, the same on both sides; `figwatch canary --init-sql` prints how
    to make it. figwatch writes to it, and to no other table anywhere."""

    interval_seconds: float = Field(default=300.0, ge=5)
    """Time between two canaries."""

    found_max_seconds: float = Field(default=60.0, ge=1)
    """How long after its commit a canary must be found; above `convergence_seconds`."""

    overdue_seconds: float = Field(default=900.0, ge=10)
    """How old the last proof may be for the gate: several times the interval."""


def with_canary_pair(data: Any) -> Any:
    """Return a configuration's raw fields with the canary's pair among its pairs, if wanted."""
    canary = data.get("canary") if isinstance(data, dict) else None
    if not isinstance(canary, dict) or canary.get("enabled") is not True:
        return data
    pairs, table = data.get("pairs"), canary.get("table", DEFAULT_TABLE)
    named = [pair.get("name") for pair in pairs or () if isinstance(pair, dict)]
    if not isinstance(pairs, list) or CANARY_PAIR in named:
        return data
    pair = {"name": CANARY_PAIR, "source": table, "target": table}
    pair |= {"key": {"id": "id"}, "columns": {"value": "value"}}
    return {**data, "pairs": [*pairs, pair]}
