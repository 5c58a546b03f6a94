"""Every interleaving of small histories, breadth first, through the production judge.

States that differ only in when something happened, but not in its order, are one. The first failure
found is a shortest one. `small_world` says what may happen, `frozen` makes a state a value.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from figwatch.demo.simulator import frozen
from figwatch.demo.simulator.small_world import (
    EPOCH_US,
    TOPICS,
    Case,
    World,
    drained,
    latest,
    settle,
    start,
    steps,
)
from figwatch.validators.change import Reading, Topology
from figwatch.validators.judge import Judge
from figwatch.validators.outcome import Verdict

Parents = dict[bytes, tuple[bytes, str] | None]


@dataclass
class Search:
    """What a search has covered, and the history of its first failure."""

    case: Case
    states: int = 0
    drained: int = 0
    """Drained states, where the verdict is held against the truth."""
    divergent: int = 0
    """States called divergent."""
    complete: bool = False
    """Every state was visited, none left out for the bound."""
    failure: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line for people."""
        end = "" if self.complete else ", bounded"
        return (
            f"{self.case.name}: {self.states} states, {self.drained} drained, "
            f"{self.divergent} divergent{end}"
        )


def search(case: Case, max_states: int) -> Search:
    """Visit every state of a case, `max_states` at most; stops at the first failure."""
    found = Search(case)
    first = _first(case)
    parents: Parents = {first: None}
    queue = deque([first])
    while queue and len(parents) < max_states:
        state = queue.popleft()
        for name, world, after in _successors(case, state):
            if after in parents:
                continue
            parents[after] = (state, name)
            queue.append(after)
            wrong = _wrong(case, world, after, found)
            if wrong:
                found.states = len(parents)
                found.failure = [*_history(parents, after), wrong]
                return found
    found.states, found.complete = len(parents), not queue
    return found


def _first(case: Case) -> bytes:
    judge = Judge((frozen.RULES,))
    for topic in TOPICS:
        judge.apply(Topology(topic, 1), EPOCH_US)
    return frozen.freeze(start(case, judge, EPOCH_US), judge)


def _successors(case: Case, state: bytes) -> Iterator[tuple[str, World, bytes]]:
    now_us = frozen.after(state)
    for step in steps(case, frozen.world_of(state), now_us):
        if not step.seen:
            yield step.name, step.world, frozen.with_world(state, step.world)
            continue
        judge = frozen.thaw(state)
        for record in step.seen:
            if isinstance(record, Reading):
                judge.read(record)
            else:
                judge.apply(record, now_us)
        judge.evaluate(now_us)
        yield step.name, step.world, frozen.freeze(step.world, judge)


def _wrong(case: Case, world: World, state: bytes, found: Search) -> str:
    """Why figwatch is wrong in this state; empty when it is not."""
    divergent = frozen.said(state) is Verdict.DIVERGENT
    found.divergent += divergent
    if divergent and not world.hurt:
        return "divergent, and nothing is"
    if not drained(case, world):
        return ""
    found.drained += 1
    judge = frozen.thaw(state)
    now_us = frozen.after(state)
    settle(world, judge, now_us)
    source, target = latest(case, world)
    right = Verdict.CONSISTENT if source == target else Verdict.DIVERGENT
    allowed: set[Verdict | None] = {right}
    if world.missed or case.base:
        allowed |= {Verdict.UNKNOWN, None}
    if source is None and target is None:
        allowed.add(None)
    settled = frozen.said(frozen.freeze(world, judge))
    if settled in allowed:
        return ""
    name = settled.name.lower() if settled is not None else "nothing"
    return f"source {source}, target {target}, and figwatch says {name}"


def _history(parents: Parents, state: bytes) -> list[str]:
    told: list[str] = []
    link = parents[state]
    while link is not None:
        told.append(link[1])
        link = parents[link[0]]
    return told[::-1]
