"""Judgements booked: verdicts and their reasons counted, findings opened and resolved.

`figwatch.validators.books` are the running counts, `figwatch.validators.open_findings` the life of
findings; `figwatch.validators.summary` is how all of it leaves.
"""

from collections.abc import Iterable, Mapping

from figwatch.validators.books import Books
from figwatch.validators.convergence import rest
from figwatch.validators.open_findings import OpenFindings
from figwatch.validators.outcome import Evidence, Judgement, Reason, Verdict
from figwatch.validators.pair import Pair
from figwatch.validators.resting import share
from figwatch.validators.state import KeyState
from figwatch.validators.stream import Stream
from figwatch.validators.summary import PairSummary, StreamSummary, Summary


class Ledger:
    """The books of one judge."""

    def __init__(self, pairs: Mapping[str, Pair], partition: int) -> None:
        self.books = Books(partition)
        self.findings = OpenFindings(pairs, self.books)
        self._pairs = pairs
        self._partition = partition
        self._verdicts = {name: [0] * len(Verdict) for name in pairs}
        self._reasons: dict[str, dict[int, int]] = {name: {} for name in pairs}

    def settle(
        self, pair: Pair, key: bytes, state: KeyState, judgement: Judgement, now_us: int
    ) -> None:
        """Book the newest judgement of a key: verdict counts, findings, transients."""
        verdict = judgement.verdict
        if verdict is Verdict.DIVERGENT:
            self.findings.open_or_change(pair, key, state, judgement, now_us)
        elif state.finding is not None and pair.demoted and _still_fenced(state, verdict):
            self.findings.withdraw(pair, key, state, now_us)
        elif state.finding is not None and verdict is not Verdict.UNKNOWN:
            if verdict is Verdict.CONSISTENT or _target_moved(state):
                self.findings.resolve(pair, key, state, now_us)
            else:
                verdict = Verdict.DIVERGENT  # proved before; waiting does not mend it
        if verdict is Verdict.CONSISTENT and state.foreign and state.finding is None:
            self.books.of(pair).transient += 1
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

    def restored(self, pair: Pair, state: KeyState) -> None:
        """Count a key read back from the changelog."""
        name = pair.rules.name
        if state.verdict >= 0:
            self._verdicts[name][state.verdict] += 1
        if state.reason:
            self._reasons[name][state.reason] = self._reasons[name].get(state.reason, 0) + 1
        if state.finding is not None:
            self.findings.restored(pair, state.finding)

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
            malformed=dict(self.books.state.malformed),
            duplicates=self.books.state.duplicates,
            pairs=pairs,
            streams=[_stream_summary(s) for s in streams],
        )

    def _pair_summary(self, pair: Pair) -> PairSummary:
        name, books = pair.rules.name, self.books.of(pair)
        source_us, target_us = pair.watermarks
        return PairSummary(
            keys={v.name.lower(): self._verdicts[name][v] for v in Verdict},
            unknown={Reason(r).name.lower(): n for r, n in self._reasons[name].items() if n},
            open_findings=self.findings.by_kind(pair),
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
            unlisted=self.findings.withheld(pair),
            unlisted_total=books.unlisted,
            detected_us=books.detected_us,
            detection_us=books.detection_us,
            newest=dict(books.newest),
            sweep=books.sweep,
            lately=books.lately,
        )


def _target_moved(state: KeyState) -> bool:
    """Whether the target's value was read after the finding was made: no longer the same one."""
    target, finding = state.target, state.finding
    return target is not None and finding is not None and target.read_us > finding.detected_us


def _still_fenced(state: KeyState, verdict: Verdict) -> bool:
    """Whether an open finding rests on the fence alone and has not resolved."""
    fence = state.finding is not None and state.finding.evidence == Evidence.FENCE
    return fence and verdict is not Verdict.CONSISTENT and not _target_moved(state)


def _rest(state: KeyState) -> None:
    """Drop what only an unsettled key needs: sketches of older versions."""
    if state.source is not None:
        for entry in state.source.ring[:-1]:
            entry.sketch = b"" if not entry.unknown else entry.sketch
        if state.source.ring and state.target is not None:
            rest(state.source, state.target)


def _add_unsettled(summary: PairSummary, pair: Pair, state: KeyState) -> None:
    one = share(state)
    summary.unshown += sum(commit_us < pair.late_us for commit_us in one.unshown_us)
    if one.unshown_us:
        oldest_us, known_us = min(one.unshown_us), summary.oldest_unshown_us
        summary.oldest_unshown_us = min(oldest_us, known_us) if known_us else oldest_us
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
