"""`figwatch sweep` beside `figwatch run` on a real broker: the streams settle what it finds."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from tests.e2e import bare_postgres
from tests.e2e.live import LiveMigration
from tests.e2e.sweep_lab import Lab, new_lab

TABLE = 'CREATE TABLE {} (id text COLLATE "C" PRIMARY KEY, v bigint)'
SOURCE, TARGET = "public.inventory", "public.stock"


class Watched:
    """A migration in Kafka and in two databases, with known truth in each."""

    def __init__(self, migration: LiveMigration, lab: Lab) -> None:
        self.migration, self.lab = migration, lab
        lab.both(TABLE.format(SOURCE), TABLE.format(TARGET))

    def config(self, **sweep):
        config = self.migration.config()
        for side, name in zip(("monolith", "service"), self.lab.names, strict=True):
            config["sides"][side]["database"] = f"env:{name}"
        config["worker"]["data_dir"] = str(self.lab.folder / "state")
        config["sweep"] = {"settle_seconds": 0.3, "unconfirmed_seconds": 8} | sweep
        config["gates"] = {"sync": {"sweep_required": True, "changes_min": 1}}
        return config

    def rows(self, **rows: int) -> None:
        """Rows in both tables and in both streams."""
        for key, value in rows.items():
            self.lab.source.execute(f"INSERT INTO {SOURCE} VALUES (%s, %s)", (key, value))
            self.lab.target.execute(f"INSERT INTO {TARGET} VALUES (%s, %s)", (key, value))
        self.migration.insert(rows)

    def figwatch(self, *words: str, **sweep):
        path = self.lab.folder / "sweep.yaml"
        path.write_text(json.dumps(self.config(**sweep)))
        program = "from figwatch.cli.main import main; main()"
        ended = subprocess.run(
            [sys.executable, "-c", program, *words, "--config", str(path), "--json"],
            capture_output=True, text=True, timeout=120, check=False, env=os.environ,
        )  # fmt: skip
        return ended.returncode, json.loads(ended.stdout or "{}"), ended.stderr

    def sweep(self, **sweep):
        code, document, err = self.figwatch("sweep", **sweep)
        assert "pairs" in document, err
        return code, document["pairs"]["stock"]

    def gate(self):
        _, document, err = self.figwatch("gate", "check", "--stage", "sync")
        (criterion,) = [c for c in document["criteria"] if c["name"] == "sweep"]
        assert criterion, err
        return criterion["verdict"]


@pytest.fixture
def watched(tmp_path, sandbox):
    with (
        bare_postgres.server(tmp_path / "server") as dsn,
        LiveMigration(tmp_path, sandbox.bootstrap_servers) as migration,
    ):
        lab = new_lab(dsn, tmp_path)
        yield Watched(migration, lab)
        lab.close()


def test_the_streams_settle_what_a_sweep_finds_and_the_gate_knows_of_it(watched):
    migration, lab = watched.migration, watched.lab
    keys = {f"k{n}": 1 for n in range(20)}
    watched.rows(**keys)
    worker = migration.start(config=watched.config()).ready()
    migration.until(lambda: migration.judged(20))
    assert "inconclusive" == watched.gate(), "nobody swept yet"

    code, swept = watched.sweep()
    assert (0, True, {"source": 20, "target": 20}) == (code, swept["complete"], swept["rows"])
    migration.until(lambda: (seen := migration.summary().pairs["stock"].sweep) and seen.clean_us)
    assert "pass" == watched.gate()
    stamp = [t for t in worker.get("metrics")[1].splitlines() if "sweep_timestamp_seconds{" in t]
    assert time.time() - 120 < float(stamp[0].split()[-1])

    # Lost by the connector: in no stream. Told by the streams: theirs. Replicated meanwhile: none.
    lab.source.execute(f"UPDATE {SOURCE} SET v = 2 WHERE id = 'k1'")
    lab.source.execute(f"DELETE FROM {SOURCE} WHERE id = 'k2'")
    lab.source.execute(f"INSERT INTO {SOURCE} VALUES ('lost', 5)")
    lab.source.execute(f"UPDATE {SOURCE} SET v = 7 WHERE id = 'k3'")
    migration.write({"k3": 7}, follow={"k3": ...})
    migration.until(lambda: migration.open() == {"k3": "stale"})
    code, swept = watched.sweep()
    assert (1, True) == (code, swept["complete"]), swept
    assert {
        ("k1", "stale", "new_finding"),
        ("k2", "extra", "new_finding"),
        ("lost", "missing", "new_finding"),
        ("k3", "stale", "known_finding"),
    } == {(d["key"]["id"], d["kind"], d["settled"]) for d in swept["differences"]}
    expected = {"k1": "stale", "k2": "extra", "lost": "missing", "k3": "stale"}
    migration.until(lambda: migration.open() == expected)
    assert "fail" == watched.gate()

    # Repaired in the target's table, and not in any stream: the next sweep shows it.
    lab.target.execute(f"UPDATE {TARGET} SET v = 2 WHERE id = 'k1'")
    lab.target.execute(f"DELETE FROM {TARGET} WHERE id = 'k2'")
    lab.target.execute(f"INSERT INTO {TARGET} VALUES ('lost', 5)")
    code, swept = watched.sweep()
    assert [("k3", "known_finding")] == [
        (d["key"]["id"], d["settled"]) for d in swept["differences"]
    ]
    migration.until(lambda: migration.open() == {"k3": "stale"})


def test_keys_that_are_unknown_get_their_state_from_a_clean_sweep(watched):
    migration = watched.migration
    watched.rows(**{f"k{n}": 1 for n in range(8)})
    migration.raw(migration.source, json.dumps({"id": "k0"}).encode(), b"not a record")
    migration.start(config=watched.config()).ready()

    def unknown():
        summary = migration.summary()
        return summary and summary.pairs["stock"].keys["unknown"]

    migration.until(unknown)
    assert 0 == watched.sweep()[0]
    migration.until(lambda: unknown() == 0)


def test_without_a_worker_a_difference_is_not_decided(watched):
    """The topics are there and nobody answers: neither equal nor different."""
    migration, lab = watched.migration, watched.lab
    watched.rows(k1=1)
    worker = migration.start(config=watched.config()).ready()
    migration.until(lambda: migration.judged(1))
    worker.kill()
    lab.source.execute(f"UPDATE {SOURCE} SET v = 2 WHERE id = 'k1'")
    code, swept = watched.sweep(verdict_seconds=3)
    assert (3, False, []) == (code, swept["complete"], swept["differences"])
    assert any("no judge" in reason for reason in swept["reasons"])


FLEET_SECONDS = 240
"""For what takes a rebalance, a new process and a pass, on a machine that does much else."""


def sweepers(workers) -> list[tuple[Any, psutil.Process]]:
    """Sweeping processes, each with its worker."""
    found = []
    for worker in workers:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends while it is looked at
            found += [
                (worker, child)
                for child in psutil.Process(worker.process.pid).children()
                if "figwatch.connectors.sweep.background" in child.cmdline()
            ]
    return found


def ended(process: psutil.Process) -> bool:
    """Whether it does nothing any more; nobody may have asked for its exit code yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_one_worker_of_the_fleet_sweeps_in_the_background(watched):
    migration, lab = watched.migration, watched.lab
    rows = 2_500
    lab.both(
        *(f"INSERT INTO {t} SELECT 'k' || i, 1 FROM generate_series(1, {rows}) i"
          for t in (SOURCE, TARGET))
    )  # fmt: skip
    migration.insert({f"k{n + 1}": 1 for n in range(rows)})
    config = watched.config(every_minutes=0.02, ranges=3)
    workers = [migration.start(config=config).ready() for _ in range(2)]

    def swept():
        summary = migration.summary()
        return summary.pairs["stock"].sweep if summary is not None else None

    def until(holds):
        migration.until(holds, FLEET_SECONDS)

    def all_clean():
        seen = swept()  # one look: passes follow each other closely
        found = seen and (seen.ranges, seen.ranges_clean, seen.source_rows, seen.target_rows)
        return found == (3, 3, rows, rows) and seen.clean_us and seen.whole

    until(all_clean)
    until(lambda: len(sweepers(workers)) == 1)  # none, or two, while partitions change hands

    lab.source.execute(f"UPDATE {SOURCE} SET v = 2 WHERE id = 'k77'")
    until(lambda: migration.open() == {"k77": "stale"})
    assert ["sweep"] == [f.evidence for f in migration.findings() if f.resolved_us is None]
    until(lambda: ((seen := swept()).differences, seen.ranges_clean) == (1, 2))

    until(lambda: len(sweepers(workers)) == 1)
    ((chosen, orphan),) = sweepers(workers)
    chosen.kill()
    until(lambda: ended(orphan))  # it lives as long as its worker
    lab.target.execute(f"UPDATE {TARGET} SET v = 2 WHERE id = 'k77'")
    until(lambda: migration.open() == {} and not swept().differences)
    until(lambda: [w for w, _ in sweepers(workers)] == [w for w in workers if w is not chosen])
