"""`figwatch demo --all-stages` as a user runs it: real evidence of six stages, every exit code."""

import json
import os
import subprocess
import sys

import pytest

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.config.limits import GatesConfig
from figwatch.validators.errors import ExitCode
from figwatch.validators.stages.progress import STAGES

WALK_SECONDS_MAX = 1500
COMMAND = "import sys; sys.argv[0] = 'figwatch'; from figwatch.cli.main import main; main()"
STREAMS = ("sync", "reads", "writes")
NOBODY = "postgresql://nobody@127.0.0.1:9/none"


def figwatch(*command, cwd, seconds=60):
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *command],
        cwd=cwd,
        env={**os.environ, "MONOLITH_DSN": NOBODY, "SERVICE_DSN": NOBODY},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def asked_less(path):
    """Every threshold of the walk's configuration that is not its default, with both."""
    gates = parse_config(path.read_text()).config.gates
    return {
        (stage, name): (value, default)
        for stage in STAGES
        for name in type(getattr(gates, stage)).model_fields
        for value in [getattr(getattr(gates, stage), name)]
        for default in [getattr(getattr(GatesConfig(), stage), name)]
        if (isinstance(default, float | int) or name == "without") and value != default
    }


@pytest.mark.timeout(WALK_SECONDS_MAX + 100)
def test_each_gate_refuses_for_what_is_planted_then_passes_and_all_exit_codes_are_seen(tmp_path):
    done = figwatch(
        "demo", "--all-stages", "--json", "--folder", "walk", cwd=tmp_path, seconds=WALK_SECONDS_MAX
    )
    assert ExitCode.OK == done.returncode, done.stderr
    walk = json.loads(done.stdout)
    assert ([], 6) == (walk["failures"], len(walk["reports"]))
    seen = {stage: {look["exit"] for look in walk["looks"] if look["stage"] == stage}
            for stage in STAGES}  # fmt: skip
    # The stack is down by now: the streams cannot be read; the others cannot hand their answer on.
    for stage in STAGES:
        more = () if stage in STREAMS else ("--junit", "no/such/folder/gate.xml")
        ended = figwatch("gate", "check", "--stage", stage, *more, cwd=tmp_path / "walk")
        assert ended.stderr, stage
        seen[stage].add(ended.returncode)
    codes = {ExitCode.OK, ExitCode.FAIL, ExitCode.INCONCLUSIVE, ExitCode.ERROR}
    assert dict.fromkeys(STAGES, codes) == seen
    assert asked_less(tmp_path / "walk" / "figwatch.yaml") == {
        (each["stage"], each["setting"]): (each["value"], each["default"])
        for each in walk["softened"]
    }
    told = json.loads(figwatch("stages", "figwatch.yaml", "--json", cwd=tmp_path / "walk").stdout)
    assert ["done"] == [one["stage"] for one in told]
    report = tmp_path / "walk" / walk["reports"][2]
    key = ("--key", "report-key.pub.pem")
    verify = ("report", "verify", str(report), *key)
    assert ExitCode.OK == figwatch(*verify, cwd=tmp_path / "walk").returncode
    data = bytearray((report / "report.html").read_bytes())
    data[len(data) // 2] ^= 1
    (report / "report.html").write_bytes(data)
    assert ExitCode.FAIL == figwatch(*verify, cwd=tmp_path / "walk").returncode
