"""The doctor on MariaDB and MySQL: how the server writes the log that Debezium reads. Pure.

Called by `figwatch.validators.doctor.checks`. The meaning of the variables is the servers'
documentation, what Debezium needs of them is its connectors'.
"""

from figwatch.validators.doctor.facts import BinlogFacts, Check, Expected, Limits, Outcome

WHOLE_SECOND_US = 1_000_000


def assess_binlog(side: Expected, binlog: BinlogFacts, limits: Limits) -> list[Check]:
    """The binlog is written, holds whole rows, is kept; its times are taken for what they are."""
    if not binlog.enabled:
        cause = "the server writes no binlog: changes cannot be captured"
        return [_check(side, Outcome.WRONG, cause, "set log_bin, and restart the server")]
    checks = []
    for name, value, wanted in (
        ("binlog_format", binlog.format, "ROW"),
        ("binlog_row_image", binlog.row_image, "FULL"),
    ):
        if value.upper() != wanted:
            cause = f"{name} is {value}: events lack rows, or columns of them"
            checks.append(_check(side, Outcome.WRONG, cause, f"SET GLOBAL {name} = '{wanted}'"))
    if binlog.partial_json:
        cause = "updates of JSON columns carry only what changed in them"
        remedy = "SET GLOBAL binlog_row_value_options = ''"
        checks.append(_check(side, Outcome.WRONG, cause, remedy))
    kept = binlog.retention_hours
    if kept is not None and kept < limits.retention_min_hours:
        hours = limits.retention_min_hours
        cause = f"the binlog is kept for {kept:g} h: a connector that stands still longer loses it"
        remedy = f"SET GLOBAL binlog_expire_logs_seconds = {round(hours * 3600)}"
        checks.append(_check(side, Outcome.WEAK, cause, remedy))
    if not binlog.exact_times and side.allowed_disorder_us < WHOLE_SECOND_US:
        cause = (
            "commit times are the statements', in whole seconds: they may fall back along the log"
        )
        remedy = f"sides.{side.side}.allowed_disorder_seconds: 1"
        checks.append(_check(side, Outcome.WEAK, cause, remedy))
    text = f"format {binlog.format}, row image {binlog.row_image}"
    return checks or [_check(side, Outcome.OK, text, "")]


def _check(side: Expected, outcome: Outcome, cause: str, remedy: str) -> Check:
    return Check("binlog", side.side, outcome, cause, remedy)
