"""What the known saga-state tables say: a row becomes a report of the saga and of its steps.

Layouts: Debezium's saga example (`sagastate`: sagastatus, stepstatus), Eventuate Tram
(`saga_instance`: end_state, compensating, failed), Seata (`seata_state_machine_inst`: status,
compensation_status), MassTransit (CorrelationId, CurrentState; a finalised row is deleted).
`figwatch.connectors.saga_decoder` reads the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from figwatch.connectors.config.writes import SagaStateConfig
from figwatch.connectors.record_fields import text_of
from figwatch.validators.canonical.json import parse_json
from figwatch.validators.writes.records import Report

WORDS = {
    "running": Report.RUNNING,
    "compensating": Report.COMPENSATING,
    "completed": Report.COMPLETED,
    "compensated": Report.COMPENSATED,
    "failed": Report.FAILED,
}
_DEBEZIUM = {
    "STARTED": Report.RUNNING,
    "ABORTING": Report.COMPENSATING,
    "ABORTED": Report.COMPENSATED,
    "COMPLETED": Report.COMPLETED,
}
_MASSTRANSIT = {"Final": Report.COMPLETED}
_COLUMNS = {
    "debezium": ("id", "sagastatus", "type", "stepstatus"),
    "eventuate": ("saga_id", None, "saga_type", None),
    "seata": ("id", "status", "machine_id", None),
    "masstransit": ("correlationid", "currentstate", None, None),
    "columns": (None, None, None, None),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What one row says. `undeclared` is a status that nothing explains."""

    report: Report
    done: int = 0
    failed: int = 0
    undone: int = 0
    undeclared: str = ""


class Layout:
    """How to read the rows of one state table. Column names are compared without regard to case."""

    def __init__(self, config: SagaStateConfig, steps: Sequence[str]) -> None:
        correlation, status, kind, step = _COLUMNS[config.layout]
        self._layout = config.layout
        self.correlation = _lower(config.correlation or correlation)
        self._status = _lower(config.status or status)
        self._kind = _lower(config.type_column or kind)
        self._kind_value = config.type_value
        self._step = _lower(config.step_column or step)
        self._steps = {name: 1 << n for n, name in enumerate(steps)}
        known = {"debezium": _DEBEZIUM, "masstransit": _MASSTRANSIT}.get(config.layout, {})
        self._states = known | {name: WORDS[word] for name, word in config.states.items()}
        given = config.deleted_is_end
        self.deleted_is_end = given if given is not None else config.layout == "masstransit"

    @property
    def reads_status(self) -> bool:
        """It knows which column has the status."""
        return self._status is not None or self._layout == "eventuate"

    @property
    def can_end(self) -> bool:
        """Some row says that a saga is completed."""
        known = self._layout in {"eventuate", "seata"} or Report.COMPLETED in self._states.values()
        return known or self.deleted_is_end

    @property
    def tells_steps(self) -> bool:
        """Rows tell what became of each declared step."""
        return self._step is not None and bool(self._steps)

    def mine(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is of this kind of saga; `row` has lower-case names."""
        if self._kind_value is None or self._kind is None:
            return True
        return text_of(row.get(self._kind)) == self._kind_value

    def told(self, row: Mapping[str, Any]) -> Told:
        """What a row says."""
        if self._layout == "eventuate":
            return Told(_eventuate(row))
        status = text_of(row.get(self._status or ""))
        if self._layout == "seata":
            report = self._states.get(status) or _seata(row, status)
        else:
            report = self._states.get(status, Report.NONE)
            if report is Report.NONE and self._layout == "masstransit":
                report = Report.RUNNING  # its states have any name
        if report is Report.NONE:
            return Told(report, undeclared=status or "(no status)")
        return self._with_steps(report, row)

    def _with_steps(self, report: Report, row: Mapping[str, Any]) -> Told:
        """Debezium's `stepstatus`: {"payment": "SUCCEEDED", ...}."""
        told = row.get(self._step) if self._step else None
        if isinstance(told, str):
            try:
                told = parse_json(told)
            except ValueError:
                told = None
        if not isinstance(told, dict):
            return Told(report)
        done = failed = undone = 0
        for name, status in told.items():
            bit = self._steps.get(name, 0)
            done |= bit if status in {"SUCCEEDED", "COMPENSATING", "COMPENSATED"} else 0
            undone |= bit if status == "COMPENSATED" else 0
            failed |= bit if status == "FAILED" else 0
        return Told(report, done, failed, undone)


def _lower(name: str | None) -> str | None:
    return None if name is None else name.lower()


def _truth(value: Any) -> bool:
    """A flag as boolean, bit, number or text."""
    return value in (True, 1, "1", "true", "t", "\x01", "AQ==")


def _eventuate(row: Mapping[str, Any]) -> Report:
    ended = _truth(row.get("end_state"))
    if _truth(row.get("failed")) and ended:
        return Report.FAILED
    if _truth(row.get("compensating")):
        return Report.COMPENSATED if ended else Report.COMPENSATING
    return Report.COMPLETED if ended else Report.RUNNING


def _seata(row: Mapping[str, Any], status: str) -> Report:
    undoing = text_of(row.get("compensation_status"))
    running = _truth(row.get("is_running"))
    if undoing == "SU":
        return Report.COMPENSATED
    if undoing == "RU" or (undoing and running):
        return Report.COMPENSATING
    if undoing:
        return Report.FAILED
    if status == "SU":
        return Report.COMPLETED
    if status == "RU" or running:
        return Report.RUNNING
    return Report.FAILED if status in {"FA", "UN"} else Report.NONE
