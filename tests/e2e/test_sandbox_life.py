"""How a sandbox starts, resumes and ends. These tests start their own, beside the shared one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from figwatch.demo.sandbox import (
    Sandbox,
    SandboxError,
    Service,
    connect,
    debezium,
    jars,
    stack,
    status,
)
from figwatch.demo.sandbox.unprivileged import reachable
from figwatch.demo.watcher import SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_CPU_SECONDS_MAX = 20.0
"""A later start is ready within 20 s on two cores. Other tests run beside this one: what can be
held here is the work it takes; `python -m benchmarks.start` has the clock's time."""
RESIDENT_BYTES_MAX = 2_000_000_000
GONE_SECONDS = 60.0
PARENT = """
import sys, time
from pathlib import Path
from figwatch.demo.sandbox import Sandbox
Sandbox.up(Path(sys.argv[1]), attached=True)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "own sandbox"  # with a space: paths go through several programs' settings
    yield place
    if status(place).running:
        Sandbox.find(place).down()


def start_parent(folder: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    """A process that a sandbox is attached to, once it is up."""
    parent = subprocess.Popen(
        [*(command or [sys.executable]), "-c", PARENT, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    parent.stdout.close()
    return parent


def family(folder: Path) -> list[psutil.Process]:
    """The keeper and all below it."""
    keeper = psutil.Process(Sandbox.find(folder).keeper.pid)
    found = [keeper, *keeper.children(recursive=True)]
    assert len(found) > len(Service), "the stack must be more than its four programs"
    return found


def assert_gone(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while left := [p for p in processes if is_alive(p)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_nothing_is_left_when_the_parent_or_the_keeper_is_killed_and_no_data_is_lost(folder):
    parent = start_parent(folder)
    before = Sandbox.find(folder).endpoints
    with psycopg.connect(before.dsn["service"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    dsn = before.dsn["monolith"]
    debezium.create_heartbeat_table(dsn)
    spec = debezium.postgres_connector("kept", dsn, "kept", ["public.none"])
    connect.register(before.connect_url, spec)

    processes = family(folder)
    parent.kill()
    parent.wait()
    assert_gone(processes)
    assert not status(folder).running

    # Again, and now the keeper itself is killed, which leaves nobody to clear up.
    parent = start_parent(folder)
    processes = family(folder)
    psutil.Process(Sandbox.find(folder).keeper.pid).kill()
    assert_gone(processes)
    parent.kill()
    parent.wait()

    sandbox = Sandbox.up(folder)
    took_cpu_seconds = sum(sum(process.cpu_times()[:2]) for process in family(folder))
    assert sandbox.endpoints == before
    with psycopg.connect(before.dsn["service"]) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    assert connect.wait_running(before.connect_url, "kept").running
    assert took_cpu_seconds < READY_CPU_SECONDS_MAX
    assert 0 < status(folder).resident_bytes < RESIDENT_BYTES_MAX


def test_a_detached_sandbox_survives_its_starter_and_ends_when_told_to(folder):
    script = PARENT.replace(", attached=True", "").replace("time.sleep(600)", "")
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, timeout=120)

    processes = family(folder)
    assert status(folder).healthy
    Sandbox.find(folder).down()

    assert_gone(processes)
    with pytest.raises(SandboxError) as raised:
        Sandbox.find(folder)
    assert raised.value.code == "sandbox.not-running"


def test_the_attached_command_takes_the_stack_with_it(folder):
    command = [sys.executable, "-c", SCRIPT, "sandbox", "up", "--attached"]
    with subprocess.Popen(
        [*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert any(line.startswith("connect: ") for line in parent.stdout)
        processes = family(folder)
        parent.terminate()
    assert parent.returncode == 0
    assert_gone(processes)


def test_a_second_up_joins_the_running_sandbox_and_mends_it(folder):
    first = Sandbox.up(folder, attached=True)
    first.kill(Service.POSTGRES_SERVICE)
    assert not status(folder).healthy

    second = Sandbox.up(folder)

    assert second.endpoints == first.endpoints
    assert second.keeper.pid == first.keeper.pid
    assert status(folder).healthy


def test_a_port_that_was_taken_meanwhile_is_replaced_and_connectors_follow(folder):
    sandbox = Sandbox.up(folder, attached=True)
    dsn = sandbox.endpoints.dsn["monolith"]
    debezium.create_heartbeat_table(dsn)
    spec = debezium.postgres_connector("moved", dsn, "moved", ["public.none"])
    connect.register(sandbox.endpoints.connect_url, spec)
    sandbox.down()
    ports = json.loads((folder / "sandbox.json").read_text())["ports"]

    with socket.create_server(("127.0.0.1", ports["postgres-monolith"])):
        again = Sandbox.up(folder, attached=True)

        assert again.endpoints.dsn["monolith"] != dsn
        assert again.endpoints.bootstrap_servers == sandbox.endpoints.bootstrap_servers
        time.sleep(1)  # the connector restarts with its new settings
        assert connect.wait_running(again.endpoints.connect_url, "moved").running


def stranger_python(place: Path) -> Path:
    """A virtual environment that any user may enter, with the packages of this one."""
    name = f"python3.{sys.version_info.minor}"
    packages = Path(sysconfig.get_path("purelib"))
    candidates = [Path(sys.base_prefix) / "bin" / name, Path("/usr/local/bin") / name]
    candidates.append(Path("/usr/bin") / name)
    base = next((p for p in candidates if p.exists() and reachable(p.resolve().parent)), None)
    if base is None or not reachable(packages):
        pytest.skip("Python or its packages are in a folder that only root may enter")
    library = place / "venv" / "lib" / name
    library.mkdir(parents=True)
    (library / "site-packages").symlink_to(packages)
    (place / "venv" / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    python = place / "venv" / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(base)
    return python


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test is run without root's rights")
def test_it_runs_without_roots_rights():
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv to give up root's rights with")
    # Not below pytest's folder, which only root may enter.
    place = Path(tempfile.mkdtemp(prefix="figwatch-test-"))
    place.chmod(0o755)
    try:
        python = stranger_python(place)
        cache = place / "cache" / "figwatch" / "maven"
        shutil.copytree(jars.cache_folder(), cache, copy_function=shutil.copyfile)
        subprocess.run(["chown", "-R", "65534:65534", str(place)], check=True)
        change = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(python))
        folder = place / "sandbox"
        parent = start_parent(folder, *change, XDG_CACHE_HOME=str(place / "cache"), HOME=str(place))
        processes = family(folder)

        assert {65534} == {process.uids().real for process in processes}
        parent.kill()
        parent.wait()
        assert_gone(processes)
    finally:
        shutil.rmtree(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["open", "closed"])
def test_under_root_the_databases_run_as_nobody_even_below_a_folder_closed_to_it(mode):
    place = Path(tempfile.mkdtemp(prefix="figwatch-test-"))
    place.chmod(mode)
    try:
        sandbox = Sandbox.up(place / "sandbox", attached=True)
        users = {p.name(): p.uids().real for p in family(place / "sandbox")}
        sandbox.down()
    finally:
        shutil.rmtree(place)

    assert users["java"] == 0
    assert users["postgres"] != 0


def test_a_port_that_is_taken_between_choice_and_use_is_replaced(folder, monkeypatch):
    choose, calls = stack.choose, []

    def unlucky(names, preferred):
        chosen = choose(names, preferred)
        calls.append(chosen)
        taken = {"postgres-service": server.getsockname()[1]} if len(calls) == 1 else {}
        return chosen | taken

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(stack, "choose", unlucky)
        Sandbox.up(folder, attached=True)

    assert len(calls) == 2
    assert status(folder).healthy
