"""`python -m figwatch.demo.sample`: the sample migration, until SIGTERM, on running servers.

What compose/ runs beside figwatch: monolith, service, façade, replicator and load; addresses come
from the environment. `migration` does the work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from figwatch.demo.migration import Migration, MigrationError, MigrationSettings
from figwatch.demo.sandbox import Endpoints, SandboxError
from figwatch.demo.serving import required

LOOK_SECONDS = 1.0


def main() -> int:
    """Run; returns the exit code: 0 after a signal, 1 when the replicator ended."""
    parser = argparse.ArgumentParser(prog="python -m figwatch.demo.sample")
    parser.add_argument("--host", default="127.0.0.1", help="address of the façade")
    parser.add_argument("--port", type=int, default=8100, help="port of the façade")
    parser.add_argument("--rate", type=float, default=25.0, help="operations a second")
    asked = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    settings = MigrationSettings(
        rate_per_second=asked.rate, facade_address=(asked.host, asked.port), resume=True
    )
    try:
        with Migration(_endpoints(), settings) as migration:
            load = migration.start_load()
            while migration.replicator.failure is None and not stop.wait(LOOK_SECONDS):
                pass
            load.stop()
            failure = migration.replicator.failure
    except (MigrationError, SandboxError) as error:
        failure = error
    if failure is not None:
        sys.stderr.write(f"sample: {failure}\n")
    return int(failure is not None)


def _endpoints() -> Endpoints:
    return Endpoints(
        bootstrap_servers=required("KAFKA_BOOTSTRAP_SERVERS", "sample"),
        connect_url=os.environ.get("CONNECT_URL", "http://localhost:8083"),
        dsn={
            "monolith": required("MONOLITH_DSN", "sample"),
            "service": required("SERVICE_DSN", "sample"),
        },
    )


if __name__ == "__main__":
    raise SystemExit(main())
