"""Rules as they are written: committed as made, every alert with all that a person needs."""

import pathlib
import re

import pytest
from ruamel.yaml import YAML

from figwatch.dashboards.alerts import ALERTS
from figwatch.dashboards.rules import RECORDED
from figwatch.dashboards.write import rule_files
from figwatch.streams.metric_families import CATALOGUE

ROOT = pathlib.Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PARTS = ("## Meaning", "## First look", "## Causes, most likely first", "## Remedy")
ENDS = ("", "_bucket", "_sum", "_count")


def metrics_of(expr):
    return set(re.findall(r"(?<![:\w])(?:figwatch|up)_?\w*(?=[\[{)\s])", expr))


@pytest.mark.parametrize("name", sorted(rule_files()))
def test_the_committed_file_is_what_the_code_makes(name):
    assert rule_files()[name] == (ROOT / "dashboards" / name).read_text(), "run `make dashboards`"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_every_alert_says_how_bad_what_why_and_where_to_look(alert):
    rule = alert.rule("https://docs.example", "https://grafana.example")
    assert rule["labels"]["severity"] in {"critical", "warning"}
    notes = rule["annotations"]
    assert all(notes[part] for part in ("summary", "description"))
    assert f"https://docs.example/runbooks/{alert.name}/" == notes["runbook_url"]
    assert notes["dashboard_url"].startswith("https://grafana.example/d/figwatch-")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_every_alert_has_a_runbook_with_all_its_parts(alert):
    text = (DOCS / alert.page).read_text("utf-8")
    assert text.startswith(f"# {alert.name}\n")
    places = [text.index(part) for part in PARTS]
    assert sorted(places) == places
    assert f"**{alert.severity.value}**" in text


def test_every_runbook_belongs_to_an_alert():
    pages = {path.stem for path in (DOCS / "runbooks").glob("*.md")} - {"index"}
    assert pages == {alert.name for alert in ALERTS}


def test_rules_ask_only_for_metrics_that_exist():
    known = {each.full_name + end for each in CATALOGUE for end in ENDS} | {"up"}
    asked = set()
    for text in rule_files().values():
        document = YAML(typ="safe").load(text)
        for group in document.get("groups") or document["spec"]["groups"]:
            for rule in group["rules"]:
                asked |= metrics_of(str(rule["expr"]).replace("(", " ").replace(")", " ) "))
    assert asked
    assert set() == asked - known


def test_recorded_names_are_level_metric_operation():
    for rule in RECORDED:
        assert re.fullmatch(r"job(_[a-z]+)*:figwatch_\w+:\w+", rule.name), rule.name
