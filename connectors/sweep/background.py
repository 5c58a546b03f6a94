"""The sweeps of `figwatch run`: pass after pass over each pair, range by range, in a process of its
own, so that comparing rows never holds the judges up.

`figwatch.streams.sweeper` starts it in one worker of the fleet with the configuration and, as they
come, samples of changed keys on its standard input; when that ends, so does this. What it sees goes
to the judges (`figwatch.connectors.sweep.judges`), and through them into summaries, gate, metrics.
"""

import base64
import json
import logging
import os
import pathlib
import pickle
import signal
import sys
import threading
import time
from typing import Any, BinaryIO

from figwatch.connectors.config.root import Config, PairConfig
from figwatch.connectors.sweep.ending import CHANGED
from figwatch.connectors.sweep.judges import Judges
from figwatch.connectors.sweep.options import Options
from figwatch.connectors.sweep.prepare import Prepared, prepare
from figwatch.connectors.sweep.range_file import RangeFile
from figwatch.connectors.sweep.runner import Sweep
from figwatch.connectors.sweep.session import DatabaseError
from figwatch.connectors.sweep.settling import DOUBTED_MAX
from figwatch.connectors.sweep.state_file import digest
from figwatch.validators.canary import CANARY_PAIR
from figwatch.validators.change import Side, SweepEnd
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.plan import Way
from figwatch.validators.sweep.ranges import Key, Ranges, Stretch, new_ranges, open_window

LOOK_SECONDS = 1.0
"""Time between two looks at the clock."""
FAILED_SECONDS = 60.0
"""Pause of a pair that could not be swept."""
KEYS_MAX = 2_000
"""Changed keys of a pair that are kept until its next range is chosen; further ones are not."""
ROWS_MIN = 1_000
"""Fewest rows of a range."""
NICENESS = 10

log = logging.getLogger("figwatch.sweep")


class Inbox:
    """What the worker says: keys by pair; its silence for ever is the end."""

    def __init__(self, stream: BinaryIO) -> None:
        self.ended = threading.Event()
        self._stream = stream
        self._keys: dict[str, dict[bytes, None]] = {}
        self._lock = threading.Lock()

    def listen(self) -> None:
        """Read until the end, in a thread of its own."""
        for line in self._stream:
            told: dict[str, list[str]] = json.loads(line)
            with self._lock:
                for pair, keys in told.items():
                    kept = self._keys.setdefault(pair, {})
                    for key in keys[: KEYS_MAX - len(kept)]:
                        kept[base64.b64decode(key)] = None
        self.ended.set()

    def take(self, pair: str) -> list[bytes]:
        """Keys that changed since the last call."""
        with self._lock:
            return list(self._keys.pop(pair, ()))


class Background:
    """Every pair in turn, for as long as the worker wants it."""

    def __init__(self, config: Config, inbox: Inbox) -> None:
        self._config, self._settings, self._inbox = config, config.sweep, inbox
        self._every_us = round((config.sweep.every_minutes or 0) * 6e7)
        folder = pathlib.Path(config.worker.data_dir)
        self._files = {
            pair.name: RangeFile(folder, config.migration, pair.name)
            for pair in config.pairs
            if pair.name != CANARY_PAIR
        }
        self._failed = dict.fromkeys(self._files, -FAILED_SECONDS)

    def run(self) -> None:
        """Until the worker has enough."""
        while not self._inbox.ended.wait(LOOK_SECONDS):
            for pair in self._config.pairs:
                if pair.name in self._files and self._is_due(pair.name):
                    self._try(pair)

    def _is_due(self, name: str) -> bool:
        if time.monotonic() - self._failed[name] < FAILED_SECONDS or self._must_stop():
            return False
        ranges = self._files[name].load()
        return ranges is None or ranges.due_us(self._every_us) <= _now_us()

    def _must_stop(self) -> str:
        if self._inbox.ended.is_set():
            return "the worker stops"
        return "" if open_window(self._settings.window, _now_us()) else "the window has closed"

    def _try(self, pair: PairConfig) -> None:
        """One pass, or what is left of it; whatever keeps it from being swept is said."""
        try:
            prepared = prepare(self._config, pair)
            try:
                judges = Judges(self._config)
                try:
                    Pass(self._config, prepared, judges, self._files[pair.name], self).run()
                finally:
                    judges.close()
            finally:
                prepared.close()
        except (FigwatchError, DatabaseError) as error:
            log.warning("pair %s could not be swept: %s", pair.name, error)
            self._failed[pair.name] = time.monotonic()

    def must_stop(self) -> str:
        """Why to stop now (empty: go on)."""
        return self._must_stop()

    def changed(self, pair: str) -> list[bytes]:
        """Keys that the streams saw change since the last call."""
        return self._inbox.take(pair)


