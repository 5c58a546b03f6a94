"""The migration in one sentence: how it stands, why, and where to look next.

What the console and `figwatch status --watch` show first. Pure: the verdicts are the gate's and the
judges', this only chooses which of them a person must hear of first.
"""

import enum
from dataclasses import dataclass

from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.overview import Overview
from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.progress import DONE


class Tone(enum.Enum):
    """How it stands, at a glance."""

    GOOD = "good"
    """The stage may be left."""
    WAIT = "wait"
    """Nothing is wrong, and not everything is shown."""
    BAD = "bad"
    """Something is proved to be wrong."""
    UNKNOWN = "unknown"
    """It cannot be told."""


@dataclass(frozen=True, slots=True)
class Headline:
    """`title` says how it stands, `detail` why, `look_next` what to do about it."""

    tone: Tone
    title: str
    detail: str = ""
    look_next: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules look at. `gate` is the answer for `stage`, or `trouble` says why there is
    none.
    """

    view: Overview
    stage: str
    gate: GateResult | None
    trouble: str = ""


def headline(view: Overview, stage: str, gate: GateResult | None, trouble: str = "") -> Headline:
    """The sentence for `stage`, the one to leave next.

    The order is that of a person's worries: is anybody looking at all, is something wrong, is
    something late or unclear, and only then what the gate still wants.
    """
    seen = Seen(view, stage, gate, trouble)
    for rule in (_unwatched, _divergent, _done, _fails, _overdue, _not_asked, _not_proved):
        said = rule(seen)
        if said is not None:
            return said
    return Headline(Tone.GOOD, f"Stage {stage} may be left", "every criterion of its gate passes")


def _unwatched(seen: Seen) -> Headline | None:
    if seen.view.complete:
        return None
    nobody = seen.view.merged is None
    title = "Nobody is watching" if nobody else "Not everything is watched"
    fix = "start `figwatch run`, and look at the workers' logs"
    number, _ = _counted(seen, "divergent")
    if number:  # what is proved stays proved, whoever looks
        title = f"{title}, and {_keys(number)} divergent"
        return Headline(Tone.BAD, title, seen.view.reason, fix)
    return Headline(Tone.UNKNOWN, title, seen.view.reason, fix)


def _divergent(seen: Seen) -> Headline | None:
    number, where = _counted(seen, "divergent")
    fix = "open a finding, or `figwatch findings --open`"
    return Headline(Tone.BAD, f"{_keys(number)} divergent", where, fix) if number else None


def _done(seen: Seen) -> Headline | None:
    if seen.stage != DONE:
        return None
    return Headline(Tone.GOOD, "The migration is done", "every stage has been left")


def _fails(seen: Seen) -> Headline | None:
    first = _first(seen.gate, Answer.FAIL)
    if first is None:
        return None
    return Headline(Tone.BAD, f"Stage {seen.stage} fails", _reason(first), first.missing)


def _overdue(seen: Seen) -> Headline | None:
    number, where = _counted(seen, "overdue")
    fix = "look at the lag: if the replicator moves, wait"
    detail = f"late, not proved lost: {where}"
    return Headline(Tone.WAIT, f"{_keys(number)} overdue", detail, fix) if number else None


def _not_asked(seen: Seen) -> Headline | None:
    if seen.gate is not None:
        return None
    detail = seen.trouble or "the gate has not been asked yet"
    return Headline(Tone.UNKNOWN, f"Stage {seen.stage} is not evaluated", detail)


def _not_proved(seen: Seen) -> Headline | None:
    first = _first(seen.gate, Answer.INCONCLUSIVE)
    if first is None:
        return None
    title = f"Nothing differs; stage {seen.stage} is not proved yet"
    return Headline(Tone.WAIT, title, _reason(first), first.missing)


def _counted(seen: Seen, verdict: str) -> tuple[int, str]:
    """Number of keys, and of which pairs."""
    merged = seen.view.merged
    if merged is None:
        return 0, ""
    counts = {name: pair.keys.get(verdict, 0) for name, pair in merged.pairs.items()}
    counts.pop(CANARY_PAIR, None)
    where = ", ".join(f"{n} of {name}" for name, n in sorted(counts.items()) if n)
    return sum(counts.values()), where


def _keys(number: int) -> str:
    return "1 key is" if number == 1 else f"{number} keys are"


def _first(gate: GateResult | None, answer: Answer) -> Criterion | None:
    criteria = gate.criteria if gate is not None else ()
    return next((c for c in criteria if c.answer is answer), None)


def _reason(criterion: Criterion) -> str:
    of = criterion.pair or criterion.subject
    return f"{of}: {criterion.reason}" if of else criterion.reason
