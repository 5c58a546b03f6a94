"""`figwatch run`: one worker, until it is told to stop. The worker is `figwatch.streams.run`."""

import logging
import pathlib
import sys
from typing import Annotated

import msgspec
import typer

from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    console: Annotated[
        bool, typer.Option("--console", help="Serve the live console, too: a page for people.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the migration: decode, judge, report. Runs until it is stopped.

    Start several with the same configuration and they share the work (each with a data_dir and
    a port of its own). Metrics, /livez and /readyz are served on worker.http_port. The log goes
    to stderr; with --json, a JSON object a line.

    With --console this worker also serves a read-only page about all workers, on console.port of
    loopback unless the configuration says otherwise. One of them is enough.

    Example: figwatch run --config figwatch.yaml
    """
    settings = load(config)
    _log_to_stderr(as_json=as_json)
    from figwatch.streams.run import run_worker

    explain = _explain_command(config) if console else None
    raise typer.Exit(run_worker(settings, explain=explain))


def _explain_command(config: pathlib.Path) -> tuple[str, ...]:
    """`figwatch explain` of this installation; pair and key are to follow."""
    script = "from figwatch.cli.main import main; main()"
    return (sys.executable, "-c", script, "explain", "--config", str(config))


def _log_to_stderr(*, as_json: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonLines() if as_json else plain)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("figwatch").setLevel(logging.INFO)


class _JsonLines(logging.Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
