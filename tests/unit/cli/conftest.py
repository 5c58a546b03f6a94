"""The command line, run in this process."""

import dataclasses
from collections.abc import Callable

import pytest

from figwatch.cli.boundary import exit_code_of
from figwatch.cli.main import app


@dataclasses.dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def figwatch(capsys, monkeypatch, tmp_path) -> Callable[..., Ran]:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FIGWATCH_DEBUG", raising=False)

    def run(*arguments: str) -> Ran:
        code = exit_code_of(lambda: app(list(arguments)))
        captured = capsys.readouterr()
        return Ran(int(code), captured.out, captured.err)

    return run
