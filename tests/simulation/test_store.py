"""However a worker holds its keys, on disk or packed while they are open, it says the same."""

import gc
from pathlib import Path

import pytest

from figwatch.connectors.config.limits import WorkerConfig
from figwatch.demo.simulator.check import simulate
from figwatch.demo.simulator.rebalance import RestartingReplay
from figwatch.streams.store import RocksStore, Stores
from figwatch.validators import key_table

SEEDS = range(60)


@pytest.fixture(scope="module")
def in_memory():
    return [simulate(seed) for seed in SEEDS]


@pytest.mark.parametrize("objects_max", [0, 1])
def test_packing_open_keys_changes_no_verdict(in_memory, monkeypatch, objects_max):
    monkeypatch.setattr(key_table, "OBJECTS_MAX", objects_max)
    assert in_memory == [simulate(seed) for seed in SEEDS]


def test_the_store_changes_no_verdict(in_memory, tmp_path, monkeypatch):
    stores, made = Stores(WorkerConfig(state="rocksdb", data_dir=str(tmp_path))), []

    def new():
        made.append(stores.new())
        return made[-1]

    monkeypatch.setattr(RestartingReplay, "new_store", staticmethod(new))
    assert in_memory == [simulate(seed) for seed in SEEDS]
    assert len(made) > 5
    assert all(isinstance(store, RocksStore) for store in made)
    made.clear()
    gc.collect()
    assert [] == [p for p in Path(tmp_path).glob("rocksdb/*/*") if p.is_dir()]
