"""Windows that forget, and stay one experiment: shares are counted since fixed beginnings, and the
confidence holds for all beginnings and all looks together.

A window that slides along with the look is another experiment at every look: sooner or later one of
them passes by luck. Here beginnings lie half a window apart, counted from one origin that was fixed
before anything was seen. A look counts since the last beginning but one (so over half a window to a
whole one), and the error probability alpha is shared out over the beginnings: 4/5 for the first,
1/5 * 1/(j (j+1)) for the j-th after it, which add up to 1. Since the bounds of
`figwatch.validators.statistics.shares` hold for all looks from one beginning, by the union bound
the chance that a share that was too small ever passes is at most alpha. Pure; used by the gates.
"""

from dataclasses import dataclass

FIRST_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Beginning:
    """From when on samples count. Times in the unit of the origin, whichever that is."""

    number: int
    """How many beginnings were before this one; -1: no other will follow."""
    at: int
    until: int
    """When the next one takes over."""

    def confidence(self, confidence: float) -> float:
        """What this beginning must show, so that all of them together have that confidence."""
        j = self.number
        if j < 0:
            return confidence
        spent = FIRST_SHARE if j == 0 else (1 - FIRST_SHARE) / (j * (j + 1))
        return 1 - (1 - confidence) * spent


def beginning(origin: int, window: int, now: int) -> Beginning:
    """The one that counts at `now`. `window` is 2 or more, of whole units."""
    half = window // 2
    number = max(0, (now - origin) // half - 1)
    return Beginning(number, origin + number * half, origin + (number + 2) * half)


def single(origin: int) -> Beginning:
    """The only one there is: it may spend all of alpha."""
    return Beginning(-1, origin, 0)


def described(begun: Beginning, confidence: float) -> tuple[str, ...]:
    """What a reader of the evidence should know of it."""
    if begun.number < 0:
        return ()
    alone = f"{begun.confidence(confidence):.6g} for it alone"
    together = f"{confidence:.6g} for all beginnings and looks together"
    return (f"counted from fixed beginning {begun.number + 1}: confidence {alone}, {together}",)
