"""What a random sample of rows says about all of them: exact binomial bounds (Clopper-Pearson).

C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the case of
the binomial, Biometrika 26 (1934). `figwatch sweep --sample` prints it.
"""

import dataclasses

from scipy.stats import beta

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """Of all rows of a side, the share that differs is at most `at_most`, with the confidence."""

    rows: int
    differing: int
    at_most: float
    confidence: float = CONFIDENCE

    def __str__(self) -> str:
        if not self.rows:
            return "no row was drawn: nothing is shown"
        return (
            f"{self.differing} of {self.rows} rows drawn at random differ: with "
            f"{self.confidence:.0%} confidence at most {self.at_most:.3%} of all rows do"
        )


def share(rows: int, differing: int, confidence: float = CONFIDENCE) -> Share:
    """The one-sided upper bound. Every row must have been drawn on its own, with equal chances."""
    if not 0 <= differing <= rows:
        raise ValueError("differing rows are some of the rows")
    at_most = (
        1.0 if differing == rows else float(beta.ppf(confidence, differing + 1, rows - differing))
    )
    return Share(rows, differing, at_most, confidence)
