"""What became of a saga, rule by rule. Pure: time is the watermark of its topics, never a clock.

`assess` owns the order; `figwatch.validators.sagas.saga` calls it.
"""

from dataclasses import dataclass

from figwatch.validators.sagas.definition import Definition
from figwatch.validators.sagas.instance import Flag, Instance, Outcome
from figwatch.validators.writes.records import Report


@dataclass(frozen=True, slots=True)
class SagaJudgement:
    """One look at one instance. `steps` are those it waits for or that were not undone."""

    outcome: Outcome
    steps: int = 0


def assess(
    instance: Instance, definition: Definition, watermark_us: int, *, lost: bool
) -> SagaJudgement:
    """Judge an instance. `lost`: records that may have been its own could not be read.

    The order matters: an end is an end whenever it is seen; only what has not ended is held
    against the time limit; and what may have ended unseen is never called wrong.
    """
    end = ended(instance, definition)
    if end is not None:
        settled = end is Outcome.COMPLETED or watermark_us > instance.last_us
        steps = _owed(instance, definition) if end is Outcome.INCOMPLETELY_COMPENSATED else 0
        return SagaJudgement(end if settled else Outcome.OPEN, steps)
    if watermark_us <= deadline_us(instance, definition):
        return SagaJudgement(Outcome.OPEN, _missing(instance, definition))
    missing = _missing(instance, definition)
    if lost or instance.flags & (Flag.UNDECLARED | Flag.LATE):
        return SagaJudgement(Outcome.UNKNOWN, missing)
    if not instance.started:
        return SagaJudgement(Outcome.UNKNOWN_START)
    if failing(instance):
        return SagaJudgement(Outcome.INCOMPLETELY_COMPENSATED, missing)
    return SagaJudgement(Outcome.STUCK, missing)


def deadline_us(instance: Instance, definition: Definition) -> int:
    """When an instance that has not ended is held to be wrong. A failing one has its time for
    compensation from its last event on.
    """
    from_us = instance.last_us if failing(instance) else instance.first_us
    return from_us + definition.limit_us + definition.skew_us


def failing(instance: Instance) -> bool:
    """Whether it is being undone: a step failed for good, or one was undone, or so it is said."""
    said = instance.report in (Report.COMPENSATING, Report.COMPENSATED, Report.FAILED)
    return said or bool(instance.failed & ~instance.done) or bool(instance.undone)


def ended(instance: Instance, definition: Definition) -> Outcome | None:
    """How the instance has ended, as far as it was seen; None: it has not."""
    if not instance.started:
        return None
    if definition.reported:
        return _reported_end(instance, definition)
    if failing(instance):
        return None if _owed(instance, definition) else Outcome.COMPENSATED
    return Outcome.COMPLETED if definition.everything & ~instance.done == 0 else None


def _reported_end(instance: Instance, definition: Definition) -> Outcome | None:
    """What the state table says, held against what it says of the steps."""
    if instance.report is Report.FAILED:
        return Outcome.INCOMPLETELY_COMPENSATED
    owed = definition.steps_reported and _owed(instance, definition)
    if instance.report is Report.COMPENSATED:
        return Outcome.INCOMPLETELY_COMPENSATED if owed else Outcome.COMPENSATED
    if instance.report is Report.COMPLETED:
        undone = instance.undone or instance.failed & ~instance.done
        return Outcome.INCOMPLETELY_COMPENSATED if undone and owed else Outcome.COMPLETED
    return None


def _owed(instance: Instance, definition: Definition) -> int:
    """Steps that were done, can be undone, and were not."""
    return instance.done & definition.compensable & ~instance.undone


def _missing(instance: Instance, definition: Definition) -> int:
    """Steps that it waits for: to be undone where it fails, otherwise the next to be done."""
    if failing(instance):
        return _owed(instance, definition)
    open_steps = definition.everything & ~instance.done
    ready = 0
    for n, before in enumerate(definition.before):
        if open_steps >> n & 1 and before & ~instance.done == 0:
            ready |= 1 << n
    return ready or open_steps
