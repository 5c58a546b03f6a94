"""The data folder: what it remembers, who may read it, what it refuses."""

import base64
import stat
import uuid

import pytest

from figwatch.demo.sandbox import status
from figwatch.demo.sandbox.folder import Folder, Remembered, cluster_id
from figwatch.demo.sandbox.locks import exclusive
from figwatch.demo.sandbox.model import SandboxError


def test_what_is_remembered_is_recalled_and_readable_by_its_owner_only(tmp_path):
    folder = Folder(tmp_path)
    remembered = Remembered(ports={"kafka": 20_001})

    folder.remember(remembered)

    assert remembered == folder.recall()
    assert stat.S_IMODE((tmp_path / "sandbox.json").stat().st_mode) == 0o600
    assert remembered.password not in repr(remembered)


@pytest.mark.parametrize("first_byte", [0xF8, 0xFB])
def test_a_cluster_id_never_looks_like_an_option(first_byte):
    made = cluster_id(uuid.UUID(bytes=bytes([first_byte]) + bytes(15)))

    assert not made.startswith("-")
    assert len(base64.urlsafe_b64decode(made + "==")) == 16


def test_a_new_folder_recalls_nothing_and_runs_nothing(tmp_path):
    assert Folder(tmp_path).recall() is None
    assert not status(tmp_path).running
    assert not status(tmp_path).healthy


@pytest.mark.parametrize("text", ["", "[]", '{"format": 99}', '{"surprise": 1}'])
def test_a_folder_of_another_format_is_refused_and_not_overwritten(tmp_path, text):
    (tmp_path / "sandbox.json").write_text(text)

    with pytest.raises(SandboxError) as raised:
        Folder(tmp_path).recall()

    assert raised.value.code == "sandbox.folder-unusable"


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(SandboxError) as raised:
        Folder(tmp_path / "file").make()

    assert raised.value.code == "sandbox.folder-unusable"


def test_a_keeper_file_that_nobody_stands_behind_counts_as_not_running(tmp_path):
    Folder(tmp_path).remember(Remembered())
    (tmp_path / "keeper.json").write_text('{"pid": 1, "port": 9, "token": "t"}')

    assert not status(tmp_path).running


def test_a_lock_that_is_held_is_waited_for_and_then_reported(tmp_path):
    with (
        exclusive(tmp_path / "lock", 1),
        pytest.raises(SandboxError) as raised,
        exclusive(tmp_path / "lock", 0),
    ):
        pytest.fail("the lock was had twice")

    assert raised.value.code == "sandbox.folder-busy"
    with exclusive(tmp_path / "lock", 0):
        pass
