"""Suspect keys, read again on both sides until each is settled; a bounded number at a time.

`figwatch.validators.sweep.confirm` judges the looks; `figwatch.connectors.sweep.runner` feeds
suspects in and takes outcomes out.
"""

import dataclasses
import heapq
import itertools
import time
from collections.abc import Callable, Iterable

from figwatch.connectors.sweep.one_side import KeyText
from figwatch.connectors.sweep.rows import Row, RowReader, UnreadableKeyError
from figwatch.connectors.sweep.session import Session
from figwatch.validators.change import Side
from figwatch.validators.sweep.confirm import Look, Patience, Settled, Watch

LOOK_KEYS_MAX = 1_000
"""Keys that one statement asks for."""

Texts = tuple[KeyText | None, KeyText | None]
"""A key as it is written on the source and on the target, where that was seen."""


@dataclasses.dataclass(frozen=True, slots=True)
class Suspect:
    """A key that looked different. `chunk` is the range it was found in."""

    key: bytes
    texts: Texts
    chunk: int


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """A settled suspect with the rows of the last look (None: absent)."""

    suspect: Suspect
    settled: Settled
    source: Row | None
    target: Row | None
    still_us: int
    """Since when both rows are as they are, by this process's monotonic clock."""
    read_us: int
    """When the last look began, likewise."""


class Confirmer:
    """The waiting room. Not for several threads."""

    def __init__(
        self, sessions: tuple[Session, Session], readers: tuple[RowReader, RowReader],
        plain: Callable[[bytes, Side], KeyText], patience: Patience, *, replicas: bool = False,
    ) -> None:  # fmt: skip
        self._replicas = replicas
        self._sessions = sessions
        self._readers = readers
        self._plain = plain
        self._patience = patience
        self._watches: dict[bytes, tuple[Watch, Suspect]] = {}
        self._queue: list[tuple[int, int, bytes]] = []
        self._counter = itertools.count()
        self.late: list[Outcome] = []
        """Settled before a look at others failed; handed out with the next ones."""

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, suspects: Iterable[Suspect]) -> None:
        """Watch these keys; one that is watched already gains what is known of its texts."""
        now_us = _now_us()
        for suspect in suspects:
            known = self._watches.get(suspect.key)
            if known is not None:
                texts = (
                    known[1].texts[0] or suspect.texts[0],
                    known[1].texts[1] or suspect.texts[1],
                )
                self._watches[suspect.key] = known[0], dataclasses.replace(known[1], texts=texts)
                continue
            self._watches[suspect.key] = Watch(now_us, now_us), suspect
            self._push(now_us, suspect.key)

    def watched(self, key: bytes) -> bool:
        """Whether a key is waiting."""
        return key in self._watches

    @property
    def due_us(self) -> int | None:
        """When the next look is due; None when nothing waits."""
        return self._queue[0][0] if self._queue else None

    def settle(self, most: int | None = None) -> list[Outcome]:
        """Look at every key that is due (at `most` so many), once; return what is settled."""
        outcomes: list[Outcome] = []
        limit_us = _now_us()
        due: list[bytes] = []
        while self._queue and self._queue[0][0] <= limit_us and (most is None or len(due) < most):
            due.append(heapq.heappop(self._queue)[2])
        while due:
            try:
                outcomes += self._look(due[:LOOK_KEYS_MAX])
            except Exception:
                for key in due:  # nothing is forgotten because a server was away
                    self._push(limit_us, key)
                self.late += outcomes
                raise
            del due[:LOOK_KEYS_MAX]
        outcomes, self.late = self.late + outcomes, []
        return outcomes

    def _push(self, due_us: int, key: bytes) -> None:
        heapq.heappush(self._queue, (due_us, next(self._counter), key))

    def _look(self, keys: list[bytes]) -> list[Outcome]:
        behind_us = self._behind_us() if self._replicas else 0
        asked_us = _now_us()
        # The source first: a target that is newer than this look at the source never looks lost.
        source = self.read(Side.SOURCE, keys)
        target = self.read(Side.TARGET, keys)
        outcomes = []
        for key in keys:
            watch, suspect = self._watches[key]
            rows = source.get(key), target.get(key)
            looks = _seen(rows[0]), _seen(rows[1])
            settled = watch.look(*looks, asked_us, self._patience, behind_us)
            if settled is Settled.AGAIN:
                self._push(watch.due_us, key)
                continue
            del self._watches[key]
            still_us = watch.still_us - watch.behind_us
            outcomes.append(Outcome(suspect, settled, *rows, still_us, asked_us))
        return outcomes

    def _behind_us(self) -> int:
        """How far the replicas are behind, at most: asked before the rows, which are no older."""
        return round(max(session.burden()[0] for session in self._sessions) * 1e6)

    def read(self, side: Side, keys: list[bytes]) -> dict[bytes, Row]:
        """The rows of these keys on one side."""
        reader, session = self._readers[side], self._sessions[side]
        texts = []
        for key in keys:
            watch = self._watches.get(key)
            known = watch[1].texts[side] if watch is not None else None
            texts.append(known or self._plain(key, side))
        texts = [t for t in texts if t]
        if not texts:
            return {}
        query = reader.statements.lines(
            reader.statements.among(texts), versions=True, ordered=False
        )
        rows: dict[bytes, Row] = {}
        for line in session.lines(query):
            try:
                row = reader.read(line, versioned=True)
            except UnreadableKeyError:
                continue
            if row is not None:
                rows[row.key] = row
        return rows


def _seen(row: Row | None) -> Look:
    """An unreadable row equals nothing but itself."""
    if row is None:
        return Look(None)
    fingerprint = row.fingerprint if row.fingerprint is not None else b"?" + repr(row.raws).encode()
    return Look(fingerprint, row.version)


def _now_us() -> int:
    return time.monotonic_ns() // 1_000
