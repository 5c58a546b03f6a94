"""What an alert is. `figwatch.dashboards.alerts` lists them."""

import enum
from dataclasses import dataclass
from typing import Any

from figwatch.dashboards.rules import expression, prose


class Severity(enum.Enum):
    """Who hears of it, and when."""

    CRITICAL = "critical"
    """Now: the migration is not safe, or nobody can say whether it is."""
    WARNING = "warning"
    """In working hours: it will become unsafe, or a proof is weaker than it should be."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `board` is the dashboard's uid to look at."""

    name: str
    severity: Severity
    expr: str
    pending: str
    """How long it must hold (`for`)."""
    summary: str
    description: str
    board: str = "figwatch-overview"

    @property
    def page(self) -> str:
        """Its runbook below docs/."""
        return f"runbooks/{self.name}.md"

    def rule(self, docs_url: str, grafana_url: str) -> dict[str, Any]:
        """As it stands in the file."""
        rule: dict[str, Any] = {"alert": self.name, "expr": expression(self.expr)}
        if self.pending != "0m":
            rule["for"] = self.pending
        rule["labels"] = {"severity": self.severity.value}
        rule["annotations"] = {
            "summary": prose(self.summary),
            "description": prose(self.description),
            "runbook_url": f"{docs_url}/runbooks/{self.name}/",
            "dashboard_url": f"{grafana_url}/d/{self.board}?var-job={{{{ $labels.job }}}}",
        }
        return rule
