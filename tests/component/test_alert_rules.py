"""Rules and alerts as promtool sees them: each alert fires when it must, and only then."""

import json
import pathlib
import subprocess

import pytest

from figwatch.dashboards.alerts import ALERTS
from figwatch.demo.sandbox import tools
from tests.component.alert_cases import CASES, Case, gauge

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES = [str(ROOT / "dashboards" / "prometheus" / f"{n}.yaml") for n in ("recording", "alerts")]
SEVERITIES = {alert.name: alert.severity.value for alert in ALERTS}


@pytest.fixture(scope="module")
def promtool():
    program = tools.ensure(tools.PROMETHEUS).program("promtool")

    def run(*arguments):
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=300, check=False
        )

    return run


def looked_at(name, series, at, labels):
    """A promtool test: the alert `name` fires with `labels` at that time, or (None) does not."""
    fires = [] if labels is None else [labels | {"severity": SEVERITIES[name]}]
    shown = [
        "ALERTS{" + ", ".join(f'{k}="{v}"' for k, v in sorted((one | NAMED(name)).items())) + "}"
        for one in fires
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in series.items()],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname="{name}", alertstate="firing"}}',
                "eval_time": at,
                "exp_samples": [{"labels": text, "value": 1} for text in shown],
            }
        ],
    }


def NAMED(name):  # noqa: N802  # reads as a constant of the name
    return {"alertname": name, "alertstate": "firing"}


def verdict(promtool, tmp_path, tests):
    """promtool reads YAML, of which JSON is a part."""
    file = tmp_path / "tests.yaml"
    document = {"rule_files": RULES, "evaluation_interval": "1m", "tests": tests}
    file.write_text(json.dumps(document))
    return promtool("test", "rules", str(file))


def test_the_rules_are_right_and_have_no_lint(promtool):
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert 0 == done.returncode, done.stderr + done.stdout


def test_each_alert_fires_when_it_must_and_not_when_it_nearly_does(promtool, tmp_path):
    assert set(CASES) == set(SEVERITIES), "an alert without a case"
    tests = []
    for name, case in CASES.items():
        tests.append(looked_at(name, case.fires, case.at, case.labels))
        tests.append(looked_at(name, case.quiet, case.at, None))
    done = verdict(promtool, tmp_path, tests)
    assert 0 == done.returncode, done.stdout + done.stderr


def test_a_planted_wrong_case_is_noticed(promtool, tmp_path):
    wrong = Case(gauge("canary_seconds", 59), {})
    done = verdict(
        promtool, tmp_path, [looked_at("FigwatchCanarySlow", wrong.fires, wrong.at, wrong.labels)]
    )
    assert 1 == done.returncode


def test_two_migrations_on_one_prometheus_are_told_apart(promtool, tmp_path):
    mine = gauge("connector_running", 0, side="mono")
    other = {'figwatch_connector_running{job="figwatch-other", side="mono"}': "1x6000"}
    labels = {"job": "figwatch-shop", "side": "mono"}
    tests = [looked_at("FigwatchConnectorDown", mine | other, "20m", labels)]
    done = verdict(promtool, tmp_path, tests)
    assert 0 == done.returncode, done.stdout
