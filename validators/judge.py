"""One judge for each internal partition: applies what the decoder says, keeps each key's state,
asks the rules, opens and closes findings. Pure: `now_us` comes in with every call.

Put together here. `figwatch.validators.surroundings` knows the raw partitions,
`figwatch.validators.row_records` applies what is said of rows, `figwatch.validators.sweep.suspects`
what sweeps say; `figwatch.validators.settling` judges a key and `figwatch.validators.key_table`
keeps it; `figwatch.validators.ledger` has the counts and findings.
"""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import msgspec

from figwatch.validators import layout
from figwatch.validators.books import LedgerState
from figwatch.validators.change import (
    Barrier,
    Change,
    Gap,
    Malformed,
    Mark,
    Moved,
    Reading,
    Record,
    Suspect,
    SweepAnswer,
    SweepEnd,
    Topology,
    Truncate,
)
from figwatch.validators.finding import Finding
from figwatch.validators.key_table import KeyTable, table_key
from figwatch.validators.ledger import Ledger
from figwatch.validators.outcome import Judgement
from figwatch.validators.pair import Epoch, PairRules
from figwatch.validators.row_records import RowRecords
from figwatch.validators.settling import Settling
from figwatch.validators.state import KeyState
from figwatch.validators.stream import Coverage, Stream
from figwatch.validators.summary import Summary
from figwatch.validators.surroundings import Surroundings
from figwatch.validators.sweep.suspects import Suspects

META = b"\0meta"
"""Key of the partition's own record in the join table; pair names start with a letter."""


class Meta(msgspec.Struct, array_like=True, gc=False):
    """What the partition keeps besides its keys."""

    streams: list[Coverage]
    expected: dict[str, int]
    epochs: dict[str, list[Epoch | None]]
    truncates: dict[str, list[Truncate | None]]
    demoted: list[str]
    ledger: LedgerState
    spread: list[str] = []
    untold_late: dict[str, int] = {}


_META_ENCODER = msgspec.msgpack.Encoder()
_META_DECODER = msgspec.msgpack.Decoder(Meta)


