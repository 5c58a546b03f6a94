"""`figwatch sweep`: one pair from its plan to its result.

The path: `prepare` (catalogue, plan), then `Sweep.run`: `scan` finds keys that look different,
`confirm` settles them, `validators.sweep_progress` keeps the books, `state_file` makes it
resumable.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from figwatch.connectors.config import Config, PairConfig
from figwatch.connectors.config_columns import pair_rule
from figwatch.connectors.sweep import postgres
from figwatch.connectors.sweep.confirm import Confirmer, Outcome, Suspect, Texts
from figwatch.connectors.sweep.keys import PlainKeys
from figwatch.connectors.sweep.postgres import Session
from figwatch.connectors.sweep.rows import RowReader, agreements
from figwatch.connectors.sweep.scan import Position, Scan, Scanned, TooManyVariantsError
from figwatch.connectors.sweep.state_file import StateFile, digest, kept_of
from figwatch.connectors.sweep.throttle import OverloadedError, Throttle
from figwatch.validators.change import Side
from figwatch.validators.errors import ConfigurationError, FigwatchError
from figwatch.validators.mapping import PairRule
from figwatch.validators.sweep_confirm import Patience, Settled
from figwatch.validators.sweep_facts import TableFacts
from figwatch.validators.sweep_plan import Refusal, SweepPlan, Way, plan_pair
from figwatch.validators.sweep_progress import Progress, Totals
from figwatch.validators.sweep_result import Difference, DifferenceKind, PairSweep

ROWS_MIN = 10
CHANGED = (
    "the table was changed (DDL) or made anew while it was swept: what was read before may no "
    "longer hold; sweep again"
)
_DDL_ERRORS = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedObject,
    psycopg.errors.DatatypeMismatch,
    psycopg.errors.InvalidTextRepresentation,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.CannotCoerce,
    AssertionError,
)


@dataclasses.dataclass(frozen=True)
class Options:
    """What one run is asked for. Those in `on_outcome` hear of every real difference."""

    resume: bool = False
    differences_max: int | None = None
    seconds_max: float | None = None
    on_progress: Callable[["Report"], None] | None = None
    on_outcome: tuple[Callable[["Prepared", DifferenceKind, Outcome], None], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """Where a sweep stands. `share` is an estimate from the catalogue's row count."""

    pair: str
    rows: int
    rows_per_second: float
    share: float
    seconds_left: float
    differences: int
    waiting: int


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A pair that can be swept. Close it."""

    rule: PairRule
    plan: SweepPlan
    tables: tuple[TableFacts, TableFacts]
    sessions: tuple[Session, Session]
    readers: tuple[RowReader, RowReader]
    keys: PlainKeys

    def close(self) -> None:
        for session in self.sessions:
            session.close()


class _Stopped(Exception):  # noqa: N818  # no error: the sweep ends early, and says why
    """The sweep ends before its end; the text says why."""


def prepare(config: Config, pair: PairConfig) -> Prepared:
    """Connect, read the catalogues, plan.

    Raises:
        FigwatchError: a database is away, a table is missing, or the pair cannot be swept.
    """
    rule = pair_rule(pair)
    _known_replicas(config)
    sessions = _session(config, config.source_side), _session(config, config.target_side)
    try:
        tables = _table(sessions[0], pair.source), _table(sessions[1], pair.target)
        servers = postgres.server_facts(sessions[0]), postgres.server_facts(sessions[1])
        only = None if config.sweep.way == "auto" else Way(config.sweep.way)
        plan = _accepted(plan_pair(rule, *tables, servers, only=only), pair.name)
        agreed = agreements(rule, *tables)
        readers = (
            RowReader(rule, Side.SOURCE, tables[0], plan, agreed),
            RowReader(rule, Side.TARGET, tables[1], plan, agreed),
        )
        keys = PlainKeys(rule, [a.kind for a in agreed[0]], tables)
        for session, reader in zip(sessions, readers, strict=True):
            postgres.check_readable(session, reader.statements.nothing())
    except BaseException:
        for session in sessions:
            session.close()
        raise
    return Prepared(rule, plan, tables, sessions, readers, keys)


def _known_replicas(config: Config) -> None:
    for side in config.sweep.replicas:
        if side not in config.sides:
            raise ConfigurationError(
                "config.unknown-side",
                f"`{side}` is not a side",
                f"sweep.replicas.{side}",
                f"the sides are {' and '.join(config.sides)}",
            )


def _accepted(plan: SweepPlan | Refusal, pair: str) -> SweepPlan:
    if isinstance(plan, Refusal):
        raise FigwatchError(plan.code, plan.cause, f"pair {pair}", plan.fix)
    return plan


def _session(config: Config, side: str) -> Session:
    secret = config.sweep.replicas.get(side) or config.sides[side].database
    if secret is None:
        raise ConfigurationError(
            "sweep.no-database",
            f"side `{side}` has no database to sweep",
            f"sides.{side}.database",
            "name it: database: env:NAME",
        )
    return Session(secret.reveal(), side, config.sweep)


def _table(session: Session, name: str) -> TableFacts:
    with postgres.described(session.side):
        facts = postgres.table_facts(session, name)
    if facts is None:
        raise FigwatchError(
            "sweep.no-such-table",
            f"side `{session.side}` has no table {name}",
            fix="correct the pair's table, or the database of that side",
        )
    return facts


class Sweep:
    """One pair on its way. `run` once."""

    def __init__(self, prepared: Prepared, config: Config, options: Options) -> None:
        self._p = prepared
        self._settings = config.sweep
        self._options = options
        self._began = time.monotonic()
        self._earlier_seconds = 0.0
        self._state = StateFile(
            pathlib.Path(config.worker.data_dir), config.migration, prepared.rule.name
        )
        self._digest = digest(prepared.rule, prepared.plan, prepared.tables)
        self._progress = Progress(self._settings.differences_listed_max)
        self._throttle = Throttle(prepared.sessions, self._settings)
        self._saved = self._began
        self._reasons: list[str] = []
        self._resumed_rows = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="figwatch-sweep")
        self._scan = Scan(
            prepared.plan, prepared.sessions, prepared.readers, prepared.keys, self._executor
        )
        patience = Patience(
            round(self._settings.settle_seconds * 1e6),
            round(max(self._settings.unconfirmed_seconds, self._settings.settle_seconds) * 1e6),
        )
        self._confirmer = Confirmer(prepared.sessions, prepared.readers, self._scan.texts, patience)

    def run(self) -> PairSweep:
        """Sweep the pair. Whatever stops it early makes the result incomplete, with the reason."""
        complete = True
        resumed = self._options.resume and self._resume()
        try:
            self._null_keys()
            self._ranges()
            self._finish()
        except _Stopped as stop:
            complete = False
            self._reasons.append(str(stop))
            self._save()
        finally:
            self._executor.shutdown()
        if not self._unchanged():
            complete = False
            self._reasons.append(CHANGED)
        result = self._result(complete=complete, resumed=resumed)
        if complete:
            self._state.forget()
        return result

    # -- the way through the tables

    def _ranges(self) -> None:
        position = self._position()
        rows = self._settings.chunk_rows
        while position is not None:
            self._pause()
            number = self._progress.begin()
            began = time.monotonic()
            scanned, rows = self._range(number, position, rows)
            following = scanned.next
            self._progress.read(
                number, None if following is None else (following.phase, following.after),
                scanned.source_rows, scanned.target_rows, scanned.unreadable, scanned.ambiguous,
            )  # fmt: skip
            self._settle()
            self._checkpoint()
            rows = self._paced(rows, time.monotonic() - began)
            position = following

    def _position(self) -> Position | None:
        following = self._progress.next
        return None if following is None else Position(*following)

    def _paced(self, rows: int, seconds: float) -> int:
        """Half as many rows after a range that took too long; more again, slowly, after that."""
        if seconds > self._settings.chunk_seconds:
            return max(rows // 2, ROWS_MIN)
        return min(rows + rows // 4, self._settings.chunk_rows)

    def _range(self, number: int, position: Position, rows: int) -> tuple[Scanned, int]:
        def found(key: bytes, texts: Texts) -> None:
            # One that waits already belongs to an earlier range, which stays open for it.
            if self._confirmer.watched(key) or self._progress.suspect(number, key):
                self._confirmer.add([Suspect(key, texts, number)])
            while len(self._confirmer) >= self._settings.suspects_max:
                self._wait_for_due()
                self._settle()

        for attempt in range(self._settings.retries_max + 1):
            try:
                return self._scan.range(position, rows, found), rows
            except TooManyVariantsError:
                raise _Stopped("too many keys are written in more than one way") from None
            except (psycopg.Error, FigwatchError, AssertionError) as error:
                self._recover(error, attempt)
                if isinstance(error, psycopg.errors.QueryCanceled):
                    rows = max(rows // 2, ROWS_MIN)
        raise AssertionError  # `_recover` ends the last attempt

    def _recover(self, error: Exception, attempt: int) -> None:
        """Make ready for another attempt, or stop."""
        if isinstance(error, _DDL_ERRORS):
            raise _Stopped(f"{CHANGED} ({_said(error)})") from None
        passing = (psycopg.OperationalError, psycopg.InterfaceError, FigwatchError)
        if attempt >= self._settings.retries_max or not isinstance(error, passing):
            raise _Stopped(f"a range could not be read: {_said(error)}") from None
        for session in self._p.sessions:
            session.close()
        time.sleep(min(0.2 * 2**attempt, 5.0))

    # -- suspects

    def _settle(self) -> None:
        for attempt in range(self._settings.retries_max + 1):
            try:
                outcomes = self._confirmer.settle()
                break
            except (psycopg.Error, FigwatchError, AssertionError) as error:
                self._recover(error, attempt)
        for outcome in outcomes:
            self._book(outcome)
        self._progress.close()
        limit = self._options.differences_max
        if limit is not None and self._progress.differences_total >= limit:
            raise _Stopped(f"stopped at {limit} differences, as asked")

    def _book(self, outcome: Outcome) -> None:
        suspect = outcome.suspect
        totals = self._progress.settled(suspect.chunk, suspect.key)
        if totals is None or outcome.settled is Settled.EQUAL:
            return
        if outcome.settled is Settled.IN_FLIGHT:
            totals.in_flight += 1
        elif outcome.settled is Settled.UNCONFIRMED:
            totals.unconfirmed += 1
            totals.unconfirmed_keys.append(self._p.keys.shown(suspect.key))
        elif any(row is not None and row.fault for row in (outcome.source, outcome.target)):
            totals.unreadable += 1
        else:
            kind = kind_of(outcome)
            self._progress.difference(totals, lambda: difference(self._p, kind, outcome))
            for hear in self._options.on_outcome:
                hear(self._p, kind, outcome)

    def _wait_for_due(self) -> None:
        due_us = self._confirmer.due_us
        if due_us is not None:
            left = due_us / 1e6 - time.monotonic()
            time.sleep(min(max(left, 0.0), 0.5))
        self._check_time()

    def _finish(self) -> None:
        while len(self._confirmer):
            self._wait_for_due()
            self._settle()
            self._checkpoint()
        self._progress.close()

    # -- bounds, state, telling

    def _pause(self) -> None:
        self._check_time()
        try:
            self._throttle.wait()
        except OverloadedError as error:
            raise _Stopped(f"paused for too long: {error}") from None
        except psycopg.Error:
            return  # the next range meets the same server, and has its retries

    def _check_time(self) -> None:
        limit = self._options.seconds_max
        if limit is not None and time.monotonic() - self._began > limit:
            raise _Stopped(f"stopped after {limit:g} s, as asked")

    def _checkpoint(self) -> None:
        now = time.monotonic()
        if now - self._saved >= self._settings.checkpoint_seconds:
            self._saved = now
            self._save()
        if self._options.on_progress is not None:
            self._options.on_progress(self._report())

    def _save(self) -> None:
        varied = any(self._scan.variants)
        if self._progress.next is not None and not varied:
            seconds = self._earlier_seconds + time.monotonic() - self._began
            self._state.save(
                kept_of(self._digest, self._progress.next, self._progress.totals, seconds)
            )

    def _resume(self) -> bool:
        kept, why = self._state.load(self._digest, self._settings.resume_max_age_hours * 3600)
        if kept is None:
            self._reasons.append(why)
            return False
        self._progress = Progress(self._settings.differences_listed_max, kept.totals)
        self._progress.next = kept.phase, kept.after
        self._earlier_seconds = kept.seconds
        self._resumed_rows = sum(self._progress.rows)
        return True

    def _report(self) -> Report:
        rows = self._progress.rows
        seconds = max(time.monotonic() - self._began, 1e-9)
        rate = (sum(rows) - self._resumed_rows) / seconds
        expected = max(sum(t.rows_estimate for t in self._p.tables), sum(rows), 1)
        left = (expected - sum(rows)) / rate if rate else 0.0
        return Report(
            self._p.rule.name, sum(rows), rate, sum(rows) / expected, left,
            self._progress.differences_total, len(self._confirmer),
        )  # fmt: skip

    # -- the end

    def _null_keys(self) -> None:
        """Rows that have no whole key are in no range and in no stream."""
        for session, reader in zip(self._p.sessions, self._p.readers, strict=True):
            query = reader.statements.null_keys()
            if query is None:
                continue
            try:
                count = session.rows(query)[0][0]
            except psycopg.Error as error:
                raise _Stopped(
                    f"the rows without a key could not be counted: {_said(error)}"
                ) from None
            if count:
                self._reasons.append(
                    f"{count} rows of side `{session.side}` have NULL in their key"
                )

    def _unchanged(self) -> bool:
        """Whether both tables are still those the sweep began with."""
        try:
            now = [
                postgres.table_facts(s, t.name)
                for s, t in zip(self._p.sessions, self._p.tables, strict=True)
            ]
        except (psycopg.Error, FigwatchError) as error:
            self._reasons.append(f"the tables could not be looked at again: {_said(error)}")
            return False
        return all(
            n is not None and n.shape == t.shape for n, t in zip(now, self._p.tables, strict=True)
        )

    def _result(self, *, complete: bool, resumed: bool) -> PairSweep:
        totals = self._progress.all_totals()
        reasons = list(self._reasons)
        whole = complete and not any("NULL in their key" in r for r in reasons)
        for count, what in _left_open(totals, len(self._confirmer)):
            if count:
                whole = False
                reasons.append(f"{count} {what}")
        left_out = totals.differences_total - len(totals.differences)
        if left_out:
            reasons.append(f"{left_out} differences are counted but not listed")
        return PairSweep(
            self._p.rule.name, whole, str(self._p.plan.way), totals.source_rows, totals.target_rows,
            self._earlier_seconds + time.monotonic() - self._began, totals.differences,
            totals.differences_total, totals.unconfirmed, totals.unconfirmed_keys,
            totals.in_flight, reasons, resumed=resumed,
        )  # fmt: skip


def _left_open(totals: Totals, waiting: int) -> list[tuple[int, str]]:
    return [
        (totals.unconfirmed, "keys kept changing while they were watched: unconfirmed"),
        (waiting, "keys looked different and were not settled"),
        (totals.unreadable, "rows hold values that the mapping cannot read"),
        (totals.ambiguous, "rows share their canonical key with another row of their table"),
    ]


def difference(prepared: Prepared, kind: DifferenceKind, outcome: Outcome) -> Difference:
    """A settled outcome with the columns that differ by their canonical values."""
    columns: tuple[str, ...] = ()
    if outcome.source is not None and outcome.target is not None:
        atoms = prepared.readers[0].atoms(outcome.source), prepared.readers[1].atoms(outcome.target)
        columns = tuple(
            rule.name
            for rule, one, other in zip(prepared.rule.columns, *atoms, strict=True)
            if one != other
        )
    return Difference(prepared.keys.shown(outcome.suspect.key), kind, columns)


def kind_of(outcome: Outcome) -> DifferenceKind:
    """How a settled outcome differs."""
    if outcome.target is None:
        return DifferenceKind.MISSING
    return DifferenceKind.EXTRA if outcome.source is None else DifferenceKind.VALUE_MISMATCH


def _said(error: Exception) -> str:
    if isinstance(error, psycopg.Error):
        return postgres.reason(error)
    return str(error) or "the table is not what it was"
