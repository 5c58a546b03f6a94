"""The dashboards as Grafana's JSON (classic, version 1), made with grafana-foundation-sdk.

Used by `figwatch.dashboards.write`; needs the development packages.
"""

import json
from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from figwatch.dashboards.board import Board
from figwatch.dashboards.boards import BOARDS
from figwatch.dashboards.panels import DATASOURCE, build

REFRESH = "10s"


def board_files(docs_url: str) -> Mapping[str, str]:
    """The JSON of every board by its path below the folder."""
    return {f"grafana/{board.uid}.json": _text(board, docs_url) for board in BOARDS}


def _text(board: Board, docs_url: str) -> str:
    document = _dashboard(board, docs_url).build()
    return (
        json.dumps(
            json.loads(JSONEncoder(sort_keys=True).encode(document)),
            indent=1,
            sort_keys=True,
            ensure_ascii=False,
        )
        + "\n"
    )


def _dashboard(board: Board, docs_url: str) -> dashboard.Dashboard:
    made = dashboard.Dashboard(board.title).uid(board.uid).description(board.description)
    made.tags(["figwatch"]).readonly().refresh(REFRESH).time("now-30m", "now").timezone("browser")
    made.tooltip(model.DashboardCursorSync.CROSSHAIR)
    made.with_variable(
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    )
    made.with_variable(_labels("job", "Job", _named(board.job_of), "job"))
    made.with_variable(
        _labels("instance", "Instance", _named(board.job_of, ', job=~"$job"'), "instance")
    )
    if board.pairs:
        keys = 'figwatch_keys{job=~"$job", instance=~"$instance"}'
        made.with_variable(_labels("pair", "Pair", keys, "pair"))
    for other in BOARDS:
        if other is not board:
            made.link(_link(board, other))
    made.link(
        dashboard.DashboardLink("Runbooks")
        .url(f"{docs_url}/runbooks/")
        .target_blank(target_blank=True)
    )
    for title, panels in board.rows:
        made.with_row(dashboard.Row(title))
        for panel in panels:
            made.with_panel(build(panel, docs_url))
    return made


def _named(metrics: str, more: str = "") -> str:
    return f'{{__name__=~"{metrics}"{more}}}'


def _labels(name: str, title: str, series: str, label: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(title)
        .datasource(DATASOURCE)
        .query(f"label_values({series}, {label})")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(model.VariableOption(text="All", value="$__all", selected=True))
    )


def _link(board: Board, other: Board) -> dashboard.DashboardLink:
    """Boards of the same job keep it; the façade's job is another."""
    link = dashboard.DashboardLink(other.title.removeprefix("figwatch / "))
    return (
        link.type(model.DashboardLinkType.LINK)
        .url(f"/d/{other.uid}")
        .keep_time(keep_time=True)
        .include_vars(board.job_of == other.job_of)
    )
