"""What one partition says of its sagas, and how such summaries merge.

Part of `figwatch.validators.summary.Summary`; made by `figwatch.validators.sagas.saga`.
"""

from collections.abc import Mapping

import msgspec

from figwatch.validators.convergence import Quantiles

LISTED_MAX = 50
"""Sagas that went wrong, listed for each saga and partition; the counts go on."""
NAMES_MAX = 20
"""Undeclared event names that are told apart; the others count as `(more)`."""
MORE = "(more)"


class SagaCase(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One instance that is or was wrong."""

    instance: str
    outcome: str
    """Its outcome now: a case that mended itself stays listed while it is remembered."""
    problems: tuple[str, ...]
    """`out_of_order`, `repeated`, `clocks`, `undeclared`."""
    steps: tuple[str, ...]
    """Steps it waits for, or that were not undone."""
    since_us: int
    detected_us: int


class SagaSummary(msgspec.Struct, array_like=True, gc=False):
    """Counts of one saga."""

    outcomes: dict[str, int]
    """Instances by their outcome now."""
    open: int
    wrong: int
    """Instances remembered that are stuck, incompletely compensated or without a start now."""
    reached: dict[str, int]
    """How often an outcome was reached: one that ends late counts as stuck and as completed."""
    problems: dict[str, int]
    """Duplicates, repeats and the like, since figwatch reads them."""
    undeclared: dict[str, int]
    seconds: Quantiles
    """Durations of completed sagas; `within` counts those within the time limit."""
    success: int
    samples: int
    """Sagas that are over: `success` of them are good. Unknown ones are in neither."""
    unknown: int
    oldest_open_us: int
    watermark_us: int
    cases: list[SagaCase]


def _add(into: dict[str, int], other: Mapping[str, int]) -> None:
    for name, count in other.items():
        into[name] = into.get(name, 0) + count


def merge_sagas(into: dict[str, SagaSummary], other: Mapping[str, SagaSummary]) -> None:
    """Add another partition's summaries to the first."""
    for name, more in other.items():
        mine = into.get(name)
        if mine is None:
            into[name] = msgspec.msgpack.decode(msgspec.msgpack.encode(more), type=SagaSummary)
            continue
        for field in ("outcomes", "reached", "problems", "undeclared"):
            _add(getattr(mine, field), getattr(more, field))
        for field in ("open", "wrong", "success", "samples", "unknown"):
            setattr(mine, field, getattr(mine, field) + getattr(more, field))
        mine.seconds.merge(more.seconds)
        mine.oldest_open_us = min(
            (us for us in (mine.oldest_open_us, more.oldest_open_us) if us), default=0
        )
        mine.watermark_us = min(mine.watermark_us, more.watermark_us)
        cases = sorted([*mine.cases, *more.cases], key=lambda case: -case.detected_us)
        mine.cases = cases[:LISTED_MAX]
