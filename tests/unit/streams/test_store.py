"""Stores of packed state: in memory or on disk, and nothing of them is left behind."""

import gc
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from figwatch.connectors.config.limits import WorkerConfig
from figwatch.streams.store import RocksStore, Stores
from figwatch.validators.errors import ConfigurationError


def stores(folder, state="rocksdb"):
    return Stores(WorkerConfig(state=state, data_dir=str(folder)))


def folders(folder):
    return [path for path in folder.glob("rocksdb/*/*") if path.is_dir()]


@pytest.mark.parametrize("state", ["memory", "rocksdb"])
def test_a_store_is_a_mapping_of_bytes(tmp_path, state):
    store = stores(tmp_path, state).new()
    assert not store
    store[b"a"], store[b"b"], store[b"empty"] = b"1", b"2", b""
    store[b"a"] = b"3"
    assert {b"a": b"3", b"b": b"2", b"empty": b""} == dict(store.items())
    assert (3, True, True, False) == (len(store), bool(store), b"empty" in store, b"c" in store)
    assert (b"2", None) == (store.pop(b"b"), store.pop(b"b", None))
    with pytest.raises(KeyError):
        del store[b"b"]
    assert b"3" == store.setdefault(b"a", b"9")


def test_memory_touches_no_disk(tmp_path):
    assert isinstance(stores(tmp_path, "memory").new(), dict)
    assert [] == list(tmp_path.iterdir())


def test_what_is_changed_while_it_is_looked_through_is_not_seen(tmp_path):
    store = stores(tmp_path).new()
    store.update({b"%03d" % n: b"x" for n in range(100)})
    for n, key in enumerate(store):
        store[b"z%03d" % n] = b"y"
        if n % 2:
            del store[key]
    assert 150 == len(store)


def test_two_stores_know_nothing_of_each_other_and_leave_nothing(tmp_path):
    made = stores(tmp_path)
    first, second = made.new(), made.new()
    first[b"a"] = b"1"
    assert b"a" not in second
    assert 2 == len(folders(tmp_path))
    assert isinstance(first, RocksStore)
    del first, second
    gc.collect()
    assert [] == folders(tmp_path)


def test_what_a_killed_process_left_is_deleted_and_what_a_living_one_has_is_not(tmp_path):
    living = stores(tmp_path)
    store = living.new()
    script = (
        "import os, pathlib, sys; from tests.unit.streams.test_store import stores;"
        "store = stores(pathlib.Path(sys.argv[1])).new(); store[b'a'] = b'1';"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, cwd=Path.cwd())
    assert 2 == len(folders(tmp_path))
    stores(tmp_path)
    assert 1 == len(folders(tmp_path))
    store[b"a"] = b"still"
    assert b"still" == store[b"a"]


def test_without_the_library_it_is_said_what_to_install(tmp_path, monkeypatch):
    real = importlib.import_module

    def absent(name, *args):
        if name == "rocksdict":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ConfigurationError) as caught:
        stores(tmp_path)
    assert "figwatch[rocksdb]" in caught.value.problems[0].fix


def test_a_folder_that_is_none_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        stores(tmp_path / "file")
    assert "worker.data_dir" == caught.value.problems[0].where
