"""Where a worker holds the packed state of its partitions: in memory, or on disk with RocksDB.

The changelog is the state; what stands here is its copy for as long as a partition is held. So the
disk needs no durability: a store is made anew by every recovery and deleted with the partition.
`figwatch.streams.table` fills one, `figwatch.validators.key_table` goes on with it.
"""

import contextlib
import fcntl
import importlib
import shutil
import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import IO, Any, TypeAlias

from figwatch.connectors.config.limits import WorkerConfig
from figwatch.validators.errors import ConfigurationError

Store: TypeAlias = MutableMapping[bytes, bytes]

BUFFER_BYTES = 16 * 1024 * 1024
"""Most memory for what RocksDB has not written yet, of one partition (twice while it writes)."""
CACHE_BYTES = 32 * 1024 * 1024
"""Most memory for what RocksDB has read, of all partitions together."""

BLOOM_BITS_PER_KEY = 10
"""So that a new key costs no read: one in a hundred does (RocksDB's wiki, "Bloom Filter")."""


class Stores:
    """Makes the stores of one worker.

    Raises:
        ConfigurationError: RocksDB is asked for and not installed, or its folder cannot be used.
    """

    def __init__(self, worker: WorkerConfig) -> None:
        self._rocks = self._lock = None
        if worker.state == "rocksdb":
            self._rocks = _library()
            try:
                self._folder, self._lock = _own_folder(Path(worker.data_dir, "rocksdb"))
            except OSError as error:
                raise ConfigurationError(
                    "state.folder",
                    f"{worker.data_dir} cannot hold RocksDB's files: {error.strerror}",
                    "worker.data_dir",
                    "name a folder that this worker may write to",
                ) from error
            self._cache = self._rocks.Cache(CACHE_BYTES)

    def new(self) -> Store:
        """Return an empty store; it is deleted when nobody holds it any more."""
        if self._rocks is None:
            return {}
        return RocksStore(self._rocks, Path(tempfile.mkdtemp(dir=self._folder)), self._cache)


class RocksStore(MutableMapping[bytes, bytes]):
    """A RocksDB without a log of its own. Iterations see what there was when they began."""

    def __init__(self, library: Any, folder: Path, cache: Any) -> None:
        options, table = library.Options(raw_mode=True), library.BlockBasedOptions()
        table.set_block_cache(cache)
        table.set_bloom_filter(BLOOM_BITS_PER_KEY, block_based=False)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(BUFFER_BYTES)
        options.set_compression_type(library.DBCompressionType.lz4())
        self._db = library.Rdict(str(folder), options)
        writes = library.WriteOptions()
        writes.disable_wal = True
        self._db.set_write_options(writes)
        weakref.finalize(self, _delete, self._db, folder)

    def __getitem__(self, key: bytes) -> bytes:
        found: bytes | None = self._db.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._db.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        self[key]
        self._db.delete(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._db.keys())

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None

    def __len__(self) -> int:
        """Counts them, one by one."""
        return sum(1 for _ in self)


def _library() -> Any:
    try:
        return importlib.import_module("rocksdict")
    except ImportError as error:
        raise ConfigurationError(
            "state.rocksdb",
            "state is to be kept in RocksDB, whose library is not installed",
            "worker.state",
            "pip install 'figwatch[rocksdb]', or set memory",
        ) from error


def _own_folder(root: Path) -> tuple[Path, IO[bytes]]:
    """Make a folder for this process and delete those of processes that are gone."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("wb") as all_of_them:
        fcntl.flock(all_of_them, fcntl.LOCK_EX)
        for other in root.iterdir():
            if other.is_dir() and _is_left(other):
                shutil.rmtree(other, ignore_errors=True)
        mine = Path(tempfile.mkdtemp(dir=root))
        lock = (mine / "lock").open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
    return mine, lock


def _is_left(folder: Path) -> bool:
    """Whether the process that made it is gone: its lock went with it."""
    with contextlib.suppress(FileNotFoundError), (folder / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _delete(db: Any, folder: Path) -> None:
    db.close()
    shutil.rmtree(folder, ignore_errors=True)
