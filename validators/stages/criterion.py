"""What a gate says: criteria, each pass, fail or inconclusive, with reasons and what is missing.

The modules beside this one make them, a stage each; `figwatch.validators.stages.document` is their
public JSON.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from figwatch.validators.stages.facts import Fact

FUTURE_MAX_US = 300_000_000
"""Evidence may seem to come from the future by this much: clocks differ. More would make it look
fresh for as long when nothing new comes."""
CLOCKS = "set the clocks of figwatch and of both databases right"


class Answer(enum.Enum):
    """What a criterion, or the whole gate, says."""

    PASS = "pass"  # noqa: S105  # no password
    """Shown to hold."""
    FAIL = "fail"
    """Shown not to hold."""
    INCONCLUSIVE = "inconclusive"
    """Too little, stale or incomplete evidence: neither is shown."""


@dataclass(frozen=True)
class Criterion:
    """One line of the answer. `pair` is empty where it is about the whole migration. `missing`
    says what would make it pass; empty for a pass.
    """

    name: str
    pair: str
    answer: Answer
    reason: str
    missing: str = ""
    subject: str = ""
    """What it is about, where that is no pair: a file, a table, a connector."""
    evidence: tuple[Fact, ...] = ()
    wait_seconds: float | None = None
    """When it could pass at the present rate, from now; None where that cannot be told."""


@dataclass(frozen=True)
class GateResult:
    """The gate's answer, its criteria, and what it did not look at."""

    stage: str
    answer: Answer
    criteria: tuple[Criterion, ...]
    not_checked: tuple[str, ...]
    as_of_us: int


def overall(criteria: Sequence[Criterion]) -> Answer:
    """Fail if any fails, else inconclusive if any is, else pass. Nothing looked at is no pass."""
    if not criteria:
        return Answer.INCONCLUSIVE
    answers = {criterion.answer for criterion in criteria}
    for worst in (Answer.FAIL, Answer.INCONCLUSIVE):
        if worst in answers:
            return worst
    return Answer.PASS
