"""`figwatch run`: one worker, until it is told to stop. The worker is `figwatch.streams.run`."""

import logging
import sys

import msgspec
import typer

from figwatch.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, load


def run(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Watch the migration: decode, judge, report. Runs until it is stopped.

    Start several with the same configuration and they share the work (each with a data_dir and
    a port of its own). Metrics, /livez and /readyz are served on worker.http_port. The log goes
    to stderr; with --json, a JSON object a line.

    Example: figwatch run --config figwatch.yaml
    """
    settings = load(config)
    _log_to_stderr(as_json=as_json)
    from figwatch.streams.run import run_worker

    raise typer.Exit(run_worker(settings))


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
