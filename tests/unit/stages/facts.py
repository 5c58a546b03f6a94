"""Facts for the tests of the gates: a good one of each kind, to be spoilt one by one."""

from figwatch.validators.stages.criterion import Answer, Criterion, GateResult
from figwatch.validators.stages.facts import Origin, Share

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000


def origin(age_us=0, hours=1.0, **more):
    at = NOW_US - age_us
    return Origin("test", "query", at, at - int(hours * HOUR_US), **more)


UNREACHABLE = Origin("test", "query", problem="Prometheus is away", remedy="start it")


def share(passed, total, at=None, name="requests"):
    return Share(name, at or origin(), passed, total)


def synced(answer=Answer.PASS):
    return GateResult("sync", answer, (Criterion("none_divergent", "stock", answer, "x"),), (), 1)


def answers(result):
    return {(c.name, c.subject): c.answer for c in result.criteria}
