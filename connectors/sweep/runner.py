"""`figwatch sweep`: one pair, or a stretch of it, from its beginning to its result.

The path: `prepare` (catalogue, plan), then `Sweep.run`: `scan` finds keys that look different,
`settling` settles them, `validators.sweep.progress` keeps the books, `state_file` makes it
resumable, `ending` makes the result.
"""

import pathlib
import time
from concurrent.futures import ThreadPoolExecutor

from figwatch.connectors.config.root import Config
from figwatch.connectors.sweep.confirm import Confirmer, Texts
from figwatch.connectors.sweep.ending import CHANGED, changed, null_keys, result_of
from figwatch.connectors.sweep.lookup import TooManyVariantsError
from figwatch.connectors.sweep.options import Options, Report
from figwatch.connectors.sweep.prepare import Prepared
from figwatch.connectors.sweep.scan import Position, Scan, Scanned
from figwatch.connectors.sweep.session import DatabaseError, Trouble
from figwatch.connectors.sweep.settling import NoVerdictError, Settling
from figwatch.connectors.sweep.state_file import StateFile, digest, kept_of
from figwatch.connectors.sweep.throttle import OverloadedError, Throttle
from figwatch.validators.errors import FigwatchError
from figwatch.validators.sweep.confirm import Patience
from figwatch.validators.sweep.progress import Progress
from figwatch.validators.sweep.result import PairSweep

ROWS_MIN = 10


class _Stopped(Exception):  # noqa: N818  # no error: the sweep ends early, and says why
    """The sweep ends before its end; the text says why."""


