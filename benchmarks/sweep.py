"""The sweep against its peers, on two local PostgreSQL: `python benchmarks/sweep.py [--rows N]`.

Peers are installed into an environment of their own from the package registry (`--peers FOLDER`
keeps it); one that cannot be installed is named with its reason. A timing counts only when the exit
code and the exact set of differences are right: a tool that gives up quickly is not quick.
"""

import argparse
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from tests.e2e import bare_postgres
from tests.e2e.sweep_lab import Lab

TABLE = """CREATE TABLE t (id bigint PRIMARY KEY, a int NOT NULL, b int, c bigint, d numeric(10,2),
    e text NOT NULL, f varchar(40), g timestamptz, h boolean, i date, j uuid, k double precision)"""
ROWS = """INSERT INTO t SELECT i, i % 1000, i % 77777, i::bigint * 100000, i * 0.25, 'name ' || i,
    md5(i::text), timestamptz '2024-01-01Z' + i * interval '1 s', i % 2 = 0,
    date '2024-01-01' + i % 500, md5(i::text)::uuid, i / 3.0 FROM generate_series(1, {}) i"""
COLUMNS = "abcdefghijk"
PAIR = f"""{{name: t, source: t, target: t, key: {{id: id}}, columns: {{
    {", ".join(f"{c}: {c}" for c in COLUMNS)}}}}}"""
# One column that only the mapping can compare: every row goes through it.
MAPPED = PAIR.replace("b: b", "b: {to: b, type: int, values: {'-7': 7}}")
DIFFERENCES = 100
PEERS = ("reladiff", "data-diff")
PEER_SECONDS_MAX = 300

Answer = set[int]
Job = Callable[[], Answer]


def ours(lab: Lab, pair: str, way: str) -> Answer:
    result = lab.sweep(pair, f"settle_seconds: 0, way: {way}")
    assert result.complete, result.reasons
    return {d.key["id"] for d in result.differences}


def count(lab: Lab) -> Answer:
    """The floor: the server's own scan, on one core."""
    with psycopg.connect(lab.source_dsn) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute("SELECT count(*) FROM t")
    return set()


def peer(program: pathlib.Path, lab: Lab) -> Answer:
    """reladiff and data-diff have one command line: lines that begin with + or - name a row."""
    columns = [part for c in COLUMNS for part in ("-c", c)]
    ended = subprocess.run(
        [program, lab.source_dsn, "t", lab.target_dsn, "t", "-k", "id", *columns, "-j", "4"],
        capture_output=True, text=True, timeout=PEER_SECONDS_MAX, check=False,
    )  # fmt: skip
    if ended.returncode not in (0, 1) or "Traceback" in ended.stderr:
        raise RuntimeError(ended.stderr.strip().splitlines()[-1] if ended.stderr else "failed")
    return {int(m) for m in re.findall(r"^[+-] (\d+)", ended.stdout, re.MULTILINE)}


def install(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The peers that can be had."""
    found = {}
    for name in PEERS:
        home = folder / name
        program = home / "bin" / name
        if not program.exists():
            venv.create(home, with_pip=True)
            ended = subprocess.run(
                [home / "bin" / "pip", "install", "-q", name, "psycopg2-binary"],
                capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            if ended.returncode:
                said = [line for line in ended.stderr.splitlines() if "error" in line.lower()]
                print(f"{name}: left out, it cannot be installed ({(said or ['?'])[0].strip()})")
                continue
        found[name] = program
    return found


def timed(job: Job, expected: Answer) -> float:
    began = time.monotonic()
    answer = job()
    seconds = time.monotonic() - began
    if answer != expected:
        raise RuntimeError(f"wrong: {len(answer)} differences, not {len(expected)}")
    return seconds


def race(title: str, jobs: dict[str, tuple[Job, Answer]], rows: int, rounds: int) -> None:
    """Every job once a round, in changing order; the median is printed."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    wrong: dict[str, str] = {}
    for number in range(rounds):
        order = list(jobs) if number % 2 == 0 else list(reversed(jobs))
        for name in order:
            if name not in wrong:
                try:
                    seconds[name].append(timed(*jobs[name]))
                except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as error:
                    wrong[name] = str(error)
    print(f"\n{title}: {rows} rows x 12 columns, median of {rounds}")
    for name in jobs:
        if name in wrong:
            print(f"  {name:28} not counted: {wrong[name]}")
        else:
            median = statistics.median(seconds[name])
            print(f"  {name:28} {median:8.3f} s {rows / median:12,.0f} rows/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=pathlib.Path, default=None)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        peers = install(given.peers or place / "peers")
        with (
            bare_postgres.server(place / "one") as one,
            bare_postgres.server(place / "two") as two,
        ):
            lab = Lab(bare_postgres.database(one, "a"), bare_postgres.database(two, "b"), place)
            run(lab, peers, given.rows, given.rounds)
            lab.close()


def run(lab: Lab, peers: dict[str, pathlib.Path], rows: int, rounds: int) -> None:
    lab.both(TABLE)
    lab.source.execute(ROWS.format(rows))
    lab.copy("SELECT * FROM t", "t")
    lab.both("VACUUM ANALYZE t")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    jobs: dict[str, Callable[[], Answer]] = {
        "figwatch checksum": lambda: ours(lab, PAIR, "auto"),
        "figwatch merge": lambda: ours(lab, PAIR, "merge"),
        "figwatch merge, mapped": lambda: ours(lab, MAPPED, "merge"),
    }
    jobs |= {name: lambda p=program: peer(p, lab) for name, program in peers.items()}
    floor = {"count(*), one side": (lambda: count(lab), set[int]())}
    race("identical", floor | {n: (j, set[int]()) for n, j in jobs.items()}, rows, rounds)
    planted = set(random.Random(1).sample(range(1, rows), DIFFERENCES))
    lab.target.execute("UPDATE t SET b = b + 1 WHERE id = ANY(%s)", (sorted(planted),))
    race("scattered", {n: (j, planted) for n, j in jobs.items()}, rows, rounds)


if __name__ == "__main__":
    main()
