"""The service's consumer: batches, its write committed before its offsets, at least once.

With `eager` it breaks that rule: offsets first, the write later. figwatch has to notice.
"""

from collections.abc import Iterator

from figwatch.demo.simulator.world import Clock, Commit, Database, Message, Row, Topics


class Replicator:
    """One consumer group with one member."""

    def __init__(
        self, clock: Clock, topics: Topics, topic: str, target: Database, *, eager: bool = False
    ) -> None:
        self.topic = topic
        self.committed: dict[int, int] = {}
        self.lose: set[int] = set()
        """Numbers of source events that it must lose."""
        self.lose_once: set[int] = set()
        """Events that it loses the first time; going back repairs them."""
        self.garble: dict[int, Row] = {}
        """Event to the wrong row that it must write instead."""
        self.stalled_until_us = 0
        self.pause_us = (10_000, 80_000)
        self.commit_us = (0, 20_000)
        """How long after the write its offsets are committed."""
        self.batch_max = 6
        self.coalescing = False
        """It writes only the last event that a batch holds for a key."""
        self.sparing = False
        """It writes nothing that would change nothing."""
        self._clock, self._topics, self._target = clock, topics, target
        self._eager = eager
        self._position: dict[int, int] = {}

    def start(self) -> None:
        """Consume, again and again."""
        self._step()

    def crash(self) -> None:
        """Lose what was not committed."""
        self._position = dict(self.committed)

    def rewind(self, partition: int, records: int) -> None:
        """Go back by committing an older offset, as an operator does to repair."""
        if partition in self.committed:
            self.committed[partition] = max(0, self.committed[partition] - records)
            self._position[partition] = self.committed[partition]

    @property
    def done(self) -> bool:
        """Everything in the topic is committed back."""
        ends = self._topics.ends(self.topic)
        return all(self.committed.get(p, 0) >= end for p, end in enumerate(ends))

    def _step(self) -> None:
        clock = self._clock
        if clock.now_us >= self.stalled_until_us:
            partition = clock.between(0, self._topics.count(self.topic) - 1)
            log = self._topics.log(self.topic, partition)
            start = self._position.get(partition, 0)
            batch = log[start : start + clock.between(1, self.batch_max)]
            if batch:
                end = start + len(batch)
                self._position[partition] = end
                if self._eager:
                    self.committed[partition] = end
                    delay_us = clock.between(0, 600_000) if clock.chance(0.2) else 0
                    clock.after(delay_us, lambda: self._apply(batch))
                    # One thread: nothing else is read before that write.
                    self.stalled_until_us = clock.now_us + delay_us + 1
                else:
                    self._apply(batch)
                    delay_us = clock.between(*self.commit_us)
                    clock.after(delay_us, lambda: self._commit(partition, end, start))
        clock.after(clock.between(*self.pause_us), self._step)

    def _commit(self, partition: int, offset: int, start: int) -> None:
        # A crash or a rewind in between has put the position back: that commit never happens.
        if self._position.get(partition, 0) >= offset and self.committed.get(partition, 0) <= start:
            self.committed[partition] = offset

    def _apply(self, batch: list[Message]) -> None:
        changes = list(self._changes(batch))
        if self.coalescing:
            changes = _coalesced(changes)
        if self.sparing:
            changes = _sparing(changes, self._target.rows)
        if self._clock.chance(0.3):
            for change in changes:
                self._target.commit([change])
        elif changes:
            self._target.commit(changes)

    def _changes(self, batch: list[Message]) -> Iterator[Commit]:
        for message in batch:
            event = message.event
            if event is None or event.number in self.lose:
                continue
            if event.number in self.lose_once:
                self.lose_once.discard(event.number)
            elif event.op == "t":
                yield "truncate", 0, None
            elif event.row is None:
                yield "delete", event.key, None
            else:
                yield "put", event.key, self.garble.get(event.number, event.row)


def _coalesced(changes: list[Commit]) -> list[Commit]:
    """The last change of each key, in their order; behind a truncate nothing before it counts."""
    last = {key: i for i, (_, key, _) in enumerate(changes)}
    emptied = max((i for i, (op, _, _) in enumerate(changes) if op == "truncate"), default=-1)
    return [c for i, c in enumerate(changes) if i >= emptied and last[c[1]] == i]


def _sparing(changes: list[Commit], rows: dict[int, Row]) -> list[Commit]:
    """Without the puts of what is there already."""
    after: dict[int, object] = dict(rows)
    left: list[Commit] = []
    for op, key, row in changes:
        if op == "put" and after.get(key) == row:
            continue
        after = {} if op == "truncate" else {**after, key: row}
        left.append((op, key, row))
    return left
