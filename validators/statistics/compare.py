"""Is the new system no worse than the old one was? Non-inferiority by two bounds.

The old system's share (its baseline) was recorded once: an exact binomial bound. The new one's is
looked at again and again: a bound that is valid at all looks. Each may err with half of the allowed
probability, so that both together err with at most all of it (Bonferroni); nothing is assumed about
sample sizes or about how the two depend on each other. Pure; used by
`figwatch.validators.stages.shares`.
"""

from dataclasses import dataclass

from figwatch.validators.statistics.binomial import lower_bound, upper_bound
from figwatch.validators.statistics.shares import lower_sequence, upper_sequence


@dataclass(frozen=True, slots=True)
class Counted:
    """`passed` of `samples` were good."""

    passed: int
    samples: int

    @property
    def share(self) -> float:
        """The observed share; 0.0 without samples."""
        return self.passed / self.samples if self.samples else 0.0


@dataclass(frozen=True, slots=True)
class WorseBy:
    """Bounds on how much smaller the new share is than the old one; negative: it is better."""

    low: float
    high: float

    def within(self, margin: float) -> bool:
        """Shown to be worse by no more than the margin (0..1)."""
        return self.high <= margin

    def beyond(self, margin: float) -> bool:
        """Shown to be worse by more than the margin."""
        return self.low > margin


def worse_by(old: Counted, new: Counted, confidence: float) -> WorseBy:
    """Bounds on `old share - new share`, each one-sided at `confidence`."""
    each = (1 + confidence) / 2
    return WorseBy(
        low=lower_bound(old.passed, old.samples, each)
        - upper_sequence(new.passed, new.samples, each),
        high=upper_bound(old.passed, old.samples, each)
        - lower_sequence(new.passed, new.samples, each),
    )
