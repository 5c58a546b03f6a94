"""Judging one key: ask the rules, book the answer, and say how the key is kept until next time.

`figwatch.validators.rules` judges, `figwatch.validators.ledger` turns judgements into counts and
findings, `figwatch.validators.key_table` keeps the key.
"""

from figwatch.validators import fence_trust
from figwatch.validators.key_table import KeyTable
from figwatch.validators.ledger import Ledger
from figwatch.validators.outcome import Judgement, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.resting import may_rest
from figwatch.validators.rules import assess
from figwatch.validators.state import KeyState
from figwatch.validators.surroundings import Surroundings


class Settling:
    """Judges keys of one partition."""

    def __init__(self, around: Surroundings, table: KeyTable, ledger: Ledger) -> None:
        self._around, self._table, self._ledger = around, table, ledger

    def settle(
        self, key: bytes, pair: Pair, state: KeyState, now_us: int,
        given: Judgement | None = None, *, again: bool = False,
    ) -> None:  # fmt: skip
        """Judge a key, or book a judgement that was `given`; `again`: nothing has changed but what
        is known of its surroundings.
        """
        if self._around.stale:
            self._around.refresh()
        before = _said(state) if again else None
        found = given if given is not None else assess(state, pair)
        if found.verdict is Verdict.DIVERGENT and given is None and state.finding is None:
            found = found if pair.may_open(key, state) else _left_to_others(found)
        self._ledger.settle(pair, key, state, found, now_us)
        if state.verdict == Verdict.CONSISTENT or may_rest(state, pair):
            self._table.rest(key, state)
        else:
            self._table.hold(key, state, changed=before != _said(state))

    def evaluate(self, now_us: int) -> None:
        """Judge again keys that time, marks or readings can have settled: all of them where they
        are not too many, else the next.
        """
        for key, state in self._table.objects():
            self._look(key, state, now_us)
        for key in self._table.next_waiting():
            self._look(key, self._table.peek(key), now_us)
        for pair in self._around.pairs.values():
            if self._ledger.findings.room_for_withheld(pair):
                self._list_withheld(pair)
        for name in self._around.recheck:
            pair = self._around.pairs[name]
            for key in self._table.keys_of(name):
                self.settle(key, pair, self._table.get(key), now_us, again=True)
        self._around.recheck.clear()

    def _look(self, key: bytes, state: KeyState, now_us: int) -> None:
        pair = self._table.pair_of(key)
        if state.verdict != Verdict.DIVERGENT:
            self.settle(key, pair, state, now_us, again=True)
        elif may_rest(state, pair):
            self._table.rest(key, state)

    def watch_fence(self) -> None:
        """Settle what seemed written after the fence had called it done."""
        for pair in self._around.pairs.values():
            if not pair.suspicions:
                continue
            trusted = not pair.demoted
            for _ in range(fence_trust.convict(pair, self._table.get)):
                self._ledger.books.alarm(pair, "written_after_commit")
                self._around.dirty = True
            if trusted and pair.demoted:
                self._ledger.books.alarm(pair, "fence_demoted")
                self._around.recheck.add(pair.rules.name)

    def withdraw_since(self, pairs: list[Pair], commit_us: int, now_us: int) -> None:
        """Void what was found of these pairs since a commit time, and judge anew."""
        for pair in pairs:
            self._ledger.findings.withdraw_resolved(pair, commit_us - pair.rules.skew_us)
        for key in self._table.inconsistent():
            pair, finding = self._table.pair_of(key), self._table.peek(key).finding
            since_us = commit_us - pair.rules.skew_us
            if finding is not None and finding.detected_us >= since_us and pair in pairs:
                state = self._table.get(key)
                self._ledger.findings.withdraw(pair, key, state, now_us)
                self.settle(key, pair, state, now_us)

    def _list_withheld(self, pair: Pair) -> None:
        for key in self._table.inconsistent():
            finding = self._table.peek(key).finding
            if self._table.pair_of(key) is pair and finding is not None and not finding.listed:
                self._ledger.findings.list_withheld(pair, key, self._table.get(key))
                self._table.touch(key)


def _left_to_others(found: Judgement) -> Judgement:
    """What a direction says of a divergence that is not for it to call one."""
    return Judgement(Verdict.IN_FLIGHT, "other_direction", since_us=found.since_us)


def _said(state: KeyState) -> tuple[object, ...]:
    """What judging may change, to know whether it did."""
    finding = state.finding
    opened = finding and (finding.kind, finding.columns, finding.detected_us, finding.listed)
    return state.verdict, state.reason, state.since_us, state.foreign, opened
