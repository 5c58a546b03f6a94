"""Stage `writes`: sagas succeed, none hangs, the monolith follows, so that the way back is open.

Facts are the partitions' merged summaries. `figwatch.validators.stages.reads` adds the traffic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from figwatch.validators.outbox.legs import Leg
from figwatch.validators.outbox.summary import FAULTS
from figwatch.validators.overview import Overview
from figwatch.validators.sagas.summary import SagaSummary
from figwatch.validators.stages.criterion import Answer, Criterion
from figwatch.validators.stages.facts import Origin, Share
from figwatch.validators.stages.rules import not_configured
from figwatch.validators.stages.shares import Goal, share_shown
from figwatch.validators.summary import PairSummary
from figwatch.validators.writes.fallback import FALLBACK_AGE_US, assess_fallback


@dataclass(frozen=True, slots=True)
class WritesCriteria:
    """Thresholds of stage `writes` besides those of the traffic."""

    saga_success_min: float = 0.9999
    """Share of the sagas that are over which must be a success."""
    fallback_age_max_us: int = FALLBACK_AGE_US
    adjustment_share: float = 0.99
    """Share of adjustments that the other side must show within their objective."""


@dataclass(frozen=True, slots=True)
class WritesFacts:
    """What the streams say of writes. `sagas` and `pairs` are those of the configuration."""

    view: Overview | None = None
    sagas: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    outboxes: tuple[str, ...] = ()
    two_way: frozenset[str] = frozenset()
    criteria: WritesCriteria = field(default_factory=WritesCriteria)
    adjusted: tuple[str, ...] = ()
    """Outboxes whose events tell when the request came."""

    @property
    def known_sagas(self) -> Mapping[str, SagaSummary]:
        """Sagas by name, of all partitions together."""
        return self.view.merged.sagas if self.view and self.view.merged else {}

    @property
    def known_pairs(self) -> Mapping[str, PairSummary]:
        """Pairs by name, of all partitions together."""
        return self.view.merged.pairs if self.view and self.view.merged else {}


def saga_rules(facts: WritesFacts, goal: Goal, now_us: int) -> list[Criterion]:
    """Success of every saga, and that none is wrong now."""
    if not facts.sagas:
        return [not_configured("sagas", "success of the sagas", "sagas")]
    found = []
    for name in facts.sagas:
        saga = facts.known_sagas.get(name)
        if saga is None or facts.view is None or not facts.view.complete:
            reason = facts.view.reason if facts.view else "nothing is known"
            found.append(_open("sagas", name, reason or "nothing is known", "figwatch run"))
            continue
        found += [_success(name, saga, goal, facts.view.now_us, now_us), _none_wrong(name, saga)]
    return found


def _success(name: str, saga: SagaSummary, goal: Goal, seen_us: int, now_us: int) -> Criterion:
    """A saga of which it is not known how it ended counts as a failure before it may pass, and
    as nothing before it may fail.
    """

    def shown(total: int) -> Criterion:
        origin = Origin("streams", f"saga {name}", seen_us, samples=total)
        return share_shown("sagas", Share(name, origin, saga.success, total), goal, now_us)

    worst = shown(saga.samples + saga.unknown)
    if worst.answer is not Answer.FAIL or not saga.unknown:
        return worst
    if shown(saga.samples).answer is Answer.FAIL:
        return worst
    return _open("sagas", name, f"how {saga.unknown} sagas ended is not known",
                 "`figwatch status` says why: lost, unreadable or undeclared events")  # fmt: skip


def _none_wrong(name: str, saga: SagaSummary) -> Criterion:
    if saga.wrong:
        return Criterion(
            "sagas_now", "", Answer.FAIL,
            f"{saga.wrong} sagas are stuck, incompletely compensated or without a start",
            "`figwatch status` lists them with the steps they wait for", subject=name,
        )  # fmt: skip
    if not saga.watermark_us:
        return _open("sagas_now", name, "how far its topics are known cannot be told",
                     "heartbeats of every side that writes its events")  # fmt: skip
    return Criterion("sagas_now", "", Answer.PASS, "none is wrong", subject=name)


def way_back(facts: WritesFacts, name: str = "way_back") -> list[Criterion]:
    """Whether the monolith could take the traffic again, by pair."""
    found = []
    for pair in facts.pairs:
        summary = facts.known_pairs.get(pair)
        if summary is None or facts.view is None or not facts.view.complete:
            found.append(Criterion(name, pair, Answer.INCONCLUSIVE, "nothing is known of it",
                                   "figwatch run"))  # fmt: skip
            continue
        seen = assess_fallback(
            summary, two_way=pair in facts.two_way, now_us=facts.view.now_us,
            age_max_us=facts.criteria.fallback_age_max_us,
        )  # fmt: skip
        found.append(Criterion(name, pair, seen.answer, seen.reason, seen.missing))
    return found


def reverse_replication(facts: WritesFacts) -> list[Criterion]:
    """Before writes are left to the service for good: both directions are judged, the turn of
    every pair was clean, and the monolith follows.
    """
    found = []
    for pair in facts.pairs:
        summary = facts.known_pairs.get(pair)
        turn = summary.turn if summary is not None else None
        if pair not in facts.two_way:
            found.append(_of("reverse_replication", pair, "only one direction is judged",
                             "two_way: true for the pair, and a replicator back"))  # fmt: skip
        elif turn is None or turn.lead == 0 or not turn.decided:
            found.append(_of("reverse_replication", pair, "the service does not lead yet",
                             "figwatch cutover check"))  # fmt: skip
        elif turn.lost or turn.owed:
            reason = f"{turn.lost} versions were lost at the turn, {turn.owed} are still owed"
            found.append(Criterion("reverse_replication", pair, Answer.FAIL, reason,
                                   "figwatch findings"))  # fmt: skip
        elif turn.undecided:
            reason = f"{turn.undecided} keys could not be judged at the turn"
            found.append(_of("reverse_replication", pair, reason, "a sweep"))
        else:
            found += way_back(
                WritesFacts(facts.view, (), (pair,), (), facts.two_way, facts.criteria),
                "reverse_replication",
            )
    return found or [not_configured("reverse_replication", "replication back", "pairs")]


LOOP_QUIET_US = 600_000_000
"""How long nothing may have looped."""


def no_loops(facts: WritesFacts) -> list[Criterion]:
    """No value goes round between the sides, nor did lately, and no write got lost in a conflict
    that still stands.
    """
    found = []
    for pair in facts.pairs:
        summary = facts.known_pairs.get(pair)
        echoes = summary.echoes if summary is not None else None
        if pair not in facts.two_way:
            found.append(_of("no_loops", pair, "only one direction is judged",
                             "two_way: true for the pair"))  # fmt: skip
        elif echoes is None or facts.view is None or not facts.view.complete:
            found.append(_of("no_loops", pair, "nothing is known of it", "figwatch run"))
        elif echoes.newest_loop_us > echoes.known_us - LOOP_QUIET_US and echoes.newest_loop_us:
            ago = max(0, echoes.known_us - echoes.newest_loop_us) / 1e6
            reason = f"{echoes.looping} keys go round between the sides, last {ago:.0f} s ago"
            named = "`figwatch status --json` names keys and connectors"
            found.append(Criterion("no_loops", pair, Answer.FAIL, reason, named))
        elif not echoes.known_us or not echoes.counts.get("arrival"):
            found.append(_of("no_loops", pair, "no write was seen to come over",
                             "writes, and heartbeats of both sides"))  # fmt: skip
        elif echoes.counts.get("unfollowed"):
            reason = f"{echoes.counts['unfollowed']} writes were too many to follow"
            found.append(_of("no_loops", pair, reason, "more internal partitions"))
        else:
            copies = echoes.counts["arrival"]
            found.append(Criterion("no_loops", pair, Answer.PASS,
                                   f"{copies} copies, none went round"))  # fmt: skip
    return found or [not_configured("no_loops", "loops of the replication", "pairs")]


def outbox_rules(facts: WritesFacts) -> list[Criterion]:
    """Every declared event tells what was committed; nothing where no outbox is declared."""
    found = []
    for name in facts.outboxes:
        view = facts.view
        merged = view.merged if view is not None and view.complete else None
        outbox = merged.outboxes.get(name) if merged is not None else None
        if outbox is None:
            found.append(_open("outbox", name, "nothing is known of it", "figwatch run"))
            continue
        wrong = ", ".join(f"{outbox.counts[f]} {f}" for f in FAULTS if outbox.counts.get(f))
        unsure = ", ".join(f"{outbox.counts[f]} {f}" for f in UNSURE if outbox.counts.get(f))
        matched = outbox.counts.get("matched", 0)
        if outbox.faults:
            fix = "`figwatch status --json` lists them"
            wrong = f"events: {wrong}"
            found.append(Criterion("outbox", "", Answer.FAIL, wrong, fix, subject=name))
        elif not matched or not outbox.known_us:
            found.append(_open("outbox", name, "no change with its event was seen",
                               "changes, and heartbeats of its side"))  # fmt: skip
        else:
            told = f"{matched} events tell what was committed"
            text = f"{told}; not judged: {unsure}" if unsure else told
            found.append(Criterion("outbox", "", Answer.PASS, text, subject=name))
    return found


def adjustment_rules(facts: WritesFacts, goal: Goal, now_us: int) -> list[Criterion]:
    """From the request until the other side shows it, in time for most; nothing where no event
    tells when its request came. One that is never shown is a divergence, and has its own criterion.
    """
    found = []
    for name in facts.adjusted:
        view = facts.view
        merged = view.merged if view is not None and view.complete else None
        outbox = merged.outboxes.get(name) if merged is not None else None
        if view is None or outbox is None:
            found.append(_open("adjustments", name, "nothing is known of them", "figwatch run"))
            continue
        totals = [b.legs[Leg.TOTAL] for b in outbox.legs.values() if Leg.TOTAL in b.legs]
        count = sum(one.count for one in totals)
        forgotten = sum(b.problems.get("forgotten", 0) for b in outbox.legs.values())
        origin = Origin("streams", f"outbox {name}", view.now_us, samples=count + forgotten)
        share = Share(name, origin, sum(one.within for one in totals), count + forgotten)
        wanted = replace(goal, share=facts.criteria.adjustment_share)
        found.append(share_shown("adjustments", share, wanted, now_us))
    return found


UNSURE = ("unknown", "undeclared")


def writes_rules(facts: WritesFacts, goal: Goal, now_us: int) -> Sequence[Criterion]:
    """Everything of stage `writes` but the traffic."""
    return [
        *saga_rules(facts, goal, now_us),
        *reverse_replication(facts),
        *no_loops(facts),
        *outbox_rules(facts),
        *adjustment_rules(facts, goal, now_us),
    ]


def _open(name: str, subject: str, reason: str, missing: str) -> Criterion:
    return Criterion(name, "", Answer.INCONCLUSIVE, reason, missing, subject=subject)


def _of(name: str, pair: str, reason: str, missing: str) -> Criterion:
    return Criterion(name, pair, Answer.INCONCLUSIVE, reason, missing)
