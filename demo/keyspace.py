"""Which item ids belong to whom, so that the truth about a planted fault is known.

The load works on its own ids and the ones it makes; the faults on reserved ones that nobody else
touches. Next: `load`, `faults`.
"""

LOAD_FIRST = 1
"""The load's items at the start are this one and the following."""

LOAD_MADE_FIRST = 100_000
"""Items that the load inserts or renumbers to."""

FAULTS = range(900_000, 900_060)
"""Rows that exist from the start, one for each fault that needs one."""

FAULTS_UNUSED = range(910_000, 910_060)
"""Ids without a row, for lost inserts."""

FOREIGN = range(990_000, 990_060)
"""Ids that the monolith never has, for foreign writes."""
