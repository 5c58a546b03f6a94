"""The dashboards keep the rules of grafana/dashboard-linter, and are committed as made."""

import copy
import json
import pathlib
import re

import pytest

from figwatch.dashboards.alerts import ALERTS
from figwatch.dashboards.boards import BOARDS
from figwatch.dashboards.grafana_json import board_files
from figwatch.dashboards.write import DOCS_URL
from figwatch.streams.metric_families import CATALOGUE

ROOT = pathlib.Path(__file__).resolve().parents[3]
FILES = board_files(DOCS_URL)
DOCUMENTS = {name: json.loads(text) for name, text in FILES.items()}
FACADE = "http_server_request_duration_seconds"
COUNTERS = re.compile(r"\w+_(?:total|count|sum|bucket)\b")
SELECTOR = re.compile(r"\b((?:figwatch|http_server)_\w+)(\{[^}]*\})?")


def panels(document):
    return [p for p in document["panels"] if p["type"] != "row"]


def variables(document):
    return {v["name"]: v for v in document["templating"]["list"]}


def lint(document):
    """Names of the linter's rules that a dashboard breaks."""
    broken = set()
    known = variables(document)
    if known.get("datasource", {}).get("type") != "datasource":
        broken.add("template-datasource-rule")
    for name in ("job", "instance"):
        found = known.get(name, {})
        good = found.get("multi") and found.get("allValue") == ".+" and found.get("refresh") == 2
        good = good and found.get("datasource", {}).get("uid") == "$datasource"
        if not good or found.get("label") != name.capitalize():
            broken.add(f"template-{name}-rule")
    if document.get("editable", True):
        broken.add("uneditable-dashboard")
    for panel in panels(document):
        broken |= lint_panel(panel)
    return broken


def lint_panel(panel):
    targets = panel.get("targets", [])
    refs = [target.get("refId") for target in targets]
    kept = {
        "panel-datasource-rule": panel.get("datasource", {}).get("uid") == "$datasource",
        "panel-title-description-rule": panel.get("title") and panel.get("description"),
        "panel-units-rule": panel["fieldConfig"]["defaults"].get("unit"),
        "panel-no-targets-rule": targets,
        "target-ref-id": len(set(refs)) == len(refs) and all(refs),
    }
    broken = {rule for rule, holds in kept.items() if not holds}
    return broken.union(*(lint_query(target["expr"]) for target in targets))


def lint_query(expr):
    broken = set()
    for metric, matchers in SELECTOR.findall(expr):
        for label in ("job", "instance"):
            if f'{label}=~"${label}"' not in matchers:
                broken.add(f"target-{label}-rule")
        counted = rf"(?:rate|increase)\({metric}\{{[^}}]*\}}\["
        if COUNTERS.fullmatch(metric) and not re.search(counted, expr):
            broken.add("target-counter-agg-rule")
    if re.search(r"\[(?!\$__rate_interval\])", expr):
        broken.add("target-rate-interval-rule")
    return broken


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_committed_dashboard_is_what_the_code_makes(name):
    assert FILES[name] == (ROOT / "dashboards" / name).read_text("utf-8"), "run `make dashboards`"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_dashboard_keeps_every_rule_of_the_linter(name):
    assert set() == lint(DOCUMENTS[name])


def spoil_unit(document):
    del panels(document)[0]["fieldConfig"]["defaults"]["unit"]


def spoil_rate(document):
    for panel in panels(document):
        for target in panel["targets"]:
            target["expr"] = target["expr"].replace("[$__rate_interval]", "[5m]")


def spoil_counter(document):
    for panel in panels(document):
        for target in panel["targets"]:
            target["expr"] = re.sub(r"\b(rate|increase)\(", "last_over_time(", target["expr"])


def spoil_job(document):
    panels(document)[0]["targets"][0]["expr"] = "sum(figwatch_keys)"


def spoil_variable(document):
    variables(document)["job"]["multi"] = False


def spoil_edit(document):
    document["editable"] = True


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (spoil_unit, "panel-units-rule"),
        (spoil_rate, "target-rate-interval-rule"),
        (spoil_counter, "target-counter-agg-rule"),
        (spoil_job, "target-job-rule"),
        (spoil_variable, "template-job-rule"),
        (spoil_edit, "uneditable-dashboard"),
    ],
)
def test_a_planted_fault_is_noticed(spoil, rule):
    document = copy.deepcopy(DOCUMENTS["grafana/figwatch-pair.json"])
    spoil(document)
    assert rule in lint(document)


def test_panels_ask_only_for_metrics_that_exist():
    ends = ("", "_bucket", "_sum", "_count")
    known = {each.full_name + end for each in CATALOGUE for end in ends}
    known |= {FACADE + end for end in ends}
    asked = {
        metric
        for document in DOCUMENTS.values()
        for panel in panels(document)
        for target in panel["targets"]
        for metric, _ in SELECTOR.findall(target["expr"])
    }
    assert set() == asked - known


def test_panels_lead_to_runbooks_that_exist_and_dashboards_to_each_other():
    names = {alert.name for alert in ALERTS}
    named = {panel.runbook for board in BOARDS for panel in board.panels if panel.runbook}
    assert named <= names
    urls = {board.uid: f"/d/{board.uid}" for board in BOARDS}
    for board in BOARDS:
        links = {link["url"] for link in DOCUMENTS[f"grafana/{board.uid}.json"]["links"]}
        assert {url for uid, url in urls.items() if uid != board.uid} < links


def test_alerts_lead_to_dashboards_that_exist():
    assert {alert.board for alert in ALERTS} <= {board.uid for board in BOARDS}
