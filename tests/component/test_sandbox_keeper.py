"""The keeper, with small programs in place of servers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from figwatch.demo.sandbox.java import MARKER
from figwatch.demo.sandbox.keeper_client import KeeperClient, ProgramSpec
from figwatch.demo.sandbox.model import SandboxError, ServiceState
from figwatch.demo.sandbox.orphans import end_orphans

WAIT_SECONDS = 60.0
SLEEP = "import time; time.sleep(600)"
# A program with a child in a session of its own, as PostgreSQL's server processes are.
FAMILY = (
    "import subprocess, sys\n"
    f"subprocess.run([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
)
DEAF = (
    "import signal, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('deaf', flush=True)\n"
    "time.sleep(600)\n"
)
STARTER = """
import sys, time
from pathlib import Path
from figwatch.demo.sandbox.keeper_client import KeeperClient
KeeperClient.spawn(Path(sys.argv[1]), Path(sys.argv[1]) / "log", attached=True)
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def keeper(tmp_path):
    client = KeeperClient.spawn(tmp_path, tmp_path / "log", attached=True)
    yield client
    with contextlib.suppress(SandboxError):
        client.end()


def program(folder, name, code, wave=0):
    return ProgramSpec(
        name=name,
        argv=(sys.executable, "-c", code),
        log=str(folder / f"{name}.log"),
        cwd=str(folder),
        wave=wave,
        env=dict(os.environ),
    )


