"""One pair of tables: how late, how different, how far judged."""

from figwatch.dashboards.board import Board
from figwatch.dashboards.panels import Panel, Shape
from figwatch.dashboards.queries import PAIR_IS, age, aggregate, increase, quantile, rate

PAIR = Board(
    "figwatch-pair",
    "figwatch / Pair",
    "One pair of tables: how late, how different, how far judged.",
    "figwatch_build_info",
    (
        (
            "How late",
            (
                Panel(
                    "Convergence",
                    "Source commit to the target commit that shows it: how many changes took how "
                    "long.",
                    "short",
                    ((increase("le", "figwatch_convergence_seconds_bucket", PAIR_IS), "{{le}}"),),
                    Shape.HEAT,
                    runbook="FigwatchConvergenceBurnsFast",
                ),
                Panel(
                    "Convergence quantiles",
                    "Half of the changes, and all but one in a hundred, took no longer.",
                    "s",
                    (
                        (
                            quantile("0.5", "pair", "figwatch_convergence_seconds", PAIR_IS),
                            "{{pair}} p50",
                        ),
                        (
                            quantile("0.99", "pair", "figwatch_convergence_seconds", PAIR_IS),
                            "{{pair}} p99",
                        ),
                        (aggregate("max", "", "figwatch_objective_seconds"), "objective"),
                    ),
                ),
                Panel(
                    "Oldest change not shown",
                    "Age of the oldest source change that the target has not shown.",
                    "s",
                    (
                        (
                            aggregate(
                                "max", "pair", "figwatch_oldest_unshown_change_seconds", PAIR_IS
                            ),
                            "{{pair}}",
                        ),
                    ),
                    runbook="FigwatchChangesNotShown",
                ),
                Panel(
                    "Changes beyond the objective",
                    "Source changes older than the objective that the target has not shown.",
                    "short",
                    ((aggregate("sum", "pair", "figwatch_unshown_changes", PAIR_IS), "{{pair}}"),),
                ),
            ),
        ),
        (
            "How different",
            (
                Panel(
                    "Open findings by kind",
                    "Divergences that stand.",
                    "short",
                    (
                        (
                            aggregate("sum", "pair, kind", "figwatch_open_findings", PAIR_IS),
                            "{{pair}} {{kind}}",
                        ),
                    ),
                    Shape.STACK,
                    needs="divergence",
                    runbook="FigwatchDivergence",
                ),
                Panel(
                    "Divergent columns",
                    "Open findings in which a column differs: one column everywhere is a mapping "
                    "or a bug.",
                    "short",
                    (
                        (
                            aggregate("sum", "pair, column", "figwatch_divergent_columns", PAIR_IS),
                            "{{pair}} {{column}}",
                        ),
                    ),
                    Shape.STACK,
                    needs="divergence",
                    runbook="FigwatchDivergence",
                ),
                Panel(
                    "New findings",
                    "Divergences found, by kind.",
                    "short",
                    (
                        (
                            increase("pair, kind", "figwatch_findings_total", PAIR_IS),
                            "{{pair}} {{kind}}",
                        ),
                    ),
                    needs="divergence",
                ),
                Panel(
                    "Unknown keys by reason",
                    "What nothing can be proved of, and why.",
                    "short",
                    (
                        (
                            aggregate("sum", "pair, reason", "figwatch_unknown_keys", PAIR_IS),
                            "{{pair}} {{reason}}",
                        ),
                    ),
                    Shape.STACK,
                    needs="unknown keys",
                    runbook="FigwatchUnknownKeys",
                ),
            ),
        ),
        (
            "How far judged",
            (
                Panel(
                    "Watermarks",
                    "Age of the instant up to which each side has been applied.",
                    "s",
                    (
                        (
                            age(
                                "min", "pair, side", "figwatch_watermark_timestamp_seconds", PAIR_IS
                            ),
                            "{{pair}} {{side}}",
                        ),
                    ),
                    runbook="FigwatchVerifiedThroughStale",
                ),
                Panel(
                    "Changes",
                    "Row events applied, by side.",
                    "wps",
                    ((rate("pair, side", "figwatch_changes_total", PAIR_IS), "{{pair}} {{side}}"),),
                ),
                Panel(
                    "Last clean sweep",
                    "Age of the last sweep that found every row of both tables equal.",
                    "s",
                    (
                        (
                            age(
                                "max",
                                "pair",
                                "figwatch_sweep_timestamp_seconds",
                                PAIR_IS,
                            ),
                            "{{pair}}",
                        ),
                    ),
                    runbook="FigwatchSweepOverdue",
                ),
                Panel(
                    "Sweep's differences",
                    "Rows that the newest sweep found different; the judges settle each.",
                    "short",
                    (
                        (
                            aggregate("max", "pair", "figwatch_sweep_differences", PAIR_IS),
                            "{{pair}}",
                        ),
                    ),
                    needs="sweep",
                    runbook="FigwatchSweepOverdue",
                ),
                Panel(
                    "Trust in the replicator's offsets",
                    "0: believed. 1: it was seen to commit before its write.",
                    "short",
                    ((aggregate("max", "pair", "figwatch_fence_demoted", PAIR_IS), "{{pair}}"),),
                    largest=1,
                    runbook="FigwatchFenceDemoted",
                ),
                Panel(
                    "Broken assumptions",
                    "What the proofs rest on and was found not to hold.",
                    "short",
                    (
                        (
                            increase("pair, alarm", "figwatch_alarms_total", PAIR_IS),
                            "{{pair}} {{alarm}}",
                        ),
                    ),
                    needs="broken assumption",
                    runbook="FigwatchAssumptionBroken",
                ),
            ),
        ),
    ),
    pairs=True,
)
