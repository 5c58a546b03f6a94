"""The safe order of a cutover, step by step: fenced, captured, drained, verified, switched.

A step counts only when the one before it holds, because its proof rests on it: a position captured
while writes go on is no end, what is drained up to such a position is not everything. Pure:
`figwatch.connectors.cutover` fetches the facts; nothing here or there changes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from figwatch.validators.overview import Overview
from figwatch.validators.stages.criterion import Answer
from figwatch.validators.summary import PairSummary

NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class CutoverFacts:
    """What was seen. `ends` and `committed` were asked for after `view`: an offset that is drained
    then was drained at least as far as the view tells of.
    """

    view: Overview
    pairs: tuple[str, ...]
    lead: int
    """Who is to lead: 0 the configuration's authority, 1 the other side."""
    leader: str
    """Name of the side that leads until then."""
    follower: str
    fenced_us: int
    """When writes were fenced, by whoever did; 0: not told, the newest change counts."""
    ends: Mapping[tuple[str, int], int]
    """End offset of every raw partition of the leader's tables."""
    committed: Mapping[tuple[str, int], int] | None
    """Where the replicator will read on; None: no consumer group is configured."""
    two_way: frozenset[str]
    """Pairs that are judged in both directions."""


@dataclass(frozen=True, slots=True)
class CutoverCriteria:
    """Times in microseconds."""

    quiet_us: int = 5_000_000
    """For how long nothing may have been written by the leader."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `remains` says what is still to be done; empty when it holds."""

    name: str
    what: str
    answer: Answer
    found: str
    remains: str = ""


@dataclass(frozen=True, slots=True)
class Cutover:
    """All steps. `switched`: authority has moved already."""

    answer: Answer
    steps: tuple[Step, ...]
    switched: bool
    position: dict[str, int]
    """The captured position: end offset by `topic:partition`; empty before writes are fenced."""
    fence_us: int

    @property
    def may_switch(self) -> bool:
        """Everything before the switch holds."""
        return all(step.answer is Answer.PASS for step in self.steps[:-1])


def assess_cutover(facts: CutoverFacts, criteria: CutoverCriteria) -> Cutover:
    """Judge every step, in order; one whose ground does not hold is inconclusive."""
    turned = _turned(facts)
    if turned is not None:
        return _after(facts, *turned)
    fence_us = facts.fenced_us or _newest_us(facts)
    steps = [_fenced(facts, criteria, fence_us)]
    for rule in (_captured, _drained, _verified, _ready_back):
        if steps[-1].answer is Answer.PASS:
            steps.append(rule(facts, fence_us))
        else:
            name, what = _WHAT[rule.__name__]
            steps.append(
                Step(name, what, Answer.INCONCLUSIVE, "rests on the step before", steps[0].remains)
            )
    holds = all(step.answer is Answer.PASS for step in steps)
    steps.append(
        Step(
            "switched",
            f"{facts.follower} leads",
            Answer.INCONCLUSIVE,
            "not yet",
            "switch the façade, then `figwatch cutover record`" if holds else "the steps before it",
        )
    )
    failed = any(step.answer is Answer.FAIL for step in steps)
    answer = Answer.PASS if holds else Answer.FAIL if failed else Answer.INCONCLUSIVE
    position = {f"{topic}:{n}": end for (topic, n), end in sorted(facts.ends.items())}
    fenced = steps[0].answer is Answer.PASS
    return Cutover(answer, tuple(steps), False, position if fenced else {}, fence_us)  # noqa: FBT003


# -- what is known ---------------------------------------------------------------------------------


def _summaries(facts: CutoverFacts) -> dict[str, PairSummary | None]:
    merged = facts.view.merged
    return {name: merged.pairs.get(name) if merged else None for name in facts.pairs}


def _role(facts: CutoverFacts, *, leader: bool) -> str:
    """Role by the configuration of who leads until the switch, or of who follows."""
    return "source" if (facts.lead == 1) is leader else "target"


def _newest_us(facts: CutoverFacts) -> int:
    role = _role(facts, leader=True)
    return max((p.newest.get(role, 0) for p in _summaries(facts).values() if p), default=0)


def _known_us(pair: PairSummary, role: str) -> int:
    return pair.source_watermark_us if role == "source" else pair.target_watermark_us


def _turned(facts: CutoverFacts) -> tuple[int, bool] | None:
    """The instant of the turn and whether it is decided, once every pair has turned."""
    turns = [pair.turn if pair is not None else None for pair in _summaries(facts).values()]
    if not turns or any(turn is None or turn.lead != facts.lead for turn in turns):
        return None
    known = [turn for turn in turns if turn is not None]
    return max(turn.at_us for turn in known), all(turn.decided for turn in known)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


# -- the steps -------------------------------------------------------------------------------------


def _fenced(facts: CutoverFacts, criteria: CutoverCriteria, fence_us: int) -> Step:
    """Nothing was written by the leader since the fence, and its log is known well beyond it."""
    name, what = "fenced", f"no writes reach {facts.leader} any more"
    if not facts.view.complete:
        return Step(name, what, Answer.INCONCLUSIVE, facts.view.reason, "figwatch run")
    role = _role(facts, leader=True)
    pairs = _summaries(facts)
    absent = [pair for pair, summary in pairs.items() if summary is None]
    if absent:
        return Step(name, what, Answer.INCONCLUSIVE, f"nothing is known of {_named(absent)}",
                    "figwatch run")  # fmt: skip
    newest_us = _newest_us(facts)
    if facts.fenced_us and newest_us > facts.fenced_us:
        late = (newest_us - facts.fenced_us) / 1e6
        return Step(name, what, Answer.FAIL, f"a change was committed {late:.3f} s after the fence",
                    "fence every writer, jobs and people too, then begin again")  # fmt: skip
    known_us = min(_known_us(p, role) for p in pairs.values() if p is not None)
    if not known_us:
        return Step(name, what, Answer.INCONCLUSIVE, f"{facts.leader} has no watermark",
                    f"heartbeats of {facts.leader}")  # fmt: skip
    quiet_us = known_us - fence_us
    if quiet_us < criteria.quiet_us:
        wait = (criteria.quiet_us - quiet_us) / 1e6
        return Step(name, what, Answer.INCONCLUSIVE,
                    f"quiet for {max(quiet_us, 0) / 1e6:.1f} s of its log",
                    f"{wait:.1f} s more without a change")  # fmt: skip
    return Step(name, what, Answer.PASS, f"quiet for {quiet_us / 1e6:.1f} s of its log")


