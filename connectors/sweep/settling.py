"""From a key that looked different to its place in the books: looked at again until it is settled,
then, where `figwatch run` is asked, settled against the streams, then booked.

`figwatch.connectors.sweep.runner` drives it; `confirm` looks, `judges` asks the streams.
"""

import dataclasses
import time

from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.sweep.confirm import Confirmer, Outcome, Suspect, Texts
from figwatch.connectors.sweep.judges import Judges
from figwatch.connectors.sweep.outcomes import Hearer, difference, kind_of
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.validators.change import SweepAnswer
from figwatch.validators.sweep.confirm import Settled
from figwatch.validators.sweep.progress import Progress, Totals

ASKED_MAX = 5_000
"""Differences whose verdict is waited for at a time: less than one judge can keep waiting."""
ASK_AGAIN_SECONDS = 15.0
"""A judge that was restarted has forgotten its suspects."""
DOUBTED_MAX = 10_000
"""Keys that were not shown to be equal and are told one by one; beyond it none is."""


class NoVerdictError(Exception):
    """No judge answered at all."""


@dataclasses.dataclass(slots=True)
class _Asked:
    outcome: Outcome
    first_seconds: float
    asked_seconds: float


class Settling:
    """The suspects of one pair. `progress` is filled in."""

    def __init__(
        self, prepared: Prepared, settings: SweepConfig, confirmer: Confirmer,
        progress: Progress, judges: Judges | None, hearers: tuple[Hearer, ...],
    ) -> None:  # fmt: skip
        self._prepared, self._settings = prepared, settings
        self._confirmer, self._judges, self._hearers = confirmer, judges, hearers
        self.progress = progress
        self.doubted: set[bytes] | None = set()
        """Keys that were not shown to be equal; None: more than can be told."""
        self._asked: dict[bytes, _Asked] = {}
        self._first: dict[bytes, float] = {}
        self._answered = False
        self.unanswered = 0

    def __len__(self) -> int:
        return len(self._confirmer) + len(self._asked)

    @property
    def full(self) -> bool:
        """Reading must pause."""
        return len(self._confirmer) >= self._settings.suspects_max or len(self._asked) >= ASKED_MAX

    def found(self, number: int, key: bytes, texts: Texts) -> None:
        """A key of range `number` looks different."""
        if key in self._asked:
            return
        # One that waits already belongs to an earlier range, which stays open for it.
        if self._confirmer.watched(key) or self.progress.suspect(number, key):
            self._confirmer.add([Suspect(key, texts, number)])

    def settle(self) -> None:
        """Look at every key that is due, hear every answer, close the ranges that are done with.

        Raises:
            DatabaseError, FigwatchError: a look failed; nothing is lost, try again.
            NoVerdictError: no judge answers.
        """
        room = ASKED_MAX - len(self._asked)
        for outcome in self._confirmer.settle(most=room if self._judges is not None else None):
            if outcome.settled is Settled.DIFFERENT and self._judges is not None:
                self._ask(outcome)
            else:
                self._book(outcome)
        self._hear()
        self.progress.close()

    def pause(self) -> None:
        """Wait a moment for the next look or answer."""
        due_us = self._confirmer.due_us
        left = 0.5 if due_us is None else due_us / 1e6 - time.monotonic()
        most = 0.1 if self._asked else 0.5
        time.sleep(min(max(left, 0.0), most))

    # -- the streams' verdict

    def _ask(self, outcome: Outcome) -> None:
        assert self._judges is not None  # asked only then
        if any(row is not None and row.fault for row in (outcome.source, outcome.target)):
            self._book(outcome)
            return
        now = time.monotonic()
        first = self._first.setdefault(outcome.suspect.key, now)
        self._asked[outcome.suspect.key] = _Asked(outcome, first, now)
        self._judges.tell(self._prepared.rule.name, outcome)

    def _hear(self) -> None:
        if self._judges is None or not self._asked:
            return
        for answer in self._judges.answers():
            asked = self._asked.pop(answer.key, None)
            if asked is not None and answer.pair == self._prepared.rule.name:
                self._answered = True
                self._told(asked, answer)
        now = time.monotonic()
        for key, asked in list(self._asked.items()):
            if now - asked.first_seconds > self._judges.seconds_max:
                if not self._answered:
                    raise NoVerdictError
                self.unanswered += 1
                self._settled(self._asked.pop(key).outcome, Settled.UNCONFIRMED)
            elif now - asked.asked_seconds > ASK_AGAIN_SECONDS:
                asked.asked_seconds = now
                self._judges.tell(self._prepared.rule.name, asked.outcome)

    def _told(self, asked: _Asked, answer: SweepAnswer) -> None:
        """What a judge says of a difference: see `figwatch.validators.sweep.settlement`."""
        outcome = asked.outcome
        divergent = answer.verdict == "divergent"
        if answer.settlement == "finding" or (answer.settlement == "known" and divergent):
            settled = "new_finding" if answer.settlement == "finding" else "known_finding"
            self._settled(outcome, Settled.DIFFERENT, answer.kind, settled)
        elif answer.settlement == "known":  # the streams tell of it: in flight, or overdue
            self._settled(outcome, Settled.IN_FLIGHT)
        elif time.monotonic() - asked.first_seconds > self._settings.unconfirmed_seconds:
            self._settled(outcome, Settled.UNCONFIRMED)
        else:  # an event came meanwhile: look again
            self._confirmer.add([outcome.suspect])

    # -- the books

    def _book(self, outcome: Outcome) -> None:
        self._settled(outcome, outcome.settled)

    def _settled(
        self, outcome: Outcome, settled: Settled, kind: str = "", by: str = ""
    ) -> None:  # fmt: skip
        key, suspect = outcome.suspect.key, outcome.suspect
        self._first.pop(key, None)
        if settled is not Settled.EQUAL and self.doubted is not None:
            self.doubted.add(key)
            if len(self.doubted) > DOUBTED_MAX:
                self.doubted = None
        totals = self.progress.settled(suspect.chunk, key)
        if totals is None or settled is Settled.EQUAL:
            return
        if settled is Settled.IN_FLIGHT:
            totals.in_flight += 1
        elif settled is Settled.UNCONFIRMED:
            totals.unconfirmed += 1
            totals.unconfirmed_keys.append(self._prepared.keys.shown(key))
        elif any(row is not None and row.fault for row in (outcome.source, outcome.target)):
            totals.unreadable += 1
        else:
            self._difference(totals, outcome, kind, by)

    def _difference(self, totals: Totals, outcome: Outcome, kind: str, by: str) -> None:
        found = kind_of(outcome, kind)
        self.progress.difference(totals, lambda: difference(self._prepared, found, outcome, by))
        for hear in self._hearers:
            hear(self._prepared, found, outcome)
