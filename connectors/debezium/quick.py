"""The quick way of a topic's usual records: one generated function from bytes to changes.

It is made for one form of records (which schemas, which log) and hands every record that is not
exactly of it, or that takes any thought, to `connectors.debezium.route`, which goes the plain way
and gives the same changes. `connectors.debezium.quick_code` has the code.
"""

from collections.abc import Callable
from typing import Any, Protocol

from figwatch.connectors.debezium import source as sources
from figwatch.connectors.debezium.plan import KeyPlan, RowPlan
from figwatch.connectors.debezium.quick_code import (
    Ahead,
    Form,
    Quick,
    QuickEvent,
    compile_batch,
    compile_event,
    compile_json,
)
from figwatch.validators.canonical.rows import Placeholder
from figwatch.validators.mapping.compile import Memory

FORMS_MAX = 64
"""Forms of one topic whose functions are kept; beyond it all are made anew when met."""
Compile = Callable[..., Any]


class Plainly(Protocol):
    """The ways that are always right: `connectors.debezium.route.Route`."""

    @property
    def decode(self) -> Quick: ...
    @property
    def plainly(self) -> Quick: ...


class QuickWays:
    """The quick functions of one topic, each made when its form was first met."""

    def __init__(
        self, topic: str, route: Plainly, placeholder: Placeholder, nulls: sources.Nulls
    ) -> None:
        self._names = {"topic": topic, "route": route, "nulls": nulls}
        self._placeholder = placeholder
        self._many: set[str] = set()
        self._fresh: list[bool] = []
        self.reset()

    def reset(self) -> None:
        """Forget all functions: an agreement has changed."""
        self._many.clear()
        self._forget()

    def _forget(self) -> None:
        self._fresh.clear()  # of functions that are in use for a batch
        self._fresh = [True]
        self.json: Quick | None = None
        """The function for the form in which JSON came last."""
        self.form: Form | None = None
        self._made: dict[Form, Quick] = {}
        self._events: dict[Form, QuickEvent] = {}
        self._batches: dict[tuple[Compile, Form], Callable[[Ahead, Quick], Quick]] = {}

    def pause(self) -> None:
        """No function until a form is learned again: something is to be looked at."""
        self._forget()

    def learn_json(self, form: Form, sample: Any) -> None:
        """Be quick with such records from now on: one has just gone the plain way."""
        if form != self.form:
            self.form = form
            found = self._made.get(form)
            if found is None:
                found = self._made[form] = self._compile(compile_json, form, sample)
            self.json = found

    def events(self, plan: RowPlan, key_plan: KeyPlan, sample: Any) -> QuickEvent:
        """The function for decoded envelopes of these plans."""
        form = Form(plan, key_plan)
        found = self._events.get(form)
        if found is None:
            found = self._events[form] = self._compile(compile_event, form, sample)
        return found

    def batch(
        self, form: Form, sample: Any, compile_: Compile = compile_batch
    ) -> Callable[[Ahead, Quick], Quick]:
        """The same for many that were read ahead; records that it cannot take go to the function
        that is given beside them.
        """
        found = self._batches.get((compile_, form))
        if found is None:
            found = self._batches[compile_, form] = self._compile(compile_, form, sample)
        return found

    def _compile(self, compile_: Compile, form: Form, sample: Any) -> Any:
        if len(self._made) + len(self._events) + len(self._batches) >= FORMS_MAX:
            self._forget()
        memory = Memory(self._many, self._forget)
        scope = {**self._names, "fresh": self._fresh}
        return compile_(scope, form, self._placeholder, memory, sample)
