"""A worker whose state is on disk says what one says that has it in memory."""

import gc
from pathlib import Path

from figwatch.connectors.config_limits import WorkerConfig
from figwatch.demo.simulator.check import simulate
from figwatch.demo.simulator.rebalance import RestartingReplay
from figwatch.streams.store import RocksStore, Stores

SEEDS = range(60)


def test_the_store_changes_no_verdict(tmp_path, monkeypatch):
    in_memory = [simulate(seed) for seed in SEEDS]
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
