"""The sweep against its peers, on two local PostgreSQL: `python benchmarks/sweep.py [--rows N]`.

Peers come from their package registries (`--peers FOLDER` keeps them), see `sweep_peers`; one that
cannot be had is named with its reason. `--servers distribution` runs on Debian's PostgreSQL 15, for
pg_comparator's sake. A timing counts only when the exit code and the exact set of differences are
right: a tool that gives up quickly is not quick. Beside it stands the processor time of the servers
by what each asked of them, which says more than a busy machine's clock.
"""

import argparse
import contextlib
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import psutil
import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from benchmarks.sweep_peers import Comparator, Peer, comparator, diffs
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
# One column with a map of values: where rows are merged, each goes through the mapping.
MAPPED = PAIR.replace("b: b", "b: {to: b, type: int, values: {'-7': 7}}")
DIFFERENCES = 100

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


def timed(job: Job, expected: Answer, lab: Lab) -> tuple[float, float]:
    """Seconds by the clock, and of the servers' processors."""
    began, worked = time.monotonic(), servers_seconds(lab)
    answer = job()
    seconds = time.monotonic() - began
    if answer != expected:
        raise RuntimeError(f"wrong: {len(answer)} differences, not {len(expected)}")
    time.sleep(0.5)  # processes that end are counted by their parent
    return seconds, servers_seconds(lab) - worked


def servers_seconds(lab: Lab) -> float:
    """Processor time of both servers' processes, those that ended included."""
    total = 0.0
    for connection in (lab.source, lab.target):
        server = psutil.Process(connection.info.backend_pid).parent()
        assert server is not None  # a backend is its server's child
        total += sum(server.cpu_times()[:4])  # its own, and that of children that ended
        for child in server.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(child.cpu_times()[:2])
    return total


def race(title: str, jobs: dict[str, tuple[Job, Answer]], lab: Lab, rows: int, rounds: int) -> None:
    """Every job once a round, in changing order; the medians are printed."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    wrong: dict[str, str] = {}
    for number in range(rounds):
        order = list(jobs) if number % 2 == 0 else list(reversed(jobs))
        for name in order:
            if name not in wrong:
                try:
                    seconds[name].append(timed(*jobs[name], lab))
                except (RuntimeError, AssertionError, subprocess.TimeoutExpired) as error:
                    wrong[name] = str(error)
    print(f"\n{title}: {rows} rows x 12 columns, median of {rounds}, load {os.getloadavg()[0]:.1f}")
    for name in jobs:
        if name in wrong:
            print(f"  {name:26} not counted: {wrong[name]}")
        else:
            clock, servers = (statistics.median(each) for each in zip(*seconds[name], strict=True))
            rate = f"{rows / clock:12,.0f} rows/s"
            print(f"  {name:26} {clock:8.3f} s {rate}   servers {servers:7.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=pathlib.Path, default=None)
    parser.add_argument("--servers", choices=("sandbox", "distribution"), default="sandbox")
    given = parser.parse_args()
    where = bare_postgres.other_binaries() if given.servers == "distribution" else None
    with tempfile.TemporaryDirectory() as made:
        place = pathlib.Path(made)
        place.chmod(0o755)
        folder = given.peers or place / "peers"
        peers = diffs(folder)
        if where is not None and (found := comparator(folder)) is not None:
            peers["pg_comparator"] = found
        with (
            bare_postgres.server(place / "one", where) as one,
            bare_postgres.server(place / "two", where) as two,
        ):
            lab = Lab(bare_postgres.database(one, "a"), bare_postgres.database(two, "b"), place)
            run(lab, peers, given.rows, given.rounds)
            lab.close()


def run(lab: Lab, peers: dict[str, Peer], rows: int, rounds: int) -> None:
    lab.both(TABLE)
    lab.source.execute(ROWS.format(rows))
    lab.copy("SELECT * FROM t", "t")
    lab.both("VACUUM ANALYZE t")
    version = lab.source.info.server_version // 10_000
    print(f"{os.cpu_count()} cores, PostgreSQL {version}")
    for each in peers.values():
        if isinstance(each, Comparator):
            each.install(lab.source_dsn)
            each.install(lab.target_dsn)
    jobs: dict[str, Callable[[], Answer]] = {
        "figwatch checksum": lambda: ours(lab, PAIR, "auto"),
        "figwatch checksum, mapped": lambda: ours(lab, MAPPED, "auto"),
        "figwatch merge": lambda: ours(lab, PAIR, "merge"),
        "figwatch merge, mapped": lambda: ours(lab, MAPPED, "merge"),
    }
    jobs |= {
        name: lambda p=p: p(lab.source_dsn, lab.target_dsn, COLUMNS) for name, p in peers.items()
    }
    floor = {"count(*), one side": (lambda: count(lab), set[int]())}
    race("identical", floor | {n: (j, set[int]()) for n, j in jobs.items()}, lab, rows, rounds)
    planted = set(random.Random(1).sample(range(1, rows), DIFFERENCES))
    lab.target.execute("UPDATE t SET b = b + 1 WHERE id = ANY(%s)", (sorted(planted),))
    race("scattered", {n: (j, planted) for n, j in jobs.items()}, lab, rows, rounds)


if __name__ == "__main__":
    main()
