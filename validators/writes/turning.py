"""Authority turns round while figwatch runs: which direction's rules judge which key.

Both directions are judged all the time (`figwatch.validators.writes.mirror`); a turn at instant T
only decides whose judgement counts. A key whose newest version is from before T is the old
direction's: what was lost before T is found as ever. A key written since is the new direction's. In
between stand the keys that are *owed*: at T the new leader had not yet what the old one had. The
old direction goes on judging them until they arrive; where the new leader is written without them,
the owed version is lost, and that is a finding of its own.

All this is decided once both sides are known to beyond T; until then no finding is opened on what
came since. `figwatch.validators.partition` keeps one of these for each pair judged both ways.
"""

from collections.abc import Sequence
from functools import partial

import msgspec

from figwatch.validators.change import Change, Side
from figwatch.validators.columns import Equal, compare
from figwatch.validators.judge import Judge
from figwatch.validators.key_table import table_key
from figwatch.validators.outcome import Evidence, Judgement, Kind, Verdict
from figwatch.validators.state import Entry, KeyState, Source
from figwatch.validators.writes.conflict import LISTED_MAX, PENDING_MAX, Conflict, conflicts
from figwatch.validators.writes.echo_summary import EchoSummary
from figwatch.validators.writes.echoes import Echoes
from figwatch.validators.writes.mirror import SUFFIX
from figwatch.validators.writes.records import Turn

PREFIX = b"\0turn\0"
"""Keys in the join table; pair names start with a letter."""


class TurnState(msgspec.Struct, array_like=True, gc=False):
    """What is kept of the newest turn of a pair."""

    at_us: int = 0
    """0: authority has never moved."""
    lead: int = 0
    decided: bool = True
    """Both sides were known to beyond the turn, and what was owed is known."""
    owed: dict[bytes, bytes] = {}
    """Key to the fingerprint of the old leader's last version before the turn (empty: absent)."""
    owed_total: int = 0
    lost: int = 0
    """Owed versions that the new leader was written without."""
    undecided: int = 0
    """Keys of which it cannot be told any more what they were at the turn."""


class Turmoil(msgspec.Struct, array_like=True, gc=False):
    """Concurrent writes of both sides so far."""

    counts: dict[str, int] = {}
    """By who won; `lost` counts lost updates, `late` late ones, `unjudged` keys that were too many
    to look at."""
    listed: list[Conflict] = []
    echoes: EchoSummary = msgspec.field(default_factory=EchoSummary)