def _captured(facts: CutoverFacts, fence_us: int) -> Step:
    """The end of the leader's topics, asked for when the log was known beyond the fence."""
    del fence_us
    name, what = _WHAT["_captured"]
    if not facts.ends:
        return Step(name, what, Answer.INCONCLUSIVE, "no partition of its topics is known",
                    "the topics of the pairs")  # fmt: skip
    total = sum(facts.ends.values())
    return Step(name, what, Answer.PASS, f"{len(facts.ends)} partitions, {total} records")


def _drained(facts: CutoverFacts, fence_us: int) -> Step:
    """The replicator has finished with everything up to the captured position."""
    del fence_us
    name, what = _WHAT["_drained"]
    if facts.committed is None:
        return Step(name, what, Answer.INCONCLUSIVE, "the replicator's offsets are not known",
                    f"set consumer_group of side {facts.follower}")  # fmt: skip
    committed = facts.committed
    behind = {w: end - committed.get(w, 0) for w, end in facts.ends.items()
              if end > committed.get(w, 0)}  # fmt: skip
    if behind:
        names = [f"{topic}:{n}" for topic, n in sorted(behind)]
        return Step(name, what, Answer.INCONCLUSIVE,
                    f"{sum(behind.values())} records behind in {_named(names)}",
                    "let the replicator go on")  # fmt: skip
    return Step(name, what, Answer.PASS, "the replicator has committed all of it")


def _verified(facts: CutoverFacts, fence_us: int) -> Step:
    """Every key was judged beyond the fence, and is equal."""
    name, what = _WHAT["_verified"]
    found, remains = [], []
    failed = False
    for pair, summary in _summaries(facts).items():
        if summary is None:
            continue
        divergent = max(summary.keys.get("divergent", 0), sum(summary.open_findings.values()))
        waiting = {v: summary.keys.get(v, 0) for v in ("in_flight", "overdue", "unknown")}
        if divergent:
            failed = True
            found.append(f"{pair}: {divergent} keys diverge")
            remains.append("mend what `figwatch findings` lists")
        for verdict, count in waiting.items():
            if count:
                found.append(f"{pair}: {count} keys {verdict}")
                remains.append("a sweep" if verdict == "unknown" else "wait for the replicator")
        if summary.verified_through_us < fence_us:
            found.append(f"{pair}: not verified through the fence")
            remains.append("heartbeats of both sides")
        if not sum(summary.keys.values()):
            found.append(f"{pair}: no key was compared")
            remains.append("figwatch status")
    if found:
        answer = Answer.FAIL if failed else Answer.INCONCLUSIVE
        return Step(name, what, answer, _named(found), _named(list(dict.fromkeys(remains))))
    return Step(name, what, Answer.PASS, "every key is equal, beyond the fence")


def _ready_back(facts: CutoverFacts, fence_us: int) -> Step:
    """From the switch on the other direction is judged: it must be watched already."""
    del fence_us
    name, what = _WHAT["_ready_back"]
    missing = [pair for pair in facts.pairs if pair not in facts.two_way]
    if missing:
        return Step(name, what, Answer.INCONCLUSIVE, f"{_named(missing)}: only one direction",
                    "set two_way: true, and start the replicator back")  # fmt: skip
    return Step(name, what, Answer.PASS, "both directions are judged")


def _after(facts: CutoverFacts, at_us: int, decided: bool) -> Cutover:
    """Authority has moved: was it a clean turn?"""
    pairs = [pair for pair in _summaries(facts).values() if pair is not None]
    owed = sum(p.turn.owed for p in pairs if p.turn)
    lost = sum(p.turn.lost for p in pairs if p.turn)
    undecided = sum(p.turn.undecided for p in pairs if p.turn)
    name, what = "switched", f"{facts.follower} leads"
    if not decided:
        step = Step(name, what, Answer.INCONCLUSIVE, "recorded; not yet known on both sides",
                    "watermarks beyond the turn")  # fmt: skip
    elif lost or owed:
        step = Step(name, what, Answer.FAIL,
                    f"{lost} versions were lost at the turn, {owed} have not come over yet",
                    "figwatch findings")  # fmt: skip
    elif undecided:
        step = Step(name, what, Answer.INCONCLUSIVE,
                    f"{undecided} keys changed too often to say what they were at the turn",
                    "a sweep")  # fmt: skip
    else:
        step = Step(name, what, Answer.PASS, "and had everything at the turn")
    return Cutover(step.answer, (step,), True, {}, at_us)  # noqa: FBT003


_WHAT = {
    "_captured": ("captured", "the position at which the leader's writes end"),
    "_drained": ("drained", "the replicator is past that position"),
    "_verified": ("verified", "every key is equal, through that position"),
    "_ready_back": ("way_back", "the other direction is replicated and judged"),
}
