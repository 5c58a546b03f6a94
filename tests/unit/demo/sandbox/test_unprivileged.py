"""Who runs PostgreSQL when we are root, as far as that can be decided without being it."""

import os

import pytest

from figwatch.demo.sandbox import unprivileged
from figwatch.demo.sandbox.model import SandboxError
from figwatch.demo.sandbox.unprivileged import RunAs, reachable, run_as


@pytest.fixture
def closed(tmp_path):
    """A folder below one that only its owner may enter."""
    (tmp_path / "closed").mkdir(mode=0o700)
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(mode=0o755)
    return inner


@pytest.fixture
def as_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(unprivileged, "_user_id", lambda: 4711)


def test_a_folder_below_a_closed_one_is_not_reachable(closed):
    assert reachable(closed.parents[-1])
    assert not reachable(closed)


def test_a_user_who_is_not_root_runs_it_himself(closed, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert RunAs(None) == run_as([closed], "QUIT")


@pytest.mark.usefixtures("as_root")
def test_root_has_nobody_run_it_where_nobody_can_reach_it():
    made = run_as([], "QUIT")

    assert (made.user_id, made.prefix) == (4711, ())


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize(
    ("held", "capability"),
    [({1, 2}, "dac_read_search"), ({1}, "dac_override")],
    ids=["the lesser is preferred", "a container has but the greater"],
)
def test_below_a_closed_folder_nobody_gets_one_capability(closed, monkeypatch, held, capability):
    monkeypatch.setattr(unprivileged, "_have", held.__contains__)
    monkeypatch.setattr(unprivileged.shutil, "which", lambda name: f"/bin/{name}")

    made = run_as([closed], "QUIT")

    assert made.user_id is None, "setpriv changes the user, not the keeper"
    assert made.owner == 4711
    assert made.prefix[0] == "/bin/setpriv"
    assert f"--bounding-set=-all,+{capability}" in made.prefix
    assert "--pdeathsig=QUIT" in made.prefix


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("tool", [None, "/bin/setpriv"], ids=["no setpriv", "no capability"])
def test_without_a_way_out_root_is_told_so(closed, monkeypatch, tool):
    monkeypatch.setattr(unprivileged, "_have", lambda _bit: tool is None)
    monkeypatch.setattr(unprivileged.shutil, "which", lambda _name: tool)

    with pytest.raises(SandboxError) as raised:
        run_as([closed], "QUIT")

    assert raised.value.code == "sandbox.privileges"
    assert str(closed) in raised.value.cause
