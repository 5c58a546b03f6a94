"""What the gates of the stages know, each fact with where it came from.

`figwatch.connectors.stage_evidence` reads the facts, the modules beside this one judge them. A fact
that could not be had still exists: its origin names the problem and the remedy, and every rule on
it is then inconclusive.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact came from. Times in microseconds since the epoch."""

    source: str
    """Kind of source: prometheus, access_log, coverage, junit, sarif, http, file, registry,
    database, connect, git, baseline, shadow, streams."""
    query: str = ""
    """What was asked: PromQL, path, table, subject. Never a secret."""
    observed_us: int = 0
    """When the evidence was made: time of the newest sample, of the file, of the answer."""
    from_us: int = 0
    """Start of the time window that it covers; 0 for a state at an instant."""
    samples: int = 0
    problem: str = ""
    """Why it could not be had; the fact's values mean nothing then."""
    remedy: str = ""
    notes: tuple[str, ...] = ()
    """What a reader should know of how it was measured."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Base of all facts. `name` tells facts of one kind apart (a file, a subject, a table)."""

    name: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Share(Fact):
    """`passed` of `total` requests, tests or comparisons were good."""

    passed: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Coverage(Fact):
    """Lines covered by tests."""

    covered: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class TestRun(Fact):
    """Outcome of a test run."""

    __test__ = False  # not a test class for pytest
    tests: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Quality(Fact):
    """Results of static analysis that nobody suppressed."""

    errors: int = 0
    warnings: int = 0


@dataclass(frozen=True, slots=True)
class Health(Fact):
    """Answer of a health endpoint."""

    healthy: bool = False
    status: int = 0


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word that a document with this digest is agreed."""

    by: str
    at_us: int
    path: str
    sha256: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Document(Fact):
    """A document to agree on, as it is now, and every approval recorded for its path."""

    kind: str = ""
    sha256: str = ""
    valid: bool = False
    """It is well-formed for its kind."""
    fault: str = ""
    """What is not, where it is not."""
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Compatibility(Fact):
    """The registry's answer for a schema; `fault` quotes what it objects to."""

    compatible: bool = False
    is_new: bool = False
    """The registry has no version of it yet."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TableUse(Fact):
    """Reads and writes on a table since `origin.from_us`."""

    reads: int = 0
    writes: int = 0
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Dependents(Fact):
    """What in the database's catalogue depends on a table; names only."""

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Presence(Fact):
    """Whether a connector or a replication slot is still there."""

    present: bool = False


@dataclass(frozen=True, slots=True)
class Level(Fact):
    """A measurement against the one recorded as the baseline, in `unit`."""

    value: float = 0.0
    baseline: float = 0.0
    unit: str = ""


def figures(fact: Fact) -> dict[str, int | float | str | bool]:
    """The fact's plain values, for reports; none where it could not be had."""
    if fact.origin.problem:
        return {}
    plain = {
        field.name: getattr(fact, field.name)
        for field in fields(fact)
        if field.name not in {"name", "origin"}
    }
    return {name: value for name, value in plain.items() if isinstance(value, int | float | str)}
