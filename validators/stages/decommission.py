"""Stage `decommission`: does anything still use the legacy tables, and has the monolith shrunk?"""

from collections.abc import Sequence
from dataclasses import dataclass

from figwatch.validators.stages.criterion import Criterion, GateResult
from figwatch.validators.stages.facts import Dependents, Level, Presence, TableUse
from figwatch.validators.stages.forecast import duration
from figwatch.validators.stages.rules import (
    each,
    failed,
    passed,
    unsure,
    unusable,
    verdict,
)

NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class DecommissionCriteria:
    """Thresholds of stage `decommission`."""

    quiet_us: int = 86_400_000_000
    """For how long nothing may have used a legacy table."""
    reads_max: int = 0
    resource_ratio_max: float = 1.0
    """CPU and memory may be at most this many times the baseline."""
    age_max_us: int = 600_000_000


@dataclass(frozen=True, slots=True)
class DecommissionFacts:
    """What is known of what is left."""

    use: Sequence[TableUse] = ()
    dependents: Sequence[Dependents] = ()
    pipeline: Sequence[Presence] = ()
    size: Sequence[Level] = ()
    resources: Sequence[Level] = ()


def decommission_gate(
    facts: DecommissionFacts, criteria: DecommissionCriteria, now_us: int
) -> GateResult:
    """Nothing uses the legacy tables, the pipeline is shut down, size and resources are down."""
    at = "gates.decommission"
    results = [
        *each("unused", facts.use, "legacy tables", f"{at}.tables",
              lambda fact: _unused(fact, criteria, now_us)),
        *each("no_dependents", facts.dependents, "legacy tables", f"{at}.tables",
              lambda fact: _no_dependents(fact, criteria, now_us)),
        *each("pipeline_gone", facts.pipeline, "connectors and slots",
              f"{at}.connectors and {at}.slots", lambda fact: _gone(fact, criteria, now_us)),
        *each("code_size", facts.size, "the monolith's code", f"{at}.repository",
              lambda fact: _smaller(fact, criteria, now_us)),
        *each("resources", facts.resources, "CPU and memory", f"{at}.resources",
              lambda fact: _no_more(fact, criteria, now_us)),
    ]  # fmt: skip
    return verdict("decommission", results, now_us)


def _unused(fact: TableUse, criteria: DecommissionCriteria, now_us: int) -> Criterion:
    """No reads and writes for long enough; a table that is gone is not used."""
    name = "unused"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if not fact.exists:
        return passed(name, fact, "the table is gone")
    if fact.reads < 0 or fact.writes < 0:
        fix = f"record the start anew: `figwatch baseline --stage decommission` (for {fact.name})"
        return unsure(name, fact, "the database's counters went backwards", fix)
    quiet_us = fact.origin.observed_us - fact.origin.from_us
    reason = f"{fact.reads} reads, {fact.writes} writes in {duration(quiet_us)}"
    if fact.writes or fact.reads > criteria.reads_max:
        fix = "find who uses it (pg_stat_activity, pg_stat_statements), then record a new start"
        return failed(name, fact, reason, fix)
    if quiet_us < criteria.quiet_us:
        left = (criteria.quiet_us - quiet_us) / 1e6
        fix = f"{duration(left * 1e6)} more without use"
        return unsure(name, fact, reason, fix, wait_seconds=left)
    return passed(name, fact, reason)


def _no_dependents(fact: Dependents, criteria: DecommissionCriteria, now_us: int) -> Criterion:
    """No view, foreign key or trigger holds on to the table."""
    name = "no_dependents"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if not fact.names:
        return passed(name, fact, "nothing in the catalogue depends on it")
    more = f" and {len(fact.names) - NAMED_MAX} more" if len(fact.names) > NAMED_MAX else ""
    reason = f"in use by {', '.join(fact.names[:NAMED_MAX])}{more}"
    return failed(name, fact, reason, "drop or move them")


def _gone(fact: Presence, criteria: DecommissionCriteria, now_us: int) -> Criterion:
    """The connector, or the slot that would hold back the database's log for ever, is deleted."""
    name = "pipeline_gone"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if fact.present:
        return failed(name, fact, "it still exists", "delete it")
    return passed(name, fact, "it is gone")


def _smaller(fact: Level, criteria: DecommissionCriteria, now_us: int) -> Criterion:
    """There is less code than before."""
    name = "code_size"
    if found := _level(name, fact, criteria, now_us):
        return found
    reason = f"{fact.value:g} {fact.unit} against {fact.baseline:g} before"
    if fact.value < fact.baseline:
        return passed(name, fact, reason)
    return failed(name, fact, reason, "remove the legacy code")


def _no_more(fact: Level, criteria: DecommissionCriteria, now_us: int) -> Criterion:
    """The monolith uses no more than before."""
    name = "resources"
    if found := _level(name, fact, criteria, now_us):
        return found
    reason = f"{fact.value:.4g} {fact.unit} against {fact.baseline:.4g} before"
    if fact.value <= criteria.resource_ratio_max * fact.baseline:
        return passed(name, fact, reason)
    fix = f"at most {criteria.resource_ratio_max * fact.baseline:.4g} {fact.unit}"
    return failed(name, fact, reason, fix)


def _level(name: str, fact: Level, criteria: DecommissionCriteria, now_us: int) -> Criterion | None:
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if not (fact.baseline > 0 and fact.value >= 0):
        reason = f"{fact.value:g} against {fact.baseline:g}: no usable measurement"
        return unsure(name, fact, reason, "record it: `figwatch baseline --stage decommission`")
    return None
