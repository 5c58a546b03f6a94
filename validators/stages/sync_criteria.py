"""The thresholds of stage `sync` (`gates.sync` of the configuration): `validators.stages.sync`."""

from dataclasses import dataclass

from figwatch.validators.canary import CanaryLimits


@dataclass(frozen=True)
class SyncCriteria:
    """Thresholds of stage `sync`. Shares in 0..1, times in microseconds."""

    pairs: tuple[str, ...]
    """Every pair of the configuration: one that has no evidence is not passed over."""
    convergence_share: float = 0.99
    confidence: float = 0.95
    changes_min: int = 449
    window_us: int | None = None
    """Only changes seen to converge in half so long to so long count, since one of the fixed
    beginnings; None: all since the start.
    """
    verified_age_max_us: int = 60_000_000
    overdue_share_max: float = 0.0
    sweep_required: bool = False
    sweep_age_max_us: int = 86_400_000_000
    canary: CanaryLimits | None = None
    """Demand that planted divergences are found."""