class Pass:
    """One pass over the ranges of a pair."""

    def __init__(
        self, config: Config, prepared: Prepared, judges: Judges, file: RangeFile,
        background: Background,
    ) -> None:  # fmt: skip
        self._config, self._p, self._judges = config, prepared, judges
        self._file, self._background = file, background
        self._doubted: set[bytes] | None = set()
        self._digest = digest(prepared.rule, prepared.plan, prepared.tables)

    def run(self) -> None:
        """Look at every range that the pass has left.

        Raises:
            FigwatchError, DatabaseError: a database or Kafka cannot be asked, or the table changed.
        """
        name, began_us = self._p.rule.name, _now_us()
        ranges = self._ranges()
        fresh = not ranges.left
        if fresh:
            ranges.began_us = began_us
            self._file.save(ranges)
        self._judges.begin(name, began_us)
        log.info("sweeping pair %s: %d ranges", name, len(ranges.left))
        while left := self._dirty_first(ranges):
            if self._background.must_stop():
                return
            if not self._look(left[0]):
                return
            self._file.save(ranges)
            last = len(left) == 1
            # Only a pass that began and ended here shows that all other keys were equal.
            self._tell(ranges, began_us, whole=last and fresh)

    def _look(self, stretch: Stretch) -> bool:
        """Sweep one range; False when it was stopped in the middle."""
        options = Options(
            judges=self._judges, bounds=(stretch.after, stretch.until),
            stop=self._background.must_stop,
        )  # fmt: skip
        sweep = Sweep(self._p, self._config, options)
        result = sweep.run()
        if self._background.must_stop():
            return False
        if CHANGED in result.reasons:
            raise FigwatchError("sweep.table-changed", CHANGED)
        if not result.complete:
            log.warning("pair %s, a range: %s", result.name, "; ".join(result.reasons))
        stretch.looked(
            sweep.began_us, result.differences_total, (result.source_rows, result.target_rows),
            whole=result.complete,
        )  # fmt: skip
        if self._doubted is None or sweep.doubted is None:
            self._doubted = None
        else:
            self._doubted |= sweep.doubted
            self._doubted = self._doubted if len(self._doubted) <= DOUBTED_MAX else None
        return True

    def _tell(self, ranges: Ranges, began_us: int, *, whole: bool) -> None:
        parts = ranges.stretches
        clean = sum(bool(s.clean_us) for s in parts)
        unclear = any(not s.clean_us and not s.differences for s in parts)
        end = SweepEnd(
            self._p.rule.name, self._judges.sweep, began_us, _now_us(), whole and not unclear,
            sum(s.differences for s in parts), sum(s.source_rows for s in parts),
            sum(s.target_rows for s in parts), ranges.clean_us, len(parts), clean,
            ages_us=ranges.ages_us,
        )  # fmt: skip
        self._judges.end(end, self._doubted)

    # -- ranges

    def _ranges(self) -> Ranges:
        known = self._file.load()
        if known is not None and known.digest == self._digest and not known.swollen:
            return known
        return new_ranges(self._digest, self._bounds(), known)

    def _bounds(self) -> list[Key]:
        """Keys that part the source's table into ranges of about as many rows."""
        if self._p.plan.way is Way.LOOKUP:
            return []
        session, statements = self._p.sessions[0], self._p.readers[0].statements
        estimate = self._p.tables[0].rows_estimate or session.rows(statements.count())[0][0]
        rows = max(estimate // self._config.sweep.ranges, ROWS_MIN)
        bounds: list[Key] = []
        while len(bounds) < 2 * self._config.sweep.ranges:
            after = bounds[-1] if bounds else None
            found = session.rows(statements.boundary((after, None), rows))
            if not found:
                break
            bounds.append(tuple(found[0]))
        return bounds

    def _dirty_first(self, ranges: Ranges) -> list[Stretch]:
        """What is left, in its order by what has changed meanwhile."""
        shown = [
            self._p.keys.plain(key, Side.SOURCE)
            for key in self._background.changed(self._p.rule.name)
        ]
        if keys := [text for text in shown if text]:
            bounds = [(s.after, s.until) for s in ranges.stretches]
            query = self._p.readers[0].statements.tallied(keys, bounds)
            if query is not None:
                for stretch, count in zip(
                    ranges.stretches, self._p.sessions[0].rows(query)[0], strict=True
                ):
                    stretch.dirty += count
        return ranges.left


def _now_us() -> int:
    return time.time_ns() // 1_000


def main(stream: BinaryIO = sys.stdin.buffer) -> None:
    """Sweep until the stream ends. It begins with the pickled configuration."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    config: Any = pickle.load(stream)  # noqa: S301  # the worker's own pipe
    os.nice(NICENESS)
    inbox = Inbox(stream)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: inbox.ended.set())
    threading.Thread(target=inbox.listen, daemon=True).start()
    Background(config, inbox).run()


if __name__ == "__main__":
    main()
