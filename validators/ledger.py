"""Judgements turned into counts, samples and findings; the books of one judge.

`figwatch.validators.summary` is how they leave; `figwatch.validators.finding` what a finding says.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from figwatch.validators.change import Change, Malformed, Op, Side, Snapshot, SweepEnd
from figwatch.validators.columns import differing_columns
from figwatch.validators.convergence import Quantiles, rest
from figwatch.validators.finding import Finding
from figwatch.validators.lately import Lately
from figwatch.validators.outcome import Evidence, Judgement, Kind, Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.resting import share
from figwatch.validators.state import Entry, KeyState, OpenFinding, Past, Source
from figwatch.validators.stream import Stream
from figwatch.validators.summary import PairSummary, StreamSummary, Summary, SweepSummary
from figwatch.validators.sweep_settlement import standing

MAX_RESOLVED = 1_000
"""Resolved findings that can still be withdrawn; those before them, or before a restart, stand."""

# For every event: the name and the hash of an enum cost more than an index.
_SIDES = tuple(side.name.lower() for side in Side)
_OPS = ("c", "u", "d", "r", "tombstone")
"""By `Op`."""

Alarm = Literal["written_after_commit", "fence_demoted", "time_regression", "late_target_event"]
"""Assumptions that were found broken, as books and metrics name them."""

_CHANGES = tuple(tuple(f"{side}:{op}" for op in _OPS) for side in _SIDES)


class PairBooks(msgspec.Struct, array_like=True, gc=False):
    """Running counts of one pair that survive a restart (gauges are recounted)."""

    convergence: Quantiles
    capture: dict[str, Quantiles]
    changes: dict[str, int]
    duplicates: dict[str, int]
    findings_total: dict[str, int]
    alarms: dict[str, int]
    transient: int = 0
    unlisted: int = 0
    detected_us: int = 0
    detection_us: int = 0
    sweep: SweepSummary | None = None
    lately: Lately = msgspec.field(default_factory=Lately)
    newest: dict[str, int] = {}
    """Greatest commit time by `source` and `target`."""


class LedgerState(msgspec.Struct, array_like=True, gc=False):
    """The part of the books that is kept in the changelog."""

    pairs: dict[str, PairBooks]
    malformed: dict[str, int]
    duplicates: int = 0
    last_malformed: tuple[str, int, int] = ("", 0, -1)
    last_duplicate: tuple[str, int, int] = ("", 0, -1)


class Ledger:
    """Counts, samples and findings of one judge."""

    def __init__(self, pairs: Mapping[str, Pair], partition: int) -> None:
        self.state = LedgerState(pairs={}, malformed={})
        self._pairs = pairs
        self._partition = partition
        self._verdicts = {name: [0] * len(Verdict) for name in pairs}
        self._reasons: dict[str, dict[int, int]] = {name: {} for name in pairs}
        self._open: dict[str, dict[int, int]] = {name: {} for name in pairs}
        self._listed = dict.fromkeys(pairs, 0)
        self._out: list[Finding] = []
        self._resolved: deque[Finding] = deque(maxlen=MAX_RESOLVED)

    def books(self, pair: Pair) -> PairBooks:
        """Return the books of a pair, opened on first use."""
        name = pair.rules.name
        if name not in self.state.pairs:
            self.state.pairs[name] = PairBooks(
                Quantiles(), {"source": Quantiles(), "target": Quantiles()}, {}, {}, {}, {}
            )
        return self.state.pairs[name]

    # -- events -------------------------------------------------------------------------------

    def counted(self, pair: Pair, change: Change) -> None:
        """Count an applied row event and its capture latency."""
        books = self.books(pair)
        side = _SIDES[change.side]
        _count(books.changes, _CHANGES[change.side][change.op])
        if change.snapshot is Snapshot.NONE and change.op is not Op.TOMBSTONE:
            latency_us = change.append_us - change.commit_us
            books.newest[side] = max(books.newest.get(side, 0), change.commit_us)
            books.capture[side].add(latency_us, pair.rules.objective_us)

    def duplicate(self, pair: Pair, change: Change) -> None:
        """Count a re-emitted row event, once however many pairs it feeds."""
        _count(self.books(pair).duplicates, change.side.name.lower())
        where = (change.topic, change.partition, change.offset)
        if where != self.state.last_duplicate:
            self.state.last_duplicate = where
            self.state.duplicates += 1

    def malformed(self, bad: Malformed) -> None:
        """Count an undecodable record once; one with no key comes to every internal partition."""
        where = (bad.topic, bad.partition, bad.offset)
        if where == self.state.last_malformed or (bad.key is None and self._partition != 0):
            return
        self.state.last_malformed = where
        _count(self.state.malformed, f"{bad.side.name.lower()}:{bad.reason}")

    def converged(self, pair: Pair, samples_us: list[int], now_us: int) -> None:
        """Take convergence samples."""
        if samples_us and pair.measures:
            books = self.books(pair)
            sketch, before = books.convergence, books.convergence.within
            for sample_us in samples_us:
                sketch.add(sample_us, pair.rules.objective_us)
            books.lately.add(now_us, len(samples_us), sketch.within - before)

    def alarm(self, pair: Pair, name: Alarm) -> None:
        """Count an assumption found broken."""
        if pair.measures:
            _count(self.books(pair).alarms, name)

    def swept(self, pair: Pair, end: SweepEnd) -> None:
        """Note where the newest sweep of a pair stands; a clean one before it still counts."""
        books = self.books(pair)
        before = books.sweep
        if before is not None and before.ended_us > end.ended_us:
            return
        books.sweep = SweepSummary(
            end.began_us, end.ended_us, end.whole, end.differences, end.source_rows,
            end.target_rows, max(end.clean_us, before.clean_us if before is not None else 0),
            end.ranges, end.ranges_clean,
        )  # fmt: skip

    # -- judgements ---------------------------------------------------------------------------

    def settle(
        self, pair: Pair, key: bytes, state: KeyState, judgement: Judgement, now_us: int
    ) -> None:
        """Book the newest judgement of a key: verdict counts, findings, transients."""
        verdict = judgement.verdict
        if verdict is Verdict.DIVERGENT:
            self._open_or_change(pair, key, state, judgement, now_us)
        elif state.finding is not None and pair.demoted and _still_fenced(state, verdict):
            self.withdraw(pair, key, state, now_us)
        elif state.finding is not None and verdict is not Verdict.UNKNOWN:
            if verdict is Verdict.CONSISTENT or _target_moved(state):
                self._resolve(pair, key, state, now_us)
            else:
                verdict = Verdict.DIVERGENT  # proved before; waiting does not mend it
        if verdict is Verdict.CONSISTENT and state.foreign and state.finding is None:
            self.books(pair).transient += 1
        state.foreign = judgement.rule == "foreign_value_young" and state.finding is None
        state.since_us = judgement.since_us
        self._recount(pair, state, verdict, judgement.reason)
        if verdict is Verdict.CONSISTENT:
            _rest(state)

    def _recount(self, pair: Pair, state: KeyState, verdict: Verdict, reason: Reason) -> None:
        name = pair.rules.name
        if state.verdict >= 0:
            self._verdicts[name][state.verdict] -= 1
        if state.reason:
            self._reasons[name][state.reason] -= 1
        state.verdict, state.reason = verdict, reason
        self._verdicts[name][verdict] += 1
        if reason:
            self._reasons[name][reason] = self._reasons[name].get(reason, 0) + 1

    def _open_or_change(
        self, pair: Pair, key: bytes, state: KeyState, judgement: Judgement, now_us: int
    ) -> None:
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
            _count(self.books(pair).findings_total, kind.name.lower())
            self._open[name][kind] = self._open[name].get(kind, 0) + 1
            self._listed[name] += listed
            books = self.books(pair)
            books.unlisted += not listed
            books.detected_us, books.detection_us = now_us, now_us - judgement.since_us
            self._emit(pair, key, state.finding, state.past)
        elif finding.kind != kind or finding.columns != columns:
            self._open[name][finding.kind] -= 1
            self._open[name][kind] = self._open[name].get(kind, 0) + 1
            finding.kind, finding.columns = kind, columns
            self._emit(pair, key, finding, state.past, changed_us=now_us)

    def withheld(self, pair: Pair) -> int:
        """Open findings of a pair that are only counted."""
        name = pair.rules.name
        return sum(self._open[name].values()) - self._listed[name]

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

    def _resolve(self, pair: Pair, key: bytes, state: KeyState, now_us: int) -> None:
        finding = state.finding
        if finding is None:
            return
        self._close(pair, state, finding)
        self._emit(pair, key, finding, state.past, resolved_us=now_us)
        past = state.past or Past(0, finding.detected_us, finding.evidence, 0)
        state.past = Past(past.times + 1, past.first_detected_us, past.first_evidence, now_us)

    def _close(self, pair: Pair, state: KeyState, finding: OpenFinding) -> None:
        self._open[pair.rules.name][finding.kind] -= 1
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

    def take_findings(self) -> list[Finding]:
        """Findings opened, changed or resolved since the last call."""
        out, self._out = self._out, []
        return out

    def restored(self, pair: Pair, state: KeyState) -> None:
        """Count a key read back from the changelog."""
        name = pair.rules.name
        if state.verdict >= 0:
            self._verdicts[name][state.verdict] += 1
        if state.reason:
            self._reasons[name][state.reason] = self._reasons[name].get(state.reason, 0) + 1
        if state.finding is not None:
            kind = state.finding.kind
            self._open[name][kind] = self._open[name].get(kind, 0) + 1
            self._listed[name] += state.finding.listed

    # -- summary ------------------------------------------------------------------------------

    def summary(
        self, unsettled: Iterable[tuple[Pair, KeyState]], streams: list[Stream], now_us: int,
        worker: str,
    ) -> Summary:  # fmt: skip
        """Everything that `status`, the gate and the metrics need of this partition."""
        pairs = {name: self._pair_summary(pair) for name, pair in self._pairs.items()}
        for pair, state in unsettled:
            _add_unsettled(pairs[pair.rules.name], pair, state)
        return Summary(
            partition=self._partition,
            as_of_us=now_us,
            worker=worker,
            malformed=dict(self.state.malformed),
            duplicates=self.state.duplicates,
            pairs=pairs,
            streams=[_stream_summary(s) for s in streams],
        )

    def _pair_summary(self, pair: Pair) -> PairSummary:
        name, books = pair.rules.name, self.books(pair)
        source_us, target_us = pair.watermarks
        return PairSummary(
            keys={v.name.lower(): self._verdicts[name][v] for v in Verdict},
            unknown={Reason(r).name.lower(): n for r, n in self._reasons[name].items() if n},
            open_findings={Kind(k).name.lower(): n for k, n in self._open[name].items() if n},
            findings_total=dict(books.findings_total),
            convergence=books.convergence,
            unshown=0,
            oldest_unshown_us=0,
            capture=books.capture,
            changes=dict(books.changes),
            duplicates=dict(books.duplicates),
            source_watermark_us=source_us,
            target_watermark_us=target_us,
            verified_through_us=min(source_us, target_us),
            transient=books.transient,
            alarms=dict(books.alarms),
            demoted=pair.demoted,
            unlisted=self.withheld(pair),
            unlisted_total=books.unlisted,
            detected_us=books.detected_us,
            detection_us=books.detection_us,
            newest=dict(books.newest),
            sweep=books.sweep,
            lately=books.lately,
        )


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _target_moved(state: KeyState) -> bool:
    """Whether the target's value was read after the finding was made: no longer the same one."""
    target, finding = state.target, state.finding
    return target is not None and finding is not None and target.read_us > finding.detected_us