class Judge:
    """State of one partition of `<app>-changes`."""

    def __init__(self, pairs: tuple[PairRules, ...], partition: int = 0) -> None:
        self.partition = partition
        self.around = around = Surroundings(pairs)
        self.streams, self.pairs = around.streams, around.pairs
        self.table = KeyTable(self.pairs)
        self.ledger = Ledger(self.pairs, partition)
        self._settling = Settling(around, self.table, self.ledger)
        shared = around, self.table, self.ledger.books, self._settling
        self._rows, self.suspects = RowRecords(*shared), Suspects(*shared)
        self._appliers: dict[type, Callable[[Any, int], None]] = {
            Change: self._rows.change,
            Moved: self._rows.move_in,
            Truncate: self._rows.truncate,
            Malformed: self._rows.malformed,
            Mark: around.mark,
            Barrier: lambda barrier, _: around.barrier(barrier),
            Gap: lambda gap, _: around.gap(gap),
            Topology: lambda topology, _: around.topology(topology),
            Suspect: self.suspects.suspect,
            SweepEnd: self.suspects.sweep_end,
        }

    # -- what comes ---------------------------------------------------------------------------

    def apply(self, record: Record, now_us: int) -> None:
        """Apply one record; one already applied (raw offset not beyond) changes nothing."""
        self._appliers[type(record)](record, now_us)

    def read(self, reading: Reading) -> None:
        """Take one reading of the replicator (live: handed to every judge of the worker)."""
        self.around.read(reading)

    def evaluate(self, now_us: int) -> None:
        """Judge again every key that time, marks or readings can have settled."""
        self.around.refresh()
        self._settling.watch_fence()
        self.suspects.evaluate(now_us)
        self._settling.evaluate(now_us)

    def settle(self, key: bytes, now_us: int, judgement: Judgement | None = None) -> None:
        """Judge a key of the join table now, or book a judgement that was made elsewhere."""
        pair, state = self.table.pair_of(key), self.table.get(key)
        self._settling.settle(key, pair, state, now_us, judgement)

    # -- what leaves --------------------------------------------------------------------------

    def take_findings(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        return self.ledger.findings.take()

    def take_moved(self) -> list[Moved]:
        """Records for `<app>-changes`, to be routed by (pair, key) like any change."""
        moved, self._rows.moved = self._rows.moved, []
        return moved

    def take_answers(self) -> list[SweepAnswer]:
        """What a sweep wants to hear of its suspects, settled since the last call."""
        answers, self.suspects.answers = self.suspects.answers, []
        return answers

    def summary(self, now_us: int, worker: str = "") -> Summary:
        """Mergeable counts of this partition at `now_us`."""
        self.around.refresh()
        objects = ((self.table.pair_of(k), s) for k, s in self.table.objects())
        summary = self.ledger.summary(objects, self.streams, now_us, worker)
        for name, packed in self.table.sums().items():
            packed.add_to(summary.pairs[name], self.pairs[name].late_us)
        return summary

    # -- what is kept -------------------------------------------------------------------------

    def take_dirty(self) -> Iterator[tuple[bytes, bytes]]:
        """Packed state changed since the last call, the partition's own record last."""
        any_key = False
        for item in self.table.take_dirty():
            any_key = True
            yield item
        if any_key or self.around.dirty or any(s.dirty for s in self.streams):
            self.around.dirty = False
            for stream in self.streams:
                stream.dirty = False
            yield META, _META_ENCODER.encode(self._meta())

    def _meta(self) -> Meta:
        return Meta(
            streams=[s.kept for s in self.streams],
            expected=self.around.expected,
            epochs={name: pair.epochs for name, pair in self.pairs.items()},
            truncates=self._rows.truncates,
            demoted=[name for name, pair in self.pairs.items() if pair.demoted],
            ledger=self.ledger.books.state,
            spread=[name for name, pair in self.pairs.items() if pair.spread],
            untold_late={n: p.untold_late for n, p in self.pairs.items() if p.untold_late},
        )

    def load(self, states: MutableMapping[bytes, bytes], now_us: int) -> None:
        """Restore from changelog records; takes `states` over. Proofs start afresh: nothing read
        before `now_us` counts as read before a reading, because its requests were another
        process's.
        """
        packed_meta = states.pop(META, None)
        if packed_meta is not None:
            self._load_meta(_decode_meta(packed_meta))
        for pair in self.pairs.values():
            pair.floor_us = now_us
        self.around.refresh()
        for pair, state in self.table.load(states):
            self.ledger.restored(pair, state)

    def _load_meta(self, meta: Meta) -> None:
        for coverage in meta.streams:
            self.around.add(coverage)
        self.around.expected = meta.expected
        self._rows.truncates = meta.truncates
        self.ledger.books.state = meta.ledger
        for name, pair in self.pairs.items():
            pair.epochs = meta.epochs.get(name, [None, None])
            pair.demoted, pair.spread = name in meta.demoted, name in meta.spread
            pair.untold_late = meta.untold_late.get(name, 0)
            self.around.recheck.add(name)  # what was to be judged again may not have been

    # -- what is asked ------------------------------------------------------------------------

    def state_of(self, pair: str, key: bytes) -> KeyState | None:
        """State of one key, for `explain`."""
        name = table_key(pair, key)
        return self.table.peek(name) if name in self.table else None

    def keys_of(self, pair: str) -> list[bytes]:
        """Every key that was seen of a pair."""
        start = len(table_key(pair, b""))
        return [key[start:] for key in self.table.keys_of(pair)]

    def unsettled(self, prefix: bytes) -> list[bytes]:
        """Keys of the join table with this prefix that are not consistent."""
        return [key for key in self.table.inconsistent() if key.startswith(prefix)]

    def place(self, topic: str, partition: int) -> tuple[int, Stream]:
        """The raw partition's number in this judge, and what is known of it."""
        return self.around.place(topic, partition)

    def watermark_us(self, topics: tuple[str, ...]) -> int:
        """Everything in these topics committed before it was applied; 0: that is not known."""
        return self.around.watermark_us(topics)


def _decode_meta(packed: bytes) -> Meta:
    try:
        return _META_DECODER.decode(packed)
    except msgspec.ValidationError:
        return msgspec.convert(layout.mended(msgspec.msgpack.decode(packed)), Meta)
