"""A whole sweep of one pair, with the judges told where it begins and what it showed.

`figwatch.cli.sweep_command` runs it, `figwatch.connectors.sweep.background` its own by ranges.
"""

import time

from figwatch.connectors.config.root import Config
from figwatch.connectors.sweep.options import Options
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.connectors.sweep.runner import Sweep
from figwatch.validators.change import SweepEnd
from figwatch.validators.sweep.result import PairSweep


def sweep_pair(prepared: Prepared, config: Config, options: Options) -> PairSweep:
    """Sweep a pair as `options` want it. With judges, it is evidence of the gate's.

    Raises:
        FigwatchError: what was found could not be told to the judges.
    """
    judges = options.judges
    sweep = Sweep(prepared, config, options)
    if judges is not None:
        judges.begin(prepared.rule.name, sweep.began_us)
    result = sweep.run()
    if judges is not None:
        clean = result.complete and not result.differences_total
        end = SweepEnd(
            prepared.rule.name, judges.sweep, sweep.began_us, time.time_ns() // 1_000,
            result.complete, result.differences_total, result.source_rows, result.target_rows,
            sweep.began_us if clean else 0, 1, int(clean),
        )  # fmt: skip
        judges.end(end, sweep.doubted)
    return result
