"""Stage `build`: is the service covered by tests that pass, clean, and deployable?"""

from collections.abc import Sequence
from dataclasses import dataclass

from figwatch.validators.stages.criterion import Criterion, GateResult
from figwatch.validators.stages.facts import Coverage, Health, Quality, TestRun
from figwatch.validators.stages.rules import each, failed, passed, unsure, unusable, verdict

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class BuildCriteria:
    """Thresholds of stage `build`. Shares in 0..1."""

    coverage_min: float = 0.9
    """Coverage must be above this."""
    skipped_share_max: float = 0.1
    """More skipped tests than this make a test run inconclusive."""
    errors_max: int = 0
    warnings_max: int | None = None
    """None: warnings are shown, and do not count."""
    age_max_us: int = 7 * DAY_US
    health_age_max_us: int = 60_000_000


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known of the build."""

    coverage: Sequence[Coverage] = ()
    tests: Sequence[TestRun] = ()
    quality: Sequence[Quality] = ()
    health: Sequence[Health] = ()


def build_gate(facts: BuildFacts, criteria: BuildCriteria, now_us: int) -> GateResult:
    """Every report that is configured must be good, and there must be one of each kind."""
    results = [
        *each("coverage", facts.coverage, "test coverage", "gates.build.coverage",
              lambda fact: _covered(fact, criteria, now_us)),
        *each("tests", facts.tests, "test results", "gates.build.junit",
              lambda fact: _tests_pass(fact, criteria, now_us)),
        *each("quality", facts.quality, "static analysis", "gates.build.sarif",
              lambda fact: _clean(fact, criteria, now_us)),
        *each("deployable", facts.health, "the service's health", "gates.build.health",
              lambda fact: _healthy(fact, criteria, now_us)),
    ]  # fmt: skip
    return verdict("build", results, now_us)


def _covered(fact: Coverage, criteria: BuildCriteria, now_us: int) -> Criterion:
    """More than the demanded share of the lines is covered: all lines are counted, no sample."""
    name = "coverage"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    if fact.lines <= 0 or not 0 <= fact.covered <= fact.lines:
        reason = f"{fact.covered} of {fact.lines} lines covered: nothing was measured"
        return unsure(name, fact, reason, "run the tests with coverage of the service's code")
    reason = f"{fact.covered} of {fact.lines} lines covered ({fact.covered / fact.lines:.2%})"
    if fact.covered > criteria.coverage_min * fact.lines:
        return passed(name, fact, reason)
    return failed(name, fact, reason, f"more than {criteria.coverage_min:.0%}")


def _tests_pass(fact: TestRun, criteria: BuildCriteria, now_us: int) -> Criterion:
    """At least one test ran, none failed, and most were not skipped."""
    name = "tests"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    reason = f"{fact.tests} tests, {fact.failed} failed, {fact.skipped} skipped"
    if fact.failed:
        return failed(name, fact, reason, "make them pass")
    if fact.tests <= fact.skipped:
        return unsure(name, fact, f"{reason}: none ran", "run the tests")
    if fact.skipped > criteria.skipped_share_max * fact.tests:
        fix = f"skip at most {criteria.skipped_share_max:.0%}"
        return unsure(name, fact, f"{reason}: too many skipped", fix)
    return passed(name, fact, reason)


def _clean(fact: Quality, criteria: BuildCriteria, now_us: int) -> Criterion:
    """No more errors and warnings of static analysis than allowed."""
    name = "quality"
    if found := unusable(name, fact, criteria.age_max_us, now_us):
        return found
    reason = f"{fact.errors} errors, {fact.warnings} warnings"
    if fact.errors > criteria.errors_max:
        return failed(name, fact, reason, f"at most {criteria.errors_max} errors")
    if criteria.warnings_max is not None and fact.warnings > criteria.warnings_max:
        return failed(name, fact, reason, f"at most {criteria.warnings_max} warnings")
    return passed(name, fact, reason)


def _healthy(fact: Health, criteria: BuildCriteria, now_us: int) -> Criterion:
    """A deployed service says that it is well."""
    name = "deployable"
    if found := unusable(name, fact, criteria.health_age_max_us, now_us):
        return found
    if fact.healthy:
        return passed(name, fact, f"healthy: it answered {fact.status}")
    return failed(name, fact, f"not healthy: it answered {fact.status}", "mend the deployment")
