"""What people look at, on a running migration: alerts arrive and resolve, panels have data."""

from types import SimpleNamespace

import pytest

from figwatch.dashboards.boards import BOARDS
from figwatch.demo.truth import Fault
from tests.component.rare import CAUSES
from tests.dashboards import asked
from tests.e2e.test_demo_programs import clear
from tests.e2e.watched import JOB, Watched, until

RARE = set(CAUSES) - {"divergence", "unknown keys"}
"""What the sample migration does not do: panels that need it may stay empty, because
tests/component/test_panels.py shows them.
"""
DIVERGENT = f'sum(figwatch_keys{{job="{JOB}", verdict="divergent"}})'
ALERT = "FigwatchDivergence"


@pytest.fixture(scope="module")
def watched(sandbox, tmp_path_factory):
    try:
        with Watched(sandbox, tmp_path_factory.mktemp("watched")) as running:
            yield running
    finally:
        clear(sandbox)


@pytest.fixture(scope="module")
def story(watched):
    """Healthy, then a lost update and a broken record, then the repair."""
    told = SimpleNamespace()

    def healthy():
        state = watched.console()
        return state.get("current") and sum(p["keys"]["consistent"] for p in state["pairs"]) > 150

    until(healthy)
    until(lambda: watched.query(DIVERGENT))
    told.before = (watched.query(DIVERGENT), list(watched.alerts(ALERT, "firing")))
    planted = watched.migration.faults.plant(Fault.LOST_UPDATE)
    watched.plant_broken_record()
    told.fired = until(lambda: watched.alerts(ALERT, "firing"))
    told.broken = until(lambda: watched.alerts("FigwatchMalformedRecords", "firing"))
    told.during = until(lambda: [n for n in watched.query(DIVERGENT) if n])
    told.console = until(lambda: bad(watched.console()))
    item = planted.expected[0]
    told.explained = until(
        lambda: divergent(watched.console("key", pair=item.pair, key=str(item.item_id)))
    )
    watched.migration.faults.repair(planted)
    told.resolved = until(lambda: watched.alerts(ALERT, "resolved"))
    told.after = until(lambda: [n for n in watched.query(DIVERGENT) if not n] or None)
    return told


def divergent(explained):
    return explained if explained["verdict"] == "divergent" else None


def bad(state):
    """The console's state once the fault is told by all of it: the gates are asked less often, and
    each stage's at its own time.
    """
    failed = any(s["name"] == "sync" and s["verdict"] == "fail" for s in state["stages"])
    told = state["headline"]["tone"] == "bad" and state["findings_open"] and failed
    return state if told else None


def test_a_planted_divergence_is_alerted_with_its_runbook_and_its_repair_resolves_it(story):
    assert ([0.0], []) == story.before
    alert = story.fired[0]
    assert "critical" == alert["labels"]["severity"]
    assert alert["annotations"]["runbook_url"].endswith(f"/runbooks/{ALERT}/")
    assert "divergent" in alert["annotations"]["summary"]
    assert story.during[0] >= 1
    assert story.resolved
    assert [0.0] == story.after


def test_one_broken_record_is_alerted_although_its_counter_had_never_counted_before(story):
    assert ["bad_json"] == [alert["labels"]["reason"] for alert in story.broken]


def test_the_console_says_it_and_explains_the_key(story):
    assert "divergent" in story.console["headline"]["title"]
    (sync,) = [stage for stage in story.console["stages"] if stage["name"] == "sync"]
    assert "fail" == sync["verdict"]
    assert ("divergent", "older_version_fence") == (
        story.explained["verdict"],
        story.explained["rule"],
    )
    assert {"monolith", "service"} == {v["side"] for v in story.explained["versions"]}
    assert all("values" in version for version in story.explained["versions"])


@pytest.mark.usefixtures("story")
def test_every_panel_of_every_dashboard_has_shown_data(watched):
    needs = {panel.needs for board in BOARDS for panel in board.panels}
    assert needs <= set(CAUSES) | {"", "malformed"}
    queries = [
        (f"{board.title}: {panel.title}", asked(expr))
        for board in BOARDS
        for panel in board.panels
        if panel.needs not in RARE
        for expr, _ in panel.queries
    ]
    assert len(queries) > 40
    empty = [name for name, expr in queries if not watched.shown(expr)]
    assert [] == empty


@pytest.mark.usefixtures("story")
def test_a_query_for_what_does_not_exist_shows_nothing(watched):
    assert not watched.shown("figwatch_no_such_metric")
