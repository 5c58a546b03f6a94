"""Sagas of the configuration, checked and made into what the judge works on.

The rules of a saga are `figwatch.validators.sagas.definition`'s; here they get their place in the
file. Used by `figwatch.connectors.config.rules` and the worker.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from figwatch.connectors.config.writes import SagaConfig
from figwatch.connectors.saga_layouts import Layout
from figwatch.validators.sagas.definition import (
    Definition,
    SagaDefinitionError,
    StepDeclaration,
    check_end,
    signals_of,
    step_order,
)

if TYPE_CHECKING:
    from figwatch.connectors.config.root import Config


def topics_of(config: "Config", saga: SagaConfig) -> dict[str, str]:
    """Raw topics of a saga, each with the name of its side."""
    found = {topic.topic: topic.side for topic in saga.topics}
    if saga.state is not None:
        prefix = config.sides[saga.state.side].topic_prefix
        found[saga.state.topic or f"{prefix}.{saga.state.table}"] = saga.state.side
    return found


def declarations(saga: SagaConfig) -> tuple[StepDeclaration, ...]:
    """The steps as they are declared."""
    return tuple(
        StepDeclaration(
            step.name, step.done, step.failed, step.undone,
            None if step.after is None else tuple(step.after), step.compensable,
        )
        for step in saga.steps
    )  # fmt: skip


def definition_of(config: "Config", saga: SagaConfig) -> Definition:
    """A checked saga in the judge's terms."""
    steps = declarations(saga)
    partitions = config.worker.internal_partitions
    skew = sum(side.clock_skew_seconds for side in config.sides.values())
    layout = Layout(saga.state, [s.name for s in steps]) if saga.state is not None else None
    undoable = [
        s.compensable if s.compensable is not None else bool(s.undone) or layout is not None
        for s in steps
    ]
    return Definition(
        name=saga.name,
        steps=tuple(step.name for step in steps),
        before=step_order(steps),
        compensable=sum(1 << n for n, can in enumerate(undoable) if can),
        signals=signals_of(saga.start, steps) if layout is None else {},
        ignored=frozenset(saga.ignored_events),
        limit_us=round(saga.time_limit_seconds * 1e6),
        topics=tuple(topics_of(config, saga)),
        skew_us=round(skew * 1e6),
        compensated_is_success=saga.compensated_is_success,
        reported=layout is not None,
        steps_reported=layout.tells_steps if layout is not None else True,
        open_max=-(-saga.open_max // partitions),
        closed_max=-(-saga.closed_max // partitions),
        remember_us=round(saga.remember_hours * 3.6e9),
    )


def definitions(config: "Config") -> tuple[Definition, ...]:
    """Every saga of a configuration."""
    return tuple(definition_of(config, saga) for saga in config.sagas)


def faults(config: "Config", saga: SagaConfig) -> Iterator[SagaDefinitionError]:
    """Everything that is wrong with one saga, by the field below it."""
    sides = [(f"topics.{n}.side", topic.side) for n, topic in enumerate(saga.topics)]
    if saga.state is not None:
        sides.append(("state.side", saga.state.side))
    for field, side in sides:
        if side not in config.sides:
            yield SagaDefinitionError(
                field, f"`{side}` is not a side", f"the sides are {' and '.join(config.sides)}",
                "config.unknown-side",
            )  # fmt: skip
    if bool(saga.topics) == (saga.state is not None):
        yield SagaDefinitionError(
            "topics", f"saga `{saga.name}` has {'both' if saga.topics else 'neither'} topics"
            f" {'and' if saga.topics else 'nor'} a state table",
            "name the topics of its events, or its state table", "config.saga-where",
        )  # fmt: skip
    repeated = {
        s.name for n, s in enumerate(saga.steps) if s.name in [o.name for o in saga.steps[:n]]
    }
    if repeated:
        yield SagaDefinitionError(
            "steps", f"two steps are called `{min(repeated)}`", "give each a name of its own",
            "config.saga-duplicate-step",
        )  # fmt: skip
        return
    try:
        step_order(declarations(saga))
    except SagaDefinitionError as error:
        yield error
    yield from _of_events(saga) if saga.state is None else _of_state(saga)


def _of_events(saga: SagaConfig) -> Iterator[SagaDefinitionError]:
    if not saga.start:
        yield SagaDefinitionError(
            "start", f"no event starts saga `{saga.name}`", "name the event: `start: [...]`",
            "config.saga-no-start",
        )  # fmt: skip
    steps = declarations(saga)
    for check in (lambda: check_end(steps), lambda: signals_of(saga.start, steps)):
        try:
            check()
        except SagaDefinitionError as error:
            yield error


def _of_state(saga: SagaConfig) -> Iterator[SagaDefinitionError]:
    assert saga.state is not None
    layout = Layout(saga.state, [step.name for step in saga.steps])
    for field, there in (("correlation", layout.correlation), ("status", layout.reads_status)):
        if not there:
            yield SagaDefinitionError(
                f"state.{field}", f"nothing says which column has the saga's {field}",
                f"set `{field}`, or a `layout` that knows it", "config.saga-column",
            )  # fmt: skip
    if not layout.can_end:
        yield SagaDefinitionError(
            "state.states", "no status means completed, so that no saga ends",
            "say what they mean: `states: {DONE: completed, ...}`", "config.saga-no-end",
        )  # fmt: skip
