"""`figwatch demo`: sets the stage on a sandbox of its own, has the `story` told, clears away."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg

from figwatch.demo.configuration import configuration, environment
from figwatch.demo.faults import FaultError
from figwatch.demo.migration import Migration, MigrationError, MigrationSettings
from figwatch.demo.narration import RichNarrator
from figwatch.demo.sandbox import Sandbox, SandboxError, Service, ServiceState
from figwatch.demo.sandbox.keeper_client import ProgramSpec
from figwatch.demo.sandbox.ports import choose
from figwatch.demo.story import WRONG, Report, Story, StoryError
from figwatch.demo.watcher import SCRIPT, CommandWatcher, Exit, WatcherError

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER = "figwatch-worker-"
CONSOLE = "console"
CONSOLE_PORT = 6068
# Workers stop before Connect and Kafka do.
WORKER_WAVE = 9
# Two stretches of the demo are late on purpose, and those changes count.
CONVERGENCE_SHARE = 0.5


def run_demo(*, folder: Path | None = None, as_json: bool = False, workers: int = 1) -> int:
    """Tell the story; returns the exit code: 0 passed, 1 failed, 4 could not be told.

    Args:
        folder: where the sandbox's data goes, a fresh or empty folder; it is kept. Without one, a
            temporary folder, which is kept only when the demo does not pass.
        as_json: the report as JSON on stdout, the narration on stderr.
        workers: how many `figwatch run` processes share the work.
    """
    narrator = RichNarrator(stderr=as_json)
    place = folder or Path(tempfile.mkdtemp(prefix="figwatch-demo-"))
    code = Exit.ERROR
    try:
        report = _tell(place, narrator, workers)
        narrator.close(report)
        if as_json:
            sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        code = Exit.PASS if report.passed else Exit.FAIL
    except (
        FaultError,
        MigrationError,
        SandboxError,
        StoryError,
        WatcherError,
        psycopg.Error,
    ) as error:
        narrator.say(f"{WRONG}: {error}")
    except KeyboardInterrupt:
        narrator.say("stopped")
    if folder is None and code is Exit.PASS:
        shutil.rmtree(place, ignore_errors=True)
    elif code is not Exit.PASS:
        narrator.say(f"data and logs are kept in {place}")
    return code


def _tell(place: Path, narrator: RichNarrator, workers: int) -> Report:
    with sandbox_of(place, narrator) as sandbox:
        narrator.chapter("A migration: monolith, service, replicator, façade, all of it small")
        endpoints = sandbox.endpoints
        with Migration(endpoints, MigrationSettings()) as migration:
            config = place / "figwatch.yaml"
            console = choose([CONSOLE], {CONSOLE: CONSOLE_PORT})[CONSOLE]
            config.write_text(
                configuration(endpoints, convergence_share=CONVERGENCE_SHARE, console_port=console),
                "utf-8",
            )
            narrator.say(f"façade {migration.facade_url}, configuration {config}")
            narrator.say(f"the live console, once a worker runs: http://127.0.0.1:{console}/")
            load = migration.start_load()
            for number in range(1, workers + 1):
                sandbox.keeper.start(_worker(sandbox, config, number))
            watcher = CommandWatcher(config, environment(endpoints))
            story = Story(
                watcher, migration.faults, narrator, time, lambda: _ended(sandbox, migration)
            )
            report = story.tell()
            counts = load.stop()
            narrator.say(f"{counts.total} operations of load, {counts.failed.total()} failed")
            if counts.done.total() == 0:
                raise StoryError(f"the load did nothing: {counts.last_failure}")
            return report


def _ended(sandbox: Sandbox, migration: Migration) -> str | None:
    """A program that died: a worker, one of the stack, or the replicator."""
    if migration.replicator.failure is not None:
        return f"the replicator ({migration.replicator.failure})"
    services = {service.value for service in Service}  # what else the keeper ran was to end
    for name, program in sandbox.keeper.programs().items():
        lasting = name in services or name.startswith(WORKER)
        if lasting and program.state is ServiceState.DIED:
            return f"{name} (exit code {program.exit_code}; log in {sandbox.folder.logs})"
    return None


@contextmanager
def sandbox_of(place: Path, narrator: RichNarrator) -> Iterator[Sandbox]:
    """Ends with this process, however it ends; SIGTERM ends it in good order."""
    narrator.chapter("The stack: Kafka, Kafka Connect with Debezium, two PostgreSQL")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    sandbox = Sandbox.up(place, report=narrator.progress, attached=True)
    try:
        yield sandbox
    finally:
        sandbox.down()
        signal.signal(signal.SIGTERM, before)


def _worker(sandbox: Sandbox, config: Path, number: int) -> ProgramSpec:
    name = f"{WORKER}{number}"
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    folder = sandbox.folder.root / name
    folder.mkdir(exist_ok=True)
    console = ["--console"] if number == 1 else []
    return ProgramSpec(
        name=name,
        argv=(sys.executable, "-c", SCRIPT, "run", "--config", str(config), *console),
        log=str(sandbox.folder.logs / f"{name}.log"),
        cwd=str(folder),  # the configuration's data_dir is relative: one folder a worker
        wave=WORKER_WAVE,
        env=kept | dict(environment(sandbox.endpoints)),
    )


if __name__ == "__main__":
    raise SystemExit(run_demo(as_json="--json" in sys.argv[1:]))
