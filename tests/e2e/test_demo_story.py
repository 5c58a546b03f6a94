"""`figwatch demo`, as a user runs it: a real stack, real workers, every planted fault found."""

import json
import subprocess
import sys

import pytest

from figwatch.demo.story import FAULTS

DEMO_SECONDS_MAX = 800
COMMAND = "import sys; sys.argv[0] = 'figwatch'; from figwatch.cli.main import main; main()"


@pytest.mark.timeout(DEMO_SECONDS_MAX + 20)
def test_the_demo_finds_what_was_planted_and_nothing_else_and_its_gate_refuses_and_passes():
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "demo", "--json", "--workers", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEMO_SECONDS_MAX,
    )
    assert 0 == done.returncode, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert [] == report["failures"]
    assert [] == report["planted"]["false_findings"]
    assert {fault.value for fault in FAULTS} == {
        row["fault"] for row in report["planted"]["planted"]
    }
    assert all(row["ok"] and row["resolved"] for row in report["planted"]["planted"])
    assert (1, 0) == (report["gate_while_open"], report["gate_after_repair"])
    stall = report["delays"][0]
    assert stall["overdue_keys_max"] > 0
    assert {0} == {delay["divergent_keys_max"] for delay in report["delays"]}
    assert "Passed" in done.stderr
    assert "\x1b[" not in done.stderr, "colours where there is no terminal"
