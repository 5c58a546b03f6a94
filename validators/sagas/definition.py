"""A saga as it was declared: its steps, what undoes each, what comes before, how long it may take.

Declarations are checked here. `Definition` is the compact form that
`figwatch.validators.sagas.rules` judges by: a step is a bit of a mask, so that the state of a
million open sagas stays small.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STEPS_MAX = 32
"""Steps of one saga."""


class SagaDefinitionError(ValueError):
    """A declaration that cannot be; `field` names the part, `fix` what to change."""

    def __init__(self, field: str, cause: str, fix: str, code: str) -> None:
        super().__init__(cause)
        self.field, self.cause, self.fix, self.code = field, cause, fix, code


@dataclass(frozen=True, slots=True)
class StepDeclaration:
    """One step as it stands in the configuration, by the names of its events."""

    name: str
    done: str = ""
    failed: str = ""
    undone: str = ""
    """Event of its compensation; empty: there is nothing to undo."""
    after: tuple[str, ...] | None = None
    """Steps that come before; None: the one declared before it."""
    compensable: bool | None = None
    """None: it is where `undone` names an event."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one declared event says."""

    start: bool = False
    done: int = 0
    failed: int = 0
    undone: int = 0


@dataclass(frozen=True, slots=True)
class Definition:
    """A saga, ready to judge by. Masks have bit n for step n; times in microseconds."""

    name: str
    steps: tuple[str, ...]
    before: tuple[int, ...]
    """For each step, the mask of the steps that must be done before it."""
    compensable: int
    signals: Mapping[str, Signal]
    ignored: frozenset[str]
    limit_us: int
    topics: tuple[str, ...] = ()
    """Raw topics that carry its events."""
    skew_us: int = 0
    """How far the clocks of the systems that write its events may be apart."""
    compensated_is_success: bool = False
    reported: bool = False
    """A state table tells the outcome."""
    steps_reported: bool = True
    """The events tell what became of each step; False: only of the saga as a whole."""
    open_max: int = 1_000_000
    """Open instances that one judge keeps; beyond it the oldest is closed as unknown."""
    closed_max: int = 200_000
    """Closed instances that one judge remembers, for what comes late or twice."""
    remember_us: int = 86_400_000_000

    @property
    def everything(self) -> int:
        """Mask of all steps."""
        return (1 << len(self.steps)) - 1

    def named(self, mask: int) -> tuple[str, ...]:
        """Names of the steps in a mask."""
        return tuple(name for n, name in enumerate(self.steps) if mask >> n & 1)


def step_order(steps: Sequence[StepDeclaration]) -> tuple[int, ...]:
    """For each step the mask of the steps directly before it.

    Raises:
        SagaDefinitionError: a name that is no step, or steps that wait for each other.
    """
    index = {step.name: n for n, step in enumerate(steps)}
    before = []
    for n, step in enumerate(steps):
        earlier = tuple(s.name for s in steps[max(n - 1, 0) : n])
        names = step.after if step.after is not None else earlier
        unknown = [name for name in names if name not in index]
        if unknown:
            raise SagaDefinitionError(
                f"steps.{n}.after",
                f"step `{step.name}` comes after `{unknown[0]}`, which is no step",
                f"the steps are {', '.join(index)}", "config.saga-unknown-step",
            )  # fmt: skip
        before.append(sum(1 << index[name] for name in set(names)))
    if circle := _circle(steps, before):
        raise SagaDefinitionError(
            f"steps.{index[circle[0]]}.after",
            f"the steps wait for each other in a circle: {' -> '.join(circle)}",
            "take one of the `after` away: a saga must be able to end", "config.saga-cycle",
        )  # fmt: skip
    return tuple(before)


def _circle(steps: Sequence[StepDeclaration], before: Sequence[int]) -> tuple[str, ...]:
    """The names along one circle, empty where there is none: what never becomes free is in one."""
    free, rest = 0, set(range(len(steps)))
    while ready := {n for n in rest if before[n] & ~free == 0}:
        rest -= ready
        free |= sum(1 << n for n in ready)
    if not rest:
        return ()
    path = [min(rest)]
    while True:
        following = next(n for n in sorted(rest) if before[path[-1]] >> n & 1)
        if following in path:
            circle = [*path[path.index(following) :], following]
            return tuple(steps[n].name for n in reversed(circle))
        path.append(following)


def signals_of(start: Iterable[str], steps: Sequence[StepDeclaration]) -> dict[str, Signal]:
    """Event names to what they say; one event may say several things.

    Raises:
        SagaDefinitionError: an event that says a step is done and failed at once.
    """
    parts: dict[str, dict[str, int]] = {}
    starts = set(start)
    for n, step in enumerate(steps):
        for what, name in (("done", step.done), ("failed", step.failed), ("undone", step.undone)):
            if name:
                said = parts.setdefault(name, {})
                said[what] = said.get(what, 0) | 1 << n
    for name, said in parts.items():
        both = said.get("done", 0) & (said.get("failed", 0) | said.get("undone", 0))
        if both:
            raise SagaDefinitionError(
                "steps", f"the event `{name}` says that a step is done and also that it is not",
                "give each its own event", "config.saga-ambiguous-event",
            )  # fmt: skip
    names = [*starts, *(name for name in parts if name not in starts)]
    return {name: Signal(name in starts, **parts.get(name, {})) for name in names}


def check_end(steps: Sequence[StepDeclaration]) -> None:
    """Every step can be seen to be done: otherwise no saga would ever be complete.

    Raises:
        SagaDefinitionError: there is no step, or one that no event ends.
    """
    if not steps:
        raise SagaDefinitionError(
            "steps", "the saga has no step, so that it never ends", "declare its steps",
            "config.saga-no-end",
        )  # fmt: skip
    for n, step in enumerate(steps):
        if not step.done:
            raise SagaDefinitionError(
                f"steps.{n}",
                f"no event says that step `{step.name}` is done, so that no saga ends",
                "name the event: `done: ...`", "config.saga-no-end",
            )  # fmt: skip