class Turning:
    """One pair judged both ways."""

    def __init__(self, judge: Judge, name: str) -> None:
        self.name = name
        self.kept = TurnState()
        self.turmoil = Turmoil()
        self.dirty = False
        self._changed: dict[bytes, int] = {}
        self._judge = judge
        self._ways = (judge.pairs[name], judge.pairs[name + SUFFIX])
        self.echoes = Echoes(self._ways[0].rules)
        for way, pair in enumerate(self._ways):
            pair.may_open = self._gate(way)
        self._measure()

    @property
    def way(self) -> int:
        """The direction whose figures count: 0 as configured, 1 turned round."""
        return self.kept.lead if self.kept.decided else 1 - self.kept.lead

    @property
    def is_dirty(self) -> bool:
        """Something is to be kept."""
        return self.dirty or self.echoes.dirty

    # -- the turn --------------------------------------------------------------------------------

    def turn(self, turn: Turn, now_us: int) -> None:
        """Take note of a turn. One that is not newer, or turns to who leads already, is nothing.

        What was found meanwhile by the rule that holds no more is withdrawn.
        """
        if turn.at_us <= self.kept.at_us or turn.lead == self.kept.lead:
            return
        self.kept = TurnState(turn.at_us, turn.lead, decided=False)
        self.dirty = True
        old = 1 - turn.lead
        pair, findings = self._ways[old], self._judge.ledger.findings
        findings.withdraw_since(pair, turn.at_us)
        for key in self._unsettled(old):
            state = self._judge.table.peek(key)
            if state.finding is not None and newest_us(state) >= turn.at_us:
                findings.withdraw(pair, key, self._judge.table.get(key), now_us)
                self._judge.settle(key, now_us)

    def changed(self, change: Change) -> None:
        """A key was written on either side, and that was applied: its versions may be in conflict,
        or come round.
        """
        self.echoes.seen(change, self._whole(change))
        key = change.key
        if key not in self._changed and len(self._changed) >= PENDING_MAX:
            self._count("unjudged")
            return
        self._changed[key] = max(change.commit_us, self._changed.get(key, 0))

    def _whole(self, change: Change) -> bytes | None:
        """Fingerprint of the row, with the long values that the event did not carry."""
        if not change.unknown:
            return change.fingerprint
        state = self._judge.state_of(self._ways[change.side].rules.name, change.key)
        source = state.source if state is not None else None
        newest = source.ring[-1] if source is not None and source.ring else None
        if newest is None or newest.unknown or newest.offset > change.offset:
            return change.sketch  # as good as any value that no other equals
        return newest.fingerprint

    def _look_for_conflicts(self) -> None:
        """Look at keys that have been quiet for two windows, as far as both sides are known."""
        pair = self._ways[0]
        window_us, clocks_us = pair.rules.objective_us, pair.rules.clocks_us
        known_us = min(pair.watermarks) - 2 * window_us - clocks_us
        for key in [key for key, us in self._changed.items() if us < known_us]:
            ways = [self._judge.state_of(p.rules.name, key) or KeyState() for p in self._ways]
            gone = partial(self._gone, ways)
            found, waiting = conflicts(
                key, ways[0].source, ways[1].source, window_us, clocks_us, gone
            )
            for one in found:
                self._list(one)
            if waiting:  # a version may still be on its way
                self._changed[key] += window_us
            else:
                del self._changed[key]

    def _gone(self, ways: Sequence[KeyState], side: int, version: Entry) -> bool:
        """Whether a version can not come over any more: its replicator is done with it or, where
        that is not told, it had the time to.
        """
        pair, state = self._ways[side], ways[side]
        if state.source is not None and pair.done(state.source, version, state.target) is not None:
            return True
        if pair.rules.fenced and not pair.demoted:
            return False  # however long it stands still
        old_us = pair.watermarks[Side.TARGET] - version.commit_us - pair.rules.clocks_us
        return old_us > pair.rules.give_up_us

    def _list(self, found: Conflict) -> None:
        listed = self.turmoil.listed
        same = (found.key, found.source_us, found.target_us)
        if any((c.key, c.source_us, c.target_us) == same for c in listed):
            return
        listed.append(found)
        del listed[:-LISTED_MAX]
        self._count(found.winner)
        for what in ("lost", "late"):
            if getattr(found, what):
                self._count(what)

    def _count(self, name: str) -> None:
        self.turmoil.counts[name] = self.turmoil.counts.get(name, 0) + 1
        self.dirty = True

    def evaluate(self, now_us: int) -> None:
        """Decide the turn once both sides are known to beyond it, then what became of the owed."""
        if not self.kept.decided and self._known():
            self._decide()
            self._measure()
            self._look_after_owed(now_us)  # before anybody opens a finding on what has arrived
            for way in (0, 1):
                for key in self._unsettled(way):
                    self._judge.settle(key, now_us)
        self._look_for_conflicts()
        forward = self._ways[0]
        for way, pair in enumerate(self._ways):
            self.echoes.copied[1 - way] = pair.is_replicated
        self.echoes.evaluate(min(forward.watermarks) - forward.rules.clocks_us)
        if self.kept.decided and self.kept.owed:
            self._look_after_owed(now_us)

    def _known(self) -> bool:
        pair = self._ways[0]
        return min(pair.watermarks) > self.kept.at_us + pair.rules.clocks_us

    def _decide(self) -> None:
        """Look at every key once: what did the old leader have at the turn, what the new one?"""
        kept, at_us = self.kept, self.kept.at_us
        kept.decided, self.dirty = True, True
        for key in self._judge.keys_of(self.name):
            old, new = self._states(key)
            if newest_us(old) < at_us and old.verdict == Verdict.CONSISTENT:
                continue
            before = _last_before(old.source, at_us)
            there = _last_before(new.source, at_us)
            if before is None or there is None:
                kept.undecided += _written_since(old, at_us) or _written_since(new, at_us)
            elif _same(before, there) is Equal.NO:
                kept.owed[key] = before.fingerprint or b""
        kept.owed_total = len(kept.owed)

    def _look_after_owed(self, now_us: int) -> None:
        at_us = self.kept.at_us
        for key, fingerprint in list(self.kept.owed.items()):
            old, new = self._states(key)
            found = _arrived(new.source, old.source, fingerprint or None, at_us)
            if found is None:
                continue
            del self.kept.owed[key]
            self.dirty = True
            way = 1 - self.kept.lead
            name = table_key(self._ways[way].rules.name, key)
            if found:
                self._judge.settle(name, now_us)
                continue
            self.kept.lost += 1
            self._judge.settle(
                name,
                now_us,
                Judgement(
                    Verdict.DIVERGENT, "lost_at_the_turn", kind=Kind.STALE,
                    evidence=Evidence.HISTORY, since_us=at_us,
                ),
            )  # fmt: skip
            self._judge.settle(table_key(self._ways[self.kept.lead].rules.name, key), now_us)

    # -- which direction -------------------------------------------------------------------------

    def _gate(self, way: int) -> "Gate":
        return Gate(self, way)

    def opens(self, way: int, key: bytes, state: KeyState) -> bool:
        """Whether this direction may open a finding of a key now."""
        kept = self.kept
        if not kept.at_us:
            return way == 0
        since_turn = newest_us(state) >= kept.at_us
        owed = key in kept.owed
        if way != kept.lead:
            return owed or not since_turn
        return kept.decided and since_turn and not owed

    def restore(self, kept: TurnState, turmoil: Turmoil) -> None:
        """Go on where another worker stood."""
        self.kept, self.turmoil = kept, turmoil
        self.echoes.kept = turmoil.echoes
        self._measure()

    def _measure(self) -> None:
        for way, pair in enumerate(self._ways):
            pair.measures = way == self.way

    def _unsettled(self, way: int) -> list[bytes]:
        prefix = table_key(self._ways[way].rules.name, b"")
        return self._judge.unsettled(prefix)

    def _states(self, key: bytes) -> tuple[KeyState, KeyState]:
        """The key as the old and as the new direction know it."""
        ways = [self._judge.state_of(pair.rules.name, key) or KeyState() for pair in self._ways]
        return ways[1 - self.kept.lead], ways[self.kept.lead]


