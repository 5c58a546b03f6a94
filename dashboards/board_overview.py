"""Which stage, is the copy safe, what is wrong, where to look next."""

from figwatch.dashboards.board import Board
from figwatch.dashboards.panels import BLUE, GREEN, GREY, RED, YELLOW, Panel, Shape
from figwatch.dashboards.queries import REAL, age, aggregate, rate

_NONE_WANTED = ((None, GREEN), (1, RED))
_SOME_BEAR = ((None, GREEN), (1, YELLOW))
_AGE = ((None, GREEN), (60, YELLOW), (300, RED))


def _gate(verdict: str) -> str:
    return aggregate("max", "stage", "figwatch_gate_verdict", f'verdict="{verdict}"')


_GATES = f"{_gate('pass')} * 3 + {_gate('inconclusive')} * 2 + {_gate('fail')}"
_GATE_WORDS = {
    0: ("not evaluated", GREY),
    1: ("fail", RED),
    2: ("inconclusive", YELLOW),
    3: ("pass", GREEN),
}
_GATE_STEPS = ((None, GREY), (1, RED), (2, YELLOW), (3, GREEN))
_VERIFIED = age("min", "pair", "figwatch_verified_through_timestamp_seconds", REAL)
_WITHIN = (
    rate("pair", "figwatch_converged_within_objective_total", REAL)
    + " / "
    + rate("pair", "figwatch_convergence_seconds_count", REAL)
)


def _keys(
    verdict: str, meaning: str, steps: tuple[tuple[float | None, str], ...], runbook: str = ""
) -> Panel:
    return Panel(
        verdict.replace("_", " ").capitalize(),
        meaning,
        "short",
        ((aggregate("sum", "", "figwatch_keys", f'{REAL}, verdict="{verdict}"'), verdict),),
        Shape.STAT,
        span=4,
        height=4,
        steps=steps,
        runbook=runbook,
    )


OVERVIEW = Board(
    "figwatch-overview",
    "figwatch / Migration overview",
    "Which stage, is the copy safe, what is wrong, where to look next.",
    "figwatch_build_info",
    (
        (
            "Is the copy safe?",
            (
                _keys(
                    "divergent",
                    "Keys proved to differ. Anything but zero stops the migration.",
                    _NONE_WANTED,
                    "FigwatchDivergence",
                ),
                _keys(
                    "overdue",
                    "Keys whose change is later than the objective; not proved lost.",
                    _SOME_BEAR,
                    "FigwatchChangesNotShown",
                ),
                _keys(
                    "unknown",
                    "Keys of which nothing can be proved; they block the gate.",
                    _SOME_BEAR,
                    "FigwatchUnknownKeys",
                ),
                _keys("in_flight", "Keys with a change on its way: normal.", ((None, BLUE),)),
                _keys("consistent", "Keys proved equal on both sides.", ((None, GREEN),)),
                Panel(
                    "Verified through",
                    "Age of the instant up to which everything was judged; the worst pair.",
                    "s",
                    ((f"max({_VERIFIED})", "age"),),
                    Shape.STAT,
                    span=4,
                    height=4,
                    steps=_AGE,
                    runbook="FigwatchVerifiedThroughStale",
                ),
            ),
        ),
        (
            "Stages",
            (
                Panel(
                    "Gates now",
                    "What each stage's gate says at this moment.",
                    "short",
                    ((_GATES, "{{stage}}"),),
                    Shape.STAT,
                    span=24,
                    height=4,
                    steps=_GATE_STEPS,
                    words=_GATE_WORDS,
                    runbook="FigwatchGateNotEvaluated",
                ),
                Panel(
                    "Gates over time",
                    "The same, over time.",
                    "short",
                    ((_GATES, "{{stage}}"),),
                    Shape.STATES,
                    steps=_GATE_STEPS,
                    words=_GATE_WORDS,
                ),
                Panel(
                    "Open criteria",
                    "Exit criteria that do not pass, by stage: what stands between you and the "
                    "next one.",
                    "short",
                    (
                        (
                            aggregate(
                                "sum", "stage, verdict", "figwatch_gate_criteria", 'verdict!="pass"'
                            ),
                            "{{stage}} {{verdict}}",
                        ),
                    ),
                ),
            ),
        ),
        (
            "Over time",
            (
                Panel(
                    "Keys that are not consistent",
                    "By verdict. In flight rises and falls with the load; the others must not.",
                    "short",
                    (
                        (
                            aggregate(
                                "sum", "verdict", "figwatch_keys", f'{REAL}, verdict!="consistent"'
                            ),
                            "{{verdict}}",
                        ),
                    ),
                    Shape.STACK,
                    runbook="FigwatchDivergence",
                ),
                Panel(
                    "Within the objective",
                    "Share of the changes that the target showed in time, by pair.",
                    "percentunit",
                    ((_WITHIN, "{{pair}}"),),
                    runbook="FigwatchConvergenceBurnsFast",
                    largest=1,
                ),
                Panel(
                    "Verified through, by pair",
                    "Age of the instant up to which everything was judged.",
                    "s",
                    ((_VERIFIED, "{{pair}}"),),
                    runbook="FigwatchVerifiedThroughStale",
                ),
                Panel(
                    "Canary",
                    "Age of the last proof that a planted divergence is found.",
                    "s",
                    (
                        (age("max", "", "figwatch_canary_timestamp_seconds"), "age"),
                        (aggregate("max", "", "figwatch_canary_seconds"), "took"),
                    ),
                    needs="canary",
                    runbook="FigwatchCanaryOverdue",
                ),
            ),
        ),
    ),
)