def _still_fenced(state: KeyState, verdict: Verdict) -> bool:
    """Whether an open finding rests on the fence alone and has not resolved."""
    fence = state.finding is not None and state.finding.evidence == Evidence.FENCE
    return fence and verdict is not Verdict.CONSISTENT and not _target_moved(state)


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


def _rest(state: KeyState) -> None:
    """Drop what only an unsettled key needs: sketches of older versions."""
    if state.source is not None:
        for entry in state.source.ring[:-1]:
            entry.sketch = b"" if not entry.unknown else entry.sketch
        if state.source.ring and state.target is not None:
            rest(state.source, state.target)


def _add_unsettled(summary: PairSummary, pair: Pair, state: KeyState) -> None:
    source, one = state.source, share(state)
    if source is not None:
        late_us = pair.watermarks[Side.TARGET] - pair.rules.objective_us
        waiting = source.ring[source.shown + 1 :]
        summary.unshown += sum(e.sample and e.commit_us < late_us for e in waiting)
    if one.oldest_us:
        oldest = summary.oldest_unshown_us
        summary.oldest_unshown_us = min(one.oldest_us, oldest) if oldest else one.oldest_us
    if one.judged_us >= 0:
        summary.verified_through_us = min(summary.verified_through_us, one.judged_us)


def _stream_summary(stream: Stream) -> StreamSummary:
    kept, latest = stream.kept, stream.latest
    # A snapshot behind the loss shows what there is; keys that it did not show say so themselves.
    lost = kept.taint_reason if stream.history_from() < 0 else Reason.NONE
    return StreamSummary(
        kept.topic, kept.partition, kept.next_offset, kept.watermark_us,
        lost.name.lower() if lost else "", kept.taint if lost else 0,
        latest.committed if latest else None, latest.end_offset if latest else None,
    )  # fmt: skip
