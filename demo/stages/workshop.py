"""The service's build: its tests with their coverage, its static analysis; and the monolith's
repository. Programs of the trade, run as a build server would: pytest, coverage, ruff, git.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import psycopg

from figwatch.demo.watcher import WatcherError

if TYPE_CHECKING:
    from pathlib import Path

STEP_SECONDS_MAX = 120.0
KINDS = {"unit": "*/demo/domain.py", "integration": "*/demo/service.py"}
"""Name of the tests to the code that they cover."""
MODULE = "monolith.py"
INVENTORY = ("_Row", "MonolithInventory", "_item", "_add", "_reserve")
"""What of the monolith's module is the inventory's."""
TEST_DATABASE = "service_build"


def scratch_database(dsn: str) -> str:
    """An empty database beside the service's, for its tests."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEST_DATABASE}")
        info = connection.info
        return psycopg.conninfo.make_conninfo(dsn, dbname=TEST_DATABASE, host=info.host)


def run_tests(place: Path, dsn: str, kind: str, choose: str = "") -> None:
    """Leaves `KIND.xml` (coverage) and `KIND-tests.xml` (JUnit) in `place`. `choose` narrows the
    tests, in pytest's words.
    """
    tests = str(files("figwatch.demo.stages").joinpath("service_tests.py"))
    data = f"--data-file=.coverage-{kind}"
    chosen = f"{kind} and ({choose})" if choose else kind
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "-c", os.devnull]
    _run(
        place,
        [sys.executable, "-m", "coverage", "run", data, f"--include={KINDS[kind]}", *pytest,
         "--import-mode=importlib", f"--junitxml={kind}-tests.xml", "-k", chosen, tests],
        {"SERVICE_TEST_DSN": dsn},
    )  # fmt: skip
    _run(place, [sys.executable, "-m", "coverage", "xml", "-q", data, "-o", f"{kind}.xml"])


def analyse_service(place: Path) -> None:
    """Leaves `lint.sarif` in `place`."""
    code = [str(files("figwatch.demo").joinpath(name)) for name in ("domain.py", "service.py")]
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,B"]
    ruff += ["--line-length", "100", "--output-format", "sarif", "-o", "lint.sarif"]
    _run(place, [*ruff, *code])


def make_repository(folder: Path) -> None:
    """The monolith's code under version control."""
    folder.mkdir()
    for name in (MODULE, "monolith.sql"):
        (folder / name).write_bytes(files("figwatch.demo").joinpath(name).read_bytes())
    _run(folder, ["git", "init", "-q"])
    _commit(folder, "The monolith as it was")


def remove_inventory(folder: Path) -> None:
    """Commit the monolith without its inventory module."""
    path = folder / MODULE
    lines = path.read_text("utf-8").splitlines(keepends=True)
    for node in reversed(ast.parse("".join(lines)).body):
        if getattr(node, "name", "") in INVENTORY:
            assert node.end_lineno is not None
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(each.lineno for each in decorators)])
            del lines[first - 1 : node.end_lineno]
    path.write_text("".join(lines), "utf-8")
    _commit(folder, "The inventory lives in its service")


def _commit(folder: Path, message: str) -> None:
    who = ["-c", "user.name=demo", "-c", "user.email=demo@example.org"]
    _run(folder, ["git", "add", "."])
    _run(folder, ["git", *who, "-c", "commit.gpgsign=false", "commit", "-q", "-m", message])


def _run(place: Path, argv: list[str], environment: dict[str, str] | None = None) -> None:
    """Raises WatcherError when the program fails for another reason than a failing test."""
    try:
        done = subprocess.run(
            argv,
            cwd=place,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WatcherError(f"{argv[0]}: {error}") from error
    tested = "pytest" in argv
    if done.returncode > (1 if tested else 0):
        raise WatcherError(f"{' '.join(argv[:4])}: {(done.stdout + done.stderr)[-500:]}")
