"""The orchestrated order: one program that knows the steps, with its memory in `sagastate`, which
Debezium captures. Next: `participants`, which do the work.

Each step is a transaction of its participant, each note of it another: what ends in between is
taken up again by whoever runs next, and asks for the step once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from figwatch.demo.orders import participants
from figwatch.demo.orders.participants import Order, OrderFault, order_of, planted

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

Connection: TypeAlias = psycopg.Connection[Any]
POLL_SECONDS = 0.1


class CrashedError(Exception):
    """The orchestrator ended in the middle, as was planted."""


@dataclass(frozen=True, slots=True)
class Step:
    """`do` says whether it is done; `undo` compensates, None where there is nothing to undo."""

    name: str
    do: Callable[[Connection, Order], bool]
    undo: Callable[[Connection, Order], None] | None = None


@dataclass(slots=True)
class SagaState:
    """A row of `sagastate`."""

    id: str
    stepstatus: dict[str, str]
    sagastatus: str


def _confirm(connection: Connection, order: Order) -> bool:
    participants.close(connection, order.reference, confirmed=True)
    return True


STEPS = (
    Step(
        "reserve",
        lambda c, order: participants.reserve(c, order.reference, order.sku, order.quantity),
        lambda c, order: participants.release(c, order.reference),
    ),
    Step("pay", lambda c, order: participants.take_payment(c, order.reference, order.amount)),
    Step("confirm", _confirm),
)
OPEN = """
SELECT id, stepstatus, sagastatus FROM public.sagastate
WHERE sagastatus IN ('STARTED', 'ABORTING') ORDER BY id
"""
NOTE = """
UPDATE public.sagastate SET currentstep = %s, stepstatus = %s, sagastatus = %s WHERE id = %s
"""


def orchestrate(dsn: str, stop: threading.Event) -> None:
    """Take every open saga to its end, until `stop` is set.

    Raises:
        CrashedError: it was planted.
        psycopg.Error: the database refuses.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not stop.wait(POLL_SECONDS):
            with connection.cursor(row_factory=class_row(SagaState)) as cursor:
                sagas = cursor.execute(OPEN).fetchall()
            for saga in sagas:
                _run(connection, saga)


def _run(connection: Connection, saga: SagaState) -> None:
    order = order_of(connection, saga.id)
    if saga.sagastatus == "STARTED":
        _go_on(connection, saga, order)
    if saga.sagastatus == "ABORTING":
        _undo(connection, saga, order)


def _go_on(connection: Connection, saga: SagaState, order: Order) -> None:
    for step in STEPS:
        if saga.stepstatus.get(step.name) == "SUCCEEDED":
            continue
        _note(connection, saga, step, "STARTED")
        with connection.transaction():
            done = step.do(connection, order)
        if planted(connection, saga.id, OrderFault.CRASH):
            raise CrashedError(f"after {step.name} of {saga.id}")
        if not done:
            saga.sagastatus = "ABORTING"
        elif step is STEPS[-1]:
            saga.sagastatus = "COMPLETED"
        _note(connection, saga, step, "SUCCEEDED" if done else "FAILED")
        if not done:
            return


def _undo(connection: Connection, saga: SagaState, order: Order) -> None:
    for step in reversed(STEPS):
        if step.undo is None or saga.stepstatus.get(step.name) not in {"SUCCEEDED", "COMPENSATING"}:
            continue
        if planted(connection, saga.id, OrderFault.KEPT_RESERVATION):
            continue
        _note(connection, saga, step, "COMPENSATING")
        with connection.transaction():
            step.undo(connection, order)
        _note(connection, saga, step, "COMPENSATED")
    with connection.transaction():
        participants.close(connection, order.reference, confirmed=False)
    saga.sagastatus = "ABORTED"
    connection.execute(NOTE, (None, Jsonb(saga.stepstatus), saga.sagastatus, saga.id))


def _note(connection: Connection, saga: SagaState, step: Step, status: str) -> None:
    saga.stepstatus[step.name] = status
    connection.execute(NOTE, (step.name, Jsonb(saga.stepstatus), saga.sagastatus, saga.id))