def eventually(condition):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_a_program_is_started_and_stopped_when_told_to(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", SLEEP))
    assert keeper.programs()["a"].state is ServiceState.RUNNING

    keeper.signal("a", signal.SIGTERM)

    eventually(lambda: keeper.programs()["a"].state is ServiceState.STOPPED)


def test_a_program_that_ends_by_itself_has_died_and_may_be_started_again(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", "raise SystemExit(3)"))
    eventually(lambda: keeper.programs()["a"].state is ServiceState.DIED)
    assert keeper.programs()["a"].exit_code == 3

    keeper.start(program(tmp_path, "a", SLEEP))

    assert keeper.programs()["a"].state is ServiceState.RUNNING


def test_a_running_program_is_not_started_twice(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", SLEEP))

    with pytest.raises(SandboxError, match="running already"):
        keeper.start(program(tmp_path, "a", SLEEP))


def test_a_program_that_does_not_exist_is_an_error_and_the_keeper_lives_on(keeper, tmp_path):
    absent = ProgramSpec("a", ("/nowhere/at/all",), str(tmp_path / "l"), str(tmp_path), wave=0)

    with pytest.raises(SandboxError, match="cannot be started"):
        keeper.start(absent)

    assert keeper.programs() == {}


def test_a_kill_takes_the_children_of_the_program_too(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", FAMILY))
    parent = psutil.Process(keeper.programs()["a"].pid)
    eventually(parent.children)
    (child,) = parent.children()

    keeper.signal("a", signal.SIGKILL)

    eventually(lambda: not alive(parent.pid) and not alive(child.pid))


def test_a_frozen_program_can_be_thawed_and_still_be_stopped(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", SLEEP))
    pid = keeper.programs()["a"].pid
    keeper.signal("a", signal.SIGSTOP)
    eventually(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    assert keeper.programs()["a"].state is ServiceState.FROZEN
    keeper.signal("a", signal.SIGCONT)
    assert keeper.programs()["a"].state is ServiceState.RUNNING

    keeper.signal("a", signal.SIGSTOP)
    keeper.signal("a", signal.SIGTERM)

    eventually(lambda: keeper.programs()["a"].state is ServiceState.STOPPED)


def test_run_returns_when_the_program_is_done_and_fails_when_it_fails(keeper, tmp_path):
    keeper.run(program(tmp_path, "good", "open('done', 'w')"), WAIT_SECONDS)
    assert (tmp_path / "done").exists()

    with pytest.raises(SandboxError, match=r"bad failed \(4\)"):
        keeper.run(program(tmp_path, "bad", "raise SystemExit(4)"), WAIT_SECONDS)
    with pytest.raises(SandboxError, match="slow took too long"):
        keeper.run(program(tmp_path, "slow", SLEEP), 0.1)
    eventually(lambda: keeper.programs()["slow"].exit_code is not None)


def test_the_end_comes_in_waves_the_highest_first(keeper, tmp_path):
    note = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    open('order', 'a').write(sys.argv[0] or '{name}'); time.sleep(0.3); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    for name, wave in (("k", 0), ("c", 1), ("w", 2)):
        code = note.replace("sys.argv[0] or '{name}'", repr(name))
        keeper.start(program(tmp_path, name, code, wave))
        eventually(lambda name=name: (tmp_path / f"{name}.log").read_text() == "ready\n")

    keeper.end()

    assert (tmp_path / "order").read_text() == "wck"


def test_a_program_that_ignores_the_stop_signal_is_killed_at_the_end(keeper, tmp_path):
    keeper.start(replace(program(tmp_path, "deaf", DEAF), stop_seconds=0.3))
    eventually(lambda: (tmp_path / "deaf.log").read_text() == "deaf\n")
    pid = keeper.programs()["deaf"].pid

    keeper.end()

    assert not alive(pid)


def start_starter(folder):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == "up\n"
    starter.stdout.close()
    return starter


def test_when_the_parent_is_killed_the_keeper_and_its_programs_end(tmp_path):
    starter = start_starter(tmp_path)
    client = KeeperClient.find(tmp_path)
    assert client is not None
    client.start(program(tmp_path, "a", SLEEP))
    pid = client.programs()["a"].pid

    starter.kill()
    starter.wait()

    eventually(lambda: not alive(pid) and not alive(client.pid))
    assert KeeperClient.find(tmp_path) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's leash is Linux's")
def test_when_the_keeper_is_killed_the_kernel_ends_its_programs(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", SLEEP))
    pid = keeper.programs()["a"].pid

    psutil.Process(keeper.pid).kill()

    eventually(lambda: not alive(pid))


def test_programs_that_a_killed_keeper_left_behind_are_found_by_their_folder(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "mine too"
    strays = {
        folder: subprocess.Popen([sys.executable, "-c", SLEEP, f"{MARKER}{folder}"])
        for folder in (mine, other)
    }
    database = ("-D", str(mine / "postgres" / "service"))
    strays[mine / "postgres"] = subprocess.Popen([sys.executable, "-c", SLEEP, *database])
    try:
        eventually(lambda: all(len(psutil.Process(s.pid).cmdline()) > 3 for s in strays.values()))
        end_orphans(mine)

        assert not alive(strays[mine].pid)
        assert not alive(strays[mine / "postgres"].pid)
        assert alive(strays[other].pid)
    finally:
        for stray in strays.values():
            stray.kill()
            stray.wait()


def test_a_second_keeper_waits_for_the_first_to_end(keeper, tmp_path):
    keeper.start(program(tmp_path, "a", SLEEP))
    (tmp_path / "keeper.json").rename(tmp_path / "hidden.json")
    os.kill(keeper.pid, signal.SIGTERM)

    second = KeeperClient.spawn(tmp_path, tmp_path / "log", attached=True)

    assert second.pid != keeper.pid
    assert second.programs() == {}
    second.end()


def test_a_stranger_without_the_token_is_not_obeyed_and_does_no_harm(keeper, tmp_path):
    for sent in (b"\n", b"GET / HTTP/1.1\r\n", b"[1]\n", json.dumps({"token": "no"}).encode()):
        with socket.create_connection(("127.0.0.1", keeper.port), timeout=5) as connection:
            connection.sendall(sent + b"\n")
            assert connection.recv(100) == b""

    assert keeper.programs() == {}
    assert (tmp_path / "keeper.json").stat().st_mode & 0o077 == 0
