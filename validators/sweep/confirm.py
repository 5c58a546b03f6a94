"""Is a difference real, or a row in flight? The pure part: one watch for each suspect key.

Between two looks at a key either row may change. A difference is called real only when BOTH rows,
by fingerprint and by the database's own row version, have stood still for as long as the
replicator may be behind, and a replica that was read besides. A target that shows a value which the
source had a moment ago is on its way. What keeps changing is never called
different: it ends as unconfirmed.
`figwatch.connectors.sweep.confirm` reads the rows and asks.
"""

import dataclasses
import enum

WITNESSED_MAX = 16
"""Source versions remembered for one key; the oldest go first."""
FIRST_DELAY_US = 100_000
"""Until the second look; each further one takes twice as long."""


class Settled(enum.Enum):
    """What a look at both rows says."""

    AGAIN = enum.auto()
    """Look again at `due_us`."""
    EQUAL = enum.auto()
    """Both rows mean the same."""
    IN_FLIGHT = enum.auto()
    """The target shows what the source had a moment ago."""
    DIFFERENT = enum.auto()
    """Both stood still, different, for the whole time."""
    UNCONFIRMED = enum.auto()
    """It kept changing until patience ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One side's row: its fingerprint (None: absent) and the database's version of it ("" where
    the database has none, or the row is absent).
    """

    fingerprint: bytes | None
    version: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """`settle_us`: how long both rows must stand still. `give_up_us`: after how long what keeps
    changing is left as unconfirmed.
    """

    settle_us: int
    give_up_us: int


@dataclasses.dataclass(slots=True)
class Watch:
    """The looks at one key so far."""

    first_us: int
    due_us: int
    still_us: int = 0
    """Since when both rows are as they are."""
    behind_us: int = 0
    """The furthest that a replica was behind at any look."""
    looks: int = 0
    source: Look | None = None
    target: Look | None = None
    witnessed: list[tuple[bytes | None, int]] = dataclasses.field(default_factory=list)

    def look(
        self, source: Look, target: Look, asked_us: int, patience: Patience, behind_us: int = 0
    ) -> Settled:
        """Take a look that began at `asked_us`: the source was read first, then the target. Where
        a replica was read, it was `behind_us` behind: a row that it has not replayed stands still
        there, and says nothing.
        """
        self.looks += 1
        self.behind_us = max(self.behind_us, behind_us)
        if source.fingerprint == target.fingerprint:
            return Settled.EQUAL
        recent_us = asked_us - max(patience.settle_us, FIRST_DELAY_US)
        for fingerprint, seen_us in self.witnessed:
            if fingerprint == target.fingerprint and seen_us >= recent_us:
                return Settled.IN_FLIGHT
        self._witness(source.fingerprint, asked_us)
        if (source, target) != (self.source, self.target):
            self.source, self.target, self.still_us = source, target, asked_us
        stood_us = asked_us - behind_us - self.still_us
        if self.looks > 1 and stood_us >= patience.settle_us:
            return Settled.DIFFERENT
        if asked_us - self.first_us >= patience.give_up_us:
            return Settled.UNCONFIRMED
        delay_us = FIRST_DELAY_US << min(self.looks - 1, 10)
        left_us = patience.settle_us - stood_us
        self.due_us = asked_us + max(min(delay_us, left_us), 1)
        return Settled.AGAIN

    def _witness(self, fingerprint: bytes | None, at_us: int) -> None:
        self.witnessed = [(f, t) for f, t in self.witnessed if f != fingerprint]
        self.witnessed.append((fingerprint, at_us))
        del self.witnessed[:-WITNESSED_MAX]