class Gate:
    """Says of one direction whether a finding may be opened: what `Pair.may_open` asks."""

    def __init__(self, turning: Turning, way: int) -> None:
        self._turning, self._way = turning, way

    def __call__(self, key: bytes, state: KeyState) -> bool:
        """Whether it may, for a key of the join table."""
        return self._turning.opens(self._way, key[key.index(b"\0") + 1 :], state)


def newest_us(state: KeyState) -> int:
    """Commit time of the newest version on either side."""
    source, target = state.source, state.target
    ours = source.ring[-1].commit_us if source is not None and source.ring else 0
    return max(ours, target.commit_us if target is not None else 0)


_ABSENT = Entry(None, 0, None, -1, -1, sample=False)


def _last_before(source: Source | None, at_us: int) -> Entry | None:
    """The version that stood at an instant; None where that cannot be told any more."""
    if source is None or not source.ring:
        return None if source is not None and source.track.fault else _ABSENT
    before = [entry for entry in source.ring if entry.commit_us < at_us]
    if before:
        return before[-1]
    return _ABSENT if source.born else None


def _written_since(state: KeyState, at_us: int) -> bool:
    return newest_us(state) >= at_us


def _same(first: Entry, second: Entry) -> Equal:
    return compare(
        first.fingerprint, first.sketch, first.unknown,
        second.fingerprint, second.sketch, second.unknown,
    )  # fmt: skip


def _arrived(
    there: Source | None, ours: Source | None, owed: bytes | None, at_us: int
) -> bool | None:
    """Whether an owed version came to the new leader before anything else did: True; something
    else was written on it without: False; neither yet: None. Older versions of the old leader,
    and versions inside a transaction, are on the way.
    """
    older = {e.fingerprint for e in ours.ring if e.commit_us < at_us} if ours is not None else set()
    for entry in there.ring if there is not None else ():
        if entry.commit_us < at_us:
            continue
        if entry.fingerprint == owed:
            return True
        if entry.sample and entry.fingerprint not in older:
            return False
    return None


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[TurnState, Turmoil])


def pack_turn(turning: Turning) -> tuple[bytes, bytes]:
    """Key and value for the join table."""
    turning.dirty = turning.echoes.dirty = False
    turning.turmoil.echoes = turning.echoes.kept
    return PREFIX + turning.name.encode(), _ENCODER.encode((turning.kept, turning.turmoil))


def unpack_turn(turning: Turning, value: bytes) -> None:
    """Take a turn out of the changelog."""
    turning.restore(*_DECODER.decode(value))
