"""The life of findings: opened, changed, resolved or withdrawn, and how many one judge lists.

A burst is counted exactly and listed up to `PairRules.findings_max`; what was only counted is
listed once all of it has room. `figwatch.validators.finding` is what leaves.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from figwatch.validators.books import Books, count
from figwatch.validators.columns import differing_columns
from figwatch.validators.finding import Finding
from figwatch.validators.outcome import Evidence, Judgement, Kind
from figwatch.validators.pair import Pair
from figwatch.validators.state import Entry, KeyState, OpenFinding, Past, Source
from figwatch.validators.sweep.settlement import standing

MAX_RESOLVED = 1_000
"""Resolved findings that can still be withdrawn; those before them, or before a restart, stand."""


class OpenFindings:
    """Findings of one judge."""

    def __init__(self, pairs: Iterable[str], books: Books) -> None:
        self._books = books
        self._kinds: dict[str, dict[int, int]] = {name: {} for name in pairs}
        """Open ones, by pair and kind."""
        self._listed = dict.fromkeys(self._kinds, 0)
        self._out: list[Finding] = []
        self._resolved: deque[Finding] = deque(maxlen=MAX_RESOLVED)

    def open_or_change(
        self, pair: Pair, key: bytes, state: KeyState, judgement: Judgement, now_us: int
    ) -> None:
        """A key is divergent."""
        kind = judgement.kind if judgement.kind is not None else Kind.VALUE_MISMATCH
        evidence = judgement.evidence if judgement.evidence is not None else Evidence.TIMEOUT
        columns = _columns(state, pair, kind)
        name, finding = pair.rules.name, state.finding
        if finding is None:
            listed = self._listed[name] < pair.rules.findings_max
            state.finding = OpenFinding(
                kind, columns, judgement.since_us, now_us, evidence,
                judgement.incomplete_history, judgement.reading_us, judgement.committed, listed,
            )  # fmt: skip
            count(self._books.of(pair).findings_total, kind.name.lower())
            self._kinds[name][kind] = self._kinds[name].get(kind, 0) + 1
            self._listed[name] += listed
            books = self._books.of(pair)
            books.unlisted += not listed
            books.detected_us, books.detection_us = now_us, now_us - judgement.since_us
            self._emit(pair, key, state.finding, state.past)
        elif finding.kind != kind or finding.columns != columns:
            self._kinds[name][finding.kind] -= 1
            self._kinds[name][kind] = self._kinds[name].get(kind, 0) + 1
            finding.kind, finding.columns = kind, columns
            self._emit(pair, key, finding, state.past, changed_us=now_us)

    def resolve(self, pair: Pair, key: bytes, state: KeyState, now_us: int) -> None:
        """A key is divergent no more."""
        finding = state.finding
        if finding is None:
            return
        self._close(pair, state, finding)
        self._emit(pair, key, finding, state.past, resolved_us=now_us)
        past = state.past or Past(0, finding.detected_us, finding.evidence, 0)
        state.past = Past(past.times + 1, past.first_detected_us, past.first_evidence, now_us)

    def _close(self, pair: Pair, state: KeyState, finding: OpenFinding) -> None:
        self._kinds[pair.rules.name][finding.kind] -= 1
        self._listed[pair.rules.name] -= finding.listed
        state.finding = None

    def withdraw(self, pair: Pair, key: bytes, state: KeyState, now_us: int) -> None:
        """Void an open finding: what it rested on was found not to hold."""
        finding = state.finding
        if finding is None:
            return
        self._close(pair, state, finding)
        self._emit(pair, key, finding, state.past, resolved_us=now_us, void=True)

    def withdraw_resolved(self, pair: Pair, since_us: int) -> None:
        """Void findings of a pair that were detected since, and have resolved meanwhile."""
        kept: list[Finding] = []
        for finding in self._resolved:
            if finding.pair == pair.rules.name and finding.detected_us >= since_us:
                self._out.append(msgspec.structs.replace(finding, void=True))
            else:
                kept.append(finding)
        self._resolved = deque(kept, MAX_RESOLVED)

    def withdraw_since(self, pair: Pair, since_us: int) -> None:
        """Void findings of a pair that say something of since an instant, and have resolved."""
        kept: list[Finding] = []
        for finding in self._resolved:
            if finding.pair == pair.rules.name and finding.since_us >= since_us:
                self._out.append(msgspec.structs.replace(finding, void=True))
            else:
                kept.append(finding)
        self._resolved = deque(kept, MAX_RESOLVED)

    def withheld(self, pair: Pair) -> int:
        """Open findings of a pair that are only counted."""
        name = pair.rules.name
        return sum(self._kinds[name].values()) - self._listed[name]

    def room_for_withheld(self, pair: Pair) -> bool:
        """Whether there are findings that were only counted, and all have room by now: a burst
        that heals must not go through the topic one by one.
        """
        withheld = self.withheld(pair)
        listed = self._listed[pair.rules.name]
        return withheld > 0 and listed + withheld <= pair.rules.findings_max

    def list_withheld(self, pair: Pair, key: bytes, state: KeyState) -> bool:
        """List a finding that was only counted. Returns whether it was one."""
        finding, name = state.finding, pair.rules.name
        if finding is None or finding.listed:
            return False
        finding.listed = True
        self._listed[name] += 1
        self._emit(pair, key, finding, state.past)
        return True

    def _emit(
        self, pair: Pair, key: bytes, finding: OpenFinding, past: Past | None, *,
        resolved_us: int | None = None, changed_us: int = 0, void: bool = False,
    ) -> None:  # fmt: skip
        if not finding.listed:
            return
        names = pair.rules.columns
        said = Finding(
            pair=pair.rules.name,
            key=key[key.index(b"\0") + 1 :],
            detected_us=finding.detected_us,
            kind=Kind(finding.kind).name.lower(),
            columns=tuple(names[i] for i in finding.columns if i < len(names)),
            since_us=finding.since_us,
            resolved_us=resolved_us,
            evidence=Evidence(finding.evidence).name.lower(),
            incomplete_history=finding.incomplete_history,
            changed_us=changed_us,
            void=void,
            reopened=past.times if past else 0,
            first_detected_us=past.first_detected_us if past else 0,
            first_evidence=Evidence(past.first_evidence).name.lower() if past else "",
            last_resolved_us=past.last_resolved_us if past else 0,
        )
        self._out.append(said)
        if resolved_us is not None and not void:
            self._resolved.append(said)

    def take(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        out, self._out = self._out, []
        return out

    def restored(self, pair: Pair, finding: OpenFinding) -> None:
        """Count a finding read back from the changelog."""
        kinds = self._kinds[pair.rules.name]
        kinds[finding.kind] = kinds.get(finding.kind, 0) + 1
        self._listed[pair.rules.name] += finding.listed

    def by_kind(self, pair: Pair) -> dict[str, int]:
        """How many are open."""
        kinds = self._kinds[pair.rules.name]
        return {Kind(kind).name.lower(): n for kind, n in kinds.items() if n}


def _columns(state: KeyState, pair: Pair, kind: Kind) -> tuple[int, ...]:
    """Columns in which the target differs from the newest version that the replicator is done
    with; from the newest of all where that cannot be told. None for a row that is not there.
    """
    source, target = state.source, state.target
    if standing(state, pair) is not None and state.swept is not None:
        return state.swept.columns
    if kind in (Kind.MISSING, Kind.EXTRA) or source is None or target is None:
        return ()
    entry = _newest_done(source, state, pair)
    return differing_columns(entry.sketch, target.sketch, entry.unknown, target.unknown)


def _newest_done(source: Source, state: KeyState, pair: Pair) -> Entry:
    for entry in reversed(source.ring):
        if entry.sketch and pair.done(source, entry, state.target) is not None:
            return entry
    return source.ring[-1]
