"""`figwatch sandbox up|down|status`: the embedded stack."""

import contextlib
import pathlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from figwatch.cli.console import note, print_json, print_table, print_text
from figwatch.cli.demo_command import require_demo
from figwatch.cli.options import AsJson
from figwatch.validators.errors import ExitCode, FigwatchError

if TYPE_CHECKING:
    from figwatch.demo.sandbox import Progress, SandboxStatus

app = typer.Typer(
    help="Kafka, Kafka Connect with Debezium and two PostgreSQL, here, without containers.",
    no_args_is_help=True,
)
Folder = Annotated[
    pathlib.Path, typer.Option("--folder", help="Folder of the sandbox's data.", metavar="DIR")
]
DEFAULT_FOLDER = pathlib.Path("figwatch-data/sandbox")
MIB = 1024 * 1024


Attached = Annotated[
    bool,
    typer.Option("--attached", help="Stay, and end the stack with this process, however it ends."),
]


MariaDb = Annotated[
    bool,
    typer.Option("--mariadb", help="A MariaDB server, too, and Debezium's connector for it."),
]


@app.command()
def up(
    folder: Folder = DEFAULT_FOLDER,
    attached: Attached = False,
    with_mariadb: MariaDb = False,
    as_json: AsJson = False,
) -> None:
    """Start the stack, or resume it with its data. It stays until `figwatch sandbox down`."""
    require_demo()
    from figwatch.demo.sandbox import Sandbox, mariadb, status

    with _sandbox_errors():
        sandbox = Sandbox.up(folder, report=_Steps().tell, attached=attached)
        if with_mariadb:
            server = mariadb.start(sandbox, report=_Steps().tell)
            note(f"MariaDB: {server.host}:{server.port}, user {server.user}; its password is in")
            note(f"{sandbox.folder.root / mariadb.NAME / 'password'}")
        _show(status(folder), as_json=as_json)
        if attached:
            sys.stdout.flush()
            _until_told()
            sandbox.down()


def _until_told() -> None:
    """Wait for SIGINT or SIGTERM. After SIGKILL the stack's keeper notices by itself."""
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    note("attached: Ctrl-C ends it")
    told.wait()


@app.command()
def down(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Stop everything that the sandbox runs; its data is kept."""
    require_demo()
    from figwatch.demo.sandbox import Sandbox, status

    with _sandbox_errors():
        if status(folder).running:
            Sandbox.find(folder).down()
        if as_json:
            print_json({"folder": str(folder), "running": False})
        else:
            print_text(f"no sandbox runs in {folder}")


@app.command("status")
def status_(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show what runs, where it answers and how much memory it takes. Exits 1 if not all runs."""
    require_demo()
    from figwatch.demo.sandbox import status

    with _sandbox_errors():
        state = status(folder)
        _show(state, as_json=as_json)
    raise typer.Exit(ExitCode.OK if state.healthy else ExitCode.FAIL)


class _Steps:
    """Progress on stderr: one line a stage and tenth of a download, no spinner."""

    def __init__(self) -> None:
        self._last = ""

    def tell(self, progress: "Progress") -> None:
        tenths = progress.done * 10 // max(progress.total, 1)
        if progress.stage == "download":
            text = f"downloading: {tenths * 10} %"
        else:
            text = f"{progress.stage.value}: {progress.detail}"
        if text != self._last:
            self._last = text
            note(text)


def _show(status: "SandboxStatus", *, as_json: bool) -> None:
    if as_json:
        print_json(_document(status))
        return
    if not status.running or status.endpoints is None:
        print_text(f"no sandbox runs in {status.folder}")
        return
    rows = [
        (s.service.value, s.state.value, s.port, s.pid, s.resident_bytes // MIB)
        for s in status.services
    ]
    print_table(f"sandbox in {status.folder}", ("program", "state", "port", "pid", "MiB"), rows)
    endpoints = status.endpoints
    print_text(f"bootstrap_servers: {endpoints.bootstrap_servers}")
    print_text(f"connect: {endpoints.connect_url}")
    if sys.stdout.isatty():
        print_text("`figwatch sandbox status --json` prints the data source names too")


def _document(status: "SandboxStatus") -> dict[str, Any]:
    document: dict[str, Any] = {
        "folder": str(status.folder),
        "running": status.running,
        "healthy": status.healthy,
        "resident_bytes": status.resident_bytes,
        "services": [
            {
                "name": s.service.value,
                "state": s.state.value,
                "port": s.port,
                "pid": s.pid,
                "resident_bytes": s.resident_bytes,
                "log": str(s.log),
            }
            for s in status.services
        ],
    }
    if status.endpoints is not None:
        # The passwords are the sandbox's own, made for these loopback servers.
        document |= {
            "bootstrap_servers": status.endpoints.bootstrap_servers,
            "connect": status.endpoints.connect_url,
            "dsn": dict(status.endpoints.dsn),
        }
    return document


@contextlib.contextmanager
def _sandbox_errors() -> Iterator[None]:
    from figwatch.demo.sandbox import SandboxError

    try:
        yield
    except SandboxError as error:
        raise FigwatchError(error.code.value, error.cause, fix=error.fix) from error
