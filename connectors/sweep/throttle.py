"""Kind to production: how far a replica is behind, how busy a server is, and waiting for both.

`figwatch.connectors.sweep.runner` asks between two ranges.
"""

import time

from psycopg import sql

from figwatch.connectors.config_sweep import SweepConfig
from figwatch.connectors.sweep.postgres import Session

LOOK_SECONDS = 2.0
WAIT_SECONDS = 1.0

# A replica that has replayed all it received is not behind, however old its last transaction.
_BURDEN = sql.SQL("""
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0)
       END::float8,
       (SELECT count(*) FROM pg_stat_activity
         WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid())
""")


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

    def _burden(self) -> str | None:
        for session in self._sessions:
            lag_seconds, active = session.rows(_BURDEN)[0]
            if lag_seconds > self._settings.lag_max_seconds:
                return f"the replica of side `{session.side}` is {lag_seconds:.0f} s behind"
            if active > self._settings.active_sessions_max:
                return f"the server of side `{session.side}` has {active} active sessions"
        return None
