"""A sandbox that is started again: seconds until all of it is ready; at most 20 on two cores.

Run: `python -m benchmarks.start [--rounds N]`. The first start, which may have to fetch its
programs, does not count. A timing counts only when the service's database still has what was
written before, and every program answers.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psycopg

from figwatch.demo.sandbox import Sandbox, status

READY_SECONDS_MAX = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "sandbox"
        took_seconds = [started(folder, number) for number in range(rounds + 1)][1:]
    median = statistics.median(took_seconds)
    print(f"ready after {median:.1f} s, median of {rounds}, at most {max(took_seconds):.1f} s")
    if median > READY_SECONDS_MAX:
        raise SystemExit(f"more than {READY_SECONDS_MAX:.0f} s: is the machine busy?")


def started(folder: Path, number: int) -> float:
    """Start it, see that nothing is lost, write one row more, stop it."""
    began = time.monotonic()
    sandbox = Sandbox.up(folder)
    seconds = time.monotonic() - began
    try:
        if not status(folder).healthy:
            raise RuntimeError("it says that it is up, and is not")
        with psycopg.connect(sandbox.endpoints.dsn["service"], autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS starts (number int)")
            kept = connection.execute("SELECT number FROM starts ORDER BY 1").fetchall()
            if [(n,) for n in range(number)] != kept:
                raise RuntimeError(f"data were lost: {kept}")
            connection.execute("INSERT INTO starts VALUES (%s)", (number,))
    finally:
        sandbox.down()
    return seconds


if __name__ == "__main__":
    main()
