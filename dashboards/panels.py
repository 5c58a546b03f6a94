"""What a panel is, and how it becomes Grafana's. The boards are in `figwatch.dashboards.boards`.

Everything has a unit, a title and a description, and every query (`figwatch.dashboards.queries`)
selects job and instance: the rules of grafana/dashboard-linter, which tests/unit/dashboards checks.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders import statetimeline as timeline
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as query_model

Built: TypeAlias = Any
"""Builders of the SDK have no common type that mypy can follow."""

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="$datasource")
GREEN, YELLOW, RED, BLUE, GREY = "green", "yellow", "red", "blue", "#8e8e8e"


class Shape(enum.Enum):
    """How a panel is drawn."""

    STAT = "stat"
    LINES = "lines"
    STACK = "stack"
    HEAT = "heat"
    STATES = "states"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `queries` are (PromQL, legend); `steps` colour values from a threshold on, the
    first without one. `needs` names what must have happened for it to show data: "" for every
    running migration.
    """

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    shape: Shape = Shape.LINES
    span: int = 12
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ((None, BLUE),)
    words: Mapping[int, tuple[str, str]] | None = None
    """Texts and colours that stand for values."""
    needs: str = ""
    runbook: str = ""
    """The alert whose page tells more."""
    largest: float | None = None


_FACTORIES: Mapping[Shape, type] = {
    Shape.STAT: stat.Panel,
    Shape.LINES: timeseries.Panel,
    Shape.STACK: timeseries.Panel,
    Shape.HEAT: heatmap.Panel,
    Shape.STATES: timeline.Panel,
}


def build(panel: Panel, docs_url: str) -> Built:
    """The SDK's panel."""
    made: Built = _FACTORIES[panel.shape]()
    made.title(panel.title).description(panel.description).unit(panel.unit)
    made.datasource(DATASOURCE).height(panel.height).span(panel.span)
    steps = [model.Threshold(value=value, color=colour) for value, colour in panel.steps]
    if panel.shape is not Shape.HEAT:
        made.thresholds(
            dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
        )
    if panel.words:
        made.mappings([_mapping(panel.words)])
    if panel.runbook:
        url = f"{docs_url}/runbooks/{panel.runbook}/"
        made.links([dashboard.DashboardLink("Runbook").url(url).target_blank(target_blank=True)])
    _SHAPERS[panel.shape](made, panel)
    for number, (expr, legend) in enumerate(panel.queries):
        made.with_target(_query(panel, expr, legend, chr(ord("A") + number)))
    return made


def _query(panel: Panel, expr: str, legend: str, ref: str) -> Built:
    made = prometheus.Dataquery().ref_id(ref).datasource(DATASOURCE).expr(expr)
    if panel.shape is Shape.HEAT:
        return made.range().format(query_model.PromQueryFormat.HEATMAP).legend_format("{{le}}")
    made.legend_format(legend)
    return made.instant() if panel.shape is Shape.STAT else made.range()


def _mapping(words: Mapping[int, tuple[str, str]]) -> model.ValueMap:
    return model.ValueMap(
        options={
            str(value): model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(words.items())
        }
    )


def _stat(made: Built, panel: Panel) -> None:
    made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    made.color_mode(common_model.BigValueColorMode.BACKGROUND_SOLID)
    made.graph_mode(common_model.BigValueGraphMode.NONE)
    if len(panel.queries) == 1 and "{{" not in panel.queries[0][1]:
        made.text_mode(common_model.BigValueTextMode.VALUE)
    made.no_value("no data")


def _lines(made: Built, panel: Panel) -> None:
    made.line_width(2).fill_opacity(8).show_points(common_model.VisibilityMode.NEVER)
    made.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    made.min(0)
    if panel.largest is not None:
        made.max(panel.largest)
    made.legend(
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(common_model.LegendDisplayMode.LIST)
        .placement(common_model.LegendPlacement.BOTTOM)
    )
    made.tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))


def _stack(made: Built, panel: Panel) -> None:
    _lines(made, panel)
    made.fill_opacity(40).stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))


def _heat(made: Built, _: Panel) -> None:
    made.color(heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME)
               .scheme("Spectral").steps(64))  # fmt: skip
    made.y_axis(heatmap.YAxisConfig().unit("s"))
    made.filter_values(heatmap.FilterValueRange().le(1e-9))


def _states(made: Built, _: Panel) -> None:
    made.line_width(0).fill_opacity(85).row_height(0.8)
    made.show_value(common_model.VisibilityMode.AUTO)


_SHAPERS = {
    Shape.STAT: _stat,
    Shape.LINES: _lines,
    Shape.STACK: _stack,
    Shape.HEAT: _heat,
    Shape.STATES: _states,
}