class Sweep:
    """One pair on its way. `run` once."""

    def __init__(self, prepared: Prepared, config: Config, options: Options) -> None:
        self._p = prepared
        self._settings = config.sweep
        self._options = options
        self._whole = options.bounds == (None, None)
        self._began = self._saved = time.monotonic()
        self.began_us = time.time_ns() // 1_000
        """When the first look began, that of an earlier run if this one goes on; wall clock."""
        self._earlier_seconds = 0.0
        self._state = StateFile(
            pathlib.Path(config.worker.data_dir), config.migration, prepared.rule.name
        )
        self._digest = digest(prepared.rule, prepared.plan, prepared.tables)
        self._throttle = Throttle(prepared.sessions, self._settings)
        self._reasons: list[str] = []
        self._resumed_rows = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="figwatch-sweep")
        self._scan = Scan(
            prepared, self._executor, options.bounds[1],
            in_bursts=self._settings.rows_per_second_max is None,
        )  # fmt: skip
        patience = Patience(
            round(self._settings.settle_seconds * 1e6),
            round(max(self._settings.unconfirmed_seconds, self._settings.settle_seconds) * 1e6),
        )
        confirmer = Confirmer(
            prepared.sessions, prepared.readers, self._scan.texts, patience,
            replicas=bool(self._settings.replicas),
        )  # fmt: skip
        self._progress = Progress(self._settings.differences_listed_max)
        self._progress.next = 0, options.bounds[0]
        self._settling = Settling(
            prepared, self._settings, confirmer, self._progress, options.judges, options.on_outcome
        )

    @property
    def doubted(self) -> set[bytes] | None:
        """Keys that were not shown to be equal; None: more than can be told, or not all known."""
        return None if self._resumed_rows else self._settling.doubted

    def run(self) -> PairSweep:
        """Sweep. Whatever stops it early makes the result incomplete, with the reason."""
        complete = True
        resumed = self._options.resume and self._resume()
        try:
            self._reasons += self._null_keys()
            self._ranges()
            self._finish()
        except _Stopped as stop:
            complete = False
            self._reasons.append(str(stop))
            self._save()
        finally:
            self._executor.shutdown()
        if why := changed(self._p):
            complete = False
            self._reasons += why
        seconds = self._earlier_seconds + time.monotonic() - self._began
        result = result_of(
            self._p, self._progress.all_totals(), self._settling, self._reasons, seconds,
            complete=complete, resumed=resumed,
        )  # fmt: skip
        if complete and self._whole:
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
            seconds = time.monotonic() - began
            self._settle()
            self._checkpoint()
            self._pace(max(scanned.source_rows, scanned.target_rows), seconds)
            rows = self._paced(rows, seconds)
            position = following

    def _position(self) -> Position | None:
        following = self._progress.next
        return None if following is None else Position(*following)

    def _paced(self, rows: int, seconds: float) -> int:
        """Half as many rows after a range that took too long; more again, slowly, after that."""
        if seconds > self._settings.chunk_seconds:
            return max(rows // 2, ROWS_MIN)
        return min(rows + rows // 4, self._settings.chunk_rows)

    def _pace(self, rows: int, seconds: float) -> None:
        until = time.monotonic() + self._throttle.pace(rows, seconds)
        while (left := until - time.monotonic()) > 0:
            self._check_time()
            time.sleep(min(left, 0.5))

    def _range(self, number: int, position: Position, rows: int) -> tuple[Scanned, int]:
        def found(key: bytes, texts: Texts) -> None:
            self._settling.found(number, key, texts)
            while self._settling.full:
                self._wait()
                self._settle()

        for attempt in range(self._settings.retries_max + 1):
            try:
                return self._scan.range(position, rows, found), rows
            except TooManyVariantsError:
                raise _Stopped("too many keys are written in more than one way") from None
            except (DatabaseError, FigwatchError, AssertionError) as error:
                self._recover(error, attempt)
                if isinstance(error, DatabaseError) and error.trouble is Trouble.TOO_LONG:
                    rows = max(rows // 2, ROWS_MIN)
        raise AssertionError  # `_recover` ends the last attempt

    def _recover(self, error: Exception, attempt: int) -> None:
        """Make ready for another attempt, or stop."""
        trouble = error.trouble if isinstance(error, DatabaseError) else Trouble.PASSING
        if isinstance(error, AssertionError) or trouble is Trouble.CHANGED:
            raise _Stopped(f"{CHANGED} ({str(error) or 'the table is not what it was'})") from None
        passing = trouble in {Trouble.PASSING, Trouble.TOO_LONG}
        if attempt >= self._settings.retries_max or not passing:
            raise _Stopped(f"a range could not be read: {error}") from None
        for session in self._p.sessions:
            session.close()
        time.sleep(min(0.2 * 2**attempt, 5.0))
        self._check_time()

    # -- suspects

    def _settle(self) -> None:
        for attempt in range(self._settings.retries_max + 1):
            try:
                self._settling.settle()
                break
            except NoVerdictError:
                raise _Stopped(
                    f"no judge of `figwatch run` answered within {self._settings.verdict_seconds:g}"
                    " s: start it, or sweep with --databases-only"
                ) from None
            except (DatabaseError, FigwatchError, AssertionError) as error:
                self._recover(error, attempt)
        limit = self._options.differences_max
        if limit is not None and self._progress.differences_total >= limit:
            raise _Stopped(f"stopped at {limit} differences, as asked")

    def _wait(self) -> None:
        self._settling.pause()
        self._check_time()

    def _finish(self) -> None:
        while len(self._settling):
            self._wait()
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
        except (DatabaseError, FigwatchError):
            return  # the next range meets the same server, and has its retries

    def _check_time(self) -> None:
        limit = self._options.seconds_max
        if limit is not None and time.monotonic() - self._began > limit:
            raise _Stopped(f"stopped after {limit:g} s, as asked")
        if why := self._options.stop():
            raise _Stopped(why)

    def _checkpoint(self) -> None:
        now = time.monotonic()
        if now - self._saved >= self._settings.checkpoint_seconds:
            self._saved = now
            self._save()
        if self._options.on_progress is not None:
            self._options.on_progress(self._report())

    def _save(self) -> None:
        following = self._progress.next
        if self._whole and following is not None and not self._scan.varied:
            seconds = self._earlier_seconds + time.monotonic() - self._began
            totals = self._progress.totals
            self._state.save(kept_of(self._digest, following, totals, seconds, self.began_us))

    def _resume(self) -> bool:
        kept, why = self._state.load(self._digest, self._settings.resume_max_age_hours * 3600)
        if kept is None:
            self._reasons.append(why)
            return False
        self._progress.totals = kept.totals
        self._progress.next = kept.phase, kept.after
        self._earlier_seconds, self.began_us = kept.seconds, kept.began_us
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
            self._progress.differences_total, len(self._settling),
        )  # fmt: skip

    def _null_keys(self) -> list[str]:
        try:
            return null_keys(self._p)
        except (DatabaseError, FigwatchError) as error:
            raise _Stopped(f"the rows without a key could not be counted: {error}") from None
