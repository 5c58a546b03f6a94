"""The examples of docs/stages.md: well-formed, and of commands and settings that exist."""

import pathlib
import re
import shlex

import pytest
from ruamel.yaml import YAML

from figwatch.connectors.config.file import parse_config

TEXT = (pathlib.Path(__file__).parents[3] / "docs" / "stages.md").read_text()
YAML_TEXTS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
BLOCKS = [YAML(typ="safe").load(text) for text in YAML_TEXTS]
NAMES = "gate|report|baseline|stages|demo|approve|shadow"
COMMANDS = re.findall(rf"figwatch (?:{NAMES})[^\n`&|#]*", TEXT)
REST = """
migration: inventory
kafka: {bootstrap_servers: "127.0.0.1:1"}
sides: {monolith: {topic_prefix: mono}, service: {topic_prefix: inv}}
authority: monolith
pairs:
  - {name: stock, source: public.inventory, target: public.stock, key: {id: id}, columns: {n: n}}
"""


def block(key):
    (found,) = [each for each in BLOCKS if key in each]
    return found


def test_the_settings_of_the_example_are_those_of_the_configuration():
    (example,) = [text for text in YAML_TEXTS if text.startswith("gates:")]
    gates = parse_config(REST + example).config.gates
    assert gates.reads.traffic is not None
    assert gates.decommission.tables


def test_github_runs_the_gate_and_shifts_traffic_only_behind_it():
    jobs = block("jobs")["jobs"]
    assert "gate" == jobs["shift-traffic"]["needs"]
    assert any("figwatch gate check" in step.get("run", "") for step in jobs["gate"]["steps"])


def test_gitlab_reads_the_junit_file_and_shifts_traffic_only_behind_it():
    pipeline = block("shift-traffic")
    assert "gate.xml" == pipeline["gate"]["artifacts"]["reports"]["junit"]
    assert ["gate"] == pipeline["shift-traffic"]["needs"]


def test_argo_and_flagger_ask_where_the_gates_are_served():
    (metric,) = block("metrics")["metrics"]
    (hook,) = block("analysis")["analysis"]["webhooks"]
    assert {"http://figwatch:6067/gate/reads"} == {metric["provider"]["web"]["url"], hook["url"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_is_shown_has_the_options_that_are_shown(command):
    import typer.main

    from figwatch.cli.main import app

    words = shlex.split(command.replace("$", ""))[1:]
    found = typer.main.get_command(app)
    while words and hasattr(found, "commands") and words[0] in found.commands:
        found = found.commands[words.pop(0)]
    known = {option for parameter in found.params for option in parameter.opts}
    for parent in ("report",):  # options that its group takes
        known |= {o for p in typer.main.get_command(app).commands[parent].params for o in p.opts}
    assert {word for word in words if word.startswith("--")} <= known
