"""Prometheus' and Alertmanager's files of compose/, as those programs themselves read them."""

import pathlib
import re
import shutil
import subprocess

import pytest

from figwatch.demo.sandbox import tools

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose"


@pytest.fixture
def prometheus(tmp_path):
    """Prometheus' folder as the container sees it."""
    shutil.copy(COMPOSE / "prometheus.yaml", tmp_path / "prometheus.yml")
    shutil.copytree(ROOT / "dashboards" / "prometheus", tmp_path / "rules")
    return tmp_path


def run(program, *arguments):
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_promtool_accepts_the_configuration_with_its_rules(prometheus):
    promtool = tools.ensure(tools.PROMETHEUS).program("promtool")
    done = run(promtool, "check", "config", prometheus / "prometheus.yml")
    assert 0 == done.returncode, done.stdout + done.stderr
    assert 2 == done.stdout.count("rules found"), "the rules were not read"


def test_promtool_refuses_a_planted_mistake(prometheus):
    (prometheus / "rules" / "alerts.yaml").write_text("groups: [{name: x, rules: [{alert: A}]}]\n")
    promtool = tools.ensure(tools.PROMETHEUS).program("promtool")
    assert 0 != run(promtool, "check", "config", prometheus / "prometheus.yml").returncode


def test_alertmanager_accepts_its_routes_and_a_divergence_wakes_the_night():
    amtool = tools.ensure(tools.ALERTMANAGER).program("amtool")
    file = COMPOSE / "alertmanager.yaml"
    assert 0 == run(amtool, "check-config", file).returncode
    for severity, receiver in (("critical", "night"), ("warning", "day")):
        labels = ("alertname=FigwatchDivergence", f"severity={severity}")
        done = run(amtool, "config", "routes", "test", f"--config.file={file}", *labels)
        assert receiver == done.stdout.strip()


def test_the_images_are_of_the_versions_that_the_rules_were_tested_with():
    text = (COMPOSE / "compose.yaml").read_text()
    for tool, program, image in (
        (tools.PROMETHEUS, "prometheus", "prom/prometheus"),
        (tools.ALERTMANAGER, "prometheus-alertmanager", "prom/alertmanager"),
    ):
        done = run(tools.ensure(tool).program(program), "--version")
        version = re.search(r"version (\d+\.\d+\.\d+)", done.stdout + done.stderr).group(1)
        assert f"{image}:v{version}" in text
