"""A replay in which figwatch's own workers die: what was not written is lost, and read again.

The judge's state goes through its changelog as in `figwatch.streams.judge_agent`: state first, then
findings, then the acknowledgement; a worker may die between any two, even in the middle of the
first.
"""

import random
from collections.abc import Callable, Iterable, MutableMapping

from figwatch.connectors.capture import Line, RawRecord
from figwatch.connectors.config.root import Config
from figwatch.connectors.replay import Replay, Replayed
from figwatch.validators.finding import Finding
from figwatch.validators.judge import META
from figwatch.validators.key_table import table_key


class RestartingReplay(Replay):
    """A replay that is interrupted after some of its lines."""

    new_store: Callable[[], MutableMapping[bytes, bytes]] = dict
    """What a worker holds its state in."""

    def __init__(self, config: Config, lines: list[Line], deaths: set[int], seed: int) -> None:
        super().__init__(config, lines)
        self._lines, self._deaths = lines, deaths
        self._rng = random.Random(seed)  # noqa: S311 - a simulation must be repeatable
        self._stored: dict[bytes, bytes] = {}
        self._unpublished: list[Finding] = []
        self._acknowledged = 0

    def run(self) -> Replayed:
        """Feed every line, dying on the way."""
        self._begin()
        for i, line in enumerate(self._lines):
            self._line(line)
            if i in self._deaths:
                self._die(i + 1)
            elif self._rng.random() < 0.1:  # noqa: PLR2004 - a share
                self._publish(self._judge.take_findings())
                self._flush(list(self._judge.take_dirty()))
                self._acknowledged = i + 1
        return self._outcome()

    def _outcome(self) -> Replayed:
        self._evaluate()
        self._flush([])
        return super()._outcome()

    def _publish(self, findings: Iterable[Finding]) -> None:
        self._unpublished += findings

    def _flush(self, dirty: list[tuple[bytes, bytes | None]]) -> None:
        for key, value in dirty:
            if value is None:
                self._stored.pop(key, None)
            else:
                self._stored[key] = value
        super()._publish(self._unpublished)
        self._unpublished = []

    def _die(self, here: int) -> None:
        """The state is what was written; records behind the acknowledged ones come again."""
        self._publish(self._judge.take_findings())
        dirty = sorted(self._judge.take_dirty(), key=lambda record: (record[0] == META, record[0]))
        if self._rng.random() < 0.5:  # noqa: PLR2004 - a share
            dirty = dirty[: self._rng.randint(0, len(dirty))]
            written = {key for key, _ in dirty}
            self._unpublished = [
                f for f in self._unpublished if table_key(f.pair, f.key) in written
            ]
            self._flush(dirty)
            start = self._acknowledged if META not in written else here
        else:
            self._unpublished = []
            start = self._acknowledged
        self._judge = self._new_judge()
        self._now_us += 1
        store = self.new_store()
        store.update(self._stored)
        self._judge.load(store, self._now_us)
        if META not in self._stored:
            start = 0
            self._announce()
        # Decoding begins somewhat earlier still: what comes again has been judged already.
        start = max(0, start - self._rng.randint(0, 30))
        for where in self._next:
            self._next[where] = self._survey.first_offset.get(where, 0)
        for line in self._lines[:start]:
            if isinstance(line, RawRecord) and line.topic in self._topics:
                self._next[line.topic, line.partition] = line.offset + 1
        for line in self._lines[start:here]:
            if isinstance(line, RawRecord):
                self._now_us += 1
                self._record(line)
