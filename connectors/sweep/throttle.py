"""Kind to production: a replica that is behind, a server that is busy, the rate that is allowed.

`figwatch.connectors.sweep.runner` asks between two ranges.
"""

import time

from figwatch.connectors.config.sweep import SweepConfig
from figwatch.connectors.sweep.session import Session

LOOK_SECONDS = 2.0
WAIT_SECONDS = 1.0


class OverloadedError(Exception):
    """The pause grew longer than it may; the message says why it was made."""


class Throttle:
    """Looks at both servers now and then and waits while either is behind or busy."""

    def __init__(self, sessions: tuple[Session, Session], settings: SweepConfig) -> None:
        self._sessions = sessions
        self._settings = settings
        self._looked = -LOOK_SECONDS

    def wait(self) -> float:
        """Wait as long as needed; seconds waited.

        Raises:
            OverloadedError: longer than `pause_max_seconds`.
        """
        began = time.monotonic()
        if began - self._looked < LOOK_SECONDS:
            return 0.0
        while (why := self._burden()) is not None:
            if time.monotonic() - began > self._settings.pause_max_seconds:
                raise OverloadedError(why)
            time.sleep(WAIT_SECONDS)
        self._looked = time.monotonic()
        return self._looked - began

    def pace(self, rows: int, seconds: float) -> float:
        """How long to wait so that `rows` of one side, read in `seconds`, are not too many."""
        limit = self._settings.rows_per_second_max
        return 0.0 if limit is None else max(rows / limit - seconds, 0.0)

    def _burden(self) -> str | None:
        for session in self._sessions:
            lag_seconds, active = session.burden()
            if lag_seconds > self._settings.lag_max_seconds:
                return f"the replica of side `{session.side}` is {lag_seconds:.0f} s behind"
            if active > self._settings.active_sessions_max:
                return f"the server of side `{session.side}` has {active} active sessions"
        return None
