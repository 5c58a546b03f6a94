"""A source and a target database for the sweep's tests, and the sweep itself in this process."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg

from figwatch.connectors.config.file import parse_config
from figwatch.connectors.sweep.options import Options
from figwatch.connectors.sweep.prepare import prepare
from figwatch.connectors.sweep.runner import Sweep
from tests.e2e import bare_postgres

if TYPE_CHECKING:
    import pathlib

    from figwatch.validators.sweep.result import PairSweep

_NUMBERS = itertools.count()
QUICK = "settle_seconds: 0.3, chunk_rows: 200, unconfirmed_seconds: 5"

Found = set[tuple[tuple[Any, ...], str, tuple[str, ...]]]


@dataclasses.dataclass
class Lab:
    """Two databases with connections, and a configuration over them."""

    source_dsn: str
    target_dsn: str
    folder: pathlib.Path

    def __post_init__(self) -> None:
        self.source, self.target = self.connect(self.source_dsn), self.connect(self.target_dsn)
        number = next(_NUMBERS)
        self.names = f"SWEEP_SOURCE_{number}", f"SWEEP_TARGET_{number}"
        os.environ |= dict(zip(self.names, (self.source_dsn, self.target_dsn), strict=True))

    def connect(self, dsn: str) -> psycopg.Connection[Any]:
        return psycopg.connect(dsn, autocommit=True)

    def close(self) -> None:
        self.source.close()
        self.target.close()
        for name in self.names:
            os.environ.pop(name, None)

    def text(self, pair: str, settings: str = QUICK) -> str:
        return f"""
migration: lab
kafka: {{bootstrap_servers: "127.0.0.1:1"}}
sides:
  old: {{topic_prefix: old, database: "env:{self.names[0]}"}}
  new: {{topic_prefix: new, database: "env:{self.names[1]}"}}
authority: old
worker: {{data_dir: {json.dumps(str(self.folder / "state"))}}}
sweep: {{{settings}}}
pairs:
  - {pair}
"""

    def both(self, source: str, target: str | None = None) -> None:
        """Run statements on the source, and the same or others on the target."""
        self.source.execute(source)
        self.target.execute(source if target is None else target)

    def copy(self, source: str, target: str) -> None:
        """Copy rows from a query to a table."""
        with (
            self.source.cursor().copy(f"COPY ({source}) TO STDOUT") as read,
            self.target.cursor().copy(f"COPY {target} FROM STDIN") as write,
        ):
            for data in read:
                write.write(data)

    def sweep(self, pair: str, settings: str = QUICK, **options: Any) -> PairSweep:
        config = parse_config(self.text(pair, settings)).config
        prepared = prepare(config, config.pairs[0])
        try:
            return Sweep(prepared, config, Options(**options)).run()
        finally:
            prepared.close()

    def way(self, pair: str, settings: str = QUICK) -> str:
        config = parse_config(self.text(pair, settings)).config
        prepared = prepare(config, config.pairs[0])
        prepared.close()
        return str(prepared.plan.way)

    def command(
        self, pair: str, *arguments: str, settings: str = QUICK, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """`figwatch sweep --databases-only` as its own process."""
        process = self.start(pair, *arguments, settings=settings)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start(self, pair: str, *arguments: str, settings: str = QUICK) -> subprocess.Popen[str]:
        path = self.folder / "figwatch.yaml"
        path.write_text(self.text(pair, settings))
        program = "from figwatch.cli.main import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", program, "sweep", "--databases-only", "--config", str(path),
             *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip


def found(result: PairSweep) -> Found:
    """What was found, as a set; a difference that is listed twice is a fault."""
    listed = [(tuple(d.key.values()), d.kind.value, d.columns) for d in result.differences]
    assert len(listed) == len(set(listed)), "listed twice"
    assert result.differences_total == len(listed)
    return set(listed)


def new_lab(server: str, folder: pathlib.Path, other: str | None = None, **options: str) -> Lab:
    """Two new databases, on one server or on two."""
    number = next(_NUMBERS)
    source = bare_postgres.database(server, f"old{number}", options.get("source", ""))
    target = bare_postgres.database(other or server, f"new{number}", options.get("target", ""))
    return Lab(source, target, folder)
