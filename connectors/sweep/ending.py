"""The end of a sweep: what it could not tell for, and its result.

`figwatch.connectors.sweep.runner` comes here last; `figwatch.validators.sweep.result` shows it.
"""

from figwatch.connectors.sweep.prepare import Prepared
from figwatch.connectors.sweep.session import DatabaseError
from figwatch.connectors.sweep.settling import Settling
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.progress import Totals
from figwatch.validators.sweep.result import PairSweep

CHANGED = (
    "the table was changed (DDL) or made anew while it was swept: what was read before may no "
    "longer hold; sweep again"
)
NULL_KEY = "NULL in their key"


def null_keys(prepared: Prepared) -> list[str]:
    """Rows that have no whole key are in no range and in no stream: what is to be said of them.

    Raises:
        DatabaseError, FigwatchError: they cannot be counted.
    """
    said = []
    for session, reader in zip(prepared.sessions, prepared.readers, strict=True):
        query = reader.statements.null_keys()
        count = session.rows(query)[0][0] if query is not None else 0
        if count:
            said.append(f"{count} rows of side `{session.side}` have {NULL_KEY}")
    return said


def changed(prepared: Prepared) -> list[str]:
    """Why the tables are not, or not surely, those the sweep began with; empty when they are."""
    try:
        now = [
            session.table_facts(table.name)
            for session, table in zip(prepared.sessions, prepared.tables, strict=True)
        ]
    except (DatabaseError, FigwatchError) as error:
        return [f"the tables could not be looked at again: {error}", CHANGED]
    same = all(
        n is not None and n.shape == t.shape for n, t in zip(now, prepared.tables, strict=True)
    )
    return [] if same else [CHANGED]


def result_of(
    prepared: Prepared, totals: Totals, settling: Settling, reasons: list[str], seconds: float, *,
    complete: bool, resumed: bool,
) -> PairSweep:  # fmt: skip
    """The result: whole only when nothing is left open."""
    reasons = list(reasons)
    whole = complete and not any(NULL_KEY in r for r in reasons)
    for count, what in _left_open(totals, len(settling), settling.unanswered):
        if count:
            whole = False
            reasons.append(f"{count} {what}")
    left_out = totals.differences_total - len(totals.differences)
    if left_out:
        reasons.append(f"{left_out} differences are counted but not listed")
    return PairSweep(
        prepared.rule.name, whole, str(prepared.plan.way), totals.source_rows, totals.target_rows,
        seconds, totals.differences, totals.differences_total, totals.unconfirmed,
        totals.unconfirmed_keys, totals.in_flight, reasons, resumed=resumed,
    )  # fmt: skip


def _left_open(totals: Totals, waiting: int, unanswered: int) -> list[tuple[int, str]]:
    return [
        (
            totals.unconfirmed - unanswered,
            "keys kept changing while they were watched: unconfirmed",
        ),
        (unanswered, "keys looked different, and the judges gave no verdict in time: unconfirmed"),
        (waiting, "keys looked different and were not settled"),
        (totals.unreadable, "rows hold values that the mapping cannot read"),
        (totals.ambiguous, "rows share their canonical key with another row of their table"),
    ]
