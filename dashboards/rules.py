"""Prometheus' recording rules and the file format; the alerts are in `figwatch.dashboards.alerts`.

Labels: a job is one migration's workers (`job` must start with `figwatch`), and every rule keeps
`job`, so that several migrations share one Prometheus. `figwatch.dashboards.write` makes the files.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Of the burn rates (`figwatch.dashboards.alerts`)."""
LINE_CHARS = 96


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recording rule; its name is level:metric:operation."""

    name: str
    expr: str

    def rule(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"record": self.name, "expr": _expr(self.expr)}


def outside(window: str) -> str:
    """Name of the share of changes that converged outside the objective, over a window."""
    return f"job_pair:figwatch_convergence_outside_objective:ratio_rate{window}"


def _outside(window: str) -> Recorded:
    by = "sum by (job, pair)"
    within = f"{by} (rate(figwatch_converged_within_objective_total[{window}]))"
    shown = f"{by} (rate(figwatch_convergence_seconds_count[{window}]))"
    return Recorded(outside(window), f"1 - {within}\n  / {shown}")


RECORDED: tuple[Recorded, ...] = (
    Recorded("job_pair_verdict:figwatch_keys:sum", "sum by (job, pair, verdict) (figwatch_keys)"),
    Recorded(
        "job_pair:figwatch_verified_through_timestamp_seconds:min",
        "min by (job, pair) (figwatch_verified_through_timestamp_seconds)",
    ),
    Recorded(
        "job_pair:figwatch_oldest_unshown_change_seconds:max",
        "max by (job, pair) (figwatch_oldest_unshown_change_seconds)",
    ),
    Recorded(
        "job_pair_side:figwatch_changes:rate5m",
        "sum by (job, pair, side) (rate(figwatch_changes_total[5m]))",
    ),
    Recorded(
        "job_side:figwatch_capture_seconds:p99_5m",
        "histogram_quantile(0.99,\n"
        "  sum by (job, side, le) (rate(figwatch_capture_seconds_bucket[5m])))",
    ),
    *(_outside(window) for window in WINDOWS),
)


def group(name: str, rules: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A group of a rules file; rules of a group are evaluated one after the other."""
    return {"name": name, "rules": list(rules)}


def rules_file(groups: list[dict[str, Any]]) -> str:
    """The YAML text of a rules file."""
    return _yaml({"groups": groups})


def prometheus_rule(groups: list[dict[str, Any]]) -> str:
    """The same as a resource of the Prometheus Operator."""
    labels = {"app.kubernetes.io/name": "figwatch"}
    return _yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "figwatch", "labels": labels},
            "spec": {"groups": groups},
        }
    )


def _yaml(document: Mapping[str, Any]) -> str:
    yaml = YAML()
    yaml.width = LINE_CHARS
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    out.write("# Made by `make dashboards` from dashboards/; change it there.\n")
    yaml.dump(document, out)
    return out.getvalue()


def _expr(text: str) -> Any:
    return LiteralScalarString(text + "\n") if "\n" in text else text


def prose(text: str) -> Any:
    """A sentence that may be long."""
    return FoldedScalarString(text) if len(text) > LINE_CHARS // 2 else text


def expression(text: str) -> Any:
    """A PromQL expression, on as many lines as it has."""
    return _expr(text)
